"""What the kernel shows to root alone, as bytes, for members of the group who look for themselves.

Not the kernel's log, which may tell anything, and of the map of addresses only what belongs to
buses: where the kernel itself is stays untold.
"""

from __future__ import annotations

from sriovctl.api.reading import document
from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.engine.snapshot import ACPI_DIRECTORY, ACPI_TABLES
from sriovctl.errors import LostError
from sriovctl.model.address import is_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.doors import Doors
    from sriovctl.host.api import FileTree

_BUSES = " : PCI "


def read_raw(doors: Doors) -> dict[str, object]:
    """Read config space and ACPI tables, as hexadecimal digits, and what memory buses have."""
    files = doors.host().files
    names = [name for name in files.list_dir(PCI_DEVICES) if is_pci_address(name)]
    found = {name: _hex(files, f"{PCI_DEVICES}/{name}/config") for name in names}
    tables = {name: _hex(files, f"{ACPI_DIRECTORY}/{name}") for name in ACPI_TABLES}
    iomem = (files.read_text("/proc/iomem") or "").splitlines()
    shown = {
        "config_space": {name: one for name, one in found.items() if one is not None},
        "acpi_tables": {name: one for name, one in tables.items() if one is not None},
        "iomem": [line for line in iomem if _BUSES in line],
    }
    return document("raw", shown)


def _hex(files: FileTree, path: str) -> str | None:
    try:
        data = files.read_bytes(path)
    except LostError:
        return None
    return None if data is None else data.hex()
