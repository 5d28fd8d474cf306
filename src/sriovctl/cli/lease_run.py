"""``sriovctl lease run``: hold a VF as long as a command runs."""

from __future__ import annotations

import os
import sys

from sriovctl.cli.change_arguments import refuse_recording
from sriovctl.cli.lease import request_from
from sriovctl.cli.pool_argument import find_pool
from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.engine.leases.on_host import seen_on_host
from sriovctl.errors import InputError
from sriovctl.host.children import hold_command
from sriovctl.model.lease import LeaseStatus, Terms
from sriovctl.render.leases import format_returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.leases.lending import Desk
    from sriovctl.model.lease import Lease
    from sriovctl.render.leases import ShownLease


def run_with_lease(args: argparse.Namespace, context: Context) -> int:
    """Take a lease, run the command, and give the lease back; return the command's exit code.

    The lease is bound to the command's own process: it holds as long as that lives, also when we
    are killed, and is over once it has ended.

    :raises InputError: the host is simulated.
    :raises PermissionDenied: the host is a recording.
    """
    refuse_recording(args)
    if args.simulated:
        raise InputError(
            "a command runs on this host, and has nothing of a simulated one",
            subject="lease run",
            hint="leave --simulated out",
        )
    pool, desk = find_pool(args, context), context.desk()
    owner = f"{os.path.basename(args.command[0])}-{os.getpid()}"
    terms = Terms(args.ttl, read_process(context.host().files))
    leases = desk.take(pool, request_from(args, owner=owner), terms)
    try:
        return _run(args, context, desk, leases)
    finally:
        for lease in desk.release([lease.lease_id for lease in leases]):
            if lease.status is not LeaseStatus.ENDED:
                print(f"sriovctl: {format_returned(lease)}", file=sys.stderr)


def _run(args: argparse.Namespace, context: Context, desk: Desk, leases: tuple[Lease, ...]) -> int:
    (lease,) = seen_on_host(context.host(), leases)
    child = hold_command(args.command, environment_of(lease))
    try:
        desk.bind(leases, read_process(context.host().files, child.pid))
        child.go()
        return child.wait()
    finally:
        child.drop()


def environment_of(shown_lease: ShownLease) -> dict[str, str]:
    """Tell a command what it holds; what is not known is left out.  Pure."""
    lease = shown_lease.lease
    told = {
        "LEASE": lease.lease_id,
        "GENERATION": lease.generation,
        "PF": lease.pf_device,
        "VF_INDEX": lease.vf_index,
        "VF_ADDRESS": lease.address,
        "NETDEV": shown_lease.netdev,
        "IOMMU_GROUP": lease.iommu_group,
        "NUMA_NODE": lease.numa_node,
    }
    return {f"SRIOVCTL_{key}": str(value) for key, value in told.items() if value is not None}
