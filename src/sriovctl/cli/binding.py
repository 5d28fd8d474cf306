"""What ``bind`` and ``unbind`` do: plan, apply as a run of its own, and show the groups."""

from __future__ import annotations

from sriovctl.cli.change_arguments import refuse_recording
from sriovctl.cli.vf_arguments import find_vfs
from sriovctl.engine.guests.iommu_group import read_groups
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.rebind import plan_rebinding
from sriovctl.errors import EXIT_DONE
from sriovctl.host.signals import stopping_in_order
from sriovctl.planner.safety import name_affected
from sriovctl.render.binding import binding_as_json, format_binding

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.engine.runs.apply import Outcome
    from sriovctl.engine.runs.rebind import Chosen
    from sriovctl.model.binding import GroupView
    from sriovctl.model.plan import Step


def rebind_vfs(args: argparse.Namespace, context: Context, driver: str) -> int:
    """Give the VFs of the command line to a driver, and say what came of it.

    :raises PermissionDenied: the host is a recording.
    :raises SafetyError: somebody uses a VF who was not named.
    """
    refuse_recording(args)
    files = context.host().files
    with stopping_in_order():
        chosen, outcome = _rebind(args, context, driver)
    groups = read_groups(files, [str(vf.address) for _, vf in chosen])
    if args.json:
        context.print_json(args.verb, binding_as_json(outcome.run_id, outcome.steps, groups))
    else:
        # Whether a group can be given away matters to those who are about to.
        shown = groups if "vfio" in driver else ()
        _print(args, context, outcome.steps, chosen, shown)
    return EXIT_DONE


def _rebind(args: argparse.Namespace, context: Context, driver: str) -> tuple[Chosen, Outcome]:
    host = context.host()
    context.reap_leases()
    since = context.users().mark()
    pfs = read_inventory(host, name_of=lambda *_: None)
    chosen = find_vfs(args, pfs)
    plan = plan_rebinding(host.files, chosen, driver)
    if plan.steps:
        plan = name_affected(plan, pfs, context.owners(pfs))
    options = ApplyOptions(
        allowed=frozenset(args.allow),
        source=_source(args.verb, chosen),
        affected=context.users().affected,
        leased=context.users().leased,
        since=since,
    )
    return chosen, apply_plan(context.site(), plan, options=options)


def _source(verb: str, chosen: Chosen) -> str:
    first, *others = (str(vf.address) for _, vf in chosen)
    return f"{verb} {first}" + (f" and {len(others)} more" if others else "")


def _print(
    args: argparse.Namespace,
    context: Context,
    steps: Sequence[Step],
    chosen: Chosen,
    groups: Sequence[GroupView],
) -> None:
    addresses = {f"{pf.device} vf {vf.vf_index}": str(vf.address) for pf, vf in chosen}
    what_next = "'sriovctl undo' takes it back"
    if args.simulated:  # a later command finds another host
        what_next = "this simulated host ends here"
    context.print(format_binding(steps, groups, addresses, what_next=what_next))
