"""devlink of a recording: what ``netlink/devlink.jsonl`` holds."""

from __future__ import annotations

from sriovctl.errors import HostError, PermissionDenied, UnsupportedError
from sriovctl.model.eswitch import DevlinkPort
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import FileTree

DEVLINK = "/netlink/devlink.jsonl"


class _Entry(NamedTuple):
    eswitch_mode: str | None
    ports: tuple[DevlinkPort, ...]


class RecordedDevlink:
    """A :class:`sriovctl.host.api.Devlink` that answers as devlink did when it was recorded."""

    def __init__(self, files: FileTree) -> None:
        self._files = files

    def read_eswitch(self, bus: str, device: str) -> str | None:
        """Mode of a device's eswitch; see :class:`sriovctl.host.api.Devlink`."""
        entry = self._read(device).get((bus, device))
        return None if entry is None else entry.eswitch_mode

    def write_eswitch(self, bus: str, device: str, mode: str) -> None:
        """Refuse.

        :raises PermissionDenied: always.
        """
        raise PermissionDenied(
            "a recording is read-only",
            subject=f"eswitch of {bus}/{device}",
            hint="to change a host, leave --host-tree out",
            evidence={"value": repr(mode)},
        )

    def list_ports(self, bus: str, device: str) -> tuple[DevlinkPort, ...]:
        """Ports of a device; see :class:`sriovctl.host.api.Devlink`."""
        entry = self._read(device).get((bus, device))
        return () if entry is None else entry.ports

    def _read(self, device: str) -> dict[tuple[str, str], _Entry]:
        text = self._files.read_text(DEVLINK)
        if text is None:
            raise UnsupportedError(
                "the recording holds nothing of devlink, so its eswitch is not known",
                subject=device,
                hint="record the host again as root, with pyroute2 installed",
            )
        return dict(
            _parse(number, line) for number, line in enumerate(text.splitlines(), start=1) if line
        )


def _parse(number: int, line: str) -> tuple[tuple[str, str], _Entry]:
    import json

    try:
        entry = json.loads(line)
        ports = tuple(DevlinkPort(**port) for port in entry["ports"])
        return (str(entry["bus"]), str(entry["device"])), _Entry(entry["eswitch_mode"], ports)
    except (ValueError, KeyError, TypeError) as exc:
        raise HostError(
            "the recording is damaged",
            subject=DEVLINK,
            hint="record the host again",
            evidence={"line": number},
        ) from exc
