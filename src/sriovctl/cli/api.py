"""``sriovctl api``: this host over HTTP."""

from __future__ import annotations

import argparse
import os
import sys

from sriovctl.api.contract.messages import Role
from sriovctl.api.options import (
    add_serving_options,
    add_tokens_option,
    check_serving_options,
    find_openers,
    make_access,
)
from sriovctl.cli.building import building_of
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.errors import EXIT_DONE, InputError, SriovctlError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of the interface."""
    verbs = SubVerbs(parser)
    add_serving_options(verbs.add("serve", "answer until a signal ends it", _serve))
    token = verbs.add("token", "make a bearer token; it is shown once, and kept as a hash", _token)
    token.add_argument("name", metavar="NAME", help="who or what it is for")
    token.add_argument(
        "--role", choices=[str(role) for role in Role], default=str(Role.READ), help="default: read"
    )
    add_tokens_option(token)
    verbs.add("openapi", "print the OpenAPI document", _openapi)


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def _openapi(_: argparse.Namespace, context: Context) -> int:
    from sriovctl.api.contract.openapi import format_openapi

    context.print(format_openapi())
    return EXIT_DONE


def _token(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.api.access import add_token_line, read_token_file
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
    building = building_of(context)
    check_serving_options(args)
    access = make_access(args, _log)
    openers = find_openers(args, os.environ)
    listeners = _listen(openers.values())

    def make_service() -> Service:
        from sriovctl.api.audit import AuditLog
        from sriovctl.api.service import Service

        return Service(building, access, audit=AuditLog(_log), log=_log)

    def tell() -> None:
        context.print(f"listening on {' and '.join(reversed(openers))}")
        context.flush()

    def read_again() -> None:
        access.forget()
        _renew_certificates(listeners)

    # Who hangs up a terminal wants what runs in it to end.
    on_hangup = None if os.isatty(0) else read_again
    try:
        asyncio.run(serve_until_signal(make_service, listeners, on_ready=tell, on_hangup=on_hangup))
    finally:
        for one in listeners:
            one.close()
    return EXIT_DONE


def _listen(openers: Iterable[Callable[[], Listener]]) -> list[Listener]:
    listeners: list[Listener] = []
    try:
        for open_listener in openers:
            listeners.append(open_listener())
    except SriovctlError:
        for one in listeners:
            one.close()
        raise
    return listeners


def _renew_certificates(listeners: Iterable[Listener]) -> None:
    for certificate in (one.tls for one in listeners if one.tls is not None):
        try:
            certificate.read_again()
        except InputError as error:
            _log(f"sriovctl: the certificate shown is still the one from before: {error}")


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
