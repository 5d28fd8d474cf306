"""What the kernel log says of memory for VF BARs, where nothing better is known.

Source: kernel ``drivers/pci/setup-res.c``, ``drivers/pci/iov.c``.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.address import PCIAddress

# Newest spelling first.  Resources 7 to 12 of an endpoint are its VF BARs; a line may be wrapped.
FAILURES = (
    r"not enough MMIO resources for SR-IOV",
    r"VF BAR \d \[mem size .*\]: (?:can't assign; no space|failed to assign)",
    r"\bBAR (?:[789]|1[012]): (?:no space for|failed to assign|can't assign mem)",
    r"SR-IOV: IOV BARS not allocated",
)
ASSIGNED = r"\b(?:VF BAR \d \[mem 0x[0-9a-f]+.*\]: assigned|BAR (?:[789]|1[012]): assigned)"

_FAILED_LINE = re.compile("|".join(FAILURES))
_ASSIGNED_LINE = re.compile(ASSIGNED)
_VF_BAR = re.compile(r"\b(VF )?BAR (\d{1,2})\b")
_FIRST_VF_BAR = 7  # among a function's resources


def find_shortage(log: Sequence[str], address: PCIAddress) -> tuple[str, ...]:
    """Find the lines that say that VF BARs of a PF have no memory, and still hold.  Pure.

    A later line that assigns a VF BAR takes back what was said of it, and what was said of none
    by number.
    """
    standing: dict[int | None, list[str]] = {}
    name = f"{address}: "
    for line in log:
        if name not in line:
            continue
        if _ASSIGNED_LINE.search(line):
            standing.pop(_vf_bar_of(line), None)
            standing.pop(None, None)
        elif _FAILED_LINE.search(line):
            standing.setdefault(_vf_bar_of(line), []).append(line)
    return tuple(line for lines in standing.values() for line in lines)


def _vf_bar_of(line: str) -> int | None:
    match = _VF_BAR.search(line)
    if match is None:
        return None
    return int(match[2]) if match[1] else int(match[2]) - _FIRST_VF_BAR
