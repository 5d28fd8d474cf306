"""Tell systemd how the daemon is: ready, reloading, stopping, still alive.

The protocol is one datagram of ``KEY=VALUE`` lines to a socket named by the environment.  That is
less code than a library for it needs to be imported with, and none of those is maintained that
does not bring systemd's own headers.

Source: systemd sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_STATUS = 400
_PATIENCE_S = 0.5


class Notifier:
    """The way to the service manager, if one asked to be told.

    :param environment: of this process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_usec = _watchdog(environment)
        self._status = ""

    @property
    def feeds_every_s(self) -> float | None:
        """How often the watchdog wants to be fed; None: there is none."""
        return None if self._watchdog_usec is None else self._watchdog_usec / 2_000_000

    def ready(self) -> None:
        """Say that what waits for this service may go on; also that a reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the files are being read again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say how it is, in one line, unless that was said last."""
        line = " ".join(text.split())[:_LONGEST_STATUS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, text: str) -> None:
        if not self._path:
            return
        address = f"\0{self._path[1:]}" if self._path.startswith("@") else self._path
        # Nobody who keeps a host right stops because nobody listens, or waits for who is slow to.
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_PATIENCE_S)
                sender.connect(address)
                sender.send(text.encode())
        except OSError:
            pass


def _watchdog(environment: Mapping[str, str]) -> int | None:
    text, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not text.isdigit() or int(text) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(text)
