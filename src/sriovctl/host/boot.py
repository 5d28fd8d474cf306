"""The doors to the next boot: of this host, or of one that an image will start."""

from __future__ import annotations

import os

from sriovctl.errors import InputError
from sriovctl.host.boot_api import BootDoors
from sriovctl.host.config_files import RootedFiles

IMAGE_STATE_DIRECTORY = "/var/lib/sriovctl"


def open_host_boot(state_directory: str) -> BootDoors:
    """Open the doors of this host."""
    from sriovctl.host.modules import InstalledModules
    from sriovctl.host.systemd import SystemctlSystemd

    return BootDoors(RootedFiles(), SystemctlSystemd(), InstalledModules(), state_directory)


def open_image_boot(root: str) -> BootDoors:
    """Open the doors of an image that is mounted or unpacked at *root*.

    :raises InputError: there is no such directory.
    """
    from sriovctl.host.modules import UnknownModules
    from sriovctl.host.systemd import NoSystemd

    if not os.path.isdir(root):
        raise InputError("is no directory", subject=root)
    return BootDoors(RootedFiles(root), NoSystemd(), UnknownModules(), IMAGE_STATE_DIRECTORY)
