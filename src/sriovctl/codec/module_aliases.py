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

_IDS = re.compile(r"pci:v([0-9A-F]{8})d([0-9A-F]{8})")


def modules_claiming(modalias: str, aliases: str, builtin: bytes = b"") -> tuple[str, ...]:
    """List the modules whose aliases fit a PCI function, each once, in the order of the files.

    Drivers of VFIO have aliases of another kind (``vfio_pci:…``), since they take no function by
    themselves, and are none of these.

    :param modalias: what the function's ``modalias`` in sysfs says.
    :param aliases: text of ``modules.alias``.
    :param builtin: content of ``modules.builtin.modinfo``.
    """
    ids = _IDS.match(modalias)
    if ids is None:
        return ()
    found = (
        module
        for pattern, module in (*_loadable(ids, aliases), *_built_in(ids, builtin))
        if fnmatchcase(modalias, pattern)
    )
    return tuple(dict.fromkeys(found))


# There are some twenty thousand lines, three thousand of them of one large vendor, and each that is
# looked at more closely is a regular expression to compile: only those of the very device, or of
# any.
def _loadable(ids: re.Match[str], aliases: str) -> Iterator[tuple[str, str]]:
    vendor, device = (rf"(?:{one}|\*)" for one in ids.groups())
    lines = re.compile(rf"^alias (pci:v{vendor}d{device}\S*) (\S+)$", re.MULTILINE)
    for line in lines.finditer(aliases):
        yield line[1], line[2]


def _built_in(ids: re.Match[str], builtin: bytes) -> Iterator[tuple[str, str]]:
    vendor, device = ids.groups()
    heads = tuple(f"pci:v{v}d{d}".encode() for v in (vendor, "*") for d in (device, "*"))
    for entry in builtin.split(b"\0"):
        name, mark, pattern = entry.partition(b".alias=")
        if mark and pattern.startswith(heads):
            yield pattern.decode("ascii", "replace"), name.decode("ascii", "replace")
