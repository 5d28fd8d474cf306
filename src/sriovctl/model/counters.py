"""What PFs and VFs have sent and received, and how fast they do.

Directions are those of the function itself: what a VF receives is ``rx``, whoever counted it.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.functions import PF, VF
from sriovctl.model.record import NamedTuple


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
