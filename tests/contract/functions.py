"""How VFs come and go, and which IOMMU groups they get; part of the contract."""

from __future__ import annotations

from functools import partial

import pytest

from sriovctl.errors import BusyError, HostError, LostError
from sriovctl.host.api import Host
from sriovctl.model.address import parse_pci_address, vf_address
from tests.contract.machine import (
    BUS,
    DEVICES,
    DOWNSTREAM_PORT,
    IGB,
    IGB_BELOW_SWITCH,
    NVME,
    VF0,
    VF1,
    command,
    driver_of,
    enable,
    group_of,
    read,
    refusal,
    write,
)


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
