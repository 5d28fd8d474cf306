"""``sriovctl api``: this host over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager

from sriovctl.cli.context import HostKind
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.errors import EXIT_DONE, InputError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.api.access import Access
    from sriovctl.api.doors import Building
    from sriovctl.api.run import Listener
    from sriovctl.api.service import Service
    from sriovctl.cli.context import Context

SUMMARY = "serve this host over HTTP: REST on a unix socket, or TLS with tokens"
EXAMPLES = """\
  sriovctl api serve
  sriovctl api serve --others-read
  sriovctl api serve --tcp 0.0.0.0:8443 --tls-cert host.pem --tls-key host.key
  sriovctl --simulated api serve --unix ./sriovctl.sock
  sriovctl api token monitoring --role read
  sriovctl api openapi > openapi.json
"""
SOCKET = "/run/sriovctl/api.sock"
TOKENS = "/etc/sriovctl/tokens"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of the interface."""
    verbs = SubVerbs(parser)
    _configure_serve(verbs.add("serve", "answer until a signal ends it", _serve))
    token = verbs.add("token", "make a bearer token; it is shown once, and kept as a hash", _token)
    token.add_argument("name", metavar="NAME", help="who or what it is for")
    token.add_argument(
        "--role", choices=("read", "operate", "admin"), default="read", help="default: read"
    )
    _add_tokens(token)
    verbs.add("openapi", "print the OpenAPI document", _openapi)


def _configure_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unix", metavar="PATH", default=SOCKET, help=f"the unix socket (default: {SOCKET})"
    )
    parser.add_argument(
        "--group",
        metavar="NAME",
        default="sriovctl",
        help="its members may operate, where there is such a group (default: sriovctl)",
    )
    parser.add_argument(
        "--others-read", action="store_true", help="let other users of this host read"
    )
    parser.add_argument(
        "--tcp", metavar="HOST:PORT", help="also listen there, with TLS and for bearer tokens"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate, with its chain, as PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key, as PEM")
    _add_tokens(parser)


def _add_tokens(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tokens", metavar="FILE", default=TOKENS, help=f"where tokens are (default: {TOKENS})"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def _openapi(_: argparse.Namespace, context: Context) -> int:
    from sriovctl.api.contract.openapi import format_openapi

    context.print(format_openapi())
    return EXIT_DONE


def _token(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.api.access import add_token_line, read_token_file
    from sriovctl.api.contract.messages import Role
    from sriovctl.api.contract.tokens import (
        SALT_BYTES,
        SECRET_BYTES,
        format_stored,
        format_token,
        store_token,
    )

    token = format_token(args.name, os.urandom(SECRET_BYTES))
    if os.path.exists(args.tokens) and args.name in read_token_file(args.tokens):
        raise InputError(
            "has a token already", subject=args.name, hint=f"take its line out of {args.tokens}"
        )
    stored = store_token(token, Role(args.role), os.urandom(SALT_BYTES))
    add_token_line(args.tokens, format_stored(stored))
    if args.json:
        told = {"name": args.name, "role": args.role, "token": token, "file": args.tokens}
        context.print_json("api-token", told)
    else:
        context.print(token)
    return EXIT_DONE


# --- serving ---------------------------------------------------------------------------------


def _serve(args: argparse.Namespace, context: Context) -> int:
    import asyncio

    try:
        from sriovctl.api.run import serve_until_signal
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "needs the library h11",
            subject="sriovctl api",
            hint="install 'sriovctl[daemon]', or Debian's python3-h11",
        ) from error
    building = _building(context)
    access = _access(args)
    listeners = _listeners(args)

    def make_service() -> Service:
        from sriovctl.api.audit import AuditLog
        from sriovctl.api.service import Service

        return Service(building, access, audit=AuditLog(_log), log=_log)

    def tell() -> None:
        places = [args.unix, *([f"https://{args.tcp}"] if args.tcp else [])]
        context.print(f"listening on {' and '.join(places)}")
        context.flush()

    try:
        asyncio.run(serve_until_signal(make_service, listeners, on_ready=tell))
    finally:
        for one in listeners:
            one.socket.close()
        os.unlink(args.unix)
    return EXIT_DONE


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _building(context: Context) -> Building:
    from sriovctl.api.doors import Building

    context.host()  # a dump is none, and that is to be said before anybody listens
    if context.kind is HostKind.LIVE:
        return Building(lambda: _opened(context.opened_anew()))

    @contextmanager
    def shared() -> Iterator[Context]:
        yield context

    read_only = "a recording is read-only" if context.kind is HostKind.RECORDED else None
    no_guests = f"{context.kind} has no guests"
    return Building(
        shared, is_shared=True, no_guests=no_guests, read_only=read_only, close=context.close
    )


@contextmanager
def _opened(context: Context) -> Iterator[Context]:
    try:
        yield context
    finally:
        context.close()


def _access(args: argparse.Namespace) -> Access:
    from sriovctl.api.access import Access, PeerPolicy, group_named, known_tokens, read_token_file

    operators = group_named(args.group)
    if args.tcp:
        read_token_file(args.tokens)  # what is wrong there is to be said now
    policy = PeerPolicy(frozenset(() if operators is None else (operators,)), args.others_read)
    return Access(policy, read_tokens=lambda: known_tokens(args.tokens, _log))


def _listeners(args: argparse.Namespace) -> list[Listener]:
    from sriovctl.api.access import group_named
    from sriovctl.api.run import Listener
    from sriovctl.api.server import open_unix_socket

    tcp = [] if args.tcp is None else [_tcp_listener(args)]
    operators = group_named(args.group)
    mode = 0o666 if args.others_read else 0o660 if operators is not None else 0o600
    if args.unix == SOCKET:
        os.makedirs(os.path.dirname(SOCKET), mode=0o755, exist_ok=True)
    unix = Listener(open_unix_socket(args.unix, mode=mode, gid=operators))
    return [unix, *tcp]


def _tcp_listener(args: argparse.Namespace) -> Listener:
    from sriovctl.api.run import Listener
    from sriovctl.api.server import open_tcp_socket, open_tls

    if args.tls_cert is None or args.tls_key is None:
        raise InputError(
            "needs --tls-cert and --tls-key", subject="--tcp", hint="without TLS, use --unix"
        )
    host, _, port = args.tcp.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError("is no HOST:PORT", subject=args.tcp)
    tls = open_tls(args.tls_cert, args.tls_key)
    return Listener(open_tcp_socket(host.strip("[]"), int(port)), tls)
