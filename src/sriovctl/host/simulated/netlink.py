"""Route netlink of the simulated host: raw messages in, raw messages out."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from sriovctl.codec import rtnl, rtnl_address, rtnl_route
from sriovctl.codec.netlink import NLM_F_DUMP, decode_header
from sriovctl.codec.rtnl import LinkQuery, decode_getlink
from sriovctl.codec.rtnl_address import encode_address
from sriovctl.codec.rtnl_change import decode_set_link, decode_set_vfs
from sriovctl.codec.rtnl_link_encode import encode_link
from sriovctl.codec.rtnl_probe import is_vlan_probe
from sriovctl.codec.rtnl_route import decode_get_route, encode_route
from sriovctl.host.simulated.drivers import Driver, VFSupport
from sriovctl.host.simulated.events import announce_link
from sriovctl.host.simulated.functions import Netdev, SRIOVState, VFRecord
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.network import SimulatedNetwork
from sriovctl.host.simulated.tree import refuse
from sriovctl.model.functions import NO_MAC, VLAN, EswitchMode, VFAttributes
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import UNSET, WantedVF

_MULTICAST_BIT = 1

# The order of do_setvfinfo(), net/core/rtnetlink.c.
_KERNEL_ORDER = (
    "admin_mac",
    "vlan",
    "max_tx_rate_mbps",
    "spoofchk",
    "link_state",
    "rss_query",
    "trust",
    "node_guid",
    "port_guid",
)


class SimulatedRouteNetlink:
    """A :class:`sriovctl.host.api.RouteNetlink` of the simulated kernel."""

    def __init__(self, kernel: SimulatedKernel, network: SimulatedNetwork) -> None:
        self._kernel = kernel
        self._network = network
        self._failures: list[int] = []
        self.requests: list[bytes] = []  # for tests to count

    def fail(self, number: int, *, times: int = 1) -> None:
        """Answer the next requests with an errno, for tests."""
        self._failures.extend([number] * times)

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Answer each request; see :class:`sriovctl.host.api.RouteNetlink`."""
        return tuple(self._answer(request) for request in requests)

    def _answer(self, request: bytes) -> NetlinkAnswer:
        self.requests.append(request)
        try:
            if self._failures:
                raise refuse(self._failures.pop(0))
            return NetlinkAnswer(0, None, self._dispatch(request))
        except OSError as exc:
            return NetlinkAnswer(exc.errno or errno.EIO, None, ())

    def _dispatch(self, request: bytes) -> tuple[bytes, ...]:
        header = decode_header(request)
        is_dump = header.flags & NLM_F_DUMP == NLM_F_DUMP
        match header.type:
            case rtnl.RTM_GETLINK:
                return self._get_link(decode_getlink(request), is_dump=is_dump)
            case rtnl.RTM_SETLINK:
                self._set_link(request)
                return ()
            case rtnl_address.RTM_GETADDR if is_dump:
                return tuple(map(encode_address, self._network.addresses()))
            case rtnl_route.RTM_GETROUTE if is_dump:
                return tuple(map(encode_route, self._network.routes()))
            case rtnl_route.RTM_GETROUTE:
                destination = decode_get_route(request).destination or "0.0.0.0"
                return (encode_route(self._network.route_to(destination)),)
        raise refuse(errno.EOPNOTSUPP)

    def _get_link(self, query: LinkQuery, *, is_dump: bool) -> tuple[bytes, ...]:
        virtual = self._network.virtual_links()
        if is_dump:
            cards = (self._describe(each, query) for each in self._kernel.netdevs_here())
            return (*map(encode_link, virtual), *cards)
        for link in virtual:
            if link.ifindex == query.ifindex or (
                query.ifindex is None and link.ifname == query.ifname
            ):
                return (encode_link(link),)
        return (self._describe(self._find(query.ifindex, query.ifname), query),)

    def _find(self, ifindex: int | None, ifname: str | None) -> Netdev:
        for netdev in self._kernel.netdevs_here():
            if netdev.ifindex == ifindex or (ifindex is None and netdev.name == ifname):
                return netdev
        raise refuse(errno.ENODEV if ifindex or ifname else errno.EINVAL)

    def _describe(self, netdev: Netdev, query: LinkQuery) -> bytes:
        # rtnl_fill_vf(): a parent device without VFs says 0; one that cannot have any, too.  A
        # representor has the PF for its parent, but no ndo_get_vf_config().
        state = netdev.function.sriov
        with_attributes = query.with_vfs and netdev.represents is None
        with_vfs = query.with_vfs
        report = LinkReport(
            ifindex=netdev.ifindex,
            ifname=netdev.name,
            mac=netdev.mac,
            permanent_mac=netdev.mac if netdev.random_mac else netdev.function.mac,
            up=netdev.is_up,
            mtu=netdev.mtu,
            phys_port_name=netdev.port_name,
            num_vfs=(state.capability.num_vfs if state else 0) if with_vfs else None,
            parent_device=netdev.function.name,
            parent_bus="pci",
            vfs=_reported(state.records, query) if state and with_attributes else (),
            carrier=self._kernel.has_carrier(netdev),
            counters=netdev.counters,
        )
        return encode_link(self._network.placed(report))

    def _set_link(self, request: bytes) -> None:
        change = decode_set_link(request)
        netdev = self._find(change.ifindex, None)
        if change.mtu is not None:
            self._kernel.set_mtu(netdev, change.mtu)
        if change.name is not None:
            taken = {link.ifname for link in self._network.links()}
            self._kernel.rename_netdev(netdev, change.name, taken=taken)
        if change.up is not None:
            self._kernel.set_link_up(netdev, up=change.up)
        if is_vlan_probe(request, netdev.ifindex):
            driver = netdev.function.driver
            raise refuse(errno.EINVAL if driver and driver.vfs else errno.EOPNOTSUPP)
        # In the order of the message; what came before a refusal stays (do_setlink()).
        changes = decode_set_vfs(request)[1]
        try:
            for vf_index, wanted in changes:
                self._set_vf(netdev, vf_index, wanted)
        finally:
            if changes and netdev.is_up:
                announce_link(self._kernel, netdev)

    def _set_vf(self, netdev: Netdev, vf_index: int, wanted: WantedVF) -> None:
        driver, state = netdev.function.driver, netdev.function.sriov
        if driver is None or driver.vfs is None or state is None or netdev.represents is not None:
            raise refuse(errno.EOPNOTSUPP)
        _require_supported_first(driver.vfs, wanted, has_vfs=bool(state.records))
        if vf_index >= len(state.records):
            raise refuse(errno.EINVAL)
        refused = _refused_now(driver, state)
        record = state.records[vf_index]
        if self._kernel.clock.now() < record.ready_at:
            raise refuse(driver.vfs.errno_in_reset)
        if wanted.admin_mac is not UNSET:
            _set_mac(record, wanted.admin_mac)
        if wanted.vlan is not UNSET:
            _set_vlan(driver.vfs, record, wanted.vlan, refused)
        if wanted.max_tx_rate_mbps is not UNSET:
            has_carrier = self._kernel.has_carrier(netdev)
            _set_rates(driver.vfs, record, wanted, has_carrier=has_carrier)
        _set_switches(driver.vfs, record, wanted, refused)


def _reported(records: Sequence[VFRecord], query: LinkQuery) -> tuple[VFAttributes, ...]:
    # rtnl_fill_vfinfo(): counters are there whether the driver has any or not.
    if not query.with_counters:
        return tuple(record.attributes for record in records)
    return tuple(record.attributes._replace(counters=record.counters) for record in records)


def _refused_now(driver: Driver, state: SRIOVState) -> frozenset[str]:
    # What the driver takes in mode legacy only.
    if driver.eswitch is None or state.eswitch_mode is EswitchMode.LEGACY:
        return frozenset()
    return driver.eswitch.refuses_in_switchdev


# The kernel knows what a driver lacks before the driver looks at the VF's number, but only for
# the attribute whose turn it is: with nothing else wanted, EOPNOTSUPP comes before EINVAL.
def _require_supported_first(support: VFSupport, wanted: WantedVF, *, has_vfs: bool) -> None:
    present = [name for name in _KERNEL_ORDER if getattr(wanted, name) is not UNSET]
    if not present:
        return
    denied = not has_vfs and present[0] in support.denied_without_vfs
    if denied or not _offers(support, present[0]):
        raise refuse(errno.EOPNOTSUPP)


def _offers(support: VFSupport, name: str) -> bool:
    if name in ("min_tx_rate_mbps", "max_tx_rate_mbps"):
        return support.rates
    return bool(getattr(support, name, True))


def _set_mac(record: VFRecord, mac: str) -> None:
    if int(mac[:2], 16) & _MULTICAST_BIT:
        raise refuse(errno.EINVAL)
    # All zero gives the choice back to the VF.
    record.admin_mac_set = mac != NO_MAC
    record.attributes = record.attributes._replace(admin_mac=mac)


def _set_vlan(support: VFSupport, record: VFRecord, vlan: VLAN, refused: frozenset[str]) -> None:
    if vlan.id > support.max_vlan_id or vlan.qos > 7:
        raise refuse(errno.EINVAL)
    if vlan.protocol not in support.vlan_protocols:
        raise refuse(errno.EPROTONOSUPPORT)
    if "vlan" in refused:
        if vlan.id == 0:
            return  # taken and ignored, for libvirt's sake: mlx5_eswitch_set_vport_vlan()
        raise refuse(errno.EOPNOTSUPP)
    record.attributes = record.attributes._replace(vlan=vlan)


def _set_rates(
    support: VFSupport, record: VFRecord, wanted: WantedVF, *, has_carrier: bool
) -> None:
    if not support.rates:
        raise refuse(errno.EOPNOTSUPP)
    assert wanted.max_tx_rate_mbps is not UNSET
    minimum = wanted.min_tx_rate_mbps
    if minimum is UNSET:
        minimum = record.attributes.min_tx_rate_mbps or 0
    maximum = wanted.max_tx_rate_mbps
    if minimum and not support.min_rate:
        raise refuse(errno.EINVAL)
    if maximum and minimum > maximum:
        raise refuse(errno.EINVAL)
    if support.rates_need_link and not has_carrier:
        raise refuse(errno.EINVAL)
    if maximum > support.link_speed_mbps or 0 < maximum < support.least_rate_mbps:
        raise refuse(errno.EINVAL)
    record.attributes = record.attributes._replace(
        min_tx_rate_mbps=minimum, max_tx_rate_mbps=maximum
    )


def _set_switches(
    support: VFSupport, record: VFRecord, wanted: WantedVF, refused: frozenset[str]
) -> None:
    for name in ("spoofchk", "link_state", "rss_query", "trust", "node_guid", "port_guid"):
        value = getattr(wanted, name)
        if value is UNSET:
            continue
        if name in refused or not _offers(support, name):
            raise refuse(errno.EOPNOTSUPP)
        if value in support.ignored_link_states:
            continue
        record.attributes = record.attributes._replace(**{name: value})
