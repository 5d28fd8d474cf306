"""What changes a host: plans, runs and leases.  It blocks, in the thread that changes."""

from __future__ import annotations

import os
from collections import OrderedDict
from itertools import zip_longest

from sriovctl.api.contract.messages import EARLIER_BOOTS, NOTHING_TO_UNDO, JobState
from sriovctl.api.contract.problems import Refusal, not_found
from sriovctl.api.reading import document, find_lease, find_pool, leases_as_json
from sriovctl.codec.state_file import parse_state
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.confirm import confirm_run, expire_run
from sriovctl.engine.runs.in_turn import in_turn
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.wanted_details import read_wanted_pfs
from sriovctl.errors import InputError, LostError, StalePlanError
from sriovctl.model.lease import Request, Terms
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import RunStatus
from sriovctl.planner.diff import plan_state
from sriovctl.render.plan import format_change, plan_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sriovctl.api.jobs import Job
    from sriovctl.engine.doors import Doors
    from sriovctl.engine.runs.apply import Outcome
    from sriovctl.engine.runs.execute import Site
    from sriovctl.model.plan import Plan, Step
    from sriovctl.model.state import DesiredState

SOURCE = "api: "
_MOST_PLANS = 64
_ID_BYTES = 9


class MadePlan(NamedTuple):
    """A plan, what it leads to, and what may make it less than it seems."""

    plan: Plan
    state: DesiredState
    notes: Sequence[str] = ()


class PlanShelf:
    """Plans that were shown, so that what is applied is what was seen."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, MadePlan] = OrderedDict()

    def keep(self, plan: MadePlan) -> str:
        """Keep a plan; return what it is called."""
        name = os.urandom(_ID_BYTES).hex()
        self._plans[name] = plan
        while len(self._plans) > _MOST_PLANS:
            self._plans.popitem(last=False)
        return name

    def find(self, name: str) -> MadePlan:
        """Find a plan.

        :raises Refusal: it was made long ago, or by another daemon.
        """
        if name not in self._plans:
            raise not_found("plan", "there is no such plan any more")
        return self._plans[name]


def make_plan(doors: Doors, text: str) -> MadePlan:
    """Plan the way to a state.

    :raises InputError: the state is wrong, or does not fit this host.
    """
    notes = doors.hear()
    state = parse_state(text, source="body")
    pfs = read_wanted_pfs(doors.host(), state)
    return MadePlan(plan_state(state, pfs, owners=doors.owners(pfs)), state, notes)


def plan_document(name: str, made: MadePlan) -> dict[str, object]:
    """Shape a plan, with what it is called."""
    shaped = {"plan": name, **plan_as_json(made.plan), "notes": list(made.notes)}
    return document("plan", shaped)


# --- runs ------------------------------------------------------------------------------------


class Wish(NamedTuple):
    """What a job is to do."""

    by: str
    allowed: frozenset[str] = frozenset()
    confirm_within_s: float | None = None
    run_id: int | None = None


_KEYS = {"apply": {"plan", "allow", "confirm_within_s"}, "undo": {"run", "allow"}}


def check_job(kind: str, said: Mapping[str, object]) -> None:
    """Refuse what means nothing to a job of this kind.

    :raises InputError: it does not, or what is needed is missing.
    """
    known = {"kind", *_KEYS.get(kind, {"run"})}
    for key in said:
        if key not in known:
            raise InputError(f"means nothing to a job of kind {kind}", subject=key)
    if kind == "apply" and "plan" not in said:
        raise InputError("lacks 'plan'", subject="body", hint="POST the state to /v1/plan first")


def read_wish(said: Mapping[str, object], by: str) -> Wish:
    """Read what a job is to do."""
    allow, within_s, run_id = said.get("allow", []), said.get("confirm_within_s"), said.get("run")
    assert isinstance(allow, list)
    assert within_s is None or isinstance(within_s, int | float)
    assert run_id is None or isinstance(run_id, int)
    return Wish(by, frozenset(map(str, allow)), within_s, run_id)


def apply(doors: Doors, job: Job, made: MadePlan, wish: Wish) -> None:
    """Apply a plan, as far as those allow who use the host now; when it was cancelled too late
    to stop, undo it.

    :raises StalePlanError: the host is not as it was when the plan was made.
    :raises SriovctlError: as the engine does.
    """
    job.notes = doors.hear()
    site = _told(doors, job)
    doors.reap_leases()
    users = doors.users()
    # Minutes may lie between a plan that somebody reads and the word to carry it out.
    plan = made.plan._replace(steps=users.affected(made.plan.steps))
    options = ApplyOptions(
        allowed=wish.allowed,
        source=SOURCE + wish.by,
        affected=_stopping(job, users.affected),
        leased=_stopping(job, users.leased),
        when_locked=lambda: _refuse_stale(doors, made),
        confirm_within_s=wish.confirm_within_s,
        on_begun=job.note_run,
    )

    def attempt() -> Outcome:
        job.stop_if_cancelled()
        return apply_plan(site, plan, options=options)

    outcome = in_turn(site, attempt)
    job.status, job.steps = outcome.status, outcome.steps
    if outcome.status is RunStatus.UNCONFIRMED:
        job.confirm_within_s = wish.confirm_within_s
    if job.cancel_wanted and outcome.run_id is not None:
        job.can_cancel = False
        undo_run(site, outcome.run_id, check=users.checking(wish.allowed))
        job.state, job.status = JobState.CANCELLED, RunStatus.UNDONE
        job.confirm_within_s = None


# What somebody set meanwhile would be lost, for undoing brings back what the plan knew.
def _refuse_stale(doors: Doors, made: MadePlan) -> None:
    pfs = read_wanted_pfs(doors.host(), made.state)
    now = plan_state(made.state, pfs, owners={}).steps
    for planned, anew in zip_longest(made.plan.steps, now):
        if planned is None or anew is None or _change_of(planned) != _change_of(anew):
            step = planned or anew
            raise StalePlanError(
                "the host is not as it was when the plan was made",
                subject=step.subject,
                hint="have it planned anew",
                evidence={"planned": _tell(planned), "now": _tell(anew)},
            )


def _change_of(step: Step) -> tuple[object, ...]:
    return step.action, step.device, step.vf_index, step.before, step.after


def _tell(step: Step | None) -> str:
    return "nothing" if step is None else format_change(step)


def _told(doors: Doors, job: Job) -> Site:
    doors.journal().speak_for(job.by)
    return doors.site()._replace(progress=job.tell)


def _stopping(
    job: Job, ask: Callable[[Sequence[Step]], Sequence[Step]]
) -> Callable[[Sequence[Step]], Sequence[Step]]:
    def ask_unless_cancelled(steps: Sequence[Step]) -> Sequence[Step]:
        job.stop_if_cancelled()
        return ask(steps)

    return ask_unless_cancelled


def undo(doors: Doors, job: Job, wish: Wish) -> None:
    """Undo a run.

    :raises SriovctlError: as the engine does.
    """
    job.notes = doors.hear()
    check = doors.users().checking(wish.allowed)
    undone = undo_run(_told(doors, job), wish.run_id, check=check)
    if undone.run is None:
        raise _nothing_to_undo(undone.earlier_boots)
    job.run_id, job.steps, job.status = undone.run.run_id, undone.steps, RunStatus.UNDONE


def _nothing_to_undo(earlier_boots: int) -> Refusal:
    return Refusal(
        409,
        NOTHING_TO_UNDO,
        "no run stands that could be undone",
        subject="journal",
        evidence={EARLIER_BOOTS: earlier_boots},
    )


def confirm(doors: Doors, job: Job, wish: Wish) -> None:
    """Keep a run that waits for it.

    :raises SriovctlError: as the engine does.
    """
    kept = confirm_run(doors.host(), doors.journal(), wish.run_id)
    job.run_id, job.status = kept.run_id, RunStatus.DONE


def expire(doors: Doors, job: Job, run_id: int) -> None:
    """Undo a run that nobody confirmed in time.

    :raises SriovctlError: it could not be taken back.
    """
    job.note_run(run_id)
    undone = expire_run(_told(doors, job), run_id)
    job.status = RunStatus.DONE if undone is None else RunStatus.UNDONE
    job.steps = () if undone is None else undone.steps


def waiting_runs(doors: Doors) -> list[tuple[int, float]]:
    """Read which runs of ours wait to be confirmed, and for how many seconds still."""
    from sriovctl.engine.boot import read_boot_id

    host = doors.host()
    standing = doors.journal().standing(read_boot_id(host.files), (RunStatus.UNCONFIRMED,))
    return [
        (run.run_id, max(0.0, run.confirm_by - host.clock.now()))
        for run in standing
        if run.source.startswith(SOURCE) and run.confirm_by is not None
    ]


# --- pools ------------------------------------------------------------------------------------


def define_pools(doors: Doors, text: str, by: str) -> dict[str, object]:
    """Keep the pools that a state names.

    :raises InputError: the state is wrong, or names none.
    """
    from sriovctl.engine.leases.pools import describe_pools

    pools = describe_pools(parse_state(text, source="body"), source=SOURCE + by, stamp="")
    doors.leases().store_pools(pools)
    return document("pool-define", {"pools": [pool.name for pool in pools]})


def remove_pool(doors: Doors, name: str) -> dict[str, object]:
    """Forget a pool.

    :raises Refusal: there is none of this name.
    """
    find_pool(doors, name)
    doors.leases().remove_pool(name)
    return document("pool-remove", {"pool": name})


# --- leases ----------------------------------------------------------------------------------


def take_leases(doors: Doors, said: Mapping[str, object], by: str) -> dict[str, object]:
    """Take VFs of a pool.

    :raises BusyError: not enough of them are free.
    :raises InputError: there is no such pool, or the request contradicts itself.
    """
    from sriovctl.engine.leases.pools import find_stored, is_selector, read_stored, select_pool

    name = str(said["pool"])
    if said.get("pinned") and "ttl_s" in said:
        raise InputError("a pinned lease lasts until it is released", subject="ttl_s")
    if is_selector(name):
        pool = select_pool(name)
    else:
        pool = read_stored(find_stored(doors.leases(), name))
    terms = Terms(_seconds(said), pinned=bool(said.get("pinned")))
    notes = doors.hear()
    leases = doors.desk().take(pool, _request(said, by), terms)
    return document("lease-take", {"leases": leases_as_json(doors, leases), "notes": notes})


def _request(said: Mapping[str, object], by: str) -> Request:
    numa_node, vfs = said.get("numa_node"), said.get("count", 1)
    assert isinstance(vfs, int)
    assert numa_node is None or isinstance(numa_node, int)
    return Request(
        owner=str(said.get("owner", by)),
        vfs=vfs,
        numa_node=numa_node,
        numa=_text(said, "numa_policy"),
        policy=_text(said, "policy"),
        pf=_text(said, "pf"),
        group_disjoint=bool(said.get("group_disjoint")),
    )


def _text(said: Mapping[str, object], key: str) -> str | None:
    return str(said[key]) if key in said else None


def _seconds(said: Mapping[str, object]) -> float | None:
    ttl_s = said.get("ttl_s")
    assert ttl_s is None or isinstance(ttl_s, int | float)
    return None if ttl_s is None else float(ttl_s)


def release_lease(doors: Doors, lease_id: int) -> dict[str, object]:
    """Give a lease back.

    :raises Refusal: there is none of this number.
    """
    _require_held(doors, lease_id)
    released = doors.desk().release([lease_id])
    return document("lease-show", {"leases": leases_as_json(doors, released)})


def release_leases(doors: Doors, said: Mapping[str, object]) -> dict[str, object]:
    """Give leases back, all or none: those that are named, or those of one owner.

    :raises InputError: neither is said, or both, or there is no such lease.
    """
    if ("leases" in said) == ("owner" in said):
        raise InputError("needs 'leases' or 'owner', and not both", subject="body")
    desk = doors.desk()
    named = said.get("leases", ())
    assert isinstance(named, list | tuple)
    ids = list(dict.fromkeys(named))
    if "owner" in said:
        ids = [one.lease_id for one in desk.leases() if one.owner == said["owner"]]
    notes = doors.hear()
    released = leases_as_json(doors, desk.release(ids))
    return document("lease-release", {"leases": released, "notes": notes})


def renew_lease(doors: Doors, lease_id: int, said: Mapping[str, object]) -> dict[str, object]:
    """Let a lease last on from now.

    :raises Refusal: there is none of this number, or it is not held any more.
    """
    find_lease(doors, lease_id)
    try:
        renewed = doors.desk().renew(lease_id, _seconds(said))
    except LostError as error:
        raise Refusal(
            409,
            "lease-has-ended",
            error.cause,
            subject=error.subject,
            hint=error.hint,
            evidence=error.evidence,
        ) from error
    return document("lease-show", {"leases": leases_as_json(doors, [renewed])})


def _require_held(doors: Doors, lease_id: int) -> None:
    if find_lease(doors, lease_id).ended is not None:
        raise Refusal(409, "lease-has-ended", "has ended", subject=f"lease {lease_id}")
