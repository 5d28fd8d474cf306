from __future__ import annotations

import os
import socket

import pytest

from sriovctl.api.loopback import user_over_loopback

OURS = ("127.0.0.1", 8470)


def test_the_kernel_knows_whose_the_other_end_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        accepted, theirs = listener.accept()
        with accepted:
            assert client.getsockname() == theirs
            assert user_over_loopback(theirs, accepted.getsockname()) == os.getuid()


def test_a_socket_of_ipv6_that_speaks_ipv4_is_known_as_well() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_INET6) as client,
    ):
        client.connect((f"::ffff:{OURS[0]}", listener.getsockname()[1]))
        accepted, theirs = listener.accept()
        with accepted:
            assert user_over_loopback(theirs, accepted.getsockname()) == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_is_seen_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(writer)
                os.setuid(65534)
                with socket.create_connection(listener.getsockname()):
                    os.read(reader, 1)
            finally:
                os._exit(0)
        accepted, theirs = listener.accept()
        with accepted:
            assert user_over_loopback(theirs, accepted.getsockname()) == 65534
        os.close(writer)
        os.waitpid(child, 0)
        os.close(reader)


@pytest.mark.parametrize(
    ("remote", "local"),
    [(("192.0.2.1", 5), OURS), (("127.0.0.1", 5), ("192.0.2.1", 8470)), ("", OURS), (None, None)],
)
def test_of_another_host_nothing_is_known(remote: object, local: object) -> None:
    def read(_: str) -> str:
        raise AssertionError("nobody should look")

    assert user_over_loopback(remote, local, read=read) is None


def test_what_is_not_in_the_table_or_has_none_is_not_known() -> None:
    assert user_over_loopback(("127.0.0.1", 5), OURS, read=lambda _: "head\n short line\n") is None

    def fail(_: str) -> str:
        raise FileNotFoundError

    assert user_over_loopback(("127.0.0.1", 5), OURS, read=fail) is None
