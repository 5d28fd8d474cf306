"""Look through a host's configuration for others who act on SR-IOV at boot."""

from __future__ import annotations

from sriovctl.codec.boot_settings import PLACES, parse_kernel_command_line
from sriovctl.errors import SriovctlError
from sriovctl.model.persistence import (
    DAEMON_UNIT,
    MODPROBE_FILE,
    UNIT_DIRECTORY,
    UNITS,
    EntryKind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.codec.boot_settings import Place
    from sriovctl.host.boot_api import ConfigFiles
    from sriovctl.model.persistence import BootSetting

KERNEL_COMMAND_LINE = "/proc/cmdline"
_OUR_OWN = frozenset(
    {MODPROBE_FILE, *(f"{UNIT_DIRECTORY}/{unit}" for unit in (*UNITS, DAEMON_UNIT))}
)


def read_boot_settings(
    files: ConfigFiles, *, command_line: str | None = None
) -> tuple[BootSetting, ...]:
    """Read what others' files say; a file that cannot be read is passed over.

    :param command_line: of the running kernel, if that is the host in question.
    """
    found = [setting for place in PLACES for setting in _read_place(files, place)]
    found += parse_kernel_command_line(KERNEL_COMMAND_LINE, command_line or "")
    return tuple(found)


def _read_place(files: ConfigFiles, place: Place) -> Iterator[BootSetting]:
    seen: set[str] = set()
    for directory in place.directories:
        for name in files.list_dir(directory):
            path = f"{directory}/{name}"
            if name in seen or not (name.endswith(place.suffix) and name.startswith(place.prefix)):
                continue
            seen.add(name)
            if path not in _OUR_OWN:
                yield from place.parse(path, _read(files, path))


def _read(files: ConfigFiles, path: str) -> str:
    try:
        entry = files.look(path)
    except SriovctlError:  # others' secrets may be closed to us
        return ""
    if entry is not None and entry.kind is EntryKind.LINK:
        return files.read_through(path) or ""
    return entry.text if entry is not None and entry.kind is EntryKind.FILE else ""
