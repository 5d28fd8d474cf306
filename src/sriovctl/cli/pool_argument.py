"""What stands for a pool on the command line, and the state file that may tell of it."""

from __future__ import annotations

from sriovctl.cli.state_arguments import read_state
from sriovctl.engine.leases.pools import (
    find_stored,
    is_selector,
    pool_in_state,
    read_stored,
    select_pool,
)
from sriovctl.errors import InputError
from sriovctl.host.state_files import read_state_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from sriovctl.cli.context import Context
    from sriovctl.model.lease import Pool, StoredPool


def add_pool_argument(parser: argparse.ArgumentParser) -> None:
    """Add the pool, and where it is defined."""
    parser.add_argument(
        "pool",
        metavar="POOL",
        help="name of a pool, or which PFs lend: netdev=eth0 or driver=igb,vfs=0-3 (keys as under "
        "'match' in a state file)",
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="read the pool from this state file, and not from what 'pool define' kept",
    )


def find_pool(args: argparse.Namespace, context: Context) -> Pool:
    """Find the pool that is meant.

    :raises InputError: there is none such, or the state file is wrong.
    """
    if args.state is not None:
        return pool_in_state(read_state(args.state), args.pool)
    if is_selector(args.pool):
        return select_pool(args.pool)
    stored = find_stored(context.leases(), args.pool)
    if has_changed(stored):
        context.warn(
            f"{stored.source} has changed since pool {stored.name} was defined from it; "
            f"'sriovctl pool define {stored.source}' reads it anew"
        )
    return read_stored(stored)


def stamp_of(texts: Iterable[tuple[str, str]]) -> str:
    """Make of the files of a state what tells them from changed ones.  Pure."""
    from zlib import crc32

    stamp = 0
    for name, text in texts:
        stamp = crc32(f"{name}\n{text}".encode(), stamp)
    return f"{stamp:08x}"


def has_changed(stored: StoredPool) -> bool:
    """Say whether the file that a pool was defined from says something else now."""
    if not stored.stamp:
        return False
    try:
        return stamp_of(read_state_texts(stored.source)) != stored.stamp
    except InputError:  # it is gone, and what was kept of it holds
        return False
