"""What the tools themselves say of our files; their own readers are the judges."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from sriovctl.engine.exchange.foreign import export_state
from sriovctl.model.state import DesiredState, PFMatch, WantedPF
from sriovctl.model.translation import Export, OutputFile
from tests.unit.foreign.states import Case, cases


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}\n{stdin}"
    return done.stdout


def exported(name: str, case: Case) -> Export:
    return export_state(name, case.state, case.pfs)


def keyfile(text: str) -> dict[str, dict[str, str]]:
    """Read a key file as its sections; comments and empty sections do not count."""
    sections: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            # A VF's attributes have no order, and a blank in front is written as \s.
            words = sorted(value.replace("\\s", " ").split())
            current[key] = " ".join(words) if key.startswith("vf.") else value
    return {name: section for name, section in sections.items() if section}


@needs("nmcli")
@settings(deadline=None, max_examples=8)
@given(case=cases())
def test_networkmanager_reads_a_profile_as_it_is_written(case: Case) -> None:
    for file in exported("networkmanager", case).files:
        # It reads the profile, makes its own objects of it, and writes them out again.
        again = run(
            "nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes",
            stdin=file.text,
        )  # fmt: skip
        ours, theirs = keyfile(file.text), keyfile(again)
        # Debian 12 has 1.42, which passes over this key of 1.46.
        ours.get("sriov", {}).pop("eswitch-mode", None)
        theirs.get("sriov", {}).pop("eswitch-mode", None)
        theirs.get("ipv6", {}).pop("addr-gen-mode", None)
        # A section without a key still means something: no VFs.
        assert ("[sriov]\n" in file.text) == ("[sriov]\n" in again)
        if ours.get("sriov", {}).get("total-vfs") == "0":
            del ours["sriov"]["total-vfs"]
        assert {k: v for k, v in ours.items() if v} == {k: v for k, v in theirs.items() if v}


def generated_by_netplan(directory: Path, files: tuple[OutputFile, ...]) -> None:
    for file in files:
        target = directory / "etc/netplan" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")
        target.chmod(file.mode)
    run("netplan", "generate", "--root-dir", str(directory))


@needs("netplan")
@settings(deadline=None, max_examples=8)
@given(case=cases())
def test_netplan_takes_the_yaml(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    files = exported("netplan", case).files
    directory = tmp_path_factory.mktemp("netplan")
    generated_by_netplan(directory, files)
    for file in files:
        # What netplan understood it can print again.
        understood = yaml.safe_load(run("netplan", "get", "--root-dir", str(directory), "all"))
        assert {*map(str, understood["network"]["ethernets"])} == set(
            yaml.safe_load(file.text)["network"]["ethernets"].keys()
        )


@needs("netplan")
def test_netplan_understands_each_key(tmp_path: Path) -> None:
    state = DesiredState(
        (
            WantedPF(
                "uplink",
                PFMatch(netdev="enp1s0"),
                num_vfs=4,
                mtu=9000,
                eswitch_mode="switchdev",
            ),
        )
    )
    generated_by_netplan(tmp_path, export_state("netplan", state, ()).files)
    (understood,) = yaml.safe_load(run("netplan", "get", "--root-dir", str(tmp_path), "ethernets"))
    assert understood == "enp1s0"
    values = yaml.safe_load(run("netplan", "get", "--root-dir", str(tmp_path), "ethernets.enp1s0"))
    assert values == {
        "embedded-switch-mode": "switchdev",
        "mtu": 9000,
        "virtual-function-count": 4,
    }


@needs("shellcheck")
@settings(deadline=None, max_examples=10)
@given(case=cases())
def test_shellcheck_finds_nothing_in_the_script(case: Case) -> None:
    for file in exported("ip", case).files:
        run("shellcheck", "--shell=sh", "-", stdin=file.text)
        run("sh", "-n", stdin=file.text)


@needs("shellcheck")
@settings(deadline=None, max_examples=10)
@given(case=cases())
def test_shellcheck_finds_nothing_in_what_udev_runs(case: Case) -> None:
    for file in exported("udev", case).files:
        commands = re.findall(r"RUN\+=\"/bin/sh -c '(.*)'\"", file.text)
        assert len(commands) == file.text.count("RUN+=")
        for command in commands:
            text = command.replace("$$", "$").replace("$name", "eth0")
            text = re.sub(r"\$(id|kernel)\b", "0000:01:00.0", text)
            excluded = "--exclude=SC2086,SC2046,SC2034"  # no blanks in sysfs; i only counts tries
            run("shellcheck", "--shell=sh", excluded, "-", stdin=text)


@needs("modprobe")
@settings(deadline=None, max_examples=8)
@given(case=cases())
def test_modprobe_reads_the_options(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    for file in exported("modprobe", case).files:
        directory = tmp_path_factory.mktemp("modprobe")
        (directory / file.name).write_text(file.text)
        shown = run("modprobe", "--showconfig", "-C", str(directory)).splitlines()
        ours = [line for line in file.text.splitlines() if not line.startswith("#")]
        # It shows as well what the kernel's own command line says.
        heads = tuple(line.rpartition("=")[0] for line in ours)
        assert [line for line in shown if line.startswith(heads)] == ours


# nmstate is not in Debian 12.  Its types refuse unknown keys (serde, deny_unknown_fields), so these
# are all that it takes: rust/src/lib/ifaces/sriov.rs, base.rs.
NMSTATE_KEYS = {"name", "type", "state", "identifier", "mac-address", "mtu", "ethernet"}
SR_IOV_TYPES = {"drivers-autoprobe": bool, "total-vfs": int, "vfs": list}
VF_TYPES = {
    "id": int,
    "mac-address": str,
    "spoof-check": bool,
    "trust": bool,
    "min-tx-rate": int,
    "max-tx-rate": int,
    "vlan-id": int,
    "qos": int,
    "vlan-proto": str,
}


@settings(deadline=None, max_examples=50)
@given(case=cases())
def test_nmstate_has_a_type_for_each_key(case: Case) -> None:
    for file in exported("nmstate", case).files:
        document = yaml.safe_load(file.text)
        assert document.keys() == {"interfaces"}
        for interface in document["interfaces"]:
            assert interface.keys() <= NMSTATE_KEYS
            assert interface["state"] in ("up", "down")
            sr_iov = interface.get("ethernet", {"sr-iov": {}})["sr-iov"]
            assert {key: type(value) for key, value in sr_iov.items()}.items() <= (
                SR_IOV_TYPES.items()
            )
            for vf in sr_iov.get("vfs", ()):
                assert {key: type(value) for key, value in vf.items()}.items() <= VF_TYPES.items()
                assert vf.get("vlan-proto") in (None, "802.1ad")
