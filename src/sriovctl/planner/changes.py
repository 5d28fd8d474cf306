"""What changed between two looks at a host.  Pure."""

from __future__ import annotations

from sriovctl.model.change import ChangeKind, HostChange
from sriovctl.model.functions import VFAttributes
from sriovctl.model.run import RunStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sriovctl.model.counters import PFTraffic, VFTraffic
    from sriovctl.model.run import Run

    Facts = dict[str, object]

_PF_FACTS = ("driver", "netdev", "up", "mtu", "drivers_autoprobe")
_NOT_SET = ("vf_index", "counters")
_ATTRIBUTES = tuple(name for name in VFAttributes._fields if name not in _NOT_SET)


def find_changes(
    before: Sequence[PFTraffic],
    after: Sequence[PFTraffic],
    *,
    removed: Collection[str] = frozenset(),
) -> tuple[HostChange, ...]:
    """Compare two looks at a host; counters do not count.  Pure.

    :param removed: devices that the kernel told of as removed between the two.
    """
    earlier = {one.pf.device: one for one in before}
    later = {one.pf.device: one for one in after}
    return (
        *(_of_pf(ChangeKind.PF_WENT, earlier[name]) for name in earlier if name not in later),
        *(
            change
            for name, one in later.items()
            for change in _compare(earlier.get(name), one, removed)
        ),
    )


def _of_pf(
    kind: ChangeKind, one: PFTraffic, vfs: Iterable[VFTraffic] = (), **facts: object
) -> HostChange:
    found = sorted(vfs, key=lambda vf: vf.vf.vf_index)
    return HostChange(
        kind,
        one.pf.device,
        one.pf.netdev,
        tuple(vf.vf.vf_index for vf in found),
        tuple(None if vf.vf.address is None else str(vf.vf.address) for vf in found),
        **facts,  # type: ignore[arg-type]  # what, before and after
    )


def _compare(
    before: PFTraffic | None, after: PFTraffic, removed: Collection[str]
) -> Iterator[HostChange]:
    if before is None:
        yield _of_pf(ChangeKind.PF_CAME, after)
        if after.vfs:
            yield _of_pf(ChangeKind.VFS_CREATED, after, after.vfs)
        return
    old, new = ({vf.vf.vf_index: vf for vf in one.vfs} for one in (before, after))
    remade = {i for i in old.keys() & new.keys() if str(new[i].vf.address) in removed}
    for kind, vfs in (
        (ChangeKind.VFS_REMOVED, [old[i] for i in old.keys() - new.keys()]),
        (ChangeKind.VFS_REMADE, [new[i] for i in remade]),
        (ChangeKind.VFS_CREATED, [new[i] for i in new.keys() - old.keys()]),
    ):
        if vfs:
            yield _of_pf(kind, after, vfs)
    for what, was, now in _differences(_pf_facts(before), _pf_facts(after)):
        yield _of_pf(ChangeKind.CHANGED, after, what=what, before=was, after=now)
    # A VF that is new has a driver, and little else to tell.
    known: dict[int, Facts] = {i: {"driver": None} for i in new}
    known |= {i: _vf_facts(old[i]) for i in old.keys() & new.keys()}
    known |= {i: {"driver": old[i].vf.driver} for i in remade}
    yield from _vf_changes(after, known, new)


# The same change of many VFs is one.
def _vf_changes(
    after: PFTraffic, before: dict[int, Facts], new: dict[int, VFTraffic]
) -> Iterator[HostChange]:
    same: dict[tuple[str, object, object], list[VFTraffic]] = {}
    for index, vf in new.items():
        facts, known = _vf_facts(vf), before[index]
        for difference in _differences(known, {name: facts[name] for name in known}):
            same.setdefault(difference, []).append(vf)
    for (what, was, now), vfs in same.items():
        yield _of_pf(ChangeKind.CHANGED, after, vfs, what=what, before=was, after=now)


def _differences(before: Facts, after: Facts) -> list[tuple[str, object, object]]:
    return [(name, before[name], now) for name, now in after.items() if before[name] != now]


def _pf_facts(one: PFTraffic) -> Facts:
    facts: Facts = {name: getattr(one.pf, name) for name in _PF_FACTS}
    return {**facts, "carrier": one.carrier, "wedged": one.wedged}


def _vf_facts(one: VFTraffic) -> Facts:
    known = one.vf.attributes
    return {
        "driver": one.vf.driver,
        "netdev": one.vf.netdev,
        "up": one.up,
        "carrier": one.carrier,
        **{name: getattr(known, name) if known else None for name in _ATTRIBUTES},
    }


def name_causes(
    changes: Iterable[HostChange], runs: Iterable[Run], *, since: str, oldest: str
) -> tuple[HostChange, ...]:
    """Write into changes which run of sriovctl was at work on the PF meanwhile.  Pure.

    :param runs: of the journal, the newest first.
    :param since: when the look before was, as the journal writes times.
    :param oldest: one that is not ended and began before this was killed, and did nothing since.
    """
    by = {
        device: f"{run.kind} {run.run_id}"
        for run in reversed(list(runs))
        if _was_at_work(run, since, oldest)
        for device in run.devices
    }
    return tuple(change._replace(by=by.get(change.device)) for change in changes)


def _was_at_work(run: Run, since: str, oldest: str) -> bool:
    if run.ended is None:
        at_work = run.status in (RunStatus.RUNNING, RunStatus.UNCONFIRMED)
        return at_work and run.started >= oldest
    return run.ended >= since
