"""Times as people write them: ``90``, ``60s``, ``2m``, ``1h``, ``7d``.  Pure."""

from __future__ import annotations

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration_s(text: str) -> float | None:
    """Read a time of at least a second; None if it is none.  Pure."""
    unit = text[-1:] if text[-1:].isalpha() else ""
    number = text.removesuffix(unit)
    is_time = unit in _UNITS_S and number.isascii() and number.isdigit() and len(number) <= 6
    seconds = int(number) * _UNITS_S[unit] if is_time else 0
    return float(seconds) if seconds else None


def duration_s(text: str) -> float:
    """Read a time of at least a second, for argparse.

    :raises argparse.ArgumentTypeError: it is none.
    """
    seconds = parse_duration_s(text)
    if seconds is None:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"'{text}' is no time: write 60s, 2m, 1h or 7d")
    return seconds
