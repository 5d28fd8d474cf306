"""``capacity`` against the kernel: where VFs come to be, and what refuses one too many."""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PCI = Path("/sys/bus/pci/devices")
PF = "0000:01:00.0"  # of the machines that are too small on purpose
NVME = "0000:02:00.0"

pfs_of_82576 = pytest.mark.parametrize(
    "pf", ["0000:01:00.0", "0000:04:00.0", "0000:05:00.0"], ids=["igb", "igb-switch", "nvme"]
)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def capacity(pf: str, vfs: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        output("sriovctl", "capacity", pf, "--vfs", str(vfs), "--json")
    )
    return answer


def write_vfs(pf: str, vfs: int) -> int:
    """Write ``sriov_numvfs``; return the errno, 0 when the kernel took it."""
    try:
        (PCI / pf / "sriov_numvfs").write_text(str(vfs))
    except OSError as exc:
        return exc.errno or -1
    return 0


def vf_links(pf: str) -> list[str]:
    links = sorted((PCI / pf).glob("virtfn*"), key=lambda path: int(path.name[6:]))
    return [path.resolve().name for path in links]


def assert_first_limit(pf: str, vfs: int, *, kind: str, number: int, message: str | None) -> None:
    """Let the kernel refuse, and hold what ``capacity`` said before against it."""
    said = capacity(pf, vfs)
    assert said["first_limit"] == kind
    (limit,) = (one for one in said["limits"] if one["kind"] == kind)
    before = output("dmesg")
    assert write_vfs(pf, vfs) == number
    assert errno.errorcode[number] in limit["refusal"]
    if message is not None:
        assert f"{pf}: {message}" in output("dmesg").removeprefix(before)
        assert message in limit["refusal"]


@pytest.fixture(autouse=True)
def no_vfs_left() -> Iterator[None]:
    """Create VFs without drivers, which is all that is asked here, and leave none."""
    pfs = [path.parent for path in PCI.glob("*/sriov_numvfs")]
    for pf in pfs:
        (pf / "sriov_drivers_autoprobe").write_text("0")
    yield
    for pf in pfs:
        (pf / "sriov_numvfs").write_text("0")
        (pf / "sriov_drivers_autoprobe").write_text("1")


@pytest.mark.lab("82576")
@pfs_of_82576
def test_vfs_come_to_be_where_the_forecast_says_at_every_count(pf: str) -> None:
    usable = capacity(pf, 0)["max_usable_vfs"]
    for vfs in range(1, usable + 1):
        forecast = capacity(pf, vfs)
        assert forecast["is_forecast"]
        assert forecast["first_limit"] is None
        assert write_vfs(pf, vfs) == 0
        assert forecast["addresses"] == vf_links(pf)
        assert forecast["buses"] == sorted({name[5:7] for name in vf_links(pf)})
        assert write_vfs(pf, 0) == 0
    assert write_vfs(pf, usable + 1) == errno.ERANGE


@pytest.mark.lab("82576")
@pfs_of_82576
def test_the_memory_is_what_the_vfs_decode(pf: str) -> None:
    forecast = capacity(pf, 3)
    assert write_vfs(pf, 3) == 0
    decoded = 0
    for name in vf_links(pf):
        for line in (PCI / name / "resource").read_text().splitlines()[:6]:
            start, end, flags = (int(word, 16) for word in line.split())
            decoded += end - start + 1 if flags else 0
    assert forecast["memory_bytes"] == decoded > 0


@pytest.mark.lab("few-mmio")
@pytest.mark.parametrize("vfs", [1, 255])
def test_memory_for_vf_bars_runs_out(vfs: int) -> None:
    assert capacity(PF, vfs)["max_usable_vfs"] == 0
    message = "not enough MMIO resources for SR-IOV"
    assert_first_limit(PF, vfs, kind="mmio", number=errno.ENOMEM, message=message)


@pytest.mark.lab("few-mmio")
def test_what_would_make_room_is_said() -> None:
    (mmio,) = (one for one in capacity(PF, 255)["limits"] if one["kind"] == "mmio")
    assert "without pci=realloc=off" in mmio["remedy"]
    assert mmio["max_vfs_after"] == 255


@pytest.mark.lab("few-vfs")
def test_a_driver_may_allow_fewer_vfs_than_the_card_offers() -> None:
    said = capacity(PF, 8)
    assert (said["total_vfs"], said["max_usable_vfs"]) == (8, 7)
    assert_first_limit(PF, 8, kind="sriov-totalvfs", number=errno.ERANGE, message=None)
    assert write_vfs(PF, 7) == 0


@pytest.mark.lab("few-vfs")
def test_a_card_offers_no_more_than_totalvfs() -> None:
    assert_first_limit(NVME, 3, kind="total-vfs", number=errno.ERANGE, message=None)
    assert write_vfs(NVME, 2) == 0


@pytest.mark.lab("no-driver")
def test_a_pf_without_driver_takes_no_vfs() -> None:
    assert capacity(PF, 1)["max_usable_vfs"] == 0
    message = "no driver bound to device; cannot configure SR-IOV"
    assert_first_limit(PF, 1, kind="driver", number=errno.ENOENT, message=message)


@pytest.mark.lab("no-driver")
def test_vfio_pci_takes_vfs_only_when_told_to() -> None:
    (PCI / PF / "driver_override").write_text("vfio-pci")
    Path("/sys/bus/pci/drivers_probe").write_text(PF)
    switch = Path("/sys/module/vfio_pci/parameters/enable_sriov")
    try:
        assert_first_limit(PF, 1, kind="driver", number=errno.ENOENT, message=None)
        switch.write_text("Y")
        assert capacity(PF, 1)["max_usable_vfs"] == 8
        assert write_vfs(PF, 1) == 0
        assert write_vfs(PF, 0) == 0
    finally:
        switch.write_text("N")
        (PCI / PF / "driver/unbind").write_text(PF)
        (PCI / PF / "driver_override").write_text("\n")
