"""Options of whoever serves the interface, and what they come to: sockets, and who may ask."""

from __future__ import annotations

import os

from sriovctl.api.contract.messages import OPERATORS
from sriovctl.api.place import SOCKET
from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import socket
    from collections.abc import Callable, Mapping

    from sriovctl.api.access import Access
    from sriovctl.api.run import Listener
    from sriovctl.api.tls import Certificate

    Opener = Callable[[], Listener]
    Options = argparse._ActionsContainer  # a parser, or a group of its options

TOKENS = "/etc/sriovctl/tokens"
_FIRST_PASSED = 3  # SD_LISTEN_FDS_START


def add_serving_options(parser: Options, *, prefix: str = "") -> None:
    """Add the options that say where, and for whom, the interface is served.

    :param prefix: stands before those whose names say nothing of an interface by themselves.
    """
    parser.add_argument(
        f"--{prefix}unix",
        dest="unix",
        metavar="PATH",
        default=SOCKET,
        help=f"the unix socket (default: {SOCKET})",
    )
    parser.add_argument(
        f"--{prefix}group",
        dest="group",
        metavar="NAME",
        default=OPERATORS,
        help=f"its members may operate, where there is such a group (default: {OPERATORS})",
    )
    parser.add_argument(
        "--others-read", action="store_true", help="let other users of this host read"
    )
    parser.add_argument(
        f"--{prefix}tcp",
        dest="tcp",
        metavar="HOST:PORT",
        help="also listen there, with TLS and for bearer tokens",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate, with its chain, as PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key, as PEM")
    add_tokens_option(parser)


def add_tokens_option(parser: Options) -> None:
    """Add the option that says where tokens are."""
    parser.add_argument(
        "--tokens", metavar="FILE", default=TOKENS, help=f"where tokens are (default: {TOKENS})"
    )


def check_serving_options(args: argparse.Namespace) -> None:
    """Refuse what is wrong on any host, and at any time.

    :raises InputError: an address is none, or TCP would be without TLS.
    """
    if args.tcp is not None:
        _tcp_address(args.tcp)
        _require_tls(args, "TCP")


def _require_tls(args: argparse.Namespace, subject: str) -> None:
    if args.tls_cert is None or args.tls_key is None:
        raise InputError(
            "needs --tls-cert and --tls-key", subject=subject, hint="without TLS, use a unix socket"
        )


def _tcp_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError("is no HOST:PORT", subject=text)
    return host.strip("[]"), int(port)


def make_access(args: argparse.Namespace, log: Callable[[str], None]) -> Access:
    """Say who may ask.

    :param log: told when the tokens cannot be read.
    """
    from sriovctl.api.access import Access, PeerPolicy, group_named, known_tokens

    operators = group_named(args.group)
    numbers = frozenset(() if operators is None else (operators,))
    policy = PeerPolicy(numbers, args.others_read, args.group)
    return Access(policy, read_tokens=lambda: known_tokens(args.tokens, log))


# --- sockets ---------------------------------------------------------------------------------


def find_openers(args: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Opener]:
    """Say where to listen, and how each of these sockets is opened.

    Sockets that a service manager has opened stand in place of the unix socket.

    :raises InputError: it has passed one on which this interface cannot be served.
    """
    openers: dict[str, Opener] = {}
    if args.tcp is not None:
        openers[f"https://{args.tcp}"] = lambda: _open_tcp(args)
    passed = passed_sockets(environment)
    for number, one in enumerate(passed):
        place = f"socket {number + 1} of the service manager"
        openers[place] = _opener_of_passed(one, args, place)
    if not passed:
        openers[args.unix] = lambda: _open_unix(args)
    return openers


def passed_sockets(environment: Mapping[str, str]) -> list[socket.socket]:
    """Take the sockets that a service manager has opened for this process.

    Source: systemd sd_listen_fds(3).
    """
    from socket import socket

    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return []
    sockets = []
    for fileno in range(_FIRST_PASSED, _FIRST_PASSED + int(count)):
        os.set_inheritable(fileno, False)
        sockets.append(socket(fileno=fileno))
        sockets[-1].setblocking(False)
    return sockets


def _opener_of_passed(passed: socket.socket, args: argparse.Namespace, place: str) -> Opener:
    import socket

    if passed.type != socket.SOCK_STREAM:
        raise InputError("is no stream socket", subject=place)
    if passed.family != socket.AF_UNIX:
        _require_tls(args, place)
    return lambda: _listener_of(passed, args)


def _listener_of(passed: socket.socket, args: argparse.Namespace) -> Listener:
    import socket

    from sriovctl.api.run import Listener

    return Listener(passed, None if passed.family == socket.AF_UNIX else _certificate(args))


def _open_unix(args: argparse.Namespace) -> Listener:
    from sriovctl.api.access import group_named
    from sriovctl.api.run import Listener
    from sriovctl.api.server import open_unix_socket

    operators = group_named(args.group)
    mode = 0o666 if args.others_read else 0o660 if operators is not None else 0o600
    if args.unix == SOCKET:
        _make_directory(os.path.dirname(SOCKET))
    return Listener(open_unix_socket(args.unix, mode=mode, gid=operators), path=args.unix)


def _make_directory(path: str) -> None:
    from sriovctl.errors import HostError

    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", subject=path) from error


def _open_tcp(args: argparse.Namespace) -> Listener:
    from sriovctl.api.run import Listener
    from sriovctl.api.server import open_tcp_socket

    certificate = _certificate(args)
    return Listener(open_tcp_socket(*_tcp_address(args.tcp)), certificate)


# Without tokens nobody could ask.
def _certificate(args: argparse.Namespace) -> Certificate:
    from sriovctl.api.access import read_token_file
    from sriovctl.api.tls import Certificate

    read_token_file(args.tokens)
    return Certificate(args.tls_cert, args.tls_key)
