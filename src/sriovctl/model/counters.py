"""What PFs and VFs have sent and received, and how fast they do.

Directions are those of the function itself: what a VF receives is ``rx``, whoever counted it.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.functions import PF, VF
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CounterSource(StrEnum):
    """Who counted what a VF sent and received.  Each counts by itself, from its own beginning."""

    PF_DRIVER = "pf-driver"  # IFLA_VF_STATS
    VF_NETDEV = "vf-netdev"  # IFLA_STATS64 of the VF's own netdev, on this host
    REPRESENTOR = "representor"  # IFLA_STATS64 of its representor


class Traffic(NamedTuple):
    """Counters of one function; ``None``: nobody counts that, or nobody can be asked."""

    rx_packets: int | None = None
    tx_packets: int | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    rx_errors: int | None = None
    tx_errors: int | None = None
    rx_dropped: int | None = None
    tx_dropped: int | None = None
    rx_multicast: int | None = None
    rx_broadcast: int | None = None
    rx_missed: int | None = None  # found no room in the card


class Rates(NamedTuple):
    """The same per second."""

    rx_packets: float | None = None
    tx_packets: float | None = None
    rx_bytes: float | None = None
    tx_bytes: float | None = None
    rx_errors: float | None = None
    tx_errors: float | None = None
    rx_dropped: float | None = None
    tx_dropped: float | None = None
    rx_multicast: float | None = None
    rx_broadcast: float | None = None
    rx_missed: float | None = None

    @property
    def dropped(self) -> float | None:
        """All that was lost, in both directions; None: not a part of it is known."""
        parts = (self.rx_dropped, self.tx_dropped, self.rx_missed)
        known = [part for part in parts if part is not None]
        return sum(known) if known else None


NOTHING = Traffic()
NO_RATES = Rates()


class VFTraffic(NamedTuple):
    """One VF and its counters."""

    vf: VF
    source: CounterSource | None = None  # None: its counters are not known
    counters: Traffic = NOTHING
    up: bool | None = None  # its netdev on this host; None: it has none here
    carrier: bool | None = None


class PFTraffic(NamedTuple):
    """One PF with the counters of its netdev, and its VFs."""

    pf: PF
    at_s: float  # when it was read, on the host's monotonic clock
    counters: Traffic = NOTHING
    carrier: bool | None = None  # None: it has no netdev here
    vfs: tuple[VFTraffic, ...] = ()
    wedged: bool | None = None  # the kernel hangs in what sriovctl asked of it; None: not known


def rates_between(before: Traffic, after: Traffic, seconds: float) -> Rates:
    """Work out rates from two looks at the same counters.  Pure.

    When one of them went down, all began anew meanwhile (a VF or netdev was made again), and no
    rate is known.
    """
    pairs = list(zip(before, after, strict=True))
    if seconds <= 0 or any(a is not None and b is not None and b < a for a, b in pairs):
        return NO_RATES
    return Rates(*(None if a is None or b is None else (b - a) / seconds for a, b in pairs))


class RatedVF(NamedTuple):
    """One VF, and how fast it counts."""

    traffic: VFTraffic
    rates: Rates


class RatedPF(NamedTuple):
    """One PF with its VFs, and how fast they count."""

    traffic: PFTraffic
    rates: Rates
    seconds: float | None  # between the two looks; None: there was no earlier one
    vfs: tuple[RatedVF, ...]


def rate_pfs(before: Sequence[PFTraffic], after: Sequence[PFTraffic]) -> tuple[RatedPF, ...]:
    """Work out the rates of all PFs and VFs between two looks at a host.  Pure.

    A function that was not there before has none, nor has a VF that somebody else counts for now.
    """
    earlier = {one.pf.device: one for one in before}
    return tuple(_rate_pf(earlier.get(one.pf.device), one) for one in after)


def _rate_pf(before: PFTraffic | None, after: PFTraffic) -> RatedPF:
    if before is None:
        vfs = tuple(RatedVF(vf, NO_RATES) for vf in after.vfs)
        return RatedPF(after, NO_RATES, None, vfs)
    seconds = after.at_s - before.at_s
    earlier = {vf.vf.vf_index: vf for vf in before.vfs}
    return RatedPF(
        traffic=after,
        rates=rates_between(before.counters, after.counters, seconds),
        seconds=seconds,
        vfs=tuple(
            RatedVF(vf, _rate_vf(earlier.get(vf.vf.vf_index), vf, seconds)) for vf in after.vfs
        ),
    )


def _rate_vf(before: VFTraffic | None, after: VFTraffic, seconds: float) -> Rates:
    if before is None or before.source is not after.source:
        return NO_RATES
    return rates_between(before.counters, after.counters, seconds)
