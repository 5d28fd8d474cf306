"""What a host's PFs, VFs and leases do, as metric families and as JSON.  Pure.

The labels ``pf`` and ``vf_index`` name a function for as long as it is in its slot.  What may
change meanwhile (the name of a netdev, a driver, a user) stands in an info metric beside it, to be
joined, so that no series ends because somebody renamed a netdev.

What is not known has no sample.  Never is 0 written for it.
"""

from __future__ import annotations

from collections import Counter

from sriovctl.model.counters import Traffic
from sriovctl.model.functions import name_of_vf
from sriovctl.model.lease import LeaseStatus
from sriovctl.model.metrics import MetricFamily, MetricKind, MetricSample
from sriovctl.model.owner import OwnerKind
from sriovctl.model.record import NamedTuple
from sriovctl.render.inventory_json import pf_as_json, vfs_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sriovctl.model.counters import PFTraffic, VFTraffic
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Lease
    from sriovctl.model.owner import Owner, OwnerMap

    Labels = tuple[tuple[str, str], ...]


class HostMetrics(NamedTuple):
    """What one look at a host brought."""

    pfs: tuple[PFTraffic, ...]
    version: str  # of sriovctl
    leases: tuple[Lease, ...] | None = None  # as they are at this moment; None: not known
    owners: OwnerMap | None = None  # None: not asked


class _Count(NamedTuple):
    field: str  # of Traffic
    name: str
    meaning: str
    unit: str | None = None


_COUNTS = (
    _Count("rx_packets", "receive_packets", "Packets received"),
    _Count("tx_packets", "transmit_packets", "Packets sent"),
    _Count("rx_bytes", "receive_bytes", "Bytes received", "bytes"),
    _Count("tx_bytes", "transmit_bytes", "Bytes sent", "bytes"),
    _Count("rx_multicast", "receive_multicast_packets", "Multicast packets received"),
    _Count("rx_broadcast", "receive_broadcast_packets", "Broadcast packets received"),
    _Count("rx_dropped", "receive_dropped_packets", "Packets received, and dropped"),
    _Count("tx_dropped", "transmit_dropped_packets", "Packets to be sent, and dropped"),
    _Count("rx_missed", "receive_missed_packets", "Packets that found no room in the card"),
    _Count("rx_errors", "receive_errors", "Packets received with an error"),
    _Count("tx_errors", "transmit_errors", "Packets that could not be sent for an error"),
)


def metric_families(host: HostMetrics) -> tuple[MetricFamily, ...]:
    """Shape all that is known of a host.  Pure; families may have no sample."""
    build = MetricSample((("version", host.version),), 1)
    return (
        MetricFamily("sriovctl_build", MetricKind.INFO, "Version of sriovctl", (build,)),
        *_pf_families(host.pfs),
        *_use_families(host),
        *_pf_counters(host.pfs),
        *_vf_families(host.pfs),
        *_vf_counters(host.pfs),
        _owner_family(host),
        _lease_family(host.leases),
    )


# --- PFs -------------------------------------------------------------------------------------


def _pf_families(pfs: Sequence[PFTraffic]) -> Iterator[MetricFamily]:
    infos = tuple(MetricSample(_pf_info(one.pf), 1) for one in pfs)
    yield MetricFamily("sriov_pf", MetricKind.INFO, "What a PF is", infos)
    for name, meaning, values in (
        ("num_vfs", "VFs that are enabled", [one.pf.num_vfs for one in pfs]),
        ("total_vfs", "VFs that can be enabled at most", [one.pf.total_vfs for one in pfs]),
        ("up", "Whether the PF's netdev is administratively up", [one.pf.up for one in pfs]),
        ("carrier", "Whether the PF's netdev is up and has a link", [one.carrier for one in pfs]),
        (
            "wedged",
            "Whether the kernel hangs in a write that sriovctl asked it for",
            [one.wedged for one in pfs],
        ),
    ):
        labelled = zip((_of_pf(one.pf) for one in pfs), values, strict=True)
        yield _gauge(f"sriov_pf_{name}", meaning, labelled)


def _pf_info(pf: PF) -> Labels:
    return (
        *_of_pf(pf),
        *_told(
            netdev=pf.netdev,
            driver=pf.driver,
            vendor_id=pf.vendor_id,
            device_id=pf.device_id,
            name=pf.name,
            numa_node=pf.numa_node,
        ),
    )


def _pf_counters(pfs: Sequence[PFTraffic]) -> Iterator[MetricFamily]:
    told = [(_of_pf(one.pf), one.counters) for one in pfs]
    for count in _COUNTS:
        yield _counter("sriov_pf", count, f"{count.meaning}, as the PF's netdev counts", told)


# --- how VFs are used ------------------------------------------------------------------------


class _Use(NamedTuple):
    leased: int
    in_use: int | None  # and not leased; None: not asked
    free: int | None


def _use_families(host: HostMetrics) -> Iterator[MetricFamily]:
    if host.leases is None:
        return
    uses = [(_of_pf(one.pf), _use_of(one, host.leases, host.owners)) for one in host.pfs]
    for name, meaning, values in (
        ("leased", "VFs that are lent", [use.leased for _, use in uses]),
        ("in_use", "VFs that are not lent, and used", [use.in_use for _, use in uses]),
        ("free", "VFs that are neither lent nor used", [use.free for _, use in uses]),
    ):
        labelled = zip((labels for labels, _ in uses), values, strict=True)
        yield _gauge(f"sriov_pf_vfs_{name}", meaning, labelled)


def _use_of(one: PFTraffic, leases: Sequence[Lease], owners: OwnerMap | None) -> _Use:
    lent = {
        lease.vf_index
        for lease in leases
        if lease.pf_device == one.pf.device and lease.status is not LeaseStatus.LOST
    }
    lent &= {vf.vf.vf_index for vf in one.vfs}
    if owners is None:
        return _Use(len(lent), None, None)
    used = {
        vf.vf.vf_index for vf in one.vfs if _users(owners.get(name_of_vf(one.pf, vf.vf), ()))
    } - lent
    return _Use(len(lent), len(used), len(one.vfs) - len(lent) - len(used))


def _users(owners: Iterable[Owner]) -> list[Owner]:
    return [owner for owner in owners if owner.kind is not OwnerKind.LEASE]


# --- VFs -------------------------------------------------------------------------------------


def _vf_families(pfs: Sequence[PFTraffic]) -> Iterator[MetricFamily]:
    vfs = [(one.pf, vf) for one in pfs for vf in one.vfs]
    infos = tuple(MetricSample(_vf_info(pf, vf), 1) for pf, vf in vfs)
    yield MetricFamily("sriov_vf", MetricKind.INFO, "What a VF is", infos)
    for name, meaning, values in (
        ("up", "Whether the VF's netdev is administratively up", [vf.up for _, vf in vfs]),
        ("carrier", "Whether the VF's netdev is up and has a link", [vf.carrier for _, vf in vfs]),
    ):
        labelled = zip((_of_vf(pf, vf) for pf, vf in vfs), values, strict=True)
        yield _gauge(f"sriov_vf_{name}", meaning, labelled)
    states = tuple(
        MetricSample((*_of_vf(pf, vf), ("state", state)), 1)
        for pf, vf in vfs
        if (state := vf.vf.attributes.link_state if vf.vf.attributes else None)
    )
    meaning = "Policy of the VF's link: auto, enable or disable"
    yield MetricFamily("sriov_vf_link_state", MetricKind.INFO, meaning, states)


def _vf_info(pf: PF, one: VFTraffic) -> Labels:
    vf = one.vf
    address = None if vf.address is None else str(vf.address)
    return (*_of_vf(pf, one), *_told(address=address, netdev=vf.netdev, driver=vf.driver))


def _vf_counters(pfs: Sequence[PFTraffic]) -> Iterator[MetricFamily]:
    # Each source counts by itself, so each has series of its own.
    told = [
        ((*_of_vf(one.pf, vf), ("source", str(vf.source))), vf.counters)
        for one in pfs
        for vf in one.vfs
        if vf.source is not None
    ]
    for count in _COUNTS:
        yield _counter("sriov_vf", count, f"{count.meaning} by a VF", told)


def _owner_family(host: HostMetrics) -> MetricFamily:
    samples = tuple(
        MetricSample((*_of_vf(one.pf, vf), ("kind", str(owner.kind)), ("owner", owner.name)), 1)
        for one in host.pfs
        for vf in one.vfs
        for owner in _distinct((host.owners or {}).get(name_of_vf(one.pf, vf.vf), ()))
    )
    return MetricFamily("sriov_vf_owner", MetricKind.INFO, "Who uses a VF", samples)


# One user may be known by several pieces of evidence; a series may be there once only.
def _distinct(owners: Iterable[Owner]) -> Iterable[Owner]:
    return {owner.token: owner for owner in owners}.values()


def _lease_family(leases: Sequence[Lease] | None) -> MetricFamily:
    numbers = Counter((lease.pool, str(lease.status)) for lease in leases or ())
    samples = tuple(
        MetricSample((("pool", pool), ("status", status)), number)
        for (pool, status), number in sorted(numbers.items())
    )
    return MetricFamily("sriov_leases", MetricKind.GAUGE, "Leases that have not ended", samples)


# --- common ----------------------------------------------------------------------------------


def _of_pf(pf: PF) -> Labels:
    return (("pf", pf.device),)


def _of_vf(pf: PF, one: VFTraffic) -> Labels:
    return (("pf", pf.device), ("vf_index", str(one.vf.vf_index)))


def _told(**facts: object) -> Labels:
    return tuple((name, str(fact)) for name, fact in facts.items() if fact is not None)


def _gauge(
    name: str, meaning: str, values: Iterable[tuple[Labels, int | bool | None]]
) -> MetricFamily:
    samples = (MetricSample(labels, int(value)) for labels, value in values if value is not None)
    return MetricFamily(name, MetricKind.GAUGE, meaning, tuple(samples))


def _counter(
    prefix: str, count: _Count, meaning: str, told: Iterable[tuple[Labels, Traffic]]
) -> MetricFamily:
    values = ((labels, getattr(counters, count.field)) for labels, counters in told)
    samples = tuple(MetricSample(labels, n) for labels, n in values if n is not None)
    name = f"{prefix}_{count.name}"
    return MetricFamily(name, MetricKind.COUNTER, meaning, samples, count.unit)


# --- JSON ------------------------------------------------------------------------------------


def metrics_as_json(host: HostMetrics) -> dict[str, object]:
    """Shape the same for ``metrics --json``: unknown is null.  Pure."""
    return {
        "pfs": [_pf_json(one, host) for one in host.pfs],
        "leases": None if host.leases is None else _leases_json(host.leases),
    }


def _pf_json(one: PFTraffic, host: HostMetrics) -> dict[str, object]:
    use = None if host.leases is None else _use_of(one, host.leases, host.owners)
    return {
        **pf_as_json(one.pf),
        "carrier": one.carrier,
        "wedged": one.wedged,
        "leased_vfs": use and use.leased,
        "vfs_in_use": use and use.in_use,
        "free_vfs": use and use.free,
        "counters": counters_as_json(one.counters),
        "vfs": [
            {**shaped, **_counted(vf)}
            for shaped, vf in zip(vfs_as_json([vf.vf for vf in one.vfs]), one.vfs, strict=True)
        ],
    }


def _counted(one: VFTraffic) -> dict[str, object]:
    return {
        "up": one.up,
        "carrier": one.carrier,
        "source": one.source,
        "counters": None if one.source is None else counters_as_json(one.counters),
    }


def counters_as_json(counters: Traffic) -> dict[str, int | None] | None:
    """Shape counters; null when none is known.  Pure."""
    return None if counters == Traffic() else counters._asdict()


def _leases_json(leases: Sequence[Lease]) -> list[dict[str, object]]:
    numbers = Counter((lease.pool, str(lease.status)) for lease in leases)
    return [
        {"pool": pool, "status": status, "leases": number}
        for (pool, status), number in sorted(numbers.items())
    ]


def traffic_as_json(one: PFTraffic) -> dict[str, object]:
    """Shape counters alone, of one PF and its VFs, for who asks again and again.  Pure."""
    return {
        "address": None if one.pf.address is None else str(one.pf.address),
        "device": one.pf.device,
        "netdev": one.pf.netdev,
        "at_s": one.at_s,
        "link": {"up": one.pf.up, "carrier": one.carrier},
        "wedged": one.wedged,
        "counters": counters_as_json(one.counters),
        "vfs": [
            {
                "vf_index": vf.vf.vf_index,
                "source": vf.source,
                "counters": None if vf.source is None else counters_as_json(vf.counters),
            }
            for vf in one.vfs
        ],
    }
