"""Which boot of the kernel this is: VFs, and so what runs did to them, do not outlive one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import FileTree

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def read_boot_id(files: FileTree) -> str | None:
    """Read the kernel's name of this boot; None where it shows none."""
    return files.read_text(BOOT_ID)
