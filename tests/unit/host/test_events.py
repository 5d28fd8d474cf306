"""The subscription to the kernel's events; what the kernel sends is the lab's to show."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from sriovctl.codec.link_event import encode_link_event
from sriovctl.errors import HostError
from sriovctl.host import events as door
from sriovctl.host.events import KernelEvents
from sriovctl.host.simulated import simulated_82576
from sriovctl.host.simulated.events import SimulatedEvents

_LINK = encode_link_event(2, "ens1", "0000:01:00.0", removed=False)
_UEVENT = b"add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=pci\0"


class Scripted:
    """A socket that gives what it was told to: a datagram with its sender, or an errno."""

    def __init__(self) -> None:
        self.script: list[tuple[bytes, int, int | None] | int] = []
        self.closed = False
        self.flags = 0

    def setsockopt(self, *_: object) -> None:
        pass

    def bind(self, _: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, tuple[int, int]]:
        if not self.script:
            raise BlockingIOError
        said = self.script.pop(0)
        if isinstance(said, int):
            raise OSError(said, "on purpose")
        data, port, uid = said
        credentials = [] if uid is None else [(1, 2, door._CREDENTIALS.pack(7, uid, uid))]
        return data, credentials, self.flags, (port, 0)


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scripted]]:
    made: list[Scripted] = []

    def make(*_: object) -> Scripted:
        made.append(Scripted())
        return made[-1]

    monkeypatch.setattr(socket, "socket", make)
    yield made
    assert all(one.closed for one in made)


def test_what_came_is_handed_over_once(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    links, uevents = sockets
    links.script = [(_LINK + _LINK, 0, None)]
    uevents.script = [(_UEVENT, 0, 0)]
    assert source.receive() == ((_LINK, _LINK), (_UEVENT,), False)
    assert source.receive() == ((), (), False)
    source.close()


def test_an_overrun_is_told_and_what_follows_is_kept(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    sockets[0].script = [errno.ENOBUFS, (_LINK, 0, None)]
    assert source.receive() == ((_LINK,), (), True)
    sockets[1].flags = socket.MSG_TRUNC
    sockets[1].script = [(_UEVENT, 0, 0)]
    assert source.receive() == ((), (), True)
    source.close()


def test_a_message_that_is_cut_short_counts_as_lost(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    sockets[0].script = [(_LINK[:-8], 0, None)]
    assert source.receive() == ((), (), True)
    source.close()


def test_only_the_kernel_and_root_are_believed(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    sockets[1].script = [(_UEVENT, 99, 1000), (_UEVENT, 99, None), (_UEVENT, 99, 0)]
    assert source.receive().uevents == (_UEVENT,)
    source.close()


def test_a_storm_is_taken_in_portions(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    sockets[0].script = [(_LINK, 0, None)] * 600
    assert len(source.receive().link_messages) == 512
    assert len(source.receive().link_messages) == 88
    source.close()


def test_another_failure_is_an_error(sockets: list[Scripted]) -> None:
    source = KernelEvents()
    sockets[0].script = [errno.EBADF]
    with pytest.raises(HostError, match="cannot receive"):
        source.receive()
    source.close()


def test_the_simulated_subscription_has_room_for_so_many_only() -> None:
    host = simulated_82576()
    source = SimulatedEvents(host.kernel, room=3)
    host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "4")
    received = source.receive()
    assert received.lost
    assert len(received.uevents) == 3
    assert not source.receive().lost
