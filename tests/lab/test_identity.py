"""Serial numbers and port names by which a state finds its PF, against lspci and sysfs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.engine.identity import read_serial
from sriovctl.engine.inventory import read_inventory
from sriovctl.host.live import LiveHost
from sriovctl.model.functions import PF

PCI = Path("/sys/bus/pci/devices")
NETDEVSIM = Path("/sys/bus/netdevsim")
NVME = "0000:05:00.0"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def inventory(host: LiveHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda *_: None)


def told_by_lspci(device: str) -> str | None:
    shown = subprocess.run(
        ["lspci", "-vvv", "-s", device], check=True, capture_output=True, text=True
    ).stdout
    match = re.search(r"Device Serial Number ([0-9a-f-]+)", shown)
    return match[1] if match else None


def told_by_nvme(device: str) -> str | None:
    found = [path.read_text().strip() for path in (PCI / device / "nvme").glob("nvme*/serial")]
    return found[0] if found else None


def plan(
    directory: Path, *state: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    file = directory / "state.yaml"
    file.write_text("\n".join(("version: 1", "pfs:", *state)) + "\n")
    directory.chmod(0o755)
    for parent in directory.parents:
        parent.chmod(parent.stat().st_mode | 0o055)
    command = [*before, "sriovctl", "plan", str(file), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.lab("82576")
def test_serials_agree_with_lspci_and_the_nvme_driver() -> None:
    host = LiveHost()
    try:
        for pf in inventory(host):
            expected = told_by_nvme(pf.device) or told_by_lspci(pf.device)
            assert read_serial(host.files, pf) == expected
        (nvme,) = (pf for pf in inventory(host) if pf.device == NVME)
        assert read_serial(host.files, nvme) == "lab3"
    finally:
        host.close()


@pytest.mark.lab("82576")
def test_a_state_finds_its_pf_by_serial(tmp_path: Path) -> None:
    answer = plan(tmp_path, "  disk: {match: {serial: lab3}, num_vfs: 1}")
    assert answer.returncode == 3, answer.stderr
    assert {step["subject"] for step in json.loads(answer.stdout)["steps"]} == {NVME}


@pytest.mark.lab("82576")
def test_nobody_is_told_that_serials_in_config_space_are_for_root(tmp_path: Path) -> None:
    wanted = "  card: {match: {driver: igb, serial: 00-00-00-ff-ff-00-00-01}, num_vfs: 1}"
    answer = plan(tmp_path, wanted, before=NOBODY)
    assert answer.returncode == 1
    assert "its serial number can be read by root alone" in answer.stderr


@pytest.mark.lab("82576")
def test_nobody_finds_an_nvme_drive_by_serial(tmp_path: Path) -> None:
    wanted = "  disk: {match: {driver: nvme, serial: lab3}, num_vfs: 1}"
    answer = plan(tmp_path, wanted, before=NOBODY)
    assert answer.returncode == 3, answer.stderr


@pytest.fixture
def netdevsim() -> Iterator[str]:
    (NETDEVSIM / "new_device").write_text("42 1")
    yield "netdevsim42"
    (NETDEVSIM / "del_device").write_text("42")


@pytest.mark.lab("netdevsim")
def test_a_state_finds_its_pf_by_port_name(netdevsim: str, tmp_path: Path) -> None:
    (netdev,) = (path.name for path in (NETDEVSIM / "devices" / netdevsim / "net").iterdir())
    name = Path(f"/sys/class/net/{netdev}/phys_port_name").read_text().strip()
    answer = plan(tmp_path, f"  port: {{match: {{phys_port_name: {name}}}, num_vfs: 2}}")
    assert answer.returncode == 3, answer.stderr
    assert {step["subject"] for step in json.loads(answer.stdout)["steps"]} == {netdevsim}


@pytest.fixture
def three_vfs(tmp_path: Path) -> Iterator[str]:
    """The netdev of a PF whose three VFs have automatic MACs."""
    (pf,) = (path for path in PCI.iterdir() if path.name == "0000:01:00.0")
    wanted = (
        '  card: {match: {permanent_mac: "52:54:00:6d:91:01"}, num_vfs: 3,',
        "    drivers_autoprobe: false, vf_default: {admin_mac: auto}}",
    )
    assert plan(tmp_path, *wanted).returncode == 3
    subprocess.run(["sriovctl", "apply", str(tmp_path / "state.yaml")], check=True)
    yield next((pf / "net").iterdir()).name
    (pf / "sriov_numvfs").write_text("0")
    (pf / "sriov_drivers_autoprobe").write_text("1")


@pytest.mark.lab("82576")
def test_automatic_macs_are_what_ip_shows_and_stay(three_vfs: str, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["ip", "-j", "link", "show", "dev", three_vfs], check=True, capture_output=True
    ).stdout
    (link,) = json.loads(shown)
    assert [vf["address"] for vf in link["vfinfo_list"]] == [
        "22:44:ee:ea:00:00",
        "22:44:ee:ea:00:01",
        "22:44:ee:ea:00:02",
    ]
    again = subprocess.run(["sriovctl", "plan", str(tmp_path / "state.yaml")], check=False)
    assert again.returncode == 0
