"""What sriovctl relies on of a kernel, as tests that run on the real one and on the simulation.

A module that binds it gives a fixture ``host``: the lab's machine ``82576``, or its like, with all
VFs off, drivers_autoprobe on, and every PF's netdev down.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from sriovctl.codec.module_aliases import modules_claiming
from sriovctl.codec.mounts import parse_mountinfo
from sriovctl.codec.rtnl import decode_link, encode_getlink, encode_link_dump
from sriovctl.codec.rtnl_address import decode_address, encode_address_dump
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link, encode_set_vf, encode_set_vfs
from sriovctl.codec.rtnl_route import (
    decode_route,
    encode_get_route,
    encode_route_dump,
    is_default_route,
)
from sriovctl.errors import BusyError, HostError, LostError, PermissionDenied, SriovctlError
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.address import parse_pci_address, vf_address
from sriovctl.model.functions import VLAN, LinkState, VFAttributes
from sriovctl.model.inet import InterfaceAddress
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import WantedVF
from sriovctl.planner.auto_mac import auto_mac

BUS = "/sys/bus/pci"
DEVICES = f"{BUS}/devices"
IGB = "0000:01:00.0"
IGB_BELOW_SWITCH = "0000:04:00.0"
NVME = "0000:05:00.0"
DOWNSTREAM_PORT = "0000:03:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
ALL_PFS = (IGB, IGB_BELOW_SWITCH, NVME)

NO_MAC = "00:00:00:00:00:00"
MAC = "52:54:00:6d:90:02"


# --- doing and asking ------------------------------------------------------------------------


def reset(host: Host) -> None:
    """Bring the machine back to where the contract begins."""
    for name in ALL_PFS:
        write(host, name, "sriov_numvfs", "0")
        write(host, name, "sriov_drivers_autoprobe", "1")
    for name in (IGB, IGB_BELOW_SWITCH):
        set_link_up(host, name, up=False)


def write(host: Host, device: str, attribute: str, text: str) -> None:
    host.files.write_text(f"{DEVICES}/{device}/{attribute}", text)


def read(host: Host, device: str, attribute: str) -> str | None:
    return host.files.read_text(f"{DEVICES}/{device}/{attribute}")


def driver_of(host: Host, device: str) -> str | None:
    return host.files.read_link(f"{DEVICES}/{device}/driver")


def group_of(host: Host, device: str) -> str | None:
    return host.files.read_link(f"{DEVICES}/{device}/iommu_group")


def netdevs_of(host: Host, device: str) -> tuple[str, ...]:
    return host.files.list_dir(f"{DEVICES}/{device}/net")


def enable(host: Host, number: int, *, pf: str = IGB, autoprobe: bool = True) -> None:
    write(host, pf, "sriov_drivers_autoprobe", str(int(autoprobe)))
    write(host, pf, "sriov_numvfs", str(number))


def refusal(action: Callable[[], None]) -> tuple[type[SriovctlError], object]:
    with pytest.raises(SriovctlError) as caught:
        action()
    return type(caught.value), caught.value.evidence["errno"]


def command(host: Host, path: str, text: str) -> None:
    host.files.write_text(f"{BUS}/{path}", text)


def ask(host: Host, message: bytes) -> NetlinkAnswer:
    (answer,) = host.rtnl.exchange([message])
    return answer


def link_of(host: Host, device: str) -> LinkReport:
    (netdev,) = netdevs_of(host, device)
    answer = ask(host, encode_getlink(ifname=netdev, with_counters=False))
    assert answer.errno == 0
    # Counters go on counting: two looks are to be comparable.
    return decode_link(answer.payloads[0])._replace(counters=None)


def set_link_up(host: Host, device: str, *, up: bool) -> None:
    answer = ask(host, encode_set_link(LinkChange(link_of(host, device).ifindex, up=up)))
    assert answer.errno == 0


def has_carrier(host: Host, device: str) -> bool:
    (netdev,) = netdevs_of(host, device)
    return host.files.read_text(f"/sys/class/net/{netdev}/operstate") == "up"


def wait_for_carrier(host: Host, device: str) -> None:
    end = host.clock.now() + 20
    while not has_carrier(host, device):
        assert host.clock.now() < end, "the link did not come up"
        host.clock.sleep(0.2)


def vf_of(host: Host, vf_index: int) -> VFAttributes:
    return link_of(host, IGB).vfs[vf_index]


def set_vf(host: Host, vf_index: int, wanted: WantedVF) -> str | None:
    """Set attributes of one VF; the errno's name if the kernel refuses."""
    ifindex = link_of(host, IGB).ifindex
    answer = ask(host, encode_set_vf(ifindex, vf_index, wanted, current=None))
    return errno_name(answer.errno) if answer.errno else None


# --- the number of VFs -----------------------------------------------------------------------


class NumVFsContract:
    def test_vfs_come_and_go(self, host: Host) -> None:
        assert read(host, IGB, "sriov_numvfs") == "0"
        enable(host, 3, autoprobe=False)
        assert read(host, IGB, "sriov_numvfs") == "3"
        assert host.files.exists(f"{DEVICES}/{VF0}")
        write(host, IGB, "sriov_numvfs", "0")
        assert read(host, IGB, "sriov_numvfs") == "0"
        assert not host.files.exists(f"{DEVICES}/{VF0}")
        assert host.files.read_link(f"{DEVICES}/{IGB}/virtfn0") is None

    def test_a_vf_that_is_made_anew_is_told_from_the_one_before(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        births = {host.files.birth_of(f"{DEVICES}/{name}") for name in (VF0, VF1)}
        write(host, VF0, "driver_override", "vfio-pci")
        host.files.write_text(f"{BUS}/drivers_probe", VF0)
        assert driver_of(host, VF0) == "vfio-pci"
        assert {host.files.birth_of(f"{DEVICES}/{name}") for name in (VF0, VF1)} == births
        for _ in range(3):
            write(host, IGB, "sriov_numvfs", "0")
            assert host.files.birth_of(f"{DEVICES}/{VF0}") is None
            write(host, IGB, "sriov_numvfs", "2")
            births |= {host.files.birth_of(f"{DEVICES}/{name}") for name in (VF0, VF1)}
        assert len(births) == 8

    def test_vfs_are_where_offset_and_stride_say(self, host: Host) -> None:
        enable(host, 7, autoprobe=False)
        offset, stride = read(host, IGB, "sriov_offset"), read(host, IGB, "sriov_stride")
        assert (offset, stride) == ("128", "2")
        for index in range(7):
            expected = vf_address(parse_pci_address(IGB), index, first_vf_offset=128, vf_stride=2)
            assert host.files.read_link(f"{DEVICES}/{IGB}/virtfn{index}") == str(expected)
            assert host.files.read_link(f"{DEVICES}/{expected}/physfn") == IGB

    def test_vf_stands_beside_its_pf_in_the_tree(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        pf, vf = (host.files.resolve(f"{DEVICES}/{name}") for name in (IGB, VF0))
        assert pf == f"/sys/devices/pci0000:00/0000:00:06.0/{IGB}"
        assert vf == f"/sys/devices/pci0000:00/0000:00:06.0/{VF0}"

    def test_vf_has_the_vendor_of_its_pf_and_a_device_id_of_its_own(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert (read(host, VF0, "vendor"), read(host, VF0, "device")) == ("0x8086", "0x10ca")
        assert read(host, VF0, "class") == "0x020000"
        assert read(host, VF0, "sriov_numvfs") is None

    def test_vf_config_space_hides_its_ids(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        config = host.files.read_bytes(f"{DEVICES}/{VF0}/config")
        assert config is not None
        assert (len(config), config[:4]) == (4096, b"\xff\xff\xff\xff")

    def test_number_stands_in_the_capability_too(self, host: Host) -> None:
        enable(host, 3, autoprobe=False)
        config = host.files.read_bytes(f"{DEVICES}/{IGB}/config")
        assert config is not None
        # SR-IOV capability of the 82576 at 160: control at +8, NumVFs at +10.
        assert config[0x160:0x162] == b"\x10\x00"
        assert config[0x168] & 0x9 == 0x9  # VF Enable, VF MSE
        assert config[0x170] == 3

    def test_totals(self, host: Host) -> None:
        # The 82576's capability says 8; igb allows 7.
        assert read(host, IGB, "sriov_totalvfs") == "7"
        assert read(host, NVME, "sriov_totalvfs") == "4"

    def test_same_number_is_no_change(self, host: Host) -> None:
        write(host, IGB, "sriov_numvfs", "0")
        enable(host, 2, autoprobe=False)
        write(host, IGB, "sriov_numvfs", "2")
        write(host, IGB, "sriov_numvfs", "0x2\n")
        assert read(host, IGB, "sriov_numvfs") == "2"

    def test_number_cannot_change_but_through_zero(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        for number in ("3", "1"):
            action = partial(write, host, IGB, "sriov_numvfs", number)
            assert refusal(action) == (BusyError, "EBUSY")
        assert read(host, IGB, "sriov_numvfs") == "2"

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("8", "ERANGE"),
            ("65535", "ERANGE"),
            ("65536", "EINVAL"),
            ("-1", "EINVAL"),
            ("x", "EINVAL"),
            ("1 2", "EINVAL"),
        ],
    )
    def test_nonsense_is_refused(self, host: Host, text: str, name: str) -> None:
        assert refusal(lambda: write(host, IGB, "sriov_numvfs", text)) == (HostError, name)

    def test_too_many_comes_before_busy(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        assert refusal(lambda: write(host, IGB, "sriov_numvfs", "8"))[1] == "ERANGE"

    def test_without_a_driver_there_are_no_vfs(self, host: Host) -> None:
        command(host, "drivers/igb/unbind", IGB)
        try:
            # Without the driver's limit the capability's own total counts.
            assert read(host, IGB, "sriov_totalvfs") == "8"
            assert refusal(lambda: write(host, IGB, "sriov_numvfs", "1")) == (HostError, "ENOENT")
            write(host, IGB, "sriov_numvfs", "0")
        finally:
            command(host, "drivers/igb/bind", IGB)
        assert read(host, IGB, "sriov_totalvfs") == "7"

    def test_igb_takes_its_vfs_with_it(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        command(host, "drivers/igb/unbind", IGB)
        try:
            assert read(host, IGB, "sriov_numvfs") == "0"
            assert not host.files.exists(f"{DEVICES}/{VF0}")
        finally:
            command(host, "drivers/igb/bind", IGB)

    def test_nvme_leaves_its_vfs_behind(self, host: Host) -> None:
        enable(host, 2, pf=NVME, autoprobe=False)
        command(host, "drivers/nvme/unbind", NVME)
        try:
            assert read(host, NVME, "sriov_numvfs") == "2"
            assert host.files.exists(f"{DEVICES}/0000:05:00.1")
            assert refusal(lambda: write(host, NVME, "sriov_numvfs", "0"))[1] == "ENOENT"
        finally:
            command(host, "drivers/nvme/bind", NVME)

    def test_nvme_vf_without_queues_gets_no_driver(self, host: Host) -> None:
        enable(host, 1, pf=NVME)
        assert host.files.read_link(f"{DEVICES}/{NVME}/virtfn0") == "0000:05:00.1"
        assert driver_of(host, "0000:05:00.1") is None

    def test_nvme_vf_goes_to_vfio_all_the_same(self, host: Host) -> None:
        enable(host, 1, pf=NVME)
        action = partial(command, host, "drivers/nvme/bind", "0000:05:00.1")
        assert refusal(action) == (HostError, "ENODEV")
        write(host, "0000:05:00.1", "driver_override", "vfio-pci")
        command(host, "drivers_probe", "0000:05:00.1")
        assert driver_of(host, "0000:05:00.1") == "vfio-pci"

    @pytest.mark.parametrize(
        ("text", "name"),
        [("4", "EOPNOTSUPP"), ("0x10", "EOPNOTSUPP"), ("-1", "EINVAL"), ("many", "EINVAL")],
    )
    def test_igb_does_not_share_its_interrupts_out(self, host: Host, text: str, name: str) -> None:
        enable(host, 1, autoprobe=False)
        assert read(host, IGB, "sriov_vf_total_msix") == "0"
        set_count = partial(write, host, VF0, "sriov_vf_msix_count", text)
        assert refusal(set_count) == (HostError, name)

    def test_a_pf_that_is_none_has_no_attribute(self, host: Host) -> None:
        assert read(host, "0000:00:06.0", "sriov_totalvfs") is None
        assert refusal(lambda: write(host, "0000:00:06.0", "sriov_numvfs", "1")) == (
            LostError,
            "ENOENT",
        )


# --- IOMMU groups ----------------------------------------------------------------------------


class GroupsContract:
    def test_vfs_behind_acs_have_groups_of_their_own(self, host: Host) -> None:
        enable(host, 3, autoprobe=False)
        names = (IGB, VF0, VF1, "0000:01:10.4")
        groups = [group_of(host, name) for name in names]
        assert None not in groups
        assert len(set(groups)) == 4
        for name, group in zip(names, groups, strict=True):
            assert host.files.list_dir(f"/sys/kernel/iommu_groups/{group}/devices") == (name,)

    def test_vfs_behind_a_switch_without_acs_share_its_port_group(self, host: Host) -> None:
        enable(host, 2, pf=IGB_BELOW_SWITCH, autoprobe=False)
        members = (DOWNSTREAM_PORT, IGB_BELOW_SWITCH, "0000:04:10.0", "0000:04:10.2")
        groups = {group_of(host, name) for name in members}
        assert len(groups) == 1
        listed = host.files.list_dir(f"/sys/kernel/iommu_groups/{groups.pop()}/devices")
        assert listed == members

    def test_group_of_a_vf_goes_with_it(self, host: Host) -> None:
        before = host.files.list_dir("/sys/kernel/iommu_groups")
        enable(host, 2, autoprobe=False)
        assert len(host.files.list_dir("/sys/kernel/iommu_groups")) == len(before) + 2
        write(host, IGB, "sriov_numvfs", "0")
        assert host.files.list_dir("/sys/kernel/iommu_groups") == before

    def test_functions_of_the_chipset_share_a_group(self, host: Host) -> None:
        groups = {group_of(host, f"0000:00:1f.{number}") for number in (0, 2, 3)}
        assert len(groups) == 1
        assert None not in groups


# --- drivers ---------------------------------------------------------------------------------


class DriversContract:
    def test_vf_driver_and_netdev_appear(self, host: Host) -> None:
        enable(host, 1)
        assert driver_of(host, VF0) == "igbvf"
        (netdev,) = netdevs_of(host, VF0)
        assert host.files.read_link(f"/sys/class/net/{netdev}/device") == VF0
        assert VF0 in host.files.list_dir(f"{BUS}/drivers/igbvf")
        write(host, IGB, "sriov_numvfs", "0")
        assert not host.files.exists(f"/sys/class/net/{netdev}")

    def test_without_autoprobe_no_driver_comes(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert driver_of(host, VF0) is None
        assert netdevs_of(host, VF0) == ()

    def test_without_autoprobe_bind_and_probe_do_nothing(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert refusal(lambda: command(host, "drivers/igbvf/bind", VF0)) == (HostError, "ENODEV")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) is None

    def test_without_autoprobe_an_override_opens_both_ways(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        write(host, VF0, "driver_override", "vfio-pci")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "vfio-pci"
        write(host, VF1, "driver_override", "igbvf")
        command(host, "drivers/igbvf/bind", VF1)
        assert driver_of(host, VF1) == "igbvf"

    def test_to_vfio_and_back(self, host: Host) -> None:
        enable(host, 1)
        command(host, "drivers/igbvf/unbind", VF0)
        assert driver_of(host, VF0) is None
        write(host, VF0, "driver_override", "vfio-pci")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "vfio-pci"
        assert netdevs_of(host, VF0) == ()
        command(host, "drivers/vfio-pci/unbind", VF0)
        write(host, VF0, "driver_override", "\n")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "igbvf"

    def test_override_is_kept_until_cleared_or_the_vf_goes(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert read(host, VF0, "driver_override") == "(null)"
        write(host, VF0, "driver_override", "no-such-driver\n")
        assert read(host, VF0, "driver_override") == "no-such-driver"
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) is None
        write(host, IGB, "sriov_numvfs", "0")
        enable(host, 1, autoprobe=False)
        assert read(host, VF0, "driver_override") == "(null)"

    def test_override_may_be_cleared_under_a_bound_vf(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        write(host, VF0, "driver_override", "igbvf")
        command(host, "drivers_probe", VF0)
        write(host, VF0, "driver_override", "\n")
        assert read(host, VF0, "driver_override") == "(null)"
        assert driver_of(host, VF0) == "igbvf"

    def test_depmod_and_sysfs_tell_which_module_and_driver_a_vf_is_for(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        release = host.files.read_text("/proc/sys/kernel/osrelease")
        aliases = host.files.read_text(f"/lib/modules/{release}/modules.alias")
        modalias = read(host, VF0, "modalias")
        assert aliases is not None
        assert modalias is not None
        assert modules_claiming(modalias, aliases) == ("igbvf",)
        assert host.files.read_link(f"{BUS}/drivers/igbvf/module") == "igbvf"
        assert host.files.read_link(f"{BUS}/drivers/vfio-pci/module") == "vfio_pci"

    def test_override_does_not_move_a_bound_vf(self, host: Host) -> None:
        enable(host, 1)
        write(host, VF0, "driver_override", "vfio-pci")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "igbvf"

    def test_bind_and_unbind_of_the_wrong_driver(self, host: Host) -> None:
        enable(host, 1)
        assert refusal(lambda: command(host, "drivers/igbvf/bind", VF0)) == (BusyError, "EBUSY")
        assert refusal(lambda: command(host, "drivers/vfio-pci/bind", VF0))[1] == "ENODEV"
        assert refusal(lambda: command(host, "drivers/vfio-pci/unbind", VF0))[1] == "ENODEV"
        assert driver_of(host, VF0) == "igbvf"

    def test_a_function_that_is_not_there(self, host: Host) -> None:
        for path in ("drivers/igb/bind", "drivers/igb/unbind", "drivers_probe"):
            action = partial(command, host, path, "0000:77:00.0")
            assert refusal(action) == (HostError, "ENODEV")

    @pytest.mark.parametrize(("text", "value"), [("0", "0"), ("n", "0"), ("1", "1"), ("yes", "1")])
    def test_autoprobe_is_a_switch(self, host: Host, text: str, value: str) -> None:
        write(host, IGB, "sriov_drivers_autoprobe", text)
        assert read(host, IGB, "sriov_drivers_autoprobe") == value

    def test_autoprobe_is_no_number(self, host: Host) -> None:
        action = partial(write, host, IGB, "sriov_drivers_autoprobe", "2")
        assert refusal(action) == (HostError, "EINVAL")

    def test_autoprobe_survives_the_vfs(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        write(host, IGB, "sriov_numvfs", "0")
        assert read(host, IGB, "sriov_drivers_autoprobe") == "0"


# --- files -----------------------------------------------------------------------------------


class FilesContract:
    def test_missing_is_none(self, host: Host) -> None:
        files = host.files
        assert read(host, IGB, "no_such_attribute") is None
        assert read(host, "0000:77:00.0", "vendor") is None
        assert files.read_bytes(f"{DEVICES}/{IGB}/no_such_attribute") is None
        assert files.read_link(f"{DEVICES}/{IGB}/physfn") is None
        assert files.read_link(f"{DEVICES}/{IGB}/vendor") is None
        assert files.resolve(f"{DEVICES}/{IGB}/physfn") is None
        assert files.list_dir(f"{DEVICES}/{IGB}/no_such_directory") == ()
        assert files.list_dir(f"{DEVICES}/{IGB}/vendor") == ()
        assert not files.exists(f"{DEVICES}/{IGB}/physfn")

    def test_not_supported_and_not_while_down_are_none(self, host: Host) -> None:
        (netdev,) = netdevs_of(host, IGB)
        assert host.files.read_text(f"/sys/class/net/{netdev}/phys_port_name") is None
        assert host.files.read_text(f"/sys/class/net/{netdev}/carrier") is None

    def test_read_only_stays_read_only(self, host: Host) -> None:
        action = partial(write, host, IGB, "sriov_totalvfs", "3")
        assert refusal(action) == (PermissionDenied, "EACCES")

    def test_a_directory_is_no_file(self, host: Host) -> None:
        with pytest.raises(HostError):
            host.files.read_text(f"{DEVICES}/{IGB}")

    def test_links_are_followed_on_the_way(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert host.files.read_text(f"{DEVICES}/{VF0}/physfn/sriov_numvfs") == "1"
        assert host.files.read_text(f"{DEVICES}/{IGB}/virtfn0/device") == "0x10ca"
        names = host.files.list_dir(f"{DEVICES}/{VF0}/physfn")
        assert "virtfn0" in names
        assert list(names) == sorted(names)

    def test_resource_has_the_vf_bars(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        pf, vf = read(host, IGB, "resource"), read(host, VF1, "resource")
        assert pf is not None
        assert vf is not None
        first, last, _ = (int(word, 16) for word in pf.splitlines()[7].split())
        assert (last - first + 1) // 8 == 0x4000  # the reservation is for TotalVFs, 8
        start, end, _ = (int(word, 16) for word in vf.splitlines()[0].split())
        assert (start, end) == (first + 0x4000, first + 0x7FFF)

    def test_an_nvme_controller_says_its_serial_as_long_as_its_driver_has_it(
        self, host: Host
    ) -> None:
        (controller,) = host.files.list_dir(f"{DEVICES}/{NVME}/nvme")
        path = f"{DEVICES}/{NVME}/nvme/{controller}/serial"
        serial = host.files.read_text(path)
        assert serial is not None
        assert (len(serial), serial.strip()) == (20, "lab3")
        command(host, "drivers/nvme/unbind", NVME)
        try:
            assert host.files.list_dir(f"{DEVICES}/{NVME}/nvme") == ()
        finally:
            command(host, "drivers/nvme/bind", NVME)

    def test_names_of_drivers(self, host: Host) -> None:
        names = host.files.list_dir(f"{BUS}/drivers")
        assert {"igb", "igbvf", "nvme", "vfio-pci", "pcieport"} <= set(names)

    @pytest.mark.parametrize(
        ("driver", "module"),
        [("igb", "igb"), ("vfio-pci", "vfio_pci"), ("pcieport", "pcieportdrv")],
    )
    def test_modules_of_drivers(self, host: Host, driver: str, module: str) -> None:
        assert host.files.read_link(f"{BUS}/drivers/{driver}/module") == module
        # What is built in looks like a module that was never loaded.
        state = host.files.read_text(f"/sys/module/{module}/initstate")
        assert state == (None if driver == "pcieport" else "live")

    def test_parameters_of_modules(self, host: Host) -> None:
        assert host.files.read_text("/sys/module/igb/parameters/max_vfs") == "0"
        assert not host.files.exists("/sys/module/igb/parameters/num_vfs")


# --- attributes of VFs -----------------------------------------------------------------------


class AttributesContract:
    @pytest.fixture
    def two_vfs(self, host: Host) -> Host:
        """Two VFs without a driver, on a PF whose netdev is down."""
        enable(host, 2, autoprobe=False)
        return host

    def test_as_the_driver_leaves_them(self, two_vfs: Host) -> None:
        link = link_of(two_vfs, IGB)
        assert (link.num_vfs, len(link.vfs)) == (2, 2)
        assert link.parent_device == IGB
        assert link.vfs[1] == VFAttributes(
            vf_index=1,
            admin_mac=NO_MAC,
            vlan=VLAN(0),
            spoofchk=True,
            trust=False,
            link_state=LinkState.AUTO,
            min_tx_rate_mbps=0,
            max_tx_rate_mbps=0,
        )

    def test_without_vfs_there_are_none(self, host: Host) -> None:
        link = link_of(host, IGB)
        assert (link.num_vfs, link.vfs) == (0, ())

    @pytest.mark.parametrize(
        "wanted",
        [
            WantedVF(admin_mac=MAC),
            WantedVF(admin_mac=auto_mac("permanent_mac 52:54:00:6d:91:01", 1)),
            WantedVF(vlan=VLAN(42, 3)),
            WantedVF(vlan=VLAN(4095)),
            WantedVF(spoofchk=False),
            WantedVF(trust=True),
            WantedVF(admin_mac=MAC, vlan=VLAN(7), spoofchk=False, trust=True),
        ],
    )
    def test_set_and_read_back(self, two_vfs: Host, wanted: WantedVF) -> None:
        other = vf_of(two_vfs, 0)
        assert set_vf(two_vfs, 1, wanted) is None
        for name, value in zip(wanted._fields, wanted, strict=True):
            if value != WantedVF._field_defaults[name]:
                assert getattr(vf_of(two_vfs, 1), name) == value
        assert vf_of(two_vfs, 0) == other

    @pytest.mark.parametrize(
        ("wanted", "name"),
        [
            (WantedVF(link_state=LinkState.ENABLE), "EOPNOTSUPP"),
            (WantedVF(link_state=LinkState.AUTO), "EOPNOTSUPP"),
            (WantedVF(vlan=VLAN(5, 0, "802.1ad")), "EPROTONOSUPPORT"),
            (WantedVF(admin_mac="01:00:5e:00:00:01"), "EINVAL"),
            # While the link is down igb knows no speed to measure a rate against.
            (WantedVF(max_tx_rate_mbps=100), "EINVAL"),
        ],
    )
    def test_what_igb_refuses(self, two_vfs: Host, wanted: WantedVF, name: str) -> None:
        before = vf_of(two_vfs, 1)
        assert set_vf(two_vfs, 1, wanted) == name
        assert vf_of(two_vfs, 1) == before

    @pytest.mark.parametrize(
        "wanted",
        [
            WantedVF(admin_mac=MAC),
            WantedVF(vlan=VLAN(1)),
            WantedVF(spoofchk=True),
            WantedVF(trust=False),
        ],
    )
    def test_a_vf_that_is_not_there(self, two_vfs: Host, wanted: WantedVF) -> None:
        assert set_vf(two_vfs, 2, wanted) == "EINVAL"

    def test_not_supported_comes_before_not_there(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 2, WantedVF(link_state=LinkState.AUTO)) == "EOPNOTSUPP"

    def test_what_came_before_a_refusal_stays(self, two_vfs: Host) -> None:
        wanted = WantedVF(admin_mac=MAC, link_state=LinkState.ENABLE, trust=True)
        assert set_vf(two_vfs, 1, wanted) == "EOPNOTSUPP"
        found = vf_of(two_vfs, 1)
        assert (found.admin_mac, found.trust) == (MAC, False)

    def test_one_message_stops_at_the_first_refusal(self, two_vfs: Host) -> None:
        changes = [
            (0, WantedVF(trust=True)),
            (5, WantedVF(trust=True)),
            (1, WantedVF(trust=True)),
        ]
        messages = encode_set_vfs(link_of(two_vfs, IGB).ifindex, changes, current={})
        (answer,) = two_vfs.rtnl.exchange(messages)
        assert errno_name(answer.errno) == "EINVAL"
        assert [vf.trust for vf in link_of(two_vfs, IGB).vfs] == [True, False]

    def test_rates_need_the_link(self, two_vfs: Host) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=500)) is None
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 500
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=200, min_tx_rate_mbps=0)) is None
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=500, min_tx_rate_mbps=1)) == "EINVAL"
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=1001)) == "EINVAL"
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 200
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=0)) is None
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 0

    def test_changing_the_number_drops_the_link_for_a_while(self, host: Host) -> None:
        set_link_up(host, IGB, up=True)
        wait_for_carrier(host, IGB)
        enable(host, 1, autoprobe=False)
        assert not has_carrier(host, IGB)
        wait_for_carrier(host, IGB)

    def test_attributes_go_with_the_vfs(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC, vlan=VLAN(42), trust=True)) is None
        write(two_vfs, IGB, "sriov_numvfs", "0")
        assert set_vf(two_vfs, 0, WantedVF(trust=True)) == "EINVAL"
        write(two_vfs, IGB, "sriov_numvfs", "2")
        found = vf_of(two_vfs, 0)
        assert (found.admin_mac, found.vlan, found.trust) == (NO_MAC, VLAN(0), False)

    def test_attributes_outlive_the_netdev_going_up_and_down(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC, vlan=VLAN(42), trust=True)) is None
        before = vf_of(two_vfs, 0)
        set_link_up(two_vfs, IGB, up=True)
        set_link_up(two_vfs, IGB, up=False)
        assert vf_of(two_vfs, 0) == before

    def test_admin_mac_becomes_the_vf_netdev_mac_when_its_driver_starts(
        self, two_vfs: Host
    ) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC)) is None
        write(two_vfs, IGB, "sriov_drivers_autoprobe", "1")
        command(two_vfs, "drivers_probe", VF0)
        (netdev,) = netdevs_of(two_vfs, VF0)
        assert two_vfs.files.read_text(f"/sys/class/net/{netdev}/address") == MAC

    def test_vf_without_admin_mac_reports_one_of_its_own(self, two_vfs: Host) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        write(two_vfs, IGB, "sriov_drivers_autoprobe", "1")
        command(two_vfs, "drivers_probe", VF0)
        (netdev,) = netdevs_of(two_vfs, VF0)
        mac = two_vfs.files.read_text(f"/sys/class/net/{netdev}/address")
        assert mac not in (None, NO_MAC)
        assert vf_of(two_vfs, 0).admin_mac == mac
        assert vf_of(two_vfs, 1).admin_mac == NO_MAC
        command(two_vfs, "drivers/igbvf/unbind", VF0)
        assert vf_of(two_vfs, 0).admin_mac == mac

    def test_pf_that_is_down_does_not_hear_of_the_vf_mac(self, host: Host) -> None:
        enable(host, 1)
        (netdev,) = netdevs_of(host, VF0)
        assert host.files.read_text(f"/sys/class/net/{netdev}/address") != NO_MAC
        assert vf_of(host, 0).admin_mac == NO_MAC

    def test_zero_mac_takes_the_admin_mac_back(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC)) is None
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=NO_MAC)) is None
        assert vf_of(two_vfs, 0).admin_mac == NO_MAC

    def test_netdevs_without_vf_operations_refuse(self, host: Host) -> None:
        enable(host, 1)
        ifindex = link_of(host, VF0).ifindex
        message = encode_set_vf(ifindex, 0, WantedVF(trust=True), current=None)
        assert errno_name(ask(host, message).errno) == "EOPNOTSUPP"


# --- route netlink ---------------------------------------------------------------------------


class NetlinkContract:
    def test_by_index_and_by_name(self, host: Host) -> None:
        link = link_of(host, IGB)
        answer = ask(host, encode_getlink(ifindex=link.ifindex, with_counters=False))
        assert decode_link(answer.payloads[0])._replace(counters=None) == link
        ifindex = host.files.read_text(f"/sys/class/net/{link.ifname}/ifindex")
        assert ifindex == str(link.ifindex)

    def test_dump_has_every_netdev(self, host: Host) -> None:
        answer = ask(host, encode_link_dump(with_vfs=False))
        names = {decode_link(payload).ifname for payload in answer.payloads}
        assert names == set(host.files.list_dir("/sys/class/net"))

    def test_no_such_netdev(self, host: Host) -> None:
        for message in (
            encode_getlink(ifname="nosuchdev0", with_counters=False),
            encode_getlink(ifindex=9999, with_counters=False),
            encode_set_link(LinkChange(9999, up=True)),
        ):
            assert errno_name(ask(host, message).errno) == "ENODEV"

    def test_vfs_only_when_asked(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        (netdev,) = netdevs_of(host, IGB)
        message = encode_getlink(ifname=netdev, with_counters=False, with_vfs=False)
        link = decode_link(ask(host, message).payloads[0])
        assert (link.num_vfs, link.vfs) == (None, ())

    def test_up_and_down(self, host: Host) -> None:
        for up in (True, False):
            set_link_up(host, IGB, up=up)
            assert link_of(host, IGB).up is up

    def test_permanent_mac_is_the_cards(self, host: Host) -> None:
        link = link_of(host, IGB)
        assert link.mac == link.permanent_mac == "52:54:00:6d:91:01"

    def test_loopback_has_its_addresses(self, host: Host) -> None:
        answer = ask(host, encode_address_dump())
        found = [decode_address(payload) for payload in answer.payloads]
        assert answer.errno == 0
        assert InterfaceAddress(1, "127.0.0.1", 8) in found
        assert InterfaceAddress(1, "::1", 128) in found

    def test_netdevs_that_are_down_have_no_address(self, host: Host) -> None:
        ifindex = link_of(host, IGB).ifindex
        found = [decode_address(each) for each in ask(host, encode_address_dump()).payloads]
        assert ifindex not in {address.ifindex for address in found if address is not None}

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_the_way_to_itself_is_the_loopback(self, host: Host, address: str) -> None:
        answer = ask(host, encode_get_route(address))
        (route,) = (decode_route(payload) for payload in answer.payloads)
        assert route is not None
        assert route.out == (1,)

    @pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
    def test_without_a_route_there_is_no_way(self, host: Host, address: str) -> None:
        assert errno_name(ask(host, encode_get_route(address)).errno) == "ENETUNREACH"

    def test_without_a_default_route_the_dump_has_none(self, host: Host) -> None:
        answer = ask(host, encode_route_dump())
        found = [decode_route(each) for each in answer.payloads if is_default_route(each)]
        assert answer.errno == 0
        assert [route for route in found if route is not None and route.unicast] == []


# --- processes -------------------------------------------------------------------------------


class ProcessesContract:
    def test_this_process_knows_itself_and_its_parent(self, host: Host) -> None:
        status = host.files.read_text("/proc/self/status") or ""
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Pid"].isdigit()
        assert host.files.exists(f"/proc/{fields['PPid']}")
        assert fields["Pid"] in host.files.list_dir("/proc")

    def test_open_files_are_links_to_what_they_are(self, host: Host) -> None:
        names = host.files.list_dir("/proc/self/fd")
        targets = [host.files.read_target(f"/proc/self/fd/{name}") for name in names]
        assert "0" in names
        assert any(target is not None and target.startswith("/") for target in targets)
        assert host.files.read_target("/proc/self/fd/99999") is None
        assert host.files.read_target("/proc/self/status") is None

    def test_a_process_that_is_not_there_is_none(self, host: Host) -> None:
        assert host.files.list_dir("/proc/4999999/fd") == ()
        assert host.files.read_bytes("/proc/4999999/environ") is None

    def test_own_network_namespace_is_that_of_init_and_can_be_asked(self, host: Host) -> None:
        own = host.files.read_target("/proc/self/ns/net")
        assert own is not None
        assert own.startswith("net:[")
        assert own == host.files.read_target("/proc/1/ns/net")
        (answer,) = host.namespaces.exchange("/proc/1/ns/net", [encode_link_dump(with_vfs=False)])
        names = {decode_link(payload).ifname for payload in answer.payloads}
        assert names == set(host.files.list_dir("/sys/class/net"))

    def test_a_namespace_that_is_not_there_is_lost(self, host: Host) -> None:
        for path in ("/run/netns/no-such-name", "/proc/4999999/ns/net"):
            with pytest.raises(LostError):
                host.namespaces.exchange(path, [encode_link_dump(with_vfs=False)])

    def test_something_is_mounted_at_the_root(self, host: Host) -> None:
        for process in ("self", "1"):
            mounts = parse_mountinfo(host.files.read_text(f"/proc/{process}/mountinfo") or "")
            assert "/" in {mount.mount_point for mount in mounts}
        assert host.files.read_text("/proc/swaps") is not None

    def test_a_function_is_enabled_while_somebody_uses_it(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        assert read(host, VF0, "enable") == "0"
        write(host, VF0, "driver_override", "vfio-pci")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "vfio-pci"
        assert read(host, VF0, "enable") == "0"  # bound, and open for nobody
        write(host, VF1, "driver_override", "igbvf")
        command(host, "drivers_probe", VF1)
        assert read(host, VF1, "enable") == "1"
        command(host, "drivers/igbvf/unbind", VF1)
        assert read(host, VF1, "enable") == "0"


class KernelContract(
    NumVFsContract,
    GroupsContract,
    DriversContract,
    FilesContract,
    AttributesContract,
    NetlinkContract,
    ProcessesContract,
):
    """The whole contract."""
