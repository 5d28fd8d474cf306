"""What ``systemctl show`` prints."""

from __future__ import annotations


def parse_systemctl_show(text: str) -> tuple[dict[str, str], ...]:
    """Read the properties of each unit, in the order in which they were asked for.  Pure.

    Units are parted by an empty line; a value may be empty, and has no line ends in it.
    """
    units: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if not line:
            units.append({})
        elif equals:
            units[-1][key] = value
    return tuple(unit for unit in units if unit)
