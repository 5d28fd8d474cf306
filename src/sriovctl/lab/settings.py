"""What the guest is told: one file of shell assignments, read by ``guest/start``.  Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sriovctl.lab.argv import FORWARDING_SLOT
from sriovctl.lab.machines import Machine, Service

# Where the run directory's share is mounted inside.
GUEST_SHARE = "/run/sriovctl-lab"
# Where the writable layer of the root is seen inside: what the machine has written so far.
GUEST_DISK = "/run/sriovctl-lab-disk/upper"


def format_settings(
    machine: Machine,
    command: Sequence[str],
    *,
    services: frozenset[Service],
    modules_tree: Path,
    cwd: Path,
    environment: Mapping[str, str],
    terminal_size: tuple[int, int] | None = None,
    is_reached: bool = False,
) -> str:
    """Write the settings file.  Pure.

    :param modules_tree: directory on the host whose name is the kernel's release.
    :param terminal_size: columns and lines, when the command gets a terminal.
    :param is_reached: ports are forwarded to the guest.
    """
    exported = {
        "SRIOVCTL_LAB_MACHINE": machine.name,
        "SRIOVCTL_LAB_SERVICES": " ".join(sorted(services)),
        "SRIOVCTL_LAB_RESULTS": f"{GUEST_SHARE}/results",
        "SRIOVCTL_LAB_DISK": GUEST_DISK,
        **environment,
    }
    modules = (*machine.modules, *(("virtio_net",) if is_reached else ()))
    plain = {
        "lab_modules": " ".join(modules),
        "lab_services": " ".join(sorted(services)),
        "lab_modules_tree": str(modules_tree),
        "lab_cwd": str(cwd),
        "lab_terminal": " ".join(map(str, terminal_size or ())),
        "lab_reached_at": f"0000:00:{FORWARDING_SLOT:02x}.0" if is_reached else "",
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in plain.items()]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    lines.append(f"set -- {shlex.join(command)}")
    return "\n".join(lines) + "\n"
