"""VFs that are lent and given away while others do, or while their PF is changed, at any points.

Whoever has a VF sets of it what it likes.  Nobody else touches that as long as it is theirs, nobody
gets a VF that another has, and once all have given back, the host is what its runs have made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.people import (
    OF_BORROWERS,
    OF_GUESTS,
    OF_NAMESPACES,
    STATES,
    Person,
    Scene,
)
from tests.unit.turns import PatientTime, in_turns

from sriovctl.errors import BusyError, InputError, LostError, SafetyError, UnsupportedError
from sriovctl.host import locks
from sriovctl.model.lease import LeaseStatus

LASTING = (LeaseStatus.HELD, LeaseStatus.EXPIRED, LeaseStatus.DIRTY)
REFUSALS = (BusyError, InputError, LostError, SafetyError, UnsupportedError)


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "time", PatientTime())
        yield


WORKS: dict[str, Callable[[Person], object]] = {
    **{name: partial(Person.apply, name=name) for name in STATES if name != "first"},
    "undo": Person.undo,
    "take": Person.take,
    "take both": partial(Person.take, vfs=2),
    "take and release": Person.take_and_release,
    "release": Person.release,
    "renew": Person.renew,
    "reap": lambda person: person.desk.reap(),
    "to MyGuest": partial(Person.attach, guest="MyGuest"),
    "to Other": partial(Person.attach, guest="Other"),
    "out of MyGuest": partial(Person.detach, guest="MyGuest"),
    "to blue": partial(Person.move, namespace="blue"),
    "to red": partial(Person.move, namespace="red"),
    "back": Person.bring_back,
    "repair": Person.look_as_daemon,
}
BEFORE = ("free", "lent", "over", "in a guest", "in a namespace", "changed")  # the first VF


def begin(directory: str, before: str) -> Scene:
    scene = Scene(directory)
    if before in ("lent", "over"):
        scene.person.take(ttl_s=60 if before == "over" else None)
    if before == "over":
        scene.host.clock.sleep(61)
    if before == "changed":
        scene.person.change()
    if before == "in a guest":
        scene.person.attach("MyGuest")
    if before == "in a namespace":
        scene.person.move("blue")
    return scene


def give_all_back(scene: Scene) -> None:
    for user in scene.users_of_first():
        kind, _, name = user.partition(" ")
        if kind == "guest":
            scene.person.detach(name)
        else:
            scene.person.bring_back()
    scene.person.desk.reap()
    leases = scene.person.desk.leases()
    became = scene.person.desk.release([lease.lease_id for lease in leases])
    assert all(lease.status is LeaseStatus.ENDED for lease in became), became


def try_two(before: str, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    with TemporaryDirectory() as directory:
        scene = begin(directory, before)
        one, other = (scene.begin(WORKS[name]) for name in names)
        in_turns(one, other, turns)
        errors = (one.error, other.error)
        assert all(error is None or isinstance(error, REFUSALS) for error in errors), errors
        leases, users = scene.person.desk.leases(), scene.users_of_first()
        told = f"{errors} {leases} {users} {scene.vlans()}"
        for lease in leases:
            assert lease.status in LASTING, told
            if lease.status is LeaseStatus.HELD:
                assert scene.vlans()[lease.vf_index] == OF_BORROWERS, told
                users += [f"lease {lease.lease_id}"] if lease.vf_index == 0 else []
        assert len(users) <= 1, told
        if users and not users[0].startswith("lease"):
            theirs = OF_GUESTS if users[0].startswith("guest") else OF_NAMESPACES
            assert scene.vlans()[:1] == [theirs], told
        give_all_back(scene)
        if before == "changed":
            scene.person.look_as_daemon()
        # What is over keeps nobody from changing a VF that is still as its borrower left it.
        if before != "over":
            assert scene.vlans() == scene.as_written(), told


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("free", ("take and release", "other VLANs")),
        ("free", ("take", "to MyGuest")),
        ("free", ("more VFs", "to MyGuest")),
        ("free", ("undo", "to MyGuest")),
        ("free", ("to red", "to MyGuest")),
        ("free", ("to Other", "to Other")),
        ("lent", ("take both", "release")),
        ("lent", ("release", "other VLANs")),
        ("lent", ("to blue", "release")),
        ("in a guest", ("take", "out of MyGuest")),
        ("in a namespace", ("take both", "back")),
    ],
)
def test_somebody_does_it_all_meanwhile(before: str, names: tuple[str, str]) -> None:
    for points in (5, 6, 7, *range(60, 280, 24)):
        try_two(before, names, (points, 1000))


# libvirt puts back what the VF had, and it is written down afterwards.
def test_what_a_guest_gives_back_is_not_planned_for_before_it_is_as_it_was() -> None:
    for points in (52, 54, 56):
        try_two("in a guest", ("to red", "out of MyGuest"), (90, points, 1000))


POINTS = st.integers(0, 12) | st.integers(0, 300) | st.just(1000)


@settings(max_examples=30, deadline=None)
@given(
    before=st.sampled_from(BEFORE),
    names=st.tuples(st.sampled_from(sorted(WORKS)), st.sampled_from(sorted(WORKS))),
    turns=st.tuples(POINTS, POINTS, POINTS, POINTS),
)
def test_two_at_once(before: str, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    try_two(before, names, turns)
