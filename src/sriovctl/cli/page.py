"""``sriovctl page``: this host in a browser."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress

from sriovctl.api.place import SOCKET, SOCKET_VARIABLE
from sriovctl.cli.context import HostKind
from sriovctl.errors import EXIT_DONE, InputError, LostError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sriovctl.api.access import Access
    from sriovctl.api.contract.messages import Caller
    from sriovctl.api.relay import Daemon, Relay
    from sriovctl.api.service import Service
    from sriovctl.cli.context import Context

SUMMARY = "show this host in a browser: the card, the groups, the guests, and change them"
EXAMPLES = """\
  sriovctl page
  sriovctl page --port 8470 --no-open
  sriovctl --simulated page
  sriovctl --host-tree recording page
"""
_HOST = "127.0.0.1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add where it listens, and whom it asks."""
    parser.add_argument(
        "--port", metavar="N", type=int, default=0, help="listen there (default: any that is free)"
    )
    parser.add_argument(
        "--no-open", action="store_true", help="print the link, and start no browser"
    )
    parser.add_argument(
        "--unix",
        metavar="PATH",
        default=os.environ.get(SOCKET_VARIABLE, SOCKET),
        help=f"the socket of sriovctld, where it serves this host (default: {SOCKET}, or "
        f"what {SOCKET_VARIABLE} names)",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Serve until a signal.

    :raises InputError: the port is none.
    :raises UnsupportedError: a library is missing.
    :raises HostError: nobody can listen there.
    """
    if not 0 <= args.port <= 65535:
        raise InputError("is no port", subject=args.port)
    try:
        import h11  # noqa: F401
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "needs the library h11",
            subject="sriovctl page",
            hint="install 'sriovctl[daemon]', or Debian's python3-h11",
        ) from error
    daemon = _find_daemon(args, context)
    access = _make_access(context, daemon)
    with ExitStack() as stack:
        link = _Links(args, context, access, stack)
        _serve(args, _maker(args, context, access, daemon), link)
    return EXIT_DONE


# --- who answers -----------------------------------------------------------------------------


def _find_daemon(args: argparse.Namespace, context: Context) -> Daemon | None:
    is_live = context.kind is HostKind.LIVE and context.has_host
    if args.direct or not is_live or not os.path.exists(args.unix):
        return None
    import asyncio

    from sriovctl.api.relay import ask_daemon
    from sriovctl.api.upstream import Upstream

    try:
        daemon = asyncio.run(ask_daemon(Upstream(args.unix)))
    except LostError as error:
        context.warn(f"shows this host without sriovctld: {error}")
        return None
    if daemon is None:
        context.warn(f"shows this host without sriovctld, which lets this user not in: {args.unix}")
    return daemon


def _make_access(context: Context, daemon: Daemon | None) -> Access:
    from sriovctl.api.access import Access, PeerPolicy
    from sriovctl.api.sessions import OneTimeKeys

    caller = _caller(context) if daemon is None else daemon.caller
    return Access(PeerPolicy(), keys=OneTimeKeys(caller))


def _caller(context: Context) -> Caller:
    from sriovctl.api.access import name_of_user
    from sriovctl.api.contract.messages import Caller, Role

    uid = os.getuid()
    may_all = uid == 0 or context.kind is HostKind.SIMULATED  # which is the user's alone
    name = f"uid {uid} ({name_of_user(uid)})"
    return Caller(name, Role.ADMIN if may_all else Role.READ)


def _maker(
    args: argparse.Namespace, context: Context, access: Access, daemon: Daemon | None
) -> Callable[[], Service | Relay]:
    from sriovctl.api.audit import AuditLog

    audit = AuditLog(_log)
    if daemon is None:
        from sriovctl.api.service import Service
        from sriovctl.cli.building import building_of

        building = building_of(context)
        return lambda: Service(building, access, audit=audit, log=_log)
    from sriovctl.api.relay import Relay
    from sriovctl.api.upstream import Upstream

    upstream = Upstream(args.unix)
    return lambda: Relay(upstream, access, daemon.host, audit=audit, log=_log)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- serving ---------------------------------------------------------------------------------


def _serve(
    args: argparse.Namespace, make_service: Callable[[], Service | Relay], links: _Links
) -> None:
    import asyncio

    from sriovctl.api.run import Listener, serve_until_signal
    from sriovctl.api.server import open_tcp_socket

    listener = Listener(open_tcp_socket(_HOST, args.port))
    links.port = listener.socket.getsockname()[1]
    try:
        asyncio.run(serve_until_signal(make_service, [listener], on_ready=links.tell_first))
    finally:
        listener.close()


class _Links:
    # Prints a link that lets in once, and another when it was used: for another browser.

    def __init__(
        self, args: argparse.Namespace, context: Context, access: Access, stack: ExitStack
    ) -> None:
        self._json = args.json
        self._context = context
        self._keys = access.keys
        self._keys.on_used = self._tell_next
        self._open: Callable[[str], None] | None = None
        self.port = 0
        if not args.no_open:
            self._open = _opener(stack)

    def tell_first(self) -> None:
        link = self._tell()
        if self._open is not None:
            self._open(link)

    def _tell_next(self) -> None:
        with suppress(OSError):  # nobody is there to read it; the page goes on
            self._tell()

    def _tell(self) -> str:
        key = self._keys.make()
        link = f"http://{_HOST}:{self.port}/#key={key}"
        if self._json:
            self._context.print_json_line("page", {"url": link, "port": self.port, "key": key})
        else:
            self._context.print(link)
        self._context.flush()
        return link


def _opener(stack: ExitStack) -> Callable[[str], None] | None:
    from sriovctl.cli.browser import has_browser, leading_to

    if not has_browser(os.environ):
        return None
    import webbrowser

    return stack.enter_context(leading_to(webbrowser.open))
