"""``doctor`` names what is wrong with each machine, and nothing else."""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PCI = Path("/sys/bus/pci/devices")
IGB = "0000:01:00.0"
IGB_BELOW_SWITCH = "0000:04:00.0"

# With udev it is a boot of its own: the doctor reads the kernel log, which tells of all that other
# tests did to a machine.
on_82576 = pytest.mark.lab("82576", services=("udev",))


def doctor(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run it; return its exit code and answer."""
    done = subprocess.run(
        ["sriovctl", "doctor", "--json", *arguments], check=False, capture_output=True, text=True
    )
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["schema"] == "sriovctl/doctor/1"
    assert done.returncode == (0 if answer["ready"] else 1)
    return done.returncode, answer


def ids(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the findings, without what depends on the machine below the lab."""
    found = [(one["id"], one["subject"]) for one in answer["findings"]]
    assert len(found) == len(set(found))
    return set(found) - {("cpu-virtualization-off", "host")}


def expected_on_every_igb(*addresses: str) -> set[tuple[str, str]]:
    # The driver keeps the last of the card's 8 VFs for the PF: seen in sysfs, not by doctor.
    for address in addresses:
        assert (PCI / address / "sriov_totalvfs").read_text() == "7\n"
    return {("fewer-vfs-than-hardware", address) for address in addresses}


@on_82576
def test_cpu_flags_are_read_as_the_kernel_shows_them() -> None:
    _, answer = doctor()
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    found = {one["id"] for one in answer["findings"]}
    assert ("cpu-virtualization-off" in found) == (not {"vmx", "svm"} & set(flags))


@on_82576
def test_a_switch_without_acs_is_the_only_trouble_of_82576() -> None:
    code, answer = doctor()
    assert code == 1
    assert ids(answer) == {
        ("acs-missing", IGB_BELOW_SWITCH),
        *expected_on_every_igb(IGB, IGB_BELOW_SWITCH),
    }
    (acs,) = (one for one in answer["findings"] if one["id"] == "acs-missing")
    group = (PCI / IGB_BELOW_SWITCH / "iommu_group/devices").iterdir()
    others = sorted(one.name for one in group if one.name != IGB_BELOW_SWITCH)
    assert acs["evidence"][0]["source"] == "/sys/bus/pci/devices/0000:03:00.0/config"
    assert acs["evidence"][-1]["value"].split() == others
    shown = subprocess.run(
        ["lspci", "-s", "0000:03:00.0", "-vvv"], check=True, capture_output=True, text=True
    )
    assert "Access Control Services" not in shown.stdout


@on_82576
def test_the_card_behind_a_root_port_is_ready() -> None:
    code, answer = doctor(IGB)
    assert code == 0
    assert ids(answer) == expected_on_every_igb(IGB)


@on_82576
def test_the_text_says_the_same() -> None:
    done = subprocess.run(["sriovctl", "doctor"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"ERROR acs-missing  {IGB_BELOW_SWITCH}" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("this host: not ready for SR-IOV (1 error")


@on_82576
def test_unsafe_interrupts_are_noticed_while_they_are_allowed() -> None:
    switch = Path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")
    before = switch.read_text()
    switch.write_text("1")
    try:
        _, answer = doctor(IGB)
        assert ("unsafe-interrupts-allowed", "host") in ids(answer)
    finally:
        switch.write_text(before)


@on_82576
def test_a_pf_without_driver_is_noticed() -> None:
    (PCI / IGB / "driver" / "unbind").write_text(IGB)
    try:
        code, answer = doctor(IGB)
        assert code == 1
        assert ("pf-without-driver", IGB) in ids(answer)
    finally:
        Path("/sys/bus/pci/drivers_probe").write_text(IGB)


@pytest.fixture
def waiting_vfs() -> Iterator[dict[str, str]]:
    """Give one VF of each card to vfio-pci: PF -> VF."""
    vfs = {}
    for pf in (IGB, IGB_BELOW_SWITCH):
        (PCI / pf / "sriov_drivers_autoprobe").write_text("0")
        (PCI / pf / "sriov_numvfs").write_text("1")
        vf = (PCI / pf / "virtfn0").resolve().name
        (PCI / vf / "driver_override").write_text("vfio-pci")
        Path("/sys/bus/pci/drivers_probe").write_text(vf)
        vfs[pf] = vf
    yield vfs
    for pf in vfs:
        (PCI / pf / "sriov_numvfs").write_text("0")
        (PCI / pf / "sriov_drivers_autoprobe").write_text("1")


def is_viable(address: str) -> bool:
    """Ask VFIO itself.  Source: include/uapi/linux/vfio.h, VFIO_GROUP_GET_STATUS."""
    number = (PCI / address / "iommu_group").resolve().name
    with Path(f"/dev/vfio/{number}").open("r+b", buffering=0) as group:
        answer = fcntl.ioctl(group, 0x3B67, struct.pack("II", 8, 0))
    return bool(struct.unpack("II", answer)[1] & 1)


@on_82576
def test_a_group_is_viable_exactly_when_vfio_says_so(waiting_vfs: dict[str, str]) -> None:
    _, answer = doctor()
    found = {subject for finding_id, subject in ids(answer) if finding_id == "group-not-viable"}
    assert found == {vf for vf in waiting_vfs.values() if not is_viable(vf)}
    assert found == {waiting_vfs[IGB_BELOW_SWITCH]}


@on_82576
@pytest.mark.usefixtures("waiting_vfs")
def test_vfs_that_are_on_change_nothing_for_a_card_that_is_ready() -> None:
    code, answer = doctor(IGB)
    assert code == 0
    assert ids(answer) == expected_on_every_igb(IGB)


@pytest.mark.lab("no-iommu")
def test_no_iommu() -> None:
    code, answer = doctor(IGB)
    assert code == 1
    # A lab machine is itself a guest, and the remedy is that of a guest.
    assert ids(answer) == {("iommu-missing-in-vm", "host"), *expected_on_every_igb(IGB)}
    assert not list(Path("/sys/kernel/iommu_groups").glob("*"))


@pytest.mark.lab("82576-iommu-unused")
def test_an_iommu_that_was_switched_off() -> None:
    code, answer = doctor()
    assert code == 1
    assert ids(answer) == {("iommu-off-by-command-line", "host"), *expected_on_every_igb(IGB)}
    assert Path("/sys/firmware/acpi/tables/DMAR").exists()
    assert not list(Path("/sys/kernel/iommu_groups").glob("*"))


@pytest.mark.lab("82576-no-intremap")
def test_interrupts_that_are_not_remapped() -> None:
    code, answer = doctor()
    assert code == 1
    assert ids(answer) == {("interrupt-remapping-off", "host"), *expected_on_every_igb(IGB)}
    log = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    assert "Enabled IRQ remapping" not in log
    assert "IR-" not in Path("/proc/interrupts").read_text()
