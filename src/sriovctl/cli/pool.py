"""``sriovctl pool``: where VFs are lent from."""

from __future__ import annotations

import os

from sriovctl.cli.by_daemon import leases_by_daemon
from sriovctl.cli.pool_argument import add_pool_argument, find_pool, stamp_of
from sriovctl.cli.state_arguments import add_file_argument
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.codec.state_file import parse_states
from sriovctl.engine.leases.pools import describe_pools, find_stored, join_leases, read_stored
from sriovctl.errors import EXIT_DONE
from sriovctl.host.state_files import read_state_texts
from sriovctl.model.lease import LeaseStatus
from sriovctl.planner.lending import shares_of
from sriovctl.render.pools import (
    capacity_as_json,
    format_capacity,
    format_pool,
    format_pools,
    pool_as_json,
    vf_as_json,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sriovctl.api.client.leases import LeaseOffice
    from sriovctl.cli.context import Context
    from sriovctl.model.lease import Lease, Pool, PoolShare

SUMMARY = "say which VFs can be leased together, and how many are free"
EXAMPLES = """\
  sriovctl pool define host.yaml
  sriovctl pool list
  sriovctl pool show finance
  sriovctl pool capacity finance --json | jq '.numa[] | {numa_node, free}'
  sriovctl pool capacity netdev=eth0
  sriovctl pool remove finance
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of pools."""
    verbs = SubVerbs(parser)
    define = verbs.add("define", "keep the pools of a state file, for 'lease take'", _define)
    add_file_argument(define)
    verbs.add("list", "list the pools that are kept", _list)
    show = verbs.add("show", "show a pool and each of its VFs", _show)
    add_pool_argument(show)
    capacity = verbs.add(
        "capacity", "say how many VFs are free, for each PF and NUMA node", _capacity
    )
    add_pool_argument(capacity)
    remove = verbs.add("remove", "forget a pool; its leases stay as they are", _remove)
    remove.add_argument("pool", metavar="POOL", help="name of a pool")


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def _define(args: argparse.Namespace, context: Context) -> int:
    texts = read_state_texts(args.file)
    named = args.file == "-"
    source = "<stdin>" if named else os.path.abspath(args.file)
    stamp = "" if named else stamp_of(texts)
    state = parse_states(texts)
    pools = describe_pools(state, source=source, stamp=stamp)
    _by_whom_may(
        context,
        lambda office: office.define_pools(state),
        lambda: context.leases().store_pools(pools),
    )
    if args.json:
        context.print_json("pool-define", {"pools": [pool.name for pool in pools]})
    else:
        for pool in pools:
            context.print(f"pool {pool.name} is defined")
    return EXIT_DONE


# Whoever may write the book does: it then has the file that a pool came from, too.
def _by_whom_may(
    context: Context, ask: Callable[[LeaseOffice], object], directly: Callable[[], object]
) -> None:
    if context.teller() is None:
        directly()
    else:
        leases_by_daemon(context, ask, directly)


def _remove(args: argparse.Namespace, context: Context) -> int:
    find_stored(context.leases(), args.pool)
    _by_whom_may(
        context,
        lambda office: office.remove_pool(args.pool),
        lambda: context.leases().remove_pool(args.pool),
    )
    if args.json:
        context.print_json("pool-remove", {"pool": args.pool})
    else:
        context.print(f"pool {args.pool} is forgotten; its leases stay as they are")
    return EXIT_DONE


def _list(args: argparse.Namespace, context: Context) -> int:
    stored = context.leases().pools()
    pools = [(read_stored(one), one) for one in stored]
    shares = _shares(context, [pool for pool, _ in pools])
    if args.json:
        shaped = [
            {**pool_as_json(pool, one), "capacity": capacity_as_json(shares[one.name])}
            for pool, one in pools
        ]
        context.print_json("pool-list", {"pools": shaped})
        return EXIT_DONE
    sums = {
        name: (sum(share.free for share in of_pool), sum(share.total for share in of_pool))
        for name, of_pool in shares.items()
    }
    context.print(format_pools(pools, sums))
    return EXIT_DONE


def _shares(context: Context, pools: list[Pool]) -> dict[str, tuple[PoolShare, ...]]:
    if not pools:
        return {}
    members = context.desk().members(*pools)
    leases = _keeping(context)
    return {pool.wanted.name: shares_of(members[pool.wanted.name], leases) for pool in pools}


# Leases that keep their VF from others, as they are at this moment.
def _keeping(context: Context) -> list[Lease]:
    return [one for one in context.desk().leases() if one.status is not LeaseStatus.LOST]


def _capacity(args: argparse.Namespace, context: Context) -> int:
    pool = find_pool(args, context)
    name = pool.wanted.name
    shares = _shares(context, [pool])[name]
    if args.json:
        context.print_json("pool-capacity", {"pool": name, **capacity_as_json(shares)})
    else:
        context.print(format_capacity(name, shares))
    return EXIT_DONE


def _show(args: argparse.Namespace, context: Context) -> int:
    pool = find_pool(args, context)
    name = pool.wanted.name
    stored = next((one for one in context.leases().pools() if one.name == name), None)
    stored = None if args.state is not None else stored
    vfs = join_leases(context.desk().members(pool)[name], _keeping(context))
    if args.json:
        shaped = {**pool_as_json(pool, stored), "members": [vf_as_json(vf) for vf in vfs]}
        context.print_json("pool-show", shaped)
    else:
        context.print(format_pool(pool, stored, vfs))
    return EXIT_DONE
