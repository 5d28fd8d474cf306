"""The door to systemd, through ``systemctl``: its D-Bus interface needs a library, this none."""

from __future__ import annotations

import os
import subprocess

from sriovctl.codec.systemctl import parse_systemctl_show
from sriovctl.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# There exactly while systemd is PID 1: sd_booted(3).
_BOOTED = "/run/systemd/system"
_TIMEOUT_S = 30.0


class SystemctlSystemd:
    """This host's systemd, as a :class:`sriovctl.host.boot_api.Systemd`."""

    @property
    def is_running(self) -> bool:
        """Whether it is this host's PID 1."""
        return os.path.isdir(_BOOTED)

    def show(
        self, units: Sequence[str], properties: Sequence[str]
    ) -> tuple[Mapping[str, str], ...]:
        """Read properties of units."""
        # Id comes first, so that no unit is without a line.
        wanted = ",".join(("Id", *properties))
        shown = parse_systemctl_show(_systemctl("show", f"--property={wanted}", "--", *units))
        if len(shown) != len(units):
            raise HostError(
                "did not answer for each unit",
                subject="systemctl show",
                evidence={"asked": len(units), "answered": len(shown)},
            )
        return shown

    def reload(self) -> None:
        """Have it read its unit files anew."""
        _systemctl("daemon-reload")


class NoSystemd:
    """Where systemd is not to be asked: an image, or a host that is not this one."""

    is_running = False

    def show(
        self, units: Sequence[str], properties: Sequence[str]
    ) -> tuple[Mapping[str, str], ...]:
        """Say nothing of any unit."""
        return tuple(dict.fromkeys(properties, "") for _ in units)

    def reload(self) -> None:
        """Do nothing: the units are read at the next boot anyway."""


def _systemctl(*arguments: str) -> str:
    command = ("systemctl", *arguments)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(f"systemd does not answer: {error}", subject=" ".join(command)) from error
    if done.returncode:
        raise HostError(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed",
            subject=" ".join(command[:2]),
            evidence={"exit status": done.returncode},
        )
    return done.stdout
