"""Which driver a function gets; part of the contract."""

from __future__ import annotations

from functools import partial

import pytest

from sriovctl.codec.module_aliases import modules_claiming
from sriovctl.errors import BusyError, HostError
from sriovctl.host.api import Host
from tests.contract.machine import (
    BUS,
    IGB,
    VF0,
    VF1,
    command,
    driver_of,
    enable,
    netdevs_of,
    read,
    refusal,
    write,
)


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
