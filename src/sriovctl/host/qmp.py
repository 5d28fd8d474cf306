"""The door to a running QEMU: the library qemu.qmp, with its errors sorted into our families.

The library is asyncio's, and stays in here: one loop runs while a command or an event is waited
for, and rests in between.
"""

from __future__ import annotations

import errno

from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.qmp_api import QEMU_BUSY_WORDS
from sriovctl.model.qemu import QEMUEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from socket import socket as Socket
    from typing import TypeVar

    from qemu.qmp import EventListener, QMPClient

    T = TypeVar("T")

DEFAULT_TIMEOUT_S = 30.0
_GREETING_TIMEOUT_S = 5.0
# QEMU has one class of error for nearly all; its words differ.  In order: qdev_unplug() of a bus
# without hot plug and of a device that cannot; qdev_device_add() likewise.
_UNSUPPORTED_WORDS = ("does not support hotplug", "is not hotpluggable", "not a valid device model")


class QMPConnection:
    """A :class:`sriovctl.host.qmp_api.QMP` to a QEMU that listens on a UNIX socket.

    :param path: of the socket.
    :param timeout_s: how long any one command may take.
    :raises UnsupportedError: the library is not installed.
    :raises InputError: there is no socket of that name.
    :raises LostError: nobody listens there any more.
    :raises BusyError: somebody else is connected: QEMU takes one at a time.
    :raises PermissionDenied: the socket belongs to somebody else.
    :raises HostError: it is not QEMU.
    """

    def __init__(self, path: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.socket = path
        self._timeout_s = timeout_s
        client = _import_client()
        import asyncio

        self._asyncio = asyncio
        connected = _connect(path)
        self.pid = _listener_of(connected)
        self._runner = asyncio.Runner()
        self._client: QMPClient = client(name=path)
        self._events: EventListener = _listener()
        self._client.register_listener(self._events)
        try:
            self._greet(connected)
        except BaseException:
            self._runner.close()
            connected.close()
            raise

    def _greet(self, connected: Socket) -> None:
        # A second client is let in by the kernel, and greeted when the first has gone.
        try:
            self._run(self._client.connect(connected), _GREETING_TIMEOUT_S)
        except TimeoutError:
            raise BusyError(
                "does not answer: somebody else is connected, and QEMU talks to one at a time",
                subject=self.socket,
                hint="end the other connection, or give QEMU another -qmp socket; guests of "
                "libvirt are for 'sriovctl attach'",
            ) from None

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        """Give a command, and return its answer; see :class:`sriovctl.host.qmp_api.QMP`."""
        try:
            return self._run(self._client.execute(command, arguments), self._timeout_s)
        except TimeoutError:
            raise HostError(
                f"QEMU did not answer '{command}' within {self._timeout_s:g} s", subject=self.socket
            ) from None

    def next_event(self, timeout_s: float) -> QEMUEvent | None:
        """Wait for the next thing that QEMU tells; see :class:`sriovctl.host.qmp_api.QMP`."""
        message = self._run(self._next(timeout_s), None)
        if message is None:
            return None
        data = message.get("data")
        return QEMUEvent(str(message["event"]), data if isinstance(data, dict) else {})

    # The end of the connection ends the wait, too.
    async def _next(self, timeout_s: float) -> Mapping[str, object] | None:
        from qemu.qmp import Runstate

        if not self._events.empty():
            return await self._events.get()
        if self._client.runstate is not Runstate.RUNNING:
            raise self._gone()
        event = self._asyncio.ensure_future(self._events.get())
        change = self._asyncio.ensure_future(self._client.runstate_changed())
        try:
            done, _ = await self._asyncio.wait(
                (event, change),
                timeout=max(timeout_s, 0.0),
                return_when=self._asyncio.FIRST_COMPLETED,
            )
        finally:
            for waiting in (event, change):
                waiting.cancel()
        if event in done:
            return event.result()
        if change in done:
            raise self._gone()
        return None

    def close(self) -> None:
        """End the connection."""
        from contextlib import suppress

        from qemu.qmp import QMPError

        # A connection that has broken tells so here, to somebody who has no use for it any more.
        with suppress(QMPError, EOFError, OSError):
            self._runner.run(self._client.disconnect())
        self._runner.close()

    def _run(self, action: Coroutine[object, object, T], timeout_s: float | None) -> T:
        from qemu.qmp import ConnectError, ExecInterruptedError, ExecuteError, QMPError, StateError

        try:
            return self._runner.run(self._within(action, timeout_s))
        except ExecuteError as error:
            raise self._refusal(error) from error
        except (ExecInterruptedError, StateError) as error:
            raise self._gone() from error
        except ConnectError as error:
            raise HostError(
                f"does not speak QEMU's monitor protocol: {error}",
                subject=self.socket,
                hint="it must be a socket of -qmp, or of -mon with mode=control",
            ) from error
        except QMPError as error:
            raise HostError(str(error), subject=self.socket) from error

    async def _within(self, action: Coroutine[object, object, T], timeout_s: float | None) -> T:
        return await self._asyncio.wait_for(action, timeout_s)

    def _refusal(self, error: Exception) -> SriovctlError:
        words = str(error).strip().rstrip(".")
        unknown = getattr(error, "error_class", "") == "CommandNotFound"
        family: type[SriovctlError] = HostError
        if unknown or any(each in words for each in _UNSUPPORTED_WORDS):
            family = UnsupportedError
        elif any(each in words for each in QEMU_BUSY_WORDS):
            family = BusyError
        return family(words, subject=self.socket)

    def _gone(self) -> LostError:
        return LostError("QEMU has closed the connection: it may have ended", subject=self.socket)


def _import_client() -> type[QMPClient]:
    try:
        from qemu.qmp import QMPClient
    except ImportError as error:
        raise UnsupportedError(
            "talking to QEMU needs the Python package qemu.qmp",
            hint="pip install 'sriovctl[qemu]'",
            evidence={"import": error},
        ) from error
    import logging

    # What it has to say comes as an exception as well.
    logger = logging.getLogger("qemu.qmp")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return QMPClient


def _listener() -> EventListener:
    from qemu.qmp import EventListener

    return EventListener()


def _connect(path: str) -> Socket:
    import socket

    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.connect(path)
    except OSError as error:
        opened.close()
        raise _no_connection(error, path) from error
    opened.setblocking(False)
    return opened


def _no_connection(error: OSError, path: str) -> SriovctlError:
    number = error.errno
    if number == errno.ECONNREFUSED:
        return LostError(
            "nobody listens on this socket: QEMU has ended, or is not up yet", subject=path
        )
    if number in (errno.EACCES, errno.EPERM):
        return PermissionDenied(
            "may not be used by this user", subject=path, hint="run as root, or as QEMU's user"
        )
    if number in (errno.ENOENT, errno.ENOTDIR, None):  # None: longer than the kernel takes
        return InputError(
            f"is no socket that can be used: {error.strerror or error}",
            subject=path,
            hint="start QEMU with -qmp unix:PATH,server=on,wait=off",
        )
    return HostError(f"cannot be connected to: {error.strerror}", subject=path)


# Whoever called listen(), as the kernel remembers it (SO_PEERCRED, unix(7)).
def _listener_of(connected: Socket) -> int | None:
    import socket
    from struct import Struct

    credentials = Struct("3i")
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    pid = int(credentials.unpack(raw)[0])
    return pid or None
