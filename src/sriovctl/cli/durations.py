"""Times on the command line: ``90``, ``60s``, ``2m``, ``1h``, ``7d``."""

from __future__ import annotations

import argparse
import re

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_s(text: str) -> float:
    """Read a time of at least a second, for argparse.

    :raises argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(r"(\d{1,6})([smhd]?)", text)
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if not seconds:
        raise argparse.ArgumentTypeError(f"'{text}' is no time: write 60s, 2m, 1h or 7d")
    return float(seconds)
