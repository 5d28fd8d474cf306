"""Read what PFs and VFs have sent and received.

One question for each PF with a netdev brings its own counters and those that its driver keeps for
its VFs; one more for the whole host those of the VFs' netdevs and representors, where there are
any that matter.  So the cost does not grow with the number of questions when VFs are many.

A VF's counters come from the first of these that counts: the PF's driver, which sees a VF wherever
it is used; the VF's own netdev, if it is on this host; its representor.
"""

from __future__ import annotations

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.link import read_link
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.counters import CounterSource, PFTraffic, Traffic, VFTraffic
from sriovctl.model.eswitch import represented_vf
from sriovctl.model.functions import VFCounters
from sriovctl.model.record import NamedTuple
from sriovctl.planner.driver_counters import meaningful_counters, representors_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.engine.inventory import NameLookup
    from sriovctl.host.api import Host, Journal
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.link import LinkReport, NetdevCounters

_ATTEMPTS = 3

OSRELEASE = "/proc/sys/kernel/osrelease"


def read_traffic(host: Host, *, name_of: NameLookup) -> tuple[PFTraffic, ...]:
    """Read all PFs of a host with their VFs and the counters of both, in the inventory's order.

    :param name_of: the name of a vendor and device id pair (four hex digits each).
    :raises LostError: a PF went away while it was read.
    :raises HostError: the kernel refused a read.
    """
    pfs = read_inventory(host, name_of=name_of, with_links=False)
    netdevs = _read_netdevs(host, pfs)
    kernel = host.files.read_text(OSRELEASE)
    return tuple(_read_pf(host, pf, netdevs, kernel) for pf in pfs)


def read_settled_traffic(host: Host) -> tuple[PFTraffic, ...]:
    """Do the same on a host whose PFs come and go; without the names of devices.

    :raises LostError: PFs went away while they were read, again and again.
    :raises HostError: the kernel refused a read.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return read_traffic(host, name_of=lambda *_: None)
        except LostError:
            continue  # the next look is without it
    return read_traffic(host, name_of=lambda *_: None)


def read_wedged(journal: Journal, pfs: Sequence[PFTraffic]) -> tuple[PFTraffic, ...]:
    """Write into *pfs* whether the kernel hangs in what sriovctl asked of them.

    What this user may not know stays None.

    :raises HostError: the state directory cannot be read.
    """
    try:
        wedged = journal.wedged([one.pf.device for one in pfs])
    except PermissionDenied:
        return tuple(pfs)
    return tuple(one._replace(wedged=one.pf.device in wedged) for one in pfs)


class _Netdevs(NamedTuple):
    # What the host's netdevs say, as far as VFs may need it.
    by_name: Mapping[str, LinkReport]
    by_vf: Mapping[tuple[str, int], LinkReport]  # representors, by device of the PF and vf_index


def _read_netdevs(host: Host, pfs: Sequence[PF]) -> _Netdevs:
    wanted = any(vf.netdev for pf in pfs for vf in pf.vfs)
    if not wanted and not any(pf.num_vfs and representors_count(pf) for pf in pfs):
        return _Netdevs({}, {})
    (answer,) = host.rtnl.exchange([encode_link_dump(with_vfs=False)])
    if answer.errno:
        evidence = {"errno": errno_name(answer.errno)}
        raise HostError("the kernel did not list its netdevs", evidence=evidence)
    links = [decode_link(payload) for payload in answer.payloads]
    return _Netdevs(
        {link.ifname: link for link in links},
        {
            (link.parent_device, vf_index): link
            for link in links
            if link.parent_device and (vf_index := represented_vf(link.phys_port_name)) is not None
        },
    )


def _read_pf(host: Host, pf: PF, netdevs: _Netdevs, kernel: str | None) -> PFTraffic:
    link = _read_link(host, pf.netdev)
    at_s = host.clock.now()
    if link is None:
        vfs = tuple(_traffic_of_vf(pf, vf, frozenset(), netdevs) for vf in pf.vfs)
        return PFTraffic(pf, at_s, vfs=vfs)
    known = meaningful_counters(pf, link.vfs, kernel=kernel)
    attributes = {vf.vf_index: vf for vf in link.vfs}
    told = [vf._replace(attributes=attributes.get(vf.vf_index)) for vf in pf.vfs]
    return PFTraffic(
        pf=pf._replace(
            vfs=tuple(told),
            up=link.up,
            mtu=link.mtu,
            permanent_mac=link.permanent_mac,
            phys_port_name=link.phys_port_name,
        ),
        at_s=at_s,
        counters=_of_netdev(link.counters),
        carrier=link.carrier,
        vfs=tuple(_traffic_of_vf(pf, vf, known, netdevs) for vf in told),
    )


def _read_link(host: Host, netdev: str | None) -> LinkReport | None:
    if netdev is None:
        return None
    try:
        return read_link(host.rtnl, netdev, with_counters=True)
    except LostError:
        return None  # it was renamed, or is in another network namespace


def _traffic_of_vf(pf: PF, vf: VF, known: frozenset[str], netdevs: _Netdevs) -> VFTraffic:
    own = netdevs.by_name.get(vf.netdev or "")
    up, carrier = (own.up, own.carrier) if own else (None, None)
    shown = vf.attributes.counters if vf.attributes else None
    if known and shown is not None:
        counters = _of_pf_driver(shown, known)
        return VFTraffic(vf, CounterSource.PF_DRIVER, counters, up, carrier)
    if own is not None:
        return VFTraffic(vf, CounterSource.VF_NETDEV, _of_netdev(own.counters), up, carrier)
    representor = netdevs.by_vf.get((pf.device, vf.vf_index)) if representors_count(pf) else None
    if representor is not None:
        counters = _of_representor(representor.counters)
        return VFTraffic(vf, CounterSource.REPRESENTOR, counters)
    return VFTraffic(vf)


def _of_pf_driver(shown: VFCounters, known: frozenset[str]) -> Traffic:
    told = {name: n for name, n in zip(shown._fields, shown, strict=True) if name in known}
    multicast, broadcast = told.pop("multicast", None), told.pop("broadcast", None)
    return Traffic(**told, rx_multicast=multicast, rx_broadcast=broadcast)


def _of_netdev(shown: NetdevCounters | None) -> Traffic:
    if shown is None:
        return Traffic()
    told = shown._asdict()
    multicast = told.pop("multicast")
    return Traffic(**told, rx_multicast=multicast)


# What it receives its VF has sent.  The rest is that of its own port, or is never filled in.
def _of_representor(shown: NetdevCounters | None) -> Traffic:
    if shown is None:
        return Traffic()
    return Traffic(
        rx_packets=shown.tx_packets,
        tx_packets=shown.rx_packets,
        rx_bytes=shown.tx_bytes,
        tx_bytes=shown.rx_bytes,
    )
