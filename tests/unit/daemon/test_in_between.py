"""People's runs that begin, go on and end while the daemon looks: it never sets what is not meant.

Nobody else meddles, so whatever the daemon sees, there is nothing to repair.
"""

from __future__ import annotations

from collections.abc import Callable
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import BusyError
from sriovctl.model.functions import VLAN
from sriovctl.model.health import Health
from sriovctl.model.run import RunKind
from sriovctl.model.state import WantedVF
from sriovctl.planner.diff import plan_state
from tests.unit.daemon.rig import STATE, Rig
from tests.unit.turns import Other, site_with_points

Work = Callable[[Site], object]

OTHER_VLAN = STATE.replace("id: 43", "id: 50")
MORE_VFS = STATE.replace("num_vfs: 3", "num_vfs: 5")


def applying(state: str) -> Work:
    def apply(site: Site) -> object:
        pfs = read_inventory(site.host, name_of=lambda *_: None)
        plan = plan_state(parse_state(state, source="x.yaml"), pfs, owners={})
        return apply_plan(site, plan, options=ApplyOptions(source="x.yaml"))

    return apply


def both(first: Work, then: Work) -> Work:
    def do_both(site: Site) -> object:
        return first(site), then(site)

    return do_both


# What was applied before, what somebody does, and what is to be seen before and after that.
STORIES: dict[str, tuple[str | None, Work, list[int], list[int]]] = {
    "another VLAN": (None, applying(OTHER_VLAN), [42, 43, 42], [42, 50, 42]),
    "it is undone": (OTHER_VLAN, undo_run, [42, 50, 42], [42, 43, 42]),
    "more VFs": (None, applying(MORE_VFS), [42, 43, 42], [42, 43, 42, 42, 42]),
    "another VLAN, and back": (
        None,
        both(applying(OTHER_VLAN), undo_run),
        [42, 43, 42],
        [42, 43, 42],
    ),
    "more VFs, and back": (None, both(applying(MORE_VFS), undo_run), [42, 43, 42], [42, 43, 42]),
    "they are undone": (MORE_VFS, undo_run, [42, 43, 42, 42, 42], [42, 43, 42]),
}


@settings(max_examples=120, deadline=None)
@given(
    story=st.sampled_from(sorted(STORIES)),
    first=st.integers(0, 60),
    looked=st.integers(0, 120),
    then=st.integers(0, 60) | st.just(1000),  # to the end
)
def test_nothing_is_repaired_while_people_work(
    story: str, first: int, looked: int, then: int
) -> None:
    applied, work, before, after = STORIES[story]
    with TemporaryDirectory() as directory:
        rig = Rig(directory=directory)
        rig.begin()
        if applied is not None:
            rig.apply(applied)
        rig.pass_time(60)
        assert (rig.health(), rig.vlans()) == (Health.HEALTHY, before), rig.log()
        repairs = repairs_of(rig)

        other = Other(rig.host, directory, work)
        rig.kill()
        left = [looked]

        def point() -> None:
            left[0] -= 1
            if left[0] == 0:
                other.go_on(then)

        rig.start(site=site_with_points(rig.host, rig.journal, point))
        rig.begin()
        other.go_on(first)
        rig.pass_time(0.02)
        other.finish()
        rig.pass_time(130)
        assert repairs_of(rig) == repairs, rig.log()
        if other.error is None:
            assert rig.vlans() == after
        else:  # the daemon held the lock, and thought better of it
            assert isinstance(other.error, BusyError), other.error
        assert rig.health() is Health.HEALTHY, rig.log()
        rig.kill()


def repairs_of(rig: Rig) -> int:
    return [run.kind for run in rig.runs()].count(RunKind.REPAIR)


# --- one story at a time ---------------------------------------------------------------------


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.begin()
    rig.pass_time(30)
    assert rig.health() is Health.HEALTHY, rig.log()
    return rig


def test_a_plan_is_stale_when_a_persons_run_has_come_since_the_look(rig: Rig) -> None:
    # The person's apply begins and ends between the look and the lock.
    files, path = rig.host.files, "/proc/sys/kernel/random/boot_id"

    def apply_once() -> None:
        if len(rig.runs()) == 1:
            rig.apply(STATE.replace("42", "45"))

    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    files.before(path, lambda: files.before(path, apply_once))
    rig.pass_time(10)
    assert "another run has come, or ended, since it was looked at" in rig.log()
    assert rig.vlans() == [45, 43, 45]
    assert rig.health() is Health.HEALTHY


def test_a_plan_is_stale_when_an_undo_has_ended_since_the_look(rig: Rig) -> None:
    # The look falls into the undo: the host is as before, and the journal does not say so yet.
    run_id = rig.apply(STATE.replace("id: 43", "id: 50"))
    files, path = rig.host.files, "/proc/sys/kernel/random/boot_id"
    site = rig.site
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.journal, "finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            undo_run(site, run_id)
    assert rig.vlans() == [42, 43, 42]

    def end_undo() -> None:
        undo_run(site, run_id)

    files.before(path, lambda: files.before(path, end_undo))
    rig.pass_time(10)
    assert "another run has come, or ended, since it was looked at" in rig.log()
    assert [run.kind for run in rig.runs()].count(RunKind.REPAIR) == 1  # the first of all
    assert rig.vlans() == [42, 43, 42]
    assert rig.health() is Health.HEALTHY


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
