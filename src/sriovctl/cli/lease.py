"""``sriovctl lease``: a VF for one owner at a time."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress

from sriovctl.cli.by_daemon import leases_by_daemon
from sriovctl.cli.change_arguments import refuse_recording
from sriovctl.cli.pool_argument import add_pool_argument, find_pool
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.codec.durations import duration_s
from sriovctl.engine.leases.lease_owners import no_such_lease
from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.engine.leases.on_host import seen_on_host
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, InputError, PermissionDenied
from sriovctl.model.lease import LeaseStatus, Request, Terms
from sriovctl.model.state import LENDING_POLICIES, NUMA_POLICIES
from sriovctl.render.leases import (
    format_lease,
    format_leases,
    format_returned,
    lease_as_json,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.api.client.leases import LeaseOffice
    from sriovctl.cli.context import Context
    from sriovctl.model.lease import Lease
    from sriovctl.render.leases import ShownLease

SUMMARY = "lend VFs to one owner at a time, and make them clean when they come back"
EXAMPLES = """\
  sriovctl lease take finance --owner MyGuest --ttl 8h
  sriovctl lease take finance --numa 1 --count 2 --group-disjoint --json
  sriovctl lease take netdev=eth0,vfs=0-3
  sriovctl lease run finance -- ./my-program
  sriovctl lease renew 3
  sriovctl lease list
  sriovctl lease release 3
  sriovctl lease release --owner MyGuest
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of leases."""
    verbs = SubVerbs(parser)
    take = verbs.add("take", "take one or several VFs of a pool", _take)
    add_pool_argument(take)
    _add_request(take)
    take.add_argument("--count", type=_positive, default=1, metavar="K", help="so many, or none")
    until = take.add_mutually_exclusive_group()
    until.add_argument("--pid", type=int, metavar="PID", help="until this process ends")
    until.add_argument(
        "--pin", action="store_true", help="also after a restart of the host: until it is released"
    )
    run = verbs.add("run", "hold a VF as long as a command runs", _run)
    add_pool_argument(run)
    _add_request(run)
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run")
    _configure_the_rest(verbs)


def _configure_the_rest(verbs: SubVerbs) -> None:
    release = verbs.add("release", "give leases back, and make their VFs clean", _release)
    release.add_argument("leases", nargs="*", type=int, metavar="LEASE", help="its number")
    release.add_argument("--owner", metavar="NAME", help="all leases of this owner")
    renew = verbs.add("renew", "let a lease last on from now", _renew)
    renew.add_argument("lease", type=int, metavar="LEASE", help="its number")
    renew.add_argument("--ttl", type=duration_s, metavar="TIME", help="default: as it was taken")
    listing = verbs.add("list", "list leases, and say what is wrong with those that are", _list)
    listing.add_argument("--owner", metavar="NAME", help="those of this owner")
    listing.add_argument("--pool", metavar="POOL", help="those of this pool")
    listing.add_argument("--all", action="store_true", help="also the last that have ended")
    show = verbs.add("show", "show one lease", _show)
    show.add_argument("lease", type=int, metavar="LEASE", help="its number")
    verbs.add("reap", "take back what is over, and make the VFs clean", _reap)


def _add_request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", metavar="NAME", help="who holds it (default: this user)")
    parser.add_argument(
        "--ttl", type=duration_s, metavar="TIME", help="for so long (default: until released)"
    )
    parser.add_argument("--numa", type=int, metavar="NODE", help="NUMA node of who will use it")
    parser.add_argument(
        "--numa-policy",
        choices=NUMA_POLICIES,
        help="how much that matters (default: as the pool says)",
    )
    parser.add_argument("--policy", choices=LENDING_POLICIES, help="default: as the pool says")
    parser.add_argument("--pf", metavar="PF", help="only of this PF: label, netdev or address")
    parser.add_argument(
        "--group-disjoint",
        action="store_true",
        help="share the IOMMU group with no other owner, now and as long as it is held",
    )


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of VFs")
    return int(text)


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def request_from(args: argparse.Namespace, *, owner: str, vfs: int = 1) -> Request:
    """Read what is asked for."""
    return Request(
        owner=args.owner or owner,
        vfs=vfs,
        numa_node=args.numa,
        numa=args.numa_policy,
        policy=args.policy,
        pf=args.pf,
        group_disjoint=args.group_disjoint,
    )


# --- lending -----------------------------------------------------------------------------------


def _take(args: argparse.Namespace, context: Context) -> int:
    refuse_recording(args)
    if args.pin and args.ttl is not None:
        raise InputError(
            "a pinned lease lasts until it is released", subject="--pin", hint="leave --ttl out"
        )
    request = request_from(args, owner=_this_user(), vfs=args.count)
    if args.state is not None or args.pid is not None:  # only this process knows those
        return _take_here(args, context, request)
    _warn_of_pool(args, context)

    def ask(office: LeaseOffice) -> int:
        shown = office.take(args.pool, request, ttl_s=args.ttl, pinned=args.pin)
        _print_shown(context, args, "lease-take", shown)
        return EXIT_DONE

    return leases_by_daemon(context, ask, lambda: _take_here(args, context, request))


# What was kept of a pool may be older than its file, and the daemon tells nobody.
def _warn_of_pool(args: argparse.Namespace, context: Context) -> None:
    if context.daemon() is not None:
        with suppress(PermissionDenied):
            find_pool(args, context)


def _take_here(args: argparse.Namespace, context: Context, request: Request) -> int:
    files = context.host().files
    bound = None if args.pid is None else read_process(files, args.pid)
    pool, desk = find_pool(args, context), context.desk()
    # Until its number is told it is ours, so that it goes with us if we are killed before.
    terms = Terms(args.ttl, bound or read_process(files), pinned=args.pin)
    leases = desk.take(pool, request, terms)
    # As they will be in a moment.
    told = leases if bound else [one._replace(pid=None, pid_started=None) for one in leases]
    _print(context, args, "lease-take", told)
    context.flush()
    if bound is None:
        desk.bind(leases, None)
    return EXIT_DONE


def _this_user() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid-{os.getuid()}"


def _run(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.lease_run import run_with_lease

    return run_with_lease(args, context)


def _renew(args: argparse.Namespace, context: Context) -> int:
    refuse_recording(args)
    shown = leases_by_daemon(
        context,
        lambda office: office.renew(args.lease, args.ttl),
        lambda: seen_on_host(context.host(), [context.desk().renew(args.lease, args.ttl)]),
    )
    _print_shown(context, args, "lease-renew", shown)
    return EXIT_DONE


# --- giving back -------------------------------------------------------------------------------


def _release(args: argparse.Namespace, context: Context) -> int:
    refuse_recording(args)
    if bool(args.leases) == bool(args.owner):
        raise InputError("needs leases, or --owner, and not both", subject="lease release")
    shown = leases_by_daemon(
        context,
        lambda office: office.release(args.leases, owner=args.owner),
        lambda: seen_on_host(context.host(), _release_here(args, context)),
    )
    _tell_returned(context, args, "lease-release", shown)
    return exit_code_of([one.lease for one in shown])


def _release_here(args: argparse.Namespace, context: Context) -> Sequence[Lease]:
    desk = context.desk()
    ids = list(dict.fromkeys(args.leases))
    if args.owner:
        ids = [one.lease_id for one in desk.leases() if one.owner == args.owner]
    return desk.release(ids)


def _reap(args: argparse.Namespace, context: Context) -> int:
    refuse_recording(args)
    leases = context.desk().reap()
    _tell_returned(context, args, "lease-reap", seen_on_host(context.host(), leases))
    return exit_code_of(leases)


def _tell_returned(
    context: Context, args: argparse.Namespace, schema: str, shown: Sequence[ShownLease]
) -> None:
    if args.json:
        _print_shown(context, args, schema, shown)
        return
    for one in shown:
        context.print(format_returned(one.lease))
    if not shown:
        context.print("no lease to take back")


def exit_code_of(leases: Sequence[Lease]) -> int:
    """Say how it went: refused where a VF is still in use, failed where it could not be cleaned."""
    dirty = [lease for lease in leases if lease.status is LeaseStatus.DIRTY]
    if not dirty:
        return EXIT_DONE
    from sriovctl.engine.leases.claims import is_in_use

    return EXIT_REFUSED if any(is_in_use(lease) for lease in dirty) else EXIT_FAILED


# --- looking -----------------------------------------------------------------------------------


def _list(args: argparse.Namespace, context: Context) -> int:
    leases = [
        lease
        for lease in context.desk().leases(ended=args.all)
        if args.owner in (None, lease.owner) and args.pool in (None, lease.pool)
    ]
    if args.json:
        _print(context, args, "lease-list", leases)
    else:
        context.print(format_leases(seen_on_host(context.host(), leases)))
    return EXIT_DONE


def _show(args: argparse.Namespace, context: Context) -> int:
    found = [one for one in context.desk().leases(ended=True) if one.lease_id == args.lease]
    if not found:
        raise no_such_lease(args.lease)
    _print(context, args, "lease-show", found)
    return EXIT_DONE


def _print(
    context: Context, args: argparse.Namespace, schema: str, leases: Sequence[Lease]
) -> None:
    _print_shown(context, args, schema, seen_on_host(context.host(), leases))


def _print_shown(
    context: Context, args: argparse.Namespace, schema: str, shown: Sequence[ShownLease]
) -> None:
    if args.json:
        context.print_json(schema, {"leases": [lease_as_json(one) for one in shown]})
        return
    for one in shown:
        context.print(format_lease(one))
