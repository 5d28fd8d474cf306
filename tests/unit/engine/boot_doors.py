"""Doors to the next boot that a test sets up: files below a directory, a systemd of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sriovctl.errors import HostError
from sriovctl.host.boot_api import BootDoors
from sriovctl.host.config_files import RootedFiles
from sriovctl.model.persistence import APPLY_UNIT, UNITS, VERIFY_UNIT

BOOT_ID = "11111111-2222-3333-4444-555555555555"
STATE_DIRECTORY = "/var/lib/sriovctl"


class SaidSystemd:
    """A systemd whose units have the properties that the test says."""

    def __init__(self, *, is_running: bool = True) -> None:
        self.is_running = is_running
        self.units: dict[str, dict[str, str]] = {unit: {"LoadState": "loaded"} for unit in UNITS}
        self.reloads = 0
        self.fails = False

    def show(
        self, units: Sequence[str], properties: Sequence[str]
    ) -> tuple[Mapping[str, str], ...]:
        """Answer with what was said of each unit."""
        if self.fails:
            raise HostError("systemd does not answer", subject="systemctl show")
        return tuple(
            {key: self.units.get(unit, {}).get(key, "") for key in properties} for unit in units
        )

    def reload(self) -> None:
        """Count it."""
        if self.fails:
            raise HostError("systemd does not answer", subject="systemctl daemon-reload")
        self.reloads += 1

    def has_booted(self) -> None:
        """Say what a good boot leaves: applied, then the network, then libvirt, then checked."""
        self.units = {
            APPLY_UNIT: ran(10, 14) | {"UnitFileState": "enabled"},
            VERIFY_UNIT: ran(30, 31) | {"UnitFileState": "enabled"},
            "network-pre.target": {
                "ActiveState": "active",
                "ActiveEnterTimestampMonotonic": "15000000",
            },
            "libvirtd.service": ran(17, 0),
        }


def ran(began_s: int, ended_s: int, *, result: str = "success", status: int = 0) -> dict[str, str]:
    """Say of a unit that it ran."""
    return {
        "LoadState": "loaded",
        "ActiveState": "active" if result == "success" else "failed",
        "Result": result,
        "ExecMainStatus": str(status),
        "ConditionResult": "yes",
        "ExecMainStartTimestampMonotonic": f"{began_s}000000",
        "ExecMainExitTimestampMonotonic": f"{ended_s}000000",
    }


class SaidModules:
    """Modules of which the test says what is known."""

    rebuild_command: str | None = "update-initramfs -u"

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self.in_initramfs: bool | None = False
        self.installed: bool | None = True

    def parameter_type(self, module: str, parameter: str) -> str | None:
        """Answer what was said of the module's parameter."""
        return self.types.get(f"{module}.{parameter}")

    def is_installed(self, _module: str) -> bool | None:
        """Answer what was said of all."""
        return self.installed

    def is_in_initramfs(self, _module: str) -> bool | None:
        """Answer what was said of all."""
        return self.in_initramfs


class Stage:
    """The doors, and what they lead to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.systemd = SaidSystemd()
        self.modules = SaidModules()
        self.doors = BootDoors(RootedFiles(str(root)), self.systemd, self.modules, STATE_DIRECTORY)

    def write(self, path: str, text: str) -> None:
        """Put a file of somebody else's below the root."""
        real = self.root / path.removeprefix("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)

    def read(self, path: str) -> str:
        """Read a file below the root."""
        return (self.root / path.removeprefix("/")).read_text()

    def exists(self, path: str) -> bool:
        """Say whether a name is taken below the root, by a broken link too."""
        return self.doors.files.look(path) is not None

    def paths(self) -> set[str]:
        """List all files and links below the root."""
        return {
            f"/{path.relative_to(self.root)}"
            for path in self.root.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
