"""Make VFs that were lent clean again, and read back that they are.

Many VFs of one PF take few messages to the kernel.  When they fail together, each is tried by
itself, so that one which cannot be made clean does not keep the others.
"""

from __future__ import annotations

import json

from sriovctl.engine.runs.execute import Execution, as_planned
from sriovctl.errors import LostError, SriovctlError, WedgedError
from sriovctl.model.plan import Action
from sriovctl.planner.scrub import scrub_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.api import PFLocks
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.lease import Lease
    from sriovctl.model.plan import Step


def scrub_vfs(
    site: Site, locks: PFLocks, pfs: Sequence[PF], leases: Sequence[Lease]
) -> dict[int, SriovctlError | None]:
    """Make the VFs of some leases of one PF clean; say what became of each, by its number.

    :param locks: that keep others from changing the PF.
    :param pfs: as they are now.
    """
    pf = next((pf for pf in pfs if pf.device == leases[0].pf_device), None)
    vfs = {} if pf is None else {vf.vf_index: vf for vf in pf.vfs}
    gone = [lease for lease in leases if lease.vf_index not in vfs]
    outcome: dict[int, SriovctlError | None] = {
        lease.lease_id: LostError("went away before it was clean") for lease in gone
    }
    if pf is not None:
        work = [(lease, vfs[lease.vf_index]) for lease in leases if lease.vf_index in vfs]
        outcome |= _scrub_all(site, locks, pf, work)
    return outcome


def _scrub_all(
    site: Site, locks: PFLocks, pf: PF, work: Sequence[tuple[Lease, VF]]
) -> dict[int, SriovctlError | None]:
    try:
        _carry_out(site, locks, _staged(pf, work))
    except WedgedError as error:
        return {lease.lease_id: error for lease, _ in work}
    except SriovctlError:
        return {lease.lease_id: _attempt(site, locks, pf, lease, vf) for lease, vf in work}
    return {lease.lease_id: None for lease, _ in work}


def _attempt(site: Site, locks: PFLocks, pf: PF, lease: Lease, vf: VF) -> SriovctlError | None:
    try:
        _carry_out(site, locks, _staged(pf, [(lease, vf)]))
    except SriovctlError as error:
        return error
    return None


# All VFs are taken off their drivers before any is set, and set before any gets its driver:
# neighbours of one kind go together.
def _staged(pf: PF, work: Iterable[tuple[Lease, VF]]) -> list[Step]:
    steps = [s for lease, vf in work for s in scrub_steps(pf, vf, json.loads(lease.clean))]
    return sorted(steps, key=_stage)


def _stage(step: Step) -> int:
    if step.action is not Action.BIND_DRIVER:
        return 1
    return 0 if step.after["driver"] is None else 2


def _carry_out(site: Site, locks: PFLocks, steps: Sequence[Step]) -> None:
    execution = Execution(site, locks, None)
    execution.run(as_planned(steps))
    for error in execution.wedged.values():
        raise error
