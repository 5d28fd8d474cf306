"""A host as root sees it, for others: what the kernel keeps for root, the daemon tells."""

from __future__ import annotations

from sriovctl.api.client.teller import Door
from sriovctl.errors import PermissionDenied
from sriovctl.model.address import is_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sriovctl.api.client.answers import RawBytes
    from sriovctl.api.client.teller import Teller
    from sriovctl.host.api import FileTree, Host

_IOMEM = "/proc/iomem"
_HEADER_ONLY = 64  # of config space, without root


class _ToldFiles(Door):
    # All that is told of files is large, and comes at once: when it is first needed.

    def __init__(self, files: FileTree, teller: Teller) -> None:
        super().__init__(files, teller)
        self._raw: RawBytes | None = None

    def read_bytes(self, path: str) -> bytes | None:
        try:
            data: bytes | None = self._behind.read_bytes(path)
        except PermissionDenied:
            told = self._tell(path)
            if told is None:
                raise
            return told
        name = path.rpartition("/")[2]
        if name == "config" and data is not None and len(data) == _HEADER_ONLY:
            return self._tell(path) or data
        return (self._tell(path) or data) if path == _IOMEM else data

    def read_text(self, path: str) -> str | None:
        if path != _IOMEM:
            text: str | None = self._behind.read_text(path)
            return text
        data = self.read_bytes(path)
        return None if data is None else data.decode("utf-8", "replace").removesuffix("\n")

    def _tell(self, path: str) -> bytes | None:
        if self._raw is None:
            from sriovctl.api.client.answers import parse_raw

            self._raw = self._teller.tell("/v1/raw", parse_raw)
        return None if self._raw is None else _find(self._raw, path)


def _find(raw: RawBytes, path: str) -> bytes | None:
    if path == _IOMEM:
        return raw.iomem
    directory, _, name = path.rpartition("/")
    above = directory.rpartition("/")[2]
    if name == "config" and is_pci_address(above):
        return raw.config_space.get(above)
    return raw.acpi_tables.get(name) if above == "tables" else None


class _ToldHost(Door):
    def __init__(self, host: Host, teller: Teller) -> None:
        super().__init__(host, teller)
        self.files = _ToldFiles(host.files, teller)


def told_host(host: Host, teller: Teller) -> Host:
    """Return a host of which the daemon tells what it shows to root alone."""
    told: Any = _ToldHost(host, teller)
    return told  # type: ignore[no-any-return]
