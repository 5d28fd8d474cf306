"""Which modules claim a device, as depmod has written it down.  Pure.

Source: modules.alias, ``depmod.d(5)``; ``modules.builtin.modinfo`` has the same of what is built
into the kernel, as ``module.alias=pattern`` with NULs between (kernel
``Documentation/kbuild/kbuild.rst``).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_VENDOR = re.compile(r"pci:v([0-9A-F]{8})")


def modules_claiming(modalias: str, aliases: str, builtin: bytes = b"") -> tuple[str, ...]:
    """List the modules whose aliases fit a PCI function, each once, in the order of the files.

    Drivers of VFIO have aliases of another kind (``vfio_pci:…``), since they take no function by
    themselves, and are none of these.

    :param modalias: what the function's ``modalias`` in sysfs says.
    :param aliases: text of ``modules.alias``.
    :param builtin: content of ``modules.builtin.modinfo``.
    """
    found = (
        module
        for pattern, module in (*_loadable(modalias, aliases), *_built_in(builtin))
        if fnmatchcase(modalias, pattern)
    )
    return tuple(dict.fromkeys(found))


# There are some twenty thousand lines: only those of the function's vendor, or of any, are looked
# at more closely.
def _loadable(modalias: str, aliases: str) -> Iterator[tuple[str, str]]:
    vendor = _VENDOR.match(modalias)
    if vendor is None:
        return
    lines = re.compile(rf"^alias (pci:v(?:{vendor[1]}|\*)\S*) (\S+)$", re.MULTILINE)
    for line in lines.finditer(aliases):
        yield line[1], line[2]


def _built_in(builtin: bytes) -> Iterator[tuple[str, str]]:
    for entry in builtin.split(b"\0"):
        name, mark, pattern = entry.partition(b".alias=")
        if mark and pattern.startswith(b"pci:"):
            yield pattern.decode("ascii", "replace"), name.decode("ascii", "replace")
