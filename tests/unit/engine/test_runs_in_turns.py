"""Runs that are made, resumed, undone and confirmed by two at once, in any order of their points.

Each may be refused.  But what was told to be done is done, no run is left open, and the host is
what the runs that stand have made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import permutations
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.mortal import Fate, KilledError, mortal_site
from tests.unit.turns import Other, PatientTime, in_turns

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.confirm import confirm_run, expire_run
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.meanwhile import mark_journal
from sriovctl.engine.runs.resume import resume_run
from sriovctl.engine.runs.undo import Undone, undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.errors import BusyError, InputError, SafetyError, SriovctlError
from sriovctl.host import locks
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.run import Run, RunKind, RunStatus
from sriovctl.planner.diff import plan_state

IGB = "0000:01:00.0"
FIRST = f"""
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 3
    drivers_autoprobe: false
    vf_default: {{vlan: {{id: 42}}}}
    vfs: {{1: {{vlan: {{id: 43}}}}}}
"""
STATES = {
    "another VLAN": FIRST.replace("43", "50"),
    "yet another": FIRST.replace("43", "60"),
    "more VFs": FIRST.replace("num_vfs: 3", "num_vfs: 5"),
    "fewer VFs": FIRST.replace("num_vfs: 3", "num_vfs: 2"),
}
REFUSALS = (BusyError, InputError, SafetyError)
Work = Callable[[Site], object]
VLANs = tuple[int | None, ...]
Seen = tuple[VLANs, tuple[tuple[str, RunStatus], ...], VLANs]
Ended = tuple[frozenset[tuple[str, type[SriovctlError] | None]], Seen]


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "time", PatientTime())
        yield


def applying(name: str, *, confirm_within_s: float | None = None) -> Work:
    def apply(site: Site) -> Outcome:
        state = parse_state(STATES.get(name, FIRST), source="x.yaml")
        users = Users(site, open_libvirt=None)
        since = mark_journal(site.host, site.journal)
        pfs = read_inventory(site.host, name_of=lambda *_: None)
        plan = plan_state(state, pfs, owners=users.of(pfs).owners)
        options = ApplyOptions(
            source=name,
            affected=users.affected,
            leased=users.leased,
            since=since,
            confirm_within_s=confirm_within_s,
        )
        return apply_plan(site, plan, options=options)

    return apply


def undo(site: Site) -> Undone:
    return undo_run(site, check=Users(site, open_libvirt=None).checking(frozenset()))


def undo_second(site: Site) -> Undone:
    return undo_run(site, 2, check=Users(site, open_libvirt=None).checking(frozenset()))


def resume(site: Site) -> Outcome:
    check = Users(site, open_libvirt=None).checking(frozenset())
    return resume_run(site, options=ApplyOptions(), check=check)


def confirm(site: Site) -> Run:
    return confirm_run(site.host, site.journal)


def expire(site: Site) -> Undone | None:
    return expire_run(site, 2) if site.journal.run(2) is not None else None


WORKS: dict[str, Work] = {
    **{name: applying(name) for name in STATES},
    "more VFs, on trial": applying("more VFs", confirm_within_s=60),
    "undo": undo,
    "undo the second": undo_second,
    "resume": resume,
    "confirm": confirm,
    "expire": expire,
}
# What the second run came to.
BEFORE = (
    "nothing",
    "done",
    "unconfirmed",
    "cut short",
    "cut short on trial",
    "undo cut short",
    "undo on trial cut short",
)


class Case(NamedTuple):
    """What there is when two begin."""

    before: str
    second: str  # of STATES
    cut_at: int = 0


class Scene:
    """A host with three VFs by run 1, and what became of run 2."""

    def __init__(self, directory: str, case: Case) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.journal = SQLiteJournal(directory)
        self.site = Site(self.host, self.journal, lambda _: None)
        applying("")(self.site)
        before, on_trial = case.before, "trial" in case.before or case.before == "unconfirmed"
        second = applying(case.second, confirm_within_s=60 if on_trial else None)
        if before.startswith(("done", "unconfirmed", "undo")):
            second(self.site)
        if before.endswith("cut short") or before.startswith("cut short"):
            work = undo if before.startswith("undo") else second
            with suppress(KilledError):
                work(mortal_site(self.host, self.journal, Fate(dies_at=case.cut_at)))

    def look(self) -> VLANs:
        """Read the VLAN of each VF."""
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        (pf,) = (pf for pf in pfs if pf.device == IGB)
        return tuple(vf.attributes.vlan_id for vf in pf.vfs if vf.attributes is not None)

    def end(self) -> Seen:
        """Say what there is, what is said of it, and what is left when the newest run is undone."""
        runs = [(run.source, run.status) for run in self.journal.runs() if is_told(run)]
        vlans, stood = self.look(), tuple(sorted(runs))
        with suppress(*REFUSALS):
            undo(self.site)
        return vlans, stood, self.look()


# What was taken back, since it failed, might as well not have been.
def is_told(run: Run) -> bool:
    return run.kind is RunKind.APPLY and run.status is not RunStatus.TAKEN_BACK


POINTS = st.integers(0, 12) | st.integers(0, 90) | st.just(1000)


@cache
def in_a_row(case: Case, names: tuple[str, ...]) -> Ended:
    """What it comes to when the next begins only when the one before has ended."""
    with TemporaryDirectory() as directory:
        scene = Scene(directory, case)
        errors: list[tuple[str, type[SriovctlError] | None]] = []
        for name in names:
            try:
                WORKS[name](scene.site)
                errors.append((name, None))
            except SriovctlError as error:
                errors.append((name, type(error)))
        return frozenset(errors), scene.end()


def try_two(case: Case, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    with TemporaryDirectory() as directory:
        scene = Scene(directory, case)
        one, other = (Other(scene.host, directory, WORKS[name]) for name in names)
        in_turns(one, other, turns)
        errors = [one.error, other.error]
        end = scene.end()
        told = f"{errors} {end}"
        assert all(error is None or isinstance(error, REFUSALS) for error in errors), told
        # Whoever is refused might as well not have come.
        did = tuple(name for name, error in zip(names, errors, strict=True) if error is None)
        ends = [in_a_row(case, order) for order in permutations(names)]
        possible = [seen for each, seen in ends if {n for n, e in each if e is None} == set(did)]
        alone = [in_a_row(case, did)[1]] if len(did) < 2 else []
        assert end in [*possible, *alone], f"{told}\n{possible} {alone}"


@pytest.mark.parametrize(
    ("case", "names"),
    [
        (Case("nothing", ""), ("another VLAN", "yet another")),
        (Case("nothing", ""), ("another VLAN", "undo")),
        (Case("done", "another VLAN"), ("undo", "yet another")),
        (Case("done", "another VLAN"), ("undo the second", "yet another")),
        (Case("cut short", "more VFs", 5), ("resume", "undo")),
        (Case("cut short on trial", "more VFs", 5), ("resume", "expire")),
        (Case("unconfirmed", "more VFs"), ("expire", "confirm")),
        (Case("undo on trial cut short", "more VFs", 5), ("confirm", "expire")),
    ],
)
def test_somebody_does_it_all_meanwhile(case: Case, names: tuple[str, str]) -> None:
    for points in (*range(10), 12, 24, 48):
        try_two(case, names, (points, 1000))


@settings(max_examples=25, deadline=None)
@given(
    case=st.builds(
        Case, st.sampled_from(BEFORE), st.sampled_from(sorted(STATES)), cut_at=st.integers(0, 12)
    ),
    names=st.tuples(st.sampled_from(sorted(WORKS)), st.sampled_from(sorted(WORKS))),
    turns=st.tuples(POINTS, POINTS, POINTS, POINTS),
)
def test_two_at_once(case: Case, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    try_two(case, names, turns)
