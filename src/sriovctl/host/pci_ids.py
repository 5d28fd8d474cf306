"""The names of PCI devices, from the file that the system's pciutils or hwdata brings."""

from __future__ import annotations

from sriovctl.codec.pci_ids import find_device_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.codec.pci_id_index import IDIndex

# Debian's pciutils; Fedora's hwdata; what `update-pciids` leaves.
PATHS = (
    "/usr/share/misc/pci.ids",
    "/usr/share/hwdata/pci.ids",
    "/var/lib/pciutils/pci.ids",
)


class PCINames:
    """Looks names up; the file is read at the first question."""

    def __init__(self, paths: tuple[str, ...] = PATHS) -> None:
        self._paths = paths
        self._data: bytes | None = None
        self._names: dict[tuple[str, str], str | None] = {}  # a host has many cards of one kind
        self._index: IDIndex | None = None

    def name_of(self, vendor_id: str, device_id: str) -> str | None:
        """Return the name of a device, or None when no file on this machine knows its vendor."""
        ids = vendor_id, device_id
        if ids not in self._names:
            if self._data is None:
                self._data = self._read()
            self._names[ids] = find_device_name(self._data, vendor_id, device_id)
        return self._names[ids]

    def ids_of(self, name: str) -> tuple[int | None, int | None]:
        """Return vendor and device id of a name as lspci prints it; None where not known."""
        if self._index is None:
            from sriovctl.codec.pci_id_index import IDIndex

            self._index = IDIndex(self._read())
        return self._index.ids_of(name)

    def _read(self) -> bytes:
        for path in self._paths:
            try:
                with open(path, "rb", buffering=0) as file:
                    return file.read()
            except OSError:
                continue  # names are a comfort: without them the ids speak for themselves
        return b""
