"""What a client would rather have: types of documents, and packed or not.  Pure.

Source: RFC 9110, 12.4 and 12.5.
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_RANGES = 32


class _Range(NamedTuple):
    kind: str
    parameters: Mapping[str, str]
    quality: float


def takes_gzip(header: str | None) -> bool:
    """Say whether Accept-Encoding has gzip."""
    found = {one.kind: one.quality for one in _ranges(header or "")}
    return found.get("gzip", found.get("*", 0.0)) > 0


def choose_type(header: str | None, offered: Sequence[str]) -> str:
    """Choose of types, with their parameters, the one that Accept likes best.

    :param offered: the best first; that one is taken where Accept likes none.
    """
    ranges = list(_ranges(header or ""))
    liked = [_quality(_parse(one), ranges) for one in offered]
    best = max(liked, default=0.0)
    return offered[liked.index(best)] if best > 0 else offered[0]


def _quality(offered: _Range, ranges: Sequence[_Range]) -> float:
    # The range that says most decides, and not the one that likes it most.
    fitting = [(_precision(one), one.quality) for one in ranges if _fits(offered, one)]
    return max(fitting, default=(0, 0.0))[1]


def _fits(offered: _Range, wanted: _Range) -> bool:
    kinds = ("*/*", offered.kind.partition("/")[0] + "/*", offered.kind)
    return wanted.kind in kinds and all(
        offered.parameters.get(name, value) == value for name, value in wanted.parameters.items()
    )


def _precision(wanted: _Range) -> int:
    return 3 - wanted.kind.count("*") + len(wanted.parameters)


def _ranges(header: str) -> Iterator[_Range]:
    for text in header.split(",")[:_MOST_RANGES]:
        if text.strip():
            yield _parse(text)


def _parse(text: str) -> _Range:
    kind, *rest = (part.strip().lower() for part in text.split(";"))
    said = dict(part.split("=", 1) for part in rest if "=" in part)
    return _Range(kind, {k: v.strip('"') for k, v in said.items() if k != "q"}, _weight(said))


def _weight(said: Mapping[str, str]) -> float:
    try:
        weight = float(said.get("q", "1"))
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0  # NaN is neither
