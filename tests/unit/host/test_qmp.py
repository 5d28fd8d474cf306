"""The door to QEMU's monitor: its errors, its events, its end."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.host.monitor import Answer, Monitor

from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.qmp import QMPConnection
from sriovctl.model.qemu import QEMUEvent


def refusing(words: str, kind: str = "GenericError") -> list[Answer]:
    return [{"error": {"class": kind, "desc": words}}]


@contextmanager
def talking(monitor: Monitor) -> Iterator[QMPConnection]:
    connection = QMPConnection(monitor.path, timeout_s=5)
    try:
        yield connection
    finally:
        connection.close()
        monitor.close()


def test_a_command_and_its_answer(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path, lambda command, given: [{"return": [command, given]}])
    with talking(monitor) as qmp:
        assert qmp.socket == monitor.path
        assert qmp.pid == os.getpid()
        assert qmp.execute("qom-get", {"path": "/x"}) == ["qom-get", {"path": "/x"}]
        assert qmp.execute("query-pci") == ["query-pci", None]
    assert monitor.seen[0] == "qmp_capabilities"


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (refusing("The command x has not been found", "CommandNotFound"), UnsupportedError),
        (refusing("Bus 'pcie.0' does not support hotplugging"), UnsupportedError),
        (refusing("'vfio-pci' is not a valid device model name"), UnsupportedError),
        (refusing("Device a is already in the process of unplug"), BusyError),
        (refusing("Hot-unplug failed: guest is busy (power indicator blinking)"), BusyError),
        (refusing("vfio 0000:01:10.0: group 9 is not viable"), HostError),
        (refusing("Device 'a' not found", "DeviceNotFound"), HostError),
    ],
)
def test_refusals_have_a_family_and_qemus_own_words(
    tmp_path: Path, answer: list[Answer], family: type[SriovctlError]
) -> None:
    error = answer[0]["error"]
    assert isinstance(error, dict)
    with talking(Monitor(tmp_path, lambda *_: answer)) as qmp:
        with pytest.raises(SriovctlError) as caught:
            qmp.execute("device_add")
        assert type(caught.value) is family
        assert caught.value.cause == error["desc"].rstrip(".")
        with pytest.raises(SriovctlError):  # it can be asked again
            qmp.execute("device_add")


def event(name: str, **data: object) -> Answer:
    return {"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 0}}


def test_events_are_kept_until_they_are_asked_for(tmp_path: Path) -> None:
    deleted = event("DEVICE_DELETED", path="/machine/peripheral/a", device="a")
    answer: list[Answer] = [event("STOP"), {"return": {}}, deleted]
    with talking(Monitor(tmp_path, lambda *_: answer)) as qmp:
        qmp.execute("device_del")
        assert qmp.next_event(5) == QEMUEvent("STOP", {})
        found = qmp.next_event(5)
        assert found == QEMUEvent(
            "DEVICE_DELETED", {"path": "/machine/peripheral/a", "device": "a"}
        )
        assert qmp.next_event(0.01) is None
        assert qmp.next_event(-1) is None


def closing(*_: object) -> list[Answer]:
    raise ConnectionAbortedError


def test_a_qemu_that_ends_in_the_middle(tmp_path: Path) -> None:
    with talking(Monitor(tmp_path, closing)) as qmp:
        with pytest.raises(LostError, match="it may have ended"):
            qmp.execute("device_add")
        with pytest.raises(LostError):
            qmp.execute("device_add")
        with pytest.raises(LostError):
            qmp.next_event(5)


def test_a_qemu_that_ends_while_an_event_is_awaited(tmp_path: Path) -> None:
    def answer(command: str, _: object) -> list[Answer]:
        return [{"return": {}}] if command == "first" else closing()

    monitor = Monitor(tmp_path, answer)
    with talking(monitor) as qmp:
        qmp.execute("first")
        # Nobody waits for this answer: the end of the connection is all that is heard.
        qmp._runner.run(qmp._client._send(qmp._client.make_execute_msg("end")))
        with pytest.raises(LostError):
            qmp.next_event(10)


def test_one_client_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sriovctl.host.qmp._GREETING_TIMEOUT_S", 0.2)
    monitor = Monitor(tmp_path)
    with talking(monitor), pytest.raises(BusyError, match="somebody else is connected"):
        QMPConnection(monitor.path)


def test_a_command_that_takes_too_long(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path, lambda *_: [])
    connection = QMPConnection(monitor.path, timeout_s=0.2)
    try:
        with pytest.raises(HostError, match="did not answer 'query-pci' within"):
            connection.execute("query-pci")
    finally:
        connection.close()
        monitor.close()


def test_sockets_that_cannot_be_connected_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no socket"):
        QMPConnection(str(tmp_path / "none"))
    with pytest.raises(InputError, match="is no socket"):
        QMPConnection(str(tmp_path / ("long" * 40)))
    (tmp_path / "file").touch()
    with pytest.raises(LostError, match="nobody listens"):
        QMPConnection(str(tmp_path / "file"))
    monitor = Monitor(tmp_path)
    monitor.close()
    with pytest.raises(LostError, match="nobody listens"):
        QMPConnection(monitor.path)


def test_a_socket_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object, _path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(PermissionDenied, match="run as root"):
        QMPConnection(str(tmp_path / "qmp"))


def test_something_that_is_no_monitor(tmp_path: Path) -> None:
    path = str(tmp_path / "other")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    import threading

    def talk() -> None:
        connection, _ = server.accept()
        connection.sendall(b"220 mail.example.org ESMTP\n")
        connection.close()

    thread = threading.Thread(target=talk)
    thread.start()
    with pytest.raises(HostError, match="does not speak QEMU's monitor protocol"):
        QMPConnection(path)
    thread.join()
    server.close()


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qemu.qmp", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'sriovctl\[qemu\]'"):
        QMPConnection(str(tmp_path / "qmp"))
