"""A process that speaks QEMU's monitor protocol, well or badly, on a UNIX socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

GREETING = {
    "QMP": {"version": {"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""},
            "capabilities": []}
}  # fmt: skip
Answer = dict[str, object]


class Monitor:
    """Answers commands by a function; one client at a time, as QEMU.

    :param answer: given a command and its arguments, returns messages to send; raises
        ``ConnectionAbortedError`` to close the connection.
    """

    def __init__(
        self,
        directory: Path,
        answer: Callable[[str, object], list[Answer]] = lambda *_: [{"return": {}}],
    ) -> None:
        self.path = str(directory / "qmp")
        self.seen: list[str] = []
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen(1)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        _send(connection, GREETING)
        for request in _requests(connection):
            command = str(request["execute"])
            self.seen.append(command)
            ready = command == "qmp_capabilities"
            answers = [{"return": {}}] if ready else self._answer(command, request.get("arguments"))
            named = {"id": request["id"]} if "id" in request else {}
            for message in answers:
                _send(connection, message if "event" in message else {**message, **named})

    def close(self) -> None:
        """Stop listening; the socket's file stays, as that of a QEMU that was killed."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


def _send(connection: socket.socket, message: Mapping[str, object]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\r\n")


# Clients need not end a request with a newline: QEMU reads JSON, not lines.
def _requests(connection: socket.socket) -> Iterator[Answer]:
    pending = ""
    while received := connection.recv(65536):
        pending += received.decode()
        while pending.strip():
            try:
                request, end = json.JSONDecoder().raw_decode(pending.lstrip())
            except ValueError:
                break
            pending = pending.lstrip()[end:]
            yield request
