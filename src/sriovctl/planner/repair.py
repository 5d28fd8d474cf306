"""When to repair what differs from the declared state, and when to leave it alone.  Pure.

Theory of operation.  What is found to differ is repaired at once, once.  When it differs again
after a repair, somebody or something keeps changing it: each such *reversion* doubles the pause
before the next repair.  After several within a window the daemon gives up, since two managers that
fight do more harm than either, and says so; it tries anew when the value has been left alone for
long enough, or when the files change.

Each value is judged by itself: a VLAN that somebody insists on keeps no other VF from its repair.

What is in use is not touched, with one exception: a value that was as declared while the daemon
looked last, and is not now, has been changed under its user's hands, and giving it back does them
no more than the change did.  Not so for MACs, drivers and the number of VFs, which cost a user the
VF for a moment; nor for what a guest's own definition decides (its VLAN), nor for VFs on loan.
What a guest or a lease has had for longer than a look was handed over so, and is no difference.
"""

from __future__ import annotations

from sriovctl.model.owner import OwnerKind
from sriovctl.model.plan import Action
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET, WantedVF
from sriovctl.planner.pf_steps import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sriovctl.model.drift import Difference
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.plan import Step
    from sriovctl.model.state import WantedPF

Subject = tuple[str, str]  # of a Difference: its subject and key


class Patience(NamedTuple):
    """How the pauses between repairs grow, and where they end.  In seconds."""

    first_pause_s: float = 1.0
    longest_pause_s: float = 300.0
    most_reversions: int = 5  # within the window; then it gives up
    window_s: float = 600.0
    quiet_s: float = 900.0  # a value that was left alone for so long is tried anew


class Record(NamedTuple):
    """What is known of one value that did not stay as declared."""

    found: object = None  # the last other value
    changed_at: float = 0.0  # when it was first seen so
    repaired_at: float | None = None  # by us, and not changed back since
    reverted: tuple[float, ...] = ()  # when it was found changed back, within the window
    gave_up: bool = False


Records = dict[Subject, Record]


def note_differences(
    records: Mapping[Subject, Record],
    differences: Sequence[Difference],
    now: float,
    patience: Patience,
) -> Records:
    """Note what differs now; values that do not are forgotten once they are past the window."""
    kept = {
        subject: record
        for subject, record in records.items()
        if record.repaired_at is not None and now - record.repaired_at < patience.window_s
    }
    for one in differences:
        subject = (one.subject, one.key)
        kept[subject] = _noted(records.get(subject), one.found, now, patience)
    return kept


def _noted(record: Record | None, found: object, now: float, patience: Patience) -> Record:
    if record is None:
        return Record(found, changed_at=now)
    reverted = tuple(at for at in record.reverted if now - at < patience.window_s)
    if record.repaired_at is not None:
        reverted = (*reverted, now)
        gave_up = len(reverted) >= patience.most_reversions
        return Record(found, now, None, reverted, gave_up)
    changed_at = record.changed_at if record.found == found else now
    return record._replace(found=found, changed_at=changed_at, reverted=reverted)


def may_repair_at(record: Record, patience: Patience) -> float:
    """Say from when on a value may be repaired."""
    if record.gave_up:
        return record.changed_at + patience.quiet_s
    if not record.reverted:
        return record.changed_at
    pause = patience.first_pause_s * 2.0 ** (len(record.reverted) - 1)
    return record.reverted[-1] + min(pause, patience.longest_pause_s)


def note_repair(record: Record, now: float) -> Record:
    """Note that a value was repaired; one that was given up begins anew."""
    reverted = () if record.gave_up else record.reverted
    return record._replace(repaired_at=now, reverted=reverted, gave_up=False)


def repaired_subjects(steps: Sequence[Step]) -> tuple[Subject, ...]:
    """Name the values that steps set."""
    return tuple((step.subject, key) for step in steps for key in step.after)


# --- leaving out -------------------------------------------------------------------------------


def without(wanted: WantedPF, pf: PF, held_back: Collection[Subject]) -> WantedPF:
    """Leave values out of what is wanted of a PF, so that they stay as they are.

    Without a number of VFs, what is wanted of VFs that are not there is left out, too.
    """
    if not held_back:
        return wanted
    of_pf = {key for subject, key in held_back if subject == pf.device}
    fields: dict[str, object] = {_FIELDS.get(key, key): UNSET for key in of_pf}
    wanted = wanted._replace(**fields)  # type: ignore[arg-type]  # keys are its fields
    count = (pf.num_vfs or 0) if wanted.num_vfs is UNSET else wanted.num_vfs
    keys = _keys_of_vfs(pf, held_back)
    if not keys and "num_vfs" not in of_pf:
        return wanted
    # What is said of all VFs is said of each by itself, so that one can be left out.
    vfs = {index: wanted.wanted_vf(index) for index in range(count)}
    for vf_index in keys.keys() & vfs.keys():
        vfs[vf_index] = vfs[vf_index]._replace(**dict.fromkeys(keys[vf_index], UNSET))
    return wanted._replace(vf_default=WantedVF(), vfs=tuple(vfs.items()))


_FIELDS = {"up": "link_up"}


def _keys_of_vfs(pf: PF, held_back: Collection[Subject]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    prefix = f"{pf.device} vf "
    for subject, key in held_back:
        if subject.startswith(prefix):
            found.setdefault(int(subject.removeprefix(prefix)), set()).add(key)
    return found


# --- in use ------------------------------------------------------------------------------------

_GUESTS = (OwnerKind.GUEST, OwnerKind.GUEST_CONFIG)
_OF_THE_GUEST = frozenset(("vlan", "admin_mac", "driver"))  # its definition decides
_TAKES_THE_VF_AWAY = frozenset(("admin_mac", "node_guid", "port_guid"))
_ABOUT_ALL = (Action.SET_NUM_VFS, Action.SET_ESWITCH_MODE)


class Sorted(NamedTuple):
    """The steps of a plan by what use allows."""

    free: tuple[Step, ...]  # nobody feels them
    restoring: tuple[Step, ...]  # users feel no more than the change that these take back
    left: tuple[Step, ...]  # somebody uses what they are about
    handed_over: tuple[Step, ...] = ()  # left, too, and no difference: it is theirs to decide


def sort_by_use(
    steps: Sequence[Step], pf: PF, before: PF | None, allowed: Collection[str]
) -> Sorted:
    """Part steps that may be taken from those that may not.

    :param steps: with who would feel them.
    :param pf: the PF as it is.
    :param before: as it was when it was looked at last.
    :param allowed: tokens of users that may be disturbed.
    """
    felt = [step for step in steps if set(step.affected) - set(allowed)]
    if not felt:
        return Sorted(tuple(steps), (), ())
    if any(step.action in _ABOUT_ALL for step in steps):
        return Sorted((), (), tuple(steps))  # they hang together
    restoring = [step for step in felt if _only_restores(step, pf, before)]
    # What is done to one VF hangs together, too.
    blocked = {step.vf_index for step in felt if step not in restoring}
    free = [s for s in steps if s not in restoring and s not in felt and s.vf_index not in blocked]
    left = [s for s in steps if s not in restoring and s not in free]
    theirs = tuple(step for step in left if _is_handed_over(step, before))
    left = [step for step in left if step not in theirs]
    return Sorted(tuple(free), tuple(restoring), tuple(left), theirs)


def _kinds(step: Step) -> set[str]:
    return {token.partition(":")[0] for token in step.affected}


def _only_restores(step: Step, pf: PF, before: PF | None) -> bool:
    if step.action is not Action.SET_VF or _TAKES_THE_VF_AWAY & set(step.after):
        return False
    kinds = _kinds(step)
    if OwnerKind.LEASE in kinds or (kinds & set(_GUESTS) and _OF_THE_GUEST & set(step.after)):
        return False
    now, then = _vf(pf, step.vf_index), _vf(before, step.vf_index)
    same_driver = now is not None and then is not None and then.driver == now.driver
    return same_driver and _was_so(step, then)


# A guest, or a lease, that has had a VF with other values for some time got it so.
def _is_handed_over(step: Step, before: PF | None) -> bool:
    kinds = _kinds(step)
    if OwnerKind.LEASE in kinds:
        return True
    decides = bool(kinds & set(_GUESTS)) and set(step.after) <= _OF_THE_GUEST
    return decides and not _was_so(step, _vf(before, step.vf_index))


def _was_so(step: Step, vf: VF | None) -> bool:
    if vf is None or vf.attributes is None:
        return False
    values = {**vf.attributes._asdict(), "driver": vf.driver, "msix_count": vf.msix_count}
    return all(plain(values[key]) == value for key, value in step.after.items())


def _vf(pf: PF | None, vf_index: int | None) -> VF | None:
    vfs = () if pf is None else pf.vfs
    return next((vf for vf in vfs if vf.vf_index == vf_index), None)
