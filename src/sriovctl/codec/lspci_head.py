"""Read the first line of a function in ``lspci``: what class it is, and whose.

``00:1f.6 Ethernet controller [0200]: Intel Corporation Ethernet Connection (2) I219-V
[8086:15b8] (rev 31) (prog-if …)``; without ``-nn`` there are names alone, with ``-n`` ids alone.
"""

from __future__ import annotations

import re

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Name as lspci prints it -> vendor id and device id, each None where it cannot be told.
    IDsOf = Callable[[str], tuple[int | None, int | None]]

_CLASS = re.compile(r"\[([0-9a-f]{4})\]:")
_NUMERIC = re.compile(r"(?:Class )?([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})(?=\s|$)")  # lspci -n
_IDS = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]")
_QUOTED = re.compile(r'"([^"]{0,256})" "([^"]{0,256})" "([^"]{0,256})"')  # lspci -mm
_BARE = re.compile(r"[0-9a-f]{4}")
_LAST_NUMBER = re.compile(r"\[([0-9a-f]{4})\]$")
_REVISION = re.compile(r"\(rev ([0-9a-f]{2})\)")
_PROG_IF = re.compile(r"\(prog-if ([0-9a-f]{2})")
_TAIL = re.compile(r" \((?:rev|prog-if) ")
_UNNAMED_DEVICE = re.compile(r"(?:.{0,128} )?Device ([0-9a-f]{4})")

# Class and subclass by the names that pci.ids gives them; those that matter to topology, and the
# usual ones of cards.
_CLASSES = {
    "SCSI storage controller": 0x0100, "RAID bus controller": 0x0104, "SATA controller": 0x0106,
    "Serial Attached SCSI controller": 0x0107, "Non-Volatile memory controller": 0x0108,
    "Mass storage controller": 0x0180, "IDE interface": 0x0101, "Ethernet controller": 0x0200,
    "Infiniband controller": 0x0207, "Network controller": 0x0280,
    "VGA compatible controller": 0x0300, "3D controller": 0x0302, "Display controller": 0x0380,
    "Multimedia audio controller": 0x0401, "Audio device": 0x0403, "Multimedia controller": 0x0480,
    "RAM memory": 0x0500, "Memory controller": 0x0580, "Host bridge": 0x0600, "ISA bridge": 0x0601,
    "PCI bridge": 0x0604, "CardBus bridge": 0x0607, "RACEway bridge": 0x0608,
    "Semi-transparent PCI-to-PCI bridge": 0x0609, "Bridge": 0x0680, "Serial controller": 0x0700,
    "Parallel controller": 0x0701, "Communication controller": 0x0780, "PIC": 0x0800,
    "SD Host controller": 0x0805, "IOMMU": 0x0806, "System peripheral": 0x0880,
    "Co-processor": 0x0B40, "FireWire (IEEE 1394)": 0x0C00, "USB controller": 0x0C03,
    "USB Controller": 0x0C03, "Fibre Channel": 0x0C04, "SMBus": 0x0C05,
    "Serial bus controller": 0x0C80, "Network and computing encryption device": 0x1000,
    "Encryption controller": 0x1080, "Performance counters": 0x1101,
    "Signal processing controller": 0x1180, "Processing accelerators": 0x1200,
    "Non-Essential Instrumentation": 0x1300,
}  # fmt: skip


class Head(NamedTuple):
    """What the first line tells."""

    class_code: int | None  # 24 bits
    vendor_id: int | None
    device_id: int | None
    revision: int | None
    by_name: bool = False  # the ids were looked up, for the line has none


def parse_head(text: str, *, ids_of: IDsOf | None) -> Head:
    """Read what follows the address.  Pure; takes any text.

    :param ids_of: asked where the line has no ids.
    """
    quoted = _QUOTED.match(text)
    if quoted is not None:
        text = join_head(quoted[1], quoted[2], quoted[3])
    numeric = _NUMERIC.match(text)
    if numeric is not None:
        base, vendor_id, device_id = (int(word, 16) for word in numeric.groups())
        return Head(base << 8 | (_number(_PROG_IF, text) or 0), vendor_id, device_id, _rev(text))
    found = _IDS.findall(text)
    if found:  # the last one, for a name may hold the like of it
        vendor_id, device_id = (int(word, 16) for word in found[-1])
        return Head(_class_code(text), vendor_id, device_id, _rev(text))
    vendor, device = _ids_by_name(text, ids_of)
    return Head(_class_code(text), vendor, device, _rev(text), by_name=device is not None)


def join_head(kind: str, vendor: str, device: str) -> str:
    """Write a first line as ``lspci -nn`` does, of the words of ``-mm`` and ``-vmm``.  Pure.

    Each may be a name, a name with its number in brackets, or the number alone.
    """
    if _BARE.fullmatch(kind) and _BARE.fullmatch(vendor) and _BARE.fullmatch(device):
        return f"{kind}: {vendor}:{device}"
    ids = [_LAST_NUMBER.search(words) for words in (vendor, device)]
    both = f" [{ids[0][1]}:{ids[1][1]}]" if ids[0] and ids[1] else ""
    return f"{kind}: {vendor} {device}{both}"


def _rev(text: str) -> int | None:
    return _number(_REVISION, text)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return None if match is None else int(match[1], 16)


def _class_code(text: str) -> int | None:
    base = _number(_CLASS, text)
    if base is None:
        base = _CLASSES.get(text.partition(":")[0].strip())
    return None if base is None else base << 8 | (_number(_PROG_IF, text) or 0)


def _ids_by_name(text: str, ids_of: IDsOf | None) -> tuple[int | None, int | None]:
    name = _TAIL.split(text.partition(": ")[2], maxsplit=1)[0].strip()
    if not name:
        return None, None
    vendor_id, device_id = ids_of(name) if ids_of is not None else (None, None)
    if device_id is None:
        # What has no name in lspci's list is shown as "Device 15b8".
        unnamed = _UNNAMED_DEVICE.fullmatch(name)
        device_id = None if unnamed is None else int(unnamed[1], 16)
    return vendor_id, device_id
