"""VF indices as people write them: ``0``, ``0-3``, ``0-3,6``.  Pure."""

from __future__ import annotations

import re

from sriovctl.errors import InputError

_PART = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MOST = 0xFFFF  # num_vfs has 16 bits


def parse_vf_indices(text: str) -> tuple[int, ...]:
    """Read a list of VF indices and ranges with both of their ends; ascending, each once.

    :raises InputError: it is no such list.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < _MOST:
            raise InputError(
                f"'{part.strip()[:40]}' is neither a VF index nor a range of them",
                subject=text[:60],
                hint="write 0, 0-3, or 0-3,6",
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))
