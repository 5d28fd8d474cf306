"""What verbs that ask for owners have in common."""

from __future__ import annotations

from sriovctl.engine.owners import read_owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerReport


def owners_of(args: argparse.Namespace, context: Context, pfs: Sequence[PF]) -> OwnerReport:
    """Find who uses *pfs* and their VFs; libvirt is asked on this host only.

    :raises InputError: there is only a dump.
    :raises HostError: the kernel refused what any user may read.
    """
    elsewhere = args.host_tree is not None or args.simulated
    return read_owners(
        context.host(),
        pfs,
        open_libvirt=None if elsewhere else context.libvirt,
        progress=context.progress,
    )
