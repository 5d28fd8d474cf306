"""The simulated kernel: the PCI bus, drivers binding, VFs coming and going.

Theory of operation.  State lives in :class:`Function` objects; the virtual sysfs shows it.  What
is a plain value is read from the object when somebody asks; what changes the *shape* of the tree
(a device, a link to its driver, a netdev) is added and removed by the methods below, in the order
in which the kernel does it, because others may look in between.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from sriovctl.host.simulated import eswitch, layout
from sriovctl.host.simulated.clock import SimulatedClock
from sriovctl.host.simulated.drivers import Driver, VFSupport
from sriovctl.host.simulated.events import SimulatedEvents, announce_function, announce_link
from sriovctl.host.simulated.functions import (
    Function,
    Netdev,
    VFRecord,
    vf_bar_resources,
)
from sriovctl.host.simulated.groups import group_to_join
from sriovctl.host.simulated.msix import initial_vectors
from sriovctl.host.simulated.tree import VirtualTree, refuse
from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.functions import NO_MAC, VLAN, EswitchMode, LinkState, VFAttributes

_LOOPBACK_IFINDEX = 1
_MIN_MTU = 68  # ETH_MIN_MTU


class SimulatedKernel:
    """Everything behind the doors of a simulated host.

    :param drivers: the drivers that are loaded.
    :param iommu: whether functions get IOMMU groups.
    """

    def __init__(
        self,
        tree: VirtualTree,
        clock: SimulatedClock,
        *,
        drivers: Iterable[Driver],
        iommu: bool = True,
    ) -> None:
        self.tree = tree
        self.clock = clock
        self.drivers = {driver.name: driver for driver in drivers}
        self.has_iommu = iommu
        self.functions: dict[PCIAddress, Function] = {}
        self.netdevs: dict[int, Netdev] = {}
        self.listeners: list[SimulatedEvents] = []
        self._last_ifindex = _LOOPBACK_IFINDEX
        self._random_macs = 0
        layout.publish_bus(self)

    # --- devices -------------------------------------------------------------------------

    def add_function(self, function: Function) -> None:
        """Let a function appear, and its driver probe it."""
        if self.has_iommu and function.iommu_group is None:
            group = group_to_join(function, self.functions.values())
            function.iommu_group = self._free_group() if group is None else group
        self.functions[function.address] = function
        layout.publish_function(self, function)
        if function.can_probe:
            self._find_driver(function)

    def remove_function(self, function: Function) -> None:
        """Let a function go, as by surprise removal: its VFs, driver and netdev go with it."""
        if function.sriov is not None:
            self.remove_vfs(function)
        if function.driver is not None:
            self.release(function)
        layout.withdraw_function(self, function)
        del self.functions[function.address]

    def _free_group(self) -> int:
        taken = {function.iommu_group for function in self.functions.values()}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def find_by_name(self, name: str) -> Function | None:
        """Find a function by its name in sysfs."""
        for function in self.functions.values():
            if function.name == name.strip():
                return function
        return None

    # --- drivers -------------------------------------------------------------------------

    def _matches(self, driver: Driver, function: Function) -> bool:
        # pci_match_device(): an override is the only match, whatever the ids.
        if function.driver_override is not None:
            return function.driver_override == driver.name
        return (function.vendor_id, function.device_id) in driver.ids

    def _find_driver(self, function: Function) -> None:
        for driver in self.drivers.values():
            if self._matches(driver, function):
                self.probe(driver, function)
                return

    def probe(self, driver: Driver, function: Function) -> None:
        """Let *driver* take *function*, unless its ``probe()`` fails.

        :raises OSError: EBUSY, another driver has it; ENODEV, it may not be probed.
        """
        if function.driver is not None:
            raise refuse(errno.EBUSY)
        if not function.can_probe:
            raise refuse(errno.ENODEV)
        if driver.refuses_vfs and function.physfn is not None:
            return
        function.driver = driver
        if function.sriov is not None:
            function.sriov.driver_limit = driver.max_vfs
        layout.publish_driver(self, function)
        if driver.makes_netdev:
            # A PF's port of the eswitch leads to the wire, a VF's own netdev is no port of it.
            port = f"p{function.address.function}" if eswitch.has_eswitch(function) else None
            function.netdev = self.add_netdev(function, port_name=port)
        if driver.makes_controller:
            taken = {one.controller for one in self.functions.values()}
            function.controller = _free_name("nvme", taken)
            layout.publish_controller(self, function)

    def release(self, function: Function) -> None:
        """Take a function's driver away."""
        driver = function.driver
        if driver is None:
            return
        if function.sriov is not None and driver.removes_vfs:
            self.remove_vfs(function)
        if function.netdev is not None:
            self.remove_netdev(function.netdev)
            function.netdev = None
        if function.controller is not None:
            layout.withdraw_controller(self, function)
            function.controller = None
        layout.withdraw_driver(self, function)
        function.driver = None
        if function.sriov is not None:
            function.sriov.driver_limit = None
            function.sriov.eswitch_mode = EswitchMode.LEGACY  # the driver's, gone with it

    def bind(self, driver: Driver, name: str) -> None:
        """Write to a driver's ``bind`` (``bind_store()``, drivers/base/bus.c).

        :raises OSError: ENODEV if there is no such function or it does not match.
        """
        function = self.find_by_name(name)
        if function is None or not self._matches(driver, function):
            raise refuse(errno.ENODEV)
        self.probe(driver, function)
        if function.driver is None:
            raise refuse(errno.ENODEV)

    def unbind(self, driver: Driver, name: str) -> None:
        """Write to a driver's ``unbind``.

        :raises OSError: ENODEV if the driver does not have it.
        """
        function = self.find_by_name(name)
        if function is None or function.driver is not driver:
            raise refuse(errno.ENODEV)
        self.release(function)

    def drivers_probe(self, name: str) -> None:
        """Write to ``drivers_probe``: look for a driver.  To find none is success.

        :raises OSError: ENODEV if there is no such function.
        """
        function = self.find_by_name(name)
        if function is None:
            raise refuse(errno.ENODEV)
        if function.driver is None and function.can_probe:
            self._find_driver(function)

    # --- netdevs -------------------------------------------------------------------------

    def add_netdev(
        self, function: Function, *, port_name: str | None, represents: int | None = None
    ) -> Netdev:
        """Make a netdev of a function: its own, or a PF's for the VF that it represents."""
        own = represents is None
        mac, is_random = self._mac_for(function) if own else (self._random_mac(), True)
        netdev = Netdev(
            name=_free_name("eth", {netdev.name for netdev in self.netdevs_here()}),
            ifindex=self.next_ifindex(),
            mac=mac,
            function=function,
            random_mac=is_random,
            port_name=port_name,
            represents=represents,
        )
        self.netdevs[netdev.ifindex] = netdev
        layout.publish_netdev(self, netdev)
        return netdev

    def remove_netdev(self, netdev: Netdev) -> None:
        """Take a netdev away."""
        layout.withdraw_netdev(self, netdev)
        del self.netdevs[netdev.ifindex]

    def netdevs_here(self) -> list[Netdev]:
        """Netdevs of the host's own network namespace."""
        return [netdev for netdev in self.netdevs.values() if netdev.namespace is None]

    def rename_netdev(self, netdev: Netdev, name: str, *, taken: Iterable[str]) -> None:
        """Do what ``ip link set … name`` does.

        :param taken: names in its namespace.
        :raises OSError: EEXIST, another one there is called so (``dev_change_name()``).
        """
        if name == netdev.name:
            return
        if name in taken:
            raise refuse(errno.EEXIST)
        layout.rename_netdev(self, netdev, name)

    def next_ifindex(self) -> int:
        """Number a new netdev; numbers do not come again."""
        self._last_ifindex += 1
        return self._last_ifindex

    def _mac_for(self, function: Function) -> tuple[str, bool]:
        record = self._record_of(function)
        if record is None:
            return function.mac or self._random_mac(), function.mac is None
        admin_mac = record.attributes.admin_mac
        if record.admin_mac_set and admin_mac is not None:
            return admin_mac, False
        # A VF without a MAC of the administrator's makes one up and tells the PF, which reports
        # it from then on as if it had been set (seen with igbvf; igb_set_vf_mac_addr()).  A PF
        # whose netdev is down does not listen.
        mac = self._random_mac()
        pf = function.physfn
        if pf is not None and pf.netdev is not None and pf.netdev.is_up:
            record.attributes = record.attributes._replace(admin_mac=mac)
        return mac, True

    def _random_mac(self) -> str:
        self._random_macs += 1
        return f"02:00:5e:00:{self._random_macs >> 8 & 0xFF:02x}:{self._random_macs & 0xFF:02x}"

    def _record_of(self, function: Function) -> VFRecord | None:
        pf = function.physfn
        if pf is None or pf.sriov is None or function.vf_index is None or not pf.sriov.records:
            return None
        return pf.sriov.records[function.vf_index]

    def set_link_up(self, netdev: Netdev, *, up: bool) -> None:
        """Do what ``ip link set … up`` (or ``down``) does."""
        if up and not netdev.is_up:
            self._reset_link(netdev)
        netdev.is_up = up
        announce_link(self, netdev)

    def set_mtu(self, netdev: Netdev, mtu: int) -> None:
        """Do what ``ip link set … mtu`` does; a driver that is up restarts for it (igb).

        :raises OSError: EINVAL, out of the driver's range (dev_validate_mtu(), net/core/dev.c).
        """
        driver = netdev.function.driver
        if not _MIN_MTU <= mtu <= (driver.max_mtu if driver else _MIN_MTU):
            raise refuse(errno.EINVAL)
        if mtu != netdev.mtu and netdev.is_up:
            self._reset_link(netdev)
        netdev.mtu = mtu
        announce_link(self, netdev)

    def has_carrier(self, netdev: Netdev) -> bool:
        """Whether the link is up."""
        return netdev.is_up and self.clock.now() >= netdev.carrier_at

    def _reset_link(self, netdev: Netdev) -> None:
        driver = netdev.function.driver
        netdev.carrier_at = self.clock.now() + (driver.link_delay_s if driver else 0.0)

    # --- SR-IOV --------------------------------------------------------------------------

    def set_num_vfs(self, pf: Function, text: str) -> None:
        """Write to ``sriov_numvfs``.  The order of the tests is the kernel's.

        :raises OSError: as the kernel refuses.

        Source: kernel ``drivers/pci/iov.c``, ``sriov_numvfs_store()``.
        """
        assert pf.sriov is not None  # only a PF has the attribute
        number = _parse_u16(text)
        if number > pf.sriov.total_vfs:
            raise refuse(errno.ERANGE)
        if number == pf.sriov.capability.num_vfs:
            return
        if pf.driver is None or not pf.driver.configures_sriov:
            raise refuse(errno.ENOENT)
        if number and pf.sriov.capability.num_vfs:
            raise refuse(errno.EBUSY)
        if pf.driver.ignores_count_while_down and not (pf.netdev and pf.netdev.is_up):
            return
        if number:
            self._add_vfs(pf, number)
        else:
            self.remove_vfs(pf)
        if pf.netdev is not None and pf.driver.resets_on_sriov:
            self._reset_link(pf.netdev)

    def _add_vfs(self, pf: Function, number: int) -> None:
        assert pf.sriov is not None
        capability = pf.sriov.capability
        addresses = [
            vf_address(
                pf.address,
                index,
                first_vf_offset=capability.first_vf_offset,
                vf_stride=capability.vf_stride,
            )
            for index in range(number)
        ]
        last_bus = pf.parent.buses[1] if pf.parent and pf.parent.buses else 0xFF
        if addresses[-1].bus > last_bus:
            raise refuse(errno.ENOMEM)
        support = pf.driver.vfs if pf.driver else None
        if support is not None:
            ready_at = self.clock.now() + support.reset_s
            pf.sriov.records = [
                VFRecord(_fresh(i, support), ready_at=ready_at) for i in range(number)
            ]
        pf.sriov.capability = capability._replace(num_vfs=number, vf_enable=True, vf_mse=True)
        eswitch.add_representors(self, pf, number)
        for index, address in enumerate(addresses):
            vf = _make_vf(pf, index, address, vectors=initial_vectors(pf, number))
            pf.sriov.vfs.append(vf)
            self.add_function(vf)
            layout.publish_vf_links(self, vf)
        announce_function(self, "change", pf)

    def remove_vfs(self, pf: Function) -> None:
        """Disable SR-IOV: the VFs go, and with them all that the driver held for them."""
        assert pf.sriov is not None
        for vf in pf.sriov.vfs:
            layout.withdraw_vf_links(self, vf)
            self.remove_function(vf)
        pf.sriov.vfs.clear()
        pf.sriov.records.clear()
        eswitch.remove_representors(self, pf)
        pf.sriov.capability = pf.sriov.capability._replace(num_vfs=0, vf_enable=False, vf_mse=False)


def _free_name(kind: str, taken: Iterable[str | None]) -> str:
    used = set(taken)
    return next(name for n in range(len(used) + 1) if (name := f"{kind}{n}") not in used)


def _parse_u16(text: str) -> int:
    # kstrtou16(…, 0, …): decimal, or C's prefixes; one newline may follow.
    digits = text.removesuffix("\n").removeprefix("+").lower()
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    body = digits.removeprefix("0x")
    if not body.isalnum() or not body.isascii():
        raise refuse(errno.EINVAL)
    try:
        number = int(body, base)
    except ValueError:
        raise refuse(errno.EINVAL) from None
    if number > 0xFFFF:
        raise refuse(errno.EINVAL)  # the store function hides kstrtou16's ERANGE
    return number


def _fresh(vf_index: int, support: VFSupport) -> VFAttributes:
    return VFAttributes(
        vf_index=vf_index,
        admin_mac=NO_MAC,
        vlan=VLAN(0),
        spoofchk=support.spoofchk_default if support.spoofchk else None,
        rss_query=False if support.rss_query else None,
        trust=False,
        link_state=LinkState.AUTO,
        min_tx_rate_mbps=0,
        max_tx_rate_mbps=0,
    )


def _make_vf(pf: Function, vf_index: int, address: PCIAddress, *, vectors: int) -> Function:
    assert pf.sriov is not None
    capability = pf.sriov.capability
    return Function(
        address=address,
        vendor_id=pf.vendor_id,
        device_id=capability.vf_device_id,
        class_code=pf.class_code,
        revision=pf.revision,
        subsystem=pf.subsystem,
        parent=pf.parent,
        numa_node=pf.numa_node,
        resources=vf_bar_resources(capability.vf_bars, vf_index),
        config_options={
            "ari": True,
            "flr": True,
            "msix_vectors": vectors,
            "msix_enabled": False,
        },
        physfn=pf,
        vf_index=vf_index,
    )
