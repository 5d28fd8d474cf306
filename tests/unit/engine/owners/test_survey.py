"""Where nobody uses anything, and where nobody is asked."""

from __future__ import annotations

import errno

from tests.unit.engine.owners.world import World

from sriovctl.engine.owners import read_owners
from sriovctl.model.owner import OwnerReport


def test_where_nobody_uses_anything_there_are_no_owners_and_no_notes(world: World) -> None:
    assert world.report() == OwnerReport({}, ())


def test_without_a_pf_nobody_is_asked(world: World) -> None:
    report = read_owners(world.host, (), open_libvirt=world.open_libvirt, progress=print)
    assert report == OwnerReport({}, ())
    assert world.told == []


def test_no_process_is_looked_into_where_no_function_has_a_driver_for_user_space(
    world: World,
) -> None:
    world.host.files.fail("/proc/1/fd", errno.EACCES)
    assert world.report().notes == ()
