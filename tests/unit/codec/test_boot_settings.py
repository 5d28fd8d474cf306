"""Others' lines are found where their software reads them, with whom they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec import boot_settings
from sriovctl.codec.boot_settings import PLACES
from sriovctl.model.persistence import BootSetting, Selector, SettingKind

Parse = Callable[[str, str], Iterator[BootSetting]]


def only(parse: Parse, text: str, path: str = "/etc/x") -> BootSetting:
    (found,) = parse(path, text)
    assert found.path == path
    return found


def test_networkmanager_profile() -> None:
    text = """[connection]
interface-name=ens1f0
[ethernet]
mac-address=52:54:00:AA:BB:CC
[sriov]
total-vfs=4
vf.0=mac=52:54:00:00:00:01
"""
    found = only(boot_settings.parse_nm_profile, text)
    assert (found.setter, found.line, found.text) == ("NetworkManager", 6, "total-vfs=4")
    assert found.selector == Selector(("ens1f0",), (), ("52:54:00:aa:bb:cc",))


def test_networkmanager_profile_without_vfs() -> None:
    text = "[connection]\ninterface-name=e0\n[sriov]\ntotal-vfs=0\n"
    assert list(boot_settings.parse_nm_profile("/x", text)) == []


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        ("interface-name:=ens1", Selector(("ens1",))),
        ("interface-name:ens*", Selector(("ens*",))),
        ("mac:52:54:00:AA:BB:CC", Selector((), (), ("52:54:00:aa:bb:cc",))),
        ("driver:ixgbe", Selector((), (), (), ("ixgbe",))),
    ],
)
def test_networkmanager_device_section(spec: str, selector: Selector) -> None:
    text = f"[main]\nplugins=keyfile\n[device-a]\nmatch-device={spec}\nsriov-num-vfs=8\n"
    found = only(boot_settings.parse_nm_conf, text)
    assert (found.line, found.selector) == (5, selector)


def test_ifcfg() -> None:
    found = only(boot_settings.parse_ifcfg, 'DEVICE="ens1"\nSRIOV_TOTAL_VFS="4"\n')
    assert (found.line, found.selector) == (2, Selector(("ens1",)))


def test_link_file() -> None:
    text = """[Match]
OriginalName=ens1f0 ens1f1
Driver=mlx5_core
Path=pci-0000:3B:00.0
[Link]
SR-IOVVirtualFunctions=8
"""
    found = only(boot_settings.parse_networkd, text)
    assert (found.setter, found.line) == ("systemd", 6)
    assert found.selector == Selector(("ens1f0", "ens1f1"), ("0000:3b:00.0",), (), ("mlx5_core",))


def test_network_file_with_a_section_for_a_vf() -> None:
    text = "[Match]\nName=ens1\n\n[SR-IOV]\nVirtualFunction=0\nVLANId=4\n"
    assert only(boot_settings.parse_networkd, text).selector == Selector(("ens1",))


NETPLAN = """network:
  version: 2
  ethernets:
    pf:
      match: {name: ens1, macaddress: "52:54:00:AA:BB:CC", driver: [igb, ixgbe]}
      virtual-function-count: 4
    vf0:
      link: pf
    plain: {dhcp4: true}
    ens2: {virtual-function-count: 2}
"""


def test_netplan() -> None:
    first, vf, second = boot_settings.parse_netplan("/etc/netplan/a.yaml", NETPLAN)
    assert (first.setter, first.line) == ("netplan", 6)
    assert first.text == "virtual-function-count: 4"
    assert first.selector == Selector(("ens1",), (), ("52:54:00:aa:bb:cc",), ("igb", "ixgbe"))
    assert (vf.line, vf.text, vf.selector) == (8, "link: pf", first.selector)
    assert (second.line, second.selector) == (10, Selector(("ens2",)))


def test_a_netplan_key_with_something_else_than_a_word() -> None:
    text = "network:\n  ethernets:\n    a: {link: {b: c}, match: {driver: [[x], y]}}\n"
    assert only(boot_settings.parse_netplan, text).text == "link:"


@pytest.mark.parametrize(
    "text", ["", "network: {link", "link", "network:\n  ethernets: [link]\n", "link: {a: b}"]
)
def test_a_broken_netplan_file_is_not_ours_to_complain_of(text: str) -> None:
    assert list(boot_settings.parse_netplan("/x", text)) == []


@pytest.mark.parametrize(
    ("line", "selector"),
    [
        (
            'ACTION=="add", SUBSYSTEM=="net", ENV{ID_NET_DRIVER}=="ixgbe", '
            'ATTR{device/sriov_numvfs}="4"',
            Selector((), (), (), ("ixgbe",)),
        ),
        (
            'KERNEL=="ens1", ATTR{device/sriov_numvfs}="4"',
            Selector(("ens1",)),
        ),
        (
            'SUBSYSTEM=="pci", KERNEL=="0000:3b:00.0", ATTR{sriov_numvfs}="2"',
            Selector((), ("0000:3b:00.0",)),
        ),
        (
            'ATTR{vendor}=="0x8086", RUN+="/bin/sh -c \'echo 4 > /sys$devpath/sriov_numvfs\'"',
            Selector(),
        ),
    ],
)
def test_udev_rules(line: str, selector: Selector) -> None:
    found = only(boot_settings.parse_udev_rules, f"# sriov_numvfs\n\n{line}\n")
    assert (found.kind, found.line, found.selector) == (SettingKind.VF_COUNT, 3, selector)


def test_a_udev_rule_over_several_lines_stands_where_it_begins() -> None:
    text = 'A=="b"\nKERNEL=="ens1", \\\n  ATTR{device/sriov_numvfs}="4"\n'
    found = only(boot_settings.parse_udev_rules, text)
    assert (found.line, found.selector) == (2, Selector(("ens1",)))


@pytest.mark.parametrize(
    "line",
    [
        'SUBSYSTEM=="vfio", KERNEL=="17", OWNER="qemu"',
        'RUN+="/bin/chown qemu /dev/vfio/17"',
    ],
)
def test_a_udev_rule_that_names_a_group(line: str) -> None:
    assert only(boot_settings.parse_udev_rules, line).kind is SettingKind.GROUP_NUMBER


def test_a_udev_rule_for_all_groups_names_none() -> None:
    line = 'SUBSYSTEM=="vfio", OWNER="qemu"\nKERNEL=="vfio", GROUP="kvm"\n'
    assert list(boot_settings.parse_udev_rules("/x", line)) == []


def test_a_udev_rule_that_gives_a_driver() -> None:
    line = 'KERNEL=="0000:01:10.0", ATTR{driver_override}="vfio-pci"'
    found = only(boot_settings.parse_udev_rules, line)
    assert (found.kind, found.selector) == (SettingKind.DRIVER, Selector((), ("0000:01:10.0",)))


def test_tmpfiles() -> None:
    text = "w /sys/class/net/ens1/device/sriov_numvfs - - - - 4\n"
    found = only(boot_settings.parse_tmpfiles, text)
    assert (found.setter, found.selector) == ("systemd-tmpfiles", Selector(("ens1",)))


def test_sysfs_conf() -> None:
    text = "# a comment about sriov_numvfs\nbus/pci/devices/0000:3B:00.0/sriov_numvfs = 4\n"
    found = only(boot_settings.parse_sysfs_conf, text)
    assert (found.line, found.selector) == (2, Selector((), ("0000:3b:00.0",)))


def test_a_script_with_a_variable_does_not_tell_whom_it_means() -> None:
    text = "#!/bin/sh\nfor n in a b; do echo 4 > /sys/class/net/$n/device/sriov_numvfs; done\n"
    found = only(boot_settings.parse_script, text, "/etc/rc.local")
    assert (found.setter, found.line, found.selector) == ("rc.local", 2, Selector())


def test_a_unit_that_hands_over_a_group() -> None:
    text = "[Service]\nExecStart=/usr/bin/qemu --fd /dev/vfio/12\n"
    assert only(boot_settings.parse_script, text).kind is SettingKind.GROUP_NUMBER


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("options igb max_vfs=4", ["igb"]),
        ("options mlx4-core debug_level=1 num_vfs=8", ["mlx4_core"]),
        ("options igb max_vfs=0", []),
        ("options ixgbe max_vfs=0,0", []),
        ("options igb InterruptThrottleRate=3", []),
        ("alias max_vfs=4 igb", []),
        ("# options igb max_vfs=4", []),
    ],
)
def test_modprobe(line: str, expected: list[str]) -> None:
    found = boot_settings.parse_modprobe("/etc/modprobe.d/a.conf", line)
    assert [driver for one in found for driver in one.selector.drivers] == expected


def test_kernel_command_line() -> None:
    text = "quiet igb.max_vfs=7 root=UUID=a.b=c mlx4_core.num_vfs=0"
    found = only(boot_settings.parse_kernel_command_line, text, "/proc/cmdline")
    assert (found.text, found.selector) == ("igb.max_vfs=7", Selector((), (), (), ("igb",)))


def test_driverctl() -> None:
    found = only(boot_settings.parse_driverctl, "vfio-pci\n", "/etc/driverctl.d/0000:01:10.0")
    assert (found.kind, found.selector) == (SettingKind.DRIVER, Selector((), ("0000:01:10.0",)))
    assert list(boot_settings.parse_driverctl("/etc/driverctl.d/vmbus-x", "a")) == []


@given(st.text(), st.sampled_from(PLACES))
def test_no_file_of_others_makes_a_reader_fail(text: str, place: boot_settings.Place) -> None:
    list(place.parse("/etc/x", text))


@given(st.text("[]={}:\n \"'-\\abclinkvrt sriov_numvfs"), st.sampled_from(PLACES))
def test_no_broken_file_of_others_makes_a_reader_fail(
    text: str, place: boot_settings.Place
) -> None:
    list(place.parse("/etc/x", text))
