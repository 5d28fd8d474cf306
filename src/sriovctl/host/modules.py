"""The door to installed kernel modules: ``modinfo``, and what lists an initramfs."""

from __future__ import annotations

import os
import shutil
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_S = 60.0  # an initramfs of a hundred megabytes takes seconds to list
# What lists an initramfs, and where its package puts the one of a kernel.
_LISTERS = (
    ("lsinitramfs", "/boot/initrd.img-{release}"),
    ("lsinitrd", "/boot/initramfs-{release}.img"),
    ("lsinitrd", "/boot/initrd-{release}"),
    ("lsinitcpio", "/boot/initramfs-linux.img"),
)
_REBUILDERS = ("update-initramfs -u", "dracut --force", "mkinitcpio -P")


class InstalledModules:
    """Modules of the running kernel, as a :class:`sriovctl.host.boot_api.Modules`."""

    def __init__(self) -> None:
        self._listing: str | None = None

    def parameter_type(self, module: str, parameter: str) -> str | None:
        """Type of a module's parameter; None when it is not known."""
        listed = _run(("modinfo", "-F", "parmtype", module)) or ""
        types = dict(line.split(":", 1) for line in listed.splitlines() if ":" in line)
        return types.get(parameter)

    def is_installed(self, module: str) -> bool | None:
        """Whether the running kernel has such a module; None when that cannot be told."""
        if shutil.which("modinfo") is None:
            return None
        return _run(("modinfo", "-F", "name", module)) is not None

    def is_in_initramfs(self, module: str) -> bool | None:
        """Whether the initramfs of the running kernel holds it; None when that cannot be told."""
        if self._listing is None:
            listing = _list_initramfs(os.uname().release)
            if listing is None:
                return None
            self._listing = listing.replace("-", "_")
        return f"/{module.replace('-', '_')}.ko" in self._listing

    @property
    def rebuild_command(self) -> str | None:
        """What makes the initramfs anew here; None when that is not known."""
        return next((line for line in _REBUILDERS if shutil.which(line.split()[0])), None)


def _list_initramfs(release: str) -> str | None:
    for program, place in _LISTERS:
        path = place.format(release=release)
        if os.path.exists(path) and shutil.which(program) is not None:
            return _run((program, path))
    return None


def _run(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class UnknownModules:
    """Where no module can be asked about: an image, or a host that is not this one."""

    rebuild_command = None

    def parameter_type(self, module: str, parameter: str) -> str | None:  # noqa: ARG002
        """Not known."""
        return None

    def is_installed(self, module: str) -> bool | None:  # noqa: ARG002
        """Not known."""
        return None

    def is_in_initramfs(self, module: str) -> bool | None:  # noqa: ARG002
        """Not known."""
        return None
