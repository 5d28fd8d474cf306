"""Compare a host with what is wanted of it, without a thought of how to get there."""

from __future__ import annotations

from sriovctl.model.drift import Difference
from sriovctl.model.state import UNSET, DesiredState
from sriovctl.planner.diff import plan_state
from sriovctl.planner.match import describe_match, fitting_pfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.state import WantedPF, WantedVF


def find_drift(state: DesiredState, pfs: Sequence[PF]) -> tuple[Difference, ...]:
    """Find what differs; empty when the host is as wanted, and then a plan is empty, too.  Pure.

    A PF that is gone is a difference.  Of VFs that are missing their number is told, not what
    each of them should be.

    :raises InputError: a match fits several PFs, or one PF is meant twice.
    :raises UnsupportedError: a PF cannot do what is wanted of it.
    """
    plan_input = [wanted for wanted in state.pfs if fitting_pfs(wanted.match, pfs)]
    missing = (wanted for wanted in state.pfs if wanted not in plan_input)
    return (
        *(Difference(one.label, "match", describe_match(one.match), None) for one in missing),
        *(found for one in plan_input for found in _drift_of(one, pfs)),
    )


def _drift_of(wanted: WantedPF, pfs: Sequence[PF]) -> Iterator[Difference]:
    for pf in fitting_pfs(wanted.match, pfs):
        if wanted.num_vfs is not UNSET and wanted.num_vfs != pf.num_vfs:
            yield Difference(pf.device, "num_vfs", wanted.num_vfs, pf.num_vfs)
    # Those VFs that are there, as if their number were right.
    as_counted = wanted._replace(num_vfs=UNSET, vfs=_existing(wanted, pfs))
    for step in plan_state(DesiredState((as_counted,)), pfs).steps:
        for key, value in step.after.items():
            yield Difference(step.subject, key, value, step.before.get(key))


def _existing(wanted: WantedPF, pfs: Sequence[PF]) -> tuple[tuple[int, WantedVF], ...]:
    fewest = min(pf.num_vfs or 0 for pf in fitting_pfs(wanted.match, pfs))
    return tuple((index, vf) for index, vf in wanted.vfs if index < fewest)
