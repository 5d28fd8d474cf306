from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sriovctl.errors import InputError
from sriovctl.lab.argv import Boot, Forward, qemu_argv
from sriovctl.lab.describe import describe_machine
from sriovctl.lab.machines import (
    IGB,
    IOMMU,
    MACHINES,
    Bridge,
    BridgeModel,
    Disk,
    HostBridge,
    Machine,
    MultiFunction,
    NVMe,
    Plain,
    PlainModel,
    RootBusDevice,
    RootPort,
    Switch,
    disks_of,
    find_machine,
)
from sriovctl.lab.session import parse_forward

BOOT = Boot(
    kernel=Path("/cache/vmlinux"),
    initramfs=Path("/cache/initramfs"),
    share=Path("/run/lab,1/share"),
    disk_dir=Path("/run/lab,1"),
    console_log=Path("/run/lab,1/console.log"),
    port_paths=(Path("/fd/3"), Path("/fd/4"), Path("/fd/5")),
)


def devices(argv: list[str]) -> list[str]:
    return values(argv, "-device")


def values(argv: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == option]


def hardware(*root_bus: RootBusDevice) -> list[str]:
    argv = qemu_argv(Machine(name="m", summary="", root_bus=root_bus), BOOT)
    return [one for one in devices(argv) if not one.startswith("virt")]


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
    machine = Machine(name="m", summary="", root_bus=(RootPort(None), RootPort(None, acs=False)))
    ports = [one for one in devices(qemu_argv(machine, BOOT)) if one.startswith("pcie-root-port")]
    assert ports == [
        "pcie-root-port,id=rp1,bus=pcie.0,addr=0x6,chassis=1,slot=1",
        "pcie-root-port,id=rp2,bus=pcie.0,addr=0x7,chassis=2,slot=2,disable-acs=on",
    ]


def test_each_device_of_a_switch_has_a_downstream_port_of_its_own() -> None:
    assert hardware(RootPort(Switch((IGB(), NVMe(total_vfs=3)))))[1:] == [
        "x3130-upstream,id=up-rp1,bus=rp1,addr=0x0",
        "xio3130-downstream,id=dn2,bus=up-rp1,addr=0x0,chassis=2,slot=2",
        "igb,bus=dn2,addr=0x0,netdev=net1,mac=52:54:00:6d:91:01,rombar=0",
        "xio3130-downstream,id=dn3,bus=up-rp1,addr=0x1,chassis=3,slot=3",
        "nvme-subsys,id=subsys2,nqn=subsys2",
        "nvme,id=nvme2,bus=dn3,addr=0x0,serial=lab2,subsys=subsys2,sriov_max_vfs=3,sriov_vq_flexible=6"
        ",sriov_vi_flexible=3,max_ioqpairs=8,msix_qsize=5",
    ]


def test_of_several_functions_only_the_first_says_so() -> None:
    ports = MultiFunction((RootPort(Plain(PlainModel.EDU)), RootPort(None, acs=False)))
    assert hardware(ports) == [
        "pcie-root-port,id=rp1,bus=pcie.0,addr=0x6.0,multifunction=on,chassis=1,slot=1",
        "edu,bus=rp1,addr=0x0",
        "pcie-root-port,id=rp2,bus=pcie.0,addr=0x6.1,chassis=2,slot=2,disable-acs=on",
    ]


def test_downstream_ports_can_share_a_slot() -> None:
    assert hardware(RootPort(Switch((None, None), one_slot=True)))[2:] == [
        "xio3130-downstream,id=dn2,bus=up-rp1,addr=0x0.0,multifunction=on,chassis=2,slot=2",
        "xio3130-downstream,id=dn3,bus=up-rp1,addr=0x0.1,chassis=3,slot=3",
    ]


def test_two_switches_in_one_slot_have_names_of_their_own() -> None:
    switches = hardware(RootPort(MultiFunction((Switch((None,)), Switch((None,))))))[1:]
    assert switches == [
        "x3130-upstream,id=up-rp1,bus=rp1,addr=0x0.0,multifunction=on",
        "xio3130-downstream,id=dn2,bus=up-rp1,addr=0x0,chassis=2,slot=2",
        "x3130-upstream,id=up-rp1.1,bus=rp1,addr=0x0.1",
        "xio3130-downstream,id=dn3,bus=up-rp1.1,addr=0x0,chassis=3,slot=3",
    ]


def test_behind_bridges_slot_0_stays_free() -> None:
    rtl8139 = Plain(PlainModel.RTL8139)
    inner = Bridge(BridgeModel.PCI_TO_PCI, (rtl8139,))
    assert hardware(RootPort(Bridge(BridgeModel.PCIE_TO_PCI, (rtl8139, inner))))[1:] == [
        "pcie-pci-bridge,id=br2,bus=rp1,addr=0x0",
        "rtl8139,bus=br2,addr=0x1,romfile=",
        "pci-bridge,id=br3,bus=br2,addr=0x2,chassis_nr=3",
        "rtl8139,bus=br3,addr=0x1,romfile=",
    ]


def test_each_further_host_bridge_has_bus_numbers_to_itself() -> None:
    bridge = HostBridge((RootPort(None),))
    assert hardware(bridge, bridge) == [
        "pxb-pcie,id=pxb64,bus=pcie.0,addr=0x6,bus_nr=64",
        "pcie-root-port,id=rp1,bus=pxb64,addr=0x0,chassis=1,slot=1",
        "pxb-pcie,id=pxb96,bus=pcie.0,addr=0x7,bus_nr=96",
        "pcie-root-port,id=rp2,bus=pxb96,addr=0x0,chassis=2,slot=2",
    ]


def test_commas_in_paths_are_doubled() -> None:
    argv = qemu_argv(Machine(name="m", summary=""), BOOT)
    assert any("path=/run/lab,,1/share," in value for value in values(argv, "-fsdev"))
    assert any(value.endswith("path=/run/lab,,1/console.log") for value in values(argv, "-chardev"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_named_machine_keeps_to_what_is_known_to_work(machine: Machine) -> None:
    assert machine.memory_mib <= 2048
    ports = [port for port in machine.root_bus if isinstance(port, RootPort)]
    vfs = [port.below.total_vfs for port in ports if isinstance(port.below, NVMe)]
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
    igb = {"kind": "igb", "total_vfs": 7}
    switch = {"kind": "switch", "acs": False, "one_slot": False, "below": [igb]}
    assert described["root_bus"] == [
        {"kind": "root-port", "acs": True, "below": igb},
        {"kind": "root-port", "acs": True, "below": switch},
        {"kind": "root-port", "acs": True, "below": {"kind": "nvme", "total_vfs": 4}},
    ]


def test_a_description_has_everything_that_a_machine_can_have() -> None:
    edu = Plain(PlainModel.EDU)
    machine = Machine(
        name="m",
        summary="",
        root_bus=(
            Bridge(BridgeModel.DMI_TO_PCI, (edu,)),
            HostBridge((MultiFunction((RootPort(edu),)),)),
            RootPort(None, acs=False),
        ),
    )
    port = {"kind": "root-port", "acs": True, "below": {"kind": "edu"}}
    assert describe_machine(machine)["root_bus"] == [
        {"kind": "i82801b11-bridge", "below": [{"kind": "edu"}]},
        {"kind": "host-bridge", "below": [{"kind": "functions", "functions": [port]}]},
        {"kind": "root-port", "acs": False, "below": None},
    ]


def test_a_disk_is_a_file_of_the_run_and_a_namespace_of_its_controller() -> None:
    machine = Machine(
        name="m", summary="", root_bus=(RootPort(IGB()), RootPort(NVMe(4, disk=Disk("data"))))
    )
    argv = qemu_argv(machine, BOOT)
    assert values(argv, "-drive") == ["if=none,id=data,format=raw,file=/run/lab,,1/data.raw"]
    assert devices(argv)[-1] == "nvme-ns,bus=nvme2,drive=data"
    assert disks_of(machine) == (Disk("data"),)
    assert describe_machine(machine)["root_bus"] == [
        {"kind": "root-port", "acs": True, "below": {"kind": "igb", "total_vfs": 7}},
        {
            "kind": "root-port",
            "acs": True,
            "below": {"kind": "nvme", "total_vfs": 4, "disk_mib": 64},
        },
    ]


def test_disks_are_found_wherever_their_controller_is() -> None:
    one, two = NVMe(1, disk=Disk("one")), NVMe(1, disk=Disk("two"))
    below = RootPort(MultiFunction((IGB(), two)))
    machine = Machine(
        name="m", summary="", root_bus=(RootPort(Switch((one, None))), HostBridge((below,)))
    )
    assert [disk.name for disk in disks_of(machine)] == ["one", "two"]
    assert not any(disks_of(each) for each in MACHINES if each.name != "nvme-disk")


def test_forwarded_ports_have_a_card_of_their_own_and_a_network_that_leads_nowhere_else() -> None:
    machine = Machine(name="m", summary="", root_bus=(IGB(),))
    without = qemu_argv(machine, BOOT)
    argv = qemu_argv(machine, replace(BOOT, forwards=(Forward(8470, 80), Forward(9000, 9000))))
    assert [word for word in argv if word not in without] == [
        "user,id=forwards,restrict=on"
        ",hostfwd=tcp:127.0.0.1:8470-:80,hostfwd=tcp:127.0.0.1:9000-:9000",
        "virtio-net-pci,addr=5,netdev=forwards,rombar=0",
    ]


@pytest.mark.parametrize(("text", "forward"), [("8470", (8470, 8470)), ("1:65535", (1, 65535))])
def test_a_port_is_forwarded_to_its_like_or_to_another(text: str, forward: tuple[int, int]) -> None:
    assert parse_forward(text) == forward


@pytest.mark.parametrize("text", ["", "0", "65536", "80:", ":80", "80:0", "a", "1:2:3"])
def test_a_forward_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="HERE:INSIDE"):
        parse_forward(text)
