"""Rates of PFs and VFs: as a table, as a screen, and as JSON.  Pure."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple
from sriovctl.render.metrics import counters_as_json
from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.model.counters import PFTraffic, RatedPF, RatedVF, Rates, VFTraffic

_HEADER = (
    *("PF / VF", "address", "netdev", "link"),
    *("rx pkt/s", "tx pkt/s", "rx bit/s", "tx bit/s", "drop/s", "used by"),
)
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


class SortKey(StrEnum):
    """In which order the VFs of a PF come."""

    INDEX = "index"
    PACKETS = "packets"
    BITS = "bits"
    DROPS = "drops"


class Frame(NamedTuple):
    """What stands on a screen, line by line."""

    lines: tuple[str, ...]
    offset: int  # of the first row that is shown; what was asked for may be beyond the end


# --- rows ------------------------------------------------------------------------------------


def _sum(*rates: float | None) -> float:
    return sum(rate or 0.0 for rate in rates)


_BUSIEST: dict[SortKey, Callable[[Rates], float]] = {
    SortKey.PACKETS: lambda rates: _sum(rates.rx_packets, rates.tx_packets),
    SortKey.BITS: lambda rates: _sum(rates.rx_bytes, rates.tx_bytes),
    SortKey.DROPS: lambda rates: _sum(rates.dropped),
}


def sort_vfs(pfs: Sequence[RatedPF], key: SortKey) -> tuple[RatedPF, ...]:
    """Bring the VFs of each PF into an order, the busiest first; equals by index.  Pure."""
    busiest = _BUSIEST.get(key)
    if busiest is None:
        return tuple(pfs)
    return tuple(
        pf._replace(vfs=tuple(sorted(pf.vfs, key=lambda vf: -busiest(vf.rates)))) for pf in pfs
    )


def _rows(pfs: Sequence[RatedPF]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for one in pfs:
        rows.append(_pf_row(one))
        rows += [_vf_row(vf) for vf in one.vfs]
    return rows


def _pf_row(one: RatedPF) -> tuple[object, ...]:
    pf = one.traffic.pf
    address = None if pf.address is None else str(pf.address)
    count = f"{pf.num_vfs or 0} VF{'' if pf.num_vfs == 1 else 's'}"
    head = (f"PF, {count}", address or pf.device, pf.netdev, _pf_link(one.traffic))
    return (*head, *_shown_rates(one.rates), pf.owner)


def _pf_link(one: PFTraffic) -> str | None:
    if one.wedged:
        return "wedged"
    return _link(one.pf.up, one.carrier)


def _vf_row(one: RatedVF) -> tuple[object, ...]:
    vf = one.traffic.vf
    address = None if vf.address is None else str(vf.address)
    where = vf.netdev or (f"({vf.driver})" if vf.driver else None)
    head = (f"  VF {vf.vf_index}", address, where, _vf_link(one.traffic))
    return (*head, *_shown_rates(one.rates), vf.owner)


def _vf_link(one: VFTraffic) -> str | None:
    # Of a VF that is elsewhere only the administrator's policy is known.
    told = _link(one.up, one.carrier)
    if told is not None:
        return told
    return one.vf.attributes.link_state if one.vf.attributes else None


def _link(up: bool | None, carrier: bool | None) -> str | None:
    if up is None:
        return None
    if not up:
        return "down"
    return "up" if carrier else "no link"


def _shown_rates(rates: Rates) -> tuple[str, ...]:
    bits = (None if rate is None else rate * 8 for rate in (rates.rx_bytes, rates.tx_bytes))
    shown = (rates.rx_packets, rates.tx_packets, *bits, rates.dropped)
    # As wide as their headers, whatever they are: columns that move are hard to read.
    return tuple(
        ("-" if rate is None else format_rate(rate)).rjust(len(name))
        for rate, name in zip(shown, _HEADER[4:9], strict=True)
    )


def format_rate(rate: float) -> str:
    """Show a number with three digits and the prefix of a thousand's power: 0, 12.3k, 940M.  Pure.

    What is not 0 is not shown as 0.
    """
    if rate <= 0:
        return "0"
    for prefix in _PREFIXES:
        if rate < 999.5 or prefix == _PREFIXES[-1]:
            return f"{_three_digits(rate)}{prefix}"
        rate /= 1000
    raise AssertionError("the last prefix takes all")


def _three_digits(number: float) -> str:
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    text = f"{max(number, 0.01):.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- a table, and a screen -------------------------------------------------------------------


def format_rates(pfs: Sequence[RatedPF]) -> str:
    """Show PFs and their VFs in one table."""
    if not pfs:
        return "no PF"
    return "\n".join(_printable(line) for line in format_table(_HEADER, _rows(pfs)).splitlines())


def format_frame(
    pfs: Sequence[RatedPF], *, title: str, notes: Sequence[str], height: int, offset: int
) -> Frame:
    """Lay the table out on a screen of some lines: a title, the header, and what fits.

    :param notes: stand below the title, each on a line.
    :param offset: rows to leave out at the top, at most so many that the last one is seen.
    """
    header, *rows = format_rates(pfs).splitlines()
    fixed = [_printable(title), *(_printable(f"note: {note}") for note in notes), header]
    room = max(1, height - len(fixed))
    offset = max(0, min(offset, len(rows) - room))
    return Frame((*fixed, *rows[offset : offset + room])[:height], offset)


# A name may hold anything, and a terminal obeys what is not meant to be shown.
def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


# --- JSON ------------------------------------------------------------------------------------


def rates_as_json(pfs: Sequence[RatedPF], *, time: str) -> dict[str, object]:
    """Shape one look for ``watch --json``: counters, and rates per second; unknown is null."""
    return {"time": time, "pfs": [_pf_json(one) for one in pfs]}


def _pf_json(one: RatedPF) -> dict[str, object]:
    pf = one.traffic.pf
    return {
        "address": None if pf.address is None else str(pf.address),
        "device": pf.device,
        "driver": pf.driver,
        "netdev": pf.netdev,
        "up": pf.up,
        "carrier": one.traffic.carrier,
        "wedged": one.traffic.wedged,
        "num_vfs": pf.num_vfs,
        "owner": pf.owner,
        "seconds": one.seconds,
        "counters": counters_as_json(one.traffic.counters),
        "rates": one.rates._asdict(),
        "vfs": [_vf_json(vf) for vf in one.vfs],
    }


def _vf_json(one: RatedVF) -> dict[str, object]:
    vf = one.traffic.vf
    return {
        "vf_index": vf.vf_index,
        "address": None if vf.address is None else str(vf.address),
        "driver": vf.driver,
        "netdev": vf.netdev,
        "link_state": vf.attributes.link_state if vf.attributes else None,
        "up": one.traffic.up,
        "carrier": one.traffic.carrier,
        "owner": vf.owner,
        "source": one.traffic.source,
        "counters": counters_as_json(one.traffic.counters),
        "rates": one.rates._asdict(),
    }
