"""The steps from what is to what is wanted.

Each PF's steps are worked out by subject (``pf_steps``, ``vf_steps``) and put into the order of
its driver: ``drivers.py`` has the stages and their reasons.  What cannot be is refused here,
before anything is touched: by the driver's rules, by its abilities, and by the state itself.
"""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.plan import Plan
from sriovctl.model.record import NamedTuple
from sriovctl.planner.case import make_case
from sriovctl.planner.drivers import Stage
from sriovctl.planner.macs import auto_macs, refuse_duplicates
from sriovctl.planner.match import match_pfs
from sriovctl.planner.pf_steps import steps_of_pf, vfs_there
from sriovctl.planner.safety import name_affected
from sriovctl.planner.vf_steps import steps_of_vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerMap
    from sriovctl.model.plan import Step
    from sriovctl.model.state import DesiredState, WantedPF
    from sriovctl.planner.case import Case


class _PFPlan(NamedTuple):
    case: Case
    macs: dict[int, str]


def plan_state(state: DesiredState, pfs: Sequence[PF], *, owners: OwnerMap | None = None) -> Plan:
    """Work out the ordered steps from *pfs* to *state*; empty when they agree.  Pure.

    :param owners: who uses which function; None when nobody looked: a VF that vfio-pci holds is
        then taken to be in use.
    :raises InputError: a match fits no PF or several, names a VF that will not exist, or gives two
        VFs the same MAC.
    :raises UnsupportedError: the PF or its driver can't do it.
    """
    plans = [_begin(wanted, pf, owners) for wanted, pf in match_pfs(state.pfs, pfs)]
    refuse_duplicates(plans, pfs)
    steps = tuple(step for plan in plans for step in _in_order(plan))
    return name_affected(Plan(steps), pfs, owners)


def _begin(wanted: WantedPF, pf: PF, owners: OwnerMap | None) -> _PFPlan:
    case = make_case(wanted, pf, vfs_there(pf), owners)
    _refuse_counts(case)
    return _PFPlan(case, auto_macs(case))


def _in_order(plan: _PFPlan) -> list[Step]:
    stages: dict[Stage, list[Step]] = {stage: [] for stage in plan.case.rules.stages}
    for stage, step in steps_of_pf(plan.case):
        stages[stage].append(step)
    for stage, step in steps_of_vfs(plan.case, plan.macs):
        stages[stage].append(step)
    # Within a stage the VFs stay in the order of their indices, but for MSI-X vectors: what one VF
    # gets more, others must have given up before.
    stages[Stage.MSIX].sort(key=_more_vectors)
    return [step for steps in stages.values() for step in steps]


def _more_vectors(step: Step) -> int:
    after, before = step.after.get("msix_count"), step.before.get("msix_count")
    return (after if isinstance(after, int) else 0) - (before if isinstance(before, int) else 0)


# --- what cannot be ----------------------------------------------------------------------------


def _refuse_counts(case: Case) -> None:
    pf, wanted, num_vfs = case.pf, case.wanted, case.num_vfs
    if pf.total_vfs is not None and num_vfs > pf.total_vfs:
        raise UnsupportedError(
            f"can have at most {pf.total_vfs} VFs, not {num_vfs}",
            subject=pf.device,
            evidence={"sriov_totalvfs": pf.total_vfs},
            hint="lower num_vfs, or raise the limit in the card's firmware",
        )
    if case.recreated:
        _refuse_recreation(case)
    if wanted.vfs and wanted.vfs[-1][0] >= num_vfs:
        raise InputError(
            f"VF {wanted.vfs[-1][0]} is out of range: there will be {num_vfs}",
            subject=wanted.label,
            hint="raise num_vfs",
        )


def _refuse_recreation(case: Case) -> None:
    pf, rules = case.pf, case.rules
    if pf.driver is None:
        raise UnsupportedError(
            "has no driver, and only a driver can change its VFs",
            subject=pf.device,
            hint="bind the PF's driver first",
        )
    if rules.fixed_count is not None:
        raise _fixed_count(case, rules.fixed_count)
    if rules.all_or_none is not None and case.num_vfs not in (0, pf.total_vfs):
        raise UnsupportedError(
            f"cannot have {case.num_vfs} VFs: {rules.all_or_none}",
            subject=pf.device,
            hint=f"set num_vfs to 0 or {pf.total_vfs}",
        )
    if rules.up_before_vfs is not None and case.up is False:
        raise UnsupportedError(
            f"is down, and {rules.up_before_vfs}",
            subject=pf.device,
            hint="add 'link: {state: up}'",
        )


def _fixed_count(case: Case, why: str) -> UnsupportedError:
    parameter = case.rules.vf_count_parameter
    hint = None
    if parameter is not None:
        option = f"options {case.rules.driver} {parameter}={case.num_vfs}"
        hint = f"'sriovctl persist' writes '{option}' into modprobe.d, for the next boot"
    return UnsupportedError(why, subject=case.pf.device, hint=hint)
