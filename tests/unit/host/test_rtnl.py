"""The route netlink door: order, lost answers, strangers, and a kernel that is silent."""

from __future__ import annotations

import errno
import struct
from collections import deque

import pytest

from sriovctl.codec.netlink import (
    NLM_F_ACK,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    Header,
    encode_message,
    split_messages,
    with_sequence,
)
from sriovctl.codec.rtnl import RTM_NEWLINK, encode_getlink, encode_link_dump
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.host import rtnl
from sriovctl.host.rtnl import KernelRouteNetlink

PEEK = 0x02
KERNEL = 0


class FakeSocket:
    """A netlink socket whose kernel acks everything, once per request."""

    def __init__(self) -> None:
        self.queue: deque[tuple[bytes, int] | OSError] = deque()
        self.sent: list[list[Header]] = []
        self.room = 10**9  # answers that fit; later ones are lost
        self.send_error: OSError | None = None
        self.spoil = 0  # dumps to interrupt
        self.timeout_s = 1.0
        self.silent = False
        self.closed = False
        self.looked_at: list[int] = []

    def send(self, datagram: bytes) -> None:
        if self.send_error is not None:
            raise self.send_error
        headers = [header for header, _ in split_messages(datagram)]
        self.sent.append(headers)
        for header in headers:
            self._answer(header)

    def _answer(self, header: Header) -> None:
        assert header.flags & NLM_F_ACK
        if self.silent:
            return
        if self.room <= 0:
            if OSError not in map(type, self.queue):
                self.queue.appendleft(OSError(errno.ENOBUFS, "no room"))
            return
        self.room -= 1
        if header.flags & 0x300 == 0x300:
            self._answer_dump(header.sequence)
            return
        if header.type % 4 == 2:
            self.put(encode_message(RTM_NEWLINK, b"answer!!"), header.sequence)
        self.put(encode_message(NLMSG_ERROR, bytes(20)), header.sequence)

    def _answer_dump(self, sequence: int) -> None:
        flags = NLM_F_MULTI | (NLM_F_DUMP_INTR if self.spoil > 0 else 0)
        self.spoil -= 1
        for body in (b"one.", b"two."):
            self.put(encode_message(RTM_NEWLINK, body, flags=flags), sequence)
        self.put(encode_message(NLMSG_DONE, bytes(4), flags=flags), sequence)

    def put(self, message: bytes, sequence: int, *, sender: int = KERNEL) -> None:
        self.queue.append((with_sequence(message, sequence, flags=0), sender))

    def recv_into(self, _buffer: bytearray, size: int, flags: int) -> int:
        assert flags & PEEK
        self.looked_at.append(size)
        if not self.queue:
            raise TimeoutError("timed out") if self.timeout_s else BlockingIOError(errno.EAGAIN, "")
        if isinstance(self.queue[0], OSError):
            raise self.queue.popleft()  # type: ignore[misc]  # just looked
        return len(self.queue[0][0])

    def recvfrom(self, size: int) -> tuple[bytes, tuple[int, int]]:
        self.room += 1  # what is taken out makes room
        message, sender = self.queue.popleft()  # type: ignore[misc]  # recv_into() took errors
        assert len(message) == size
        return message, (sender, 0)

    def settimeout(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSocket:
    fake = FakeSocket()
    monkeypatch.setattr(rtnl, "_open_socket", lambda _timeout_s: fake)
    return fake


SET = encode_set_link(LinkChange(1, up=True))
GET = encode_getlink(ifindex=1, with_counters=False)
DUMP = encode_link_dump(with_vfs=False)


def test_nothing_asked_is_nothing_opened() -> None:
    assert KernelRouteNetlink().exchange([]) == ()


def test_answers_come_in_order_and_questions_go_alone(fake: FakeSocket) -> None:
    answers = KernelRouteNetlink().exchange([SET, SET, GET, GET, SET])
    assert [len(answer.payloads) for answer in answers] == [0, 0, 1, 1, 0]
    assert [len(batch) for batch in fake.sent] == [2, 1, 1, 1]
    numbers = [header.sequence for batch in fake.sent for header in batch]
    assert numbers == [1, 2, 3, 4, 5]


def test_many_requests_go_in_bounded_batches(fake: FakeSocket) -> None:
    KernelRouteNetlink().exchange([SET] * 1000)
    assert max(len(batch) for batch in fake.sent) == 64
    large = encode_message(19, bytes(65000))
    fake.sent.clear()
    KernelRouteNetlink().exchange([large] * 6)
    assert [len(batch) for batch in fake.sent] == [2, 2, 2]


def test_dump_is_collected_up_to_its_end(fake: FakeSocket) -> None:
    (answer,) = KernelRouteNetlink().exchange([DUMP])
    assert [payload[16:] for payload in answer.payloads] == [b"one.", b"two."]
    # So much is asked for that the kernel makes few pieces.
    assert set(fake.looked_at) == {32 * 1024}


def test_to_know_the_size_of_an_answer_not_all_of_it_is_fetched(fake: FakeSocket) -> None:
    KernelRouteNetlink().exchange([GET, SET])
    assert set(fake.looked_at) == {1}


def test_dump_that_was_interrupted_is_asked_again(fake: FakeSocket) -> None:
    fake.spoil = 2
    (answer,) = KernelRouteNetlink().exchange([DUMP])
    assert len(answer.payloads) == 2
    assert len(fake.sent) == 3


def test_dump_that_is_always_interrupted_is_given_up(fake: FakeSocket) -> None:
    fake.spoil = 99
    with pytest.raises(HostError, match="again and again"):
        KernelRouteNetlink().exchange([DUMP])
    assert len(fake.sent) == 3


def test_lost_answers_are_asked_for_again(fake: FakeSocket) -> None:
    door = KernelRouteNetlink()
    fake.room = 5
    answers = door.exchange([SET] * 12)
    assert [answer.errno for answer in answers] == [0] * 12
    assert len(fake.sent) > 1


def test_answer_that_is_always_lost_is_given_up(fake: FakeSocket) -> None:
    fake.room = 0
    with pytest.raises(HostError, match="again and again"):
        KernelRouteNetlink().exchange([GET])


def test_late_and_foreign_messages_are_ignored(fake: FakeSocket) -> None:
    fake.put(encode_message(NLMSG_ERROR, struct.pack("=i", -1) + bytes(16)), 77)
    fake.put(encode_message(NLMSG_ERROR, struct.pack("=i", -1) + bytes(16)), 1, sender=4711)
    fake.put(encode_message(NLMSG_NOOP, b""), 1)
    (answer,) = KernelRouteNetlink().exchange([SET])
    assert answer == (0, None, ())


def test_silence_is_an_error(fake: FakeSocket) -> None:
    fake.silent = True
    with pytest.raises(HostError, match="did not answer within 3 s"):
        KernelRouteNetlink(timeout_s=3).exchange([SET])


def test_refused_socket_is_a_permission_error(fake: FakeSocket) -> None:
    fake.send_error = OSError(errno.EPERM, "no")
    with pytest.raises(PermissionDenied, match="EPERM"):
        KernelRouteNetlink().exchange([SET])


def test_failing_socket_is_a_host_error(fake: FakeSocket) -> None:
    fake.send_error = OSError(errno.EIO, "no")
    with pytest.raises(HostError, match="EIO"):
        KernelRouteNetlink().exchange([SET])


def test_door_closes_and_opens_again(fake: FakeSocket) -> None:
    with KernelRouteNetlink() as door:
        door.exchange([SET])
    assert fake.closed
    door.close()
    door.exchange([SET])
    assert len(fake.sent) == 2


def test_this_kernel_answers() -> None:
    from sriovctl.engine.link import read_link

    with KernelRouteNetlink() as door:
        assert read_link(door, "lo").ifname == "lo"
        with pytest.raises(LostError):
            read_link(door, 2**31 - 1)
