from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from sriovctl.errors import InputError
from sriovctl.lab.argv import Boot, qemu_argv
from sriovctl.lab.describe import describe_machine
from sriovctl.lab.machines import (
    IGB,
    IOMMU,
    MACHINES,
    Machine,
    NVMe,
    RootPort,
    Switch,
    find_machine,
)

BOOT = Boot(
    kernel=Path("/cache/vmlinux"),
    initramfs=Path("/cache/initramfs"),
    share=Path("/run/lab,1/share"),
    console_log=Path("/run/lab,1/console.log"),
    port_paths=(Path("/fd/3"), Path("/fd/4"), Path("/fd/5")),
)


def devices(argv: list[str]) -> list[str]:
    return values(argv, "-device")


def values(argv: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == option]


def test_the_iommu_comes_before_every_other_device() -> None:
    argv = qemu_argv(Machine(name="m", summary="", iommu=IOMMU.INTEL), BOOT)
    assert devices(argv)[0].startswith("intel-iommu,intremap=on")
    assert "intel_iommu=on" in values(argv, "-append")[0].split()


def test_amd_runs_without_interrupt_remapping_on_both_sides() -> None:
    argv = qemu_argv(Machine(name="m", summary="", iommu=IOMMU.AMD), BOOT)
    assert devices(argv)[0] == "amd-iommu,intremap=off"
    assert "intremap=off" in values(argv, "-append")[0].split()


def test_no_iommu_means_no_word_about_one() -> None:
    assert "iommu" not in " ".join(qemu_argv(Machine(name="m", summary=""), BOOT))


def test_root_ports_have_the_slots_that_tests_rely_on() -> None:
    machine = Machine(name="m", summary="", root_ports=(RootPort(None), RootPort(None, acs=False)))
    ports = [one for one in devices(qemu_argv(machine, BOOT)) if one.startswith("pcie-root-port")]
    assert ports == [
        "pcie-root-port,id=rp1,chassis=1,slot=1,addr=0x6",
        "pcie-root-port,id=rp2,chassis=2,slot=2,addr=0x7,disable-acs=on",
    ]


def test_each_device_of_a_switch_has_a_downstream_port_of_its_own() -> None:
    machine = Machine(
        name="m", summary="", root_ports=(RootPort(Switch((IGB(), NVMe(total_vfs=3)))),)
    )
    below = [one for one in devices(qemu_argv(machine, BOOT)) if not one.startswith("virt")][1:]
    assert below == [
        "x3130-upstream,bus=rp1,id=up-rp1",
        "xio3130-downstream,bus=up-rp1,id=dn2,chassis=2,slot=2,addr=0x0",
        "igb,bus=dn2,netdev=net1,mac=52:54:00:6d:91:01,rombar=0",
        "xio3130-downstream,bus=up-rp1,id=dn3,chassis=3,slot=3,addr=0x1",
        "nvme-subsys,id=subsys2,nqn=subsys2",
        "nvme,bus=dn3,serial=lab2,subsys=subsys2,sriov_max_vfs=3,sriov_vq_flexible=6"
        ",sriov_vi_flexible=3,max_ioqpairs=8,msix_qsize=5",
    ]


def test_commas_in_paths_are_doubled() -> None:
    argv = qemu_argv(Machine(name="m", summary=""), BOOT)
    assert any("path=/run/lab,,1/share," in value for value in values(argv, "-fsdev"))
    assert any(value.endswith("path=/run/lab,,1/console.log") for value in values(argv, "-chardev"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_named_machine_keeps_to_what_is_known_to_work(machine: Machine) -> None:
    assert machine.memory_mib <= 2048
    vfs = [port.below.total_vfs for port in machine.root_ports if isinstance(port.below, NVMe)]
    assert all(1 <= number <= 255 for number in vfs)
    # A vIOMMU's memory grows with the square of the VFs.
    assert machine.iommu is IOMMU.NONE or sum(vfs) <= 255


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_ids_of_devices_are_unique(machine: Machine) -> None:
    ids = [
        word.removeprefix("id=")
        for value in devices(qemu_argv(machine, BOOT))
        for word in value.split(",")
        if word.startswith("id=")
    ]
    assert len(ids) == len(set(ids))


def test_an_unknown_machine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="82576-amd"):
        find_machine("x540")


def test_a_description_shows_what_hangs_below_what() -> None:
    described = describe_machine(find_machine("82576"))
    assert described["root_ports"] == [
        {"acs": True, "below": {"kind": "igb", "total_vfs": 7}},
        {
            "acs": True,
            "below": {"kind": "switch", "acs": False, "below": [{"kind": "igb", "total_vfs": 7}]},
        },
        {"acs": True, "below": {"kind": "nvme", "total_vfs": 4}},
    ]
