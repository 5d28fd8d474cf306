"""What may be asked of a host, or of the image of one, about its next boot and its last one."""

from __future__ import annotations

from typing import Protocol

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from sriovctl.model.persistence import Entry


class ConfigFiles(Protocol):
    """Configuration files below a root directory; paths are those of the host they are for."""

    @property
    def root(self) -> str:
        """The directory that stands for ``/``."""

    def look(self, path: str) -> Entry | None:
        """Read what stands under a name, without following it; None if there is nothing.

        :raises PermissionDenied: this user may not see it.
        :raises HostError: any other failure.
        """

    def read_through(self, path: str) -> str | None:
        """Read a file, links followed; None if there is none.

        :raises PermissionDenied: this user may not see it.
        :raises HostError: any other failure.
        """

    def list_dir(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty if there is no such directory."""

    def is_executable(self, path: str) -> bool:
        """Say whether there is a program of that name."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other sriovctl processes from changing these files meanwhile.

        :raises BusyError: another one is at it.
        """

    def change(self, steps: Sequence[Entry | str]) -> None:
        """Write entries and remove paths (``str``), in this order: all of it, or nothing.

        All that is to be written is on the disk, under other names, before the first step.
        Directories are made as needed.

        :raises PermissionDenied: this user may not, or the file system is read-only.
        :raises HostError: no space, or any other failure.
        """

    def remove_empty_directory(self, path: str) -> None:
        """Remove a directory if nothing is in it any more."""


class Systemd(Protocol):
    """systemd as the init system of this host."""

    @property
    def is_running(self) -> bool:
        """Whether it is this host's PID 1."""

    def show(
        self, units: Sequence[str], properties: Sequence[str]
    ) -> tuple[Mapping[str, str], ...]:
        """Read properties of units, in the order of *units*.

        :raises HostError: systemd does not answer.
        """

    def reload(self) -> None:
        """Have it read its unit files anew.

        :raises HostError: it refused.
        """


class Modules(Protocol):
    """Kernel modules as they are installed."""

    def parameter_type(self, module: str, parameter: str) -> str | None:
        """Type of a module's parameter (``uint``, ``array of int``); None when it is not known."""

    def is_installed(self, module: str) -> bool | None:
        """Whether the running kernel has such a module; None when that cannot be told."""

    def is_in_initramfs(self, module: str) -> bool | None:
        """Whether the initramfs of the running kernel holds it; None when that cannot be told."""

    @property
    def rebuild_command(self) -> str | None:
        """What makes the initramfs anew here; None when that is not known."""


class BootDoors(NamedTuple):
    """All of it."""

    files: ConfigFiles
    systemd: Systemd
    modules: Modules
    state_directory: str  # of the journal; the host's path
