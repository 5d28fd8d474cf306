"""Times on the command line: ``90``, ``60s``, ``2m``, ``1h``, ``7d``."""

from __future__ import annotations

from sriovctl.codec.durations import parse_duration_s


def duration_s(text: str) -> float:
    """Read a time of at least a second, for argparse.

    :raises argparse.ArgumentTypeError: it is none.
    """
    seconds = parse_duration_s(text)
    if seconds is None:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"'{text}' is no time: write 60s, 2m, 1h or 7d")
    return seconds
