"""Guests of libvirt."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.owners.world import SHARED0, VF0, VF1, World, give

from sriovctl.errors import HostError, SriovctlError, UnsupportedError
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedGuest
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport


def test_guests_that_run_and_guests_that_will(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    world.libvirt.add("Later", SimulatedGuest("Later", active=False))
    give(world, "Now", VF0, live=True, config=True)
    give(world, "Now", VF1, live=True, config=False)
    give(world, "Later", SHARED0, live=False, config=True)
    assert world.report().owners == {
        VF0: (Owner(OwnerKind.GUEST, "Now", "live and config XML of the guest"),),
        VF1: (Owner(OwnerKind.GUEST, "Now", "live XML of the guest"),),
        SHARED0: (
            Owner(
                OwnerKind.GUEST_CONFIG,
                "Later",
                "config XML of the guest: it wants the function at its next start",
            ),
        ),
    }


def test_a_whole_pf_in_a_guest(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    give(world, "Now", "0000:05:00.0", live=True, config=False)
    assert world.tokens() == {"0000:05:00.0": ["guest:Now"]}


def test_a_function_that_is_no_pf_or_vf_is_left_out(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    give(world, "Now", "0000:00:1f.2", live=True, config=False)
    assert world.tokens() == {}


@pytest.mark.parametrize(
    ("defined", "notes"),
    [
        ((), ()),
        (("networks", "autostart"), ()),
        (("One.xml",), ("libvirt does not answer, and has 1 guest defined, which could not be",)),
        (("One.xml", "b.xml"), ("libvirt does not answer, and has 2 guests defined, which",)),
    ],
)
def test_libvirt_is_not_asked_where_no_daemon_of_it_listens(
    world: World, defined: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    world.libvirt_error = AssertionError("asked")
    world.host.files.add_directory("/run/libvirt")
    for name in defined:
        world.host.files.add(f"/etc/libvirt/qemu/{name}", constant("<domain/>"))
    found = world.report().notes
    assert len(found) == len(notes)
    assert all(text.startswith(start) for text, start in zip(found, notes, strict=True))


def test_definitions_that_may_not_be_listed_are_said(world: World) -> None:
    world.libvirt_error = AssertionError("asked")
    world.host.files.add("/etc/libvirt/qemu/One.xml", constant("<domain/>"))
    world.host.files.fail("/etc/libvirt/qemu", errno.EACCES)
    (note,) = world.report().notes
    assert "whether it has guests could not be seen: run as root" in note


@pytest.mark.parametrize("socket", ["libvirt-sock", "virtqemud-sock"])
def test_the_old_daemon_and_the_new_one_are_asked(world: World, socket: str) -> None:
    world.host.files.add(f"/run/libvirt/{socket}", constant(""))
    world.libvirt.add("Now")
    give(world, "Now", VF0, live=True, config=True)
    assert world.tokens() == {VF0: ["guest:Now"]}


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (UnsupportedError("no binding"), "libvirt is installed here, and could not be asked: no b"),
        (HostError("does not answer"), "guests of libvirt could not be seen: does not answer"),
    ],
)
def test_a_libvirt_that_does_not_answer_is_said(world: World, error: Exception, note: str) -> None:
    world.install_libvirt()
    world.libvirt_error = error
    (found,) = world.report().notes
    assert found.startswith(note)


POOL = "<network><name>pool1</name><forward mode='hostdev' managed='yes'>{}</forward></network>"


def want_from(world: World, network: str, *, active: bool) -> None:
    world.install_libvirt()
    world.libvirt.add("Pooled", SimulatedGuest("Pooled", active=active))
    xml = f"<interface type='network'><source network='{network}'/></interface>"
    world.libvirt.attach_device("Pooled", xml, live=False, config=True)


@pytest.mark.parametrize(
    "members",
    [
        "<pf dev='eth0'/>",
        "<address type='pci' domain='0x0' bus='0x1' slot='0x10' function='0x2'/>",
        "<pf dev='eth0'/><address type='pci' bus='0x1' slot='0x10' function='0x0'/>",
    ],
)
def test_a_guest_that_will_take_some_vf_of_a_pool_is_a_note(world: World, members: str) -> None:
    world.libvirt.networks.append(POOL.format(members))
    want_from(world, "pool1", active=False)
    note = "guest Pooled takes a VF of 0000:01:00.0 when it starts, from libvirt's network pool1"
    assert world.report() == OwnerReport({}, (note,))


def test_a_pool_that_nobody_here_waits_for_is_not_read(world: World) -> None:
    want_from(world, "pool1", active=True)
    world.libvirt.networks.append("no XML")
    assert world.report().notes == ()


@pytest.mark.parametrize(
    "network",
    [
        "<network><name>pool1</name><forward mode='nat'/></network>",
        POOL.format("<pf dev='ens9'/>"),
        "<network><name>other</name><forward mode='hostdev'><pf dev='eth0'/></forward></network>",
    ],
)
def test_other_networks_are_none_of_our_business(world: World, network: str) -> None:
    world.libvirt.networks.append(network)
    want_from(world, "pool1", active=False)
    assert world.report() == OwnerReport({}, ())


def test_networks_that_cannot_be_read_are_a_note(world: World) -> None:
    world.libvirt.networks.append("<domain/>")
    want_from(world, "pool1", active=False)
    (note,) = world.report().notes
    assert note.startswith("networks of libvirt could not be seen")


def test_vfs_of_a_started_network_are_its_own(world: World) -> None:
    world.install_libvirt()
    pool = "<address type='pci' domain='0x0' bus='0x1' slot='0x10' function='0x2'/>"
    world.libvirt.define_network(POOL.format(pool))
    assert world.report() == OwnerReport({}, ())
    world.libvirt.start_network("pool1")
    report = world.report()
    assert [owner.token for owner in report.owners["0000:01:10.2"]] == ["network:pool1"]
    assert list(report.owners) == ["0000:01:10.2"]


@pytest.mark.parametrize(
    ("error", "notes"),
    [(UnsupportedError("no networks here"), 0), (HostError("the daemon is gone"), 1)],
)
def test_networks_that_cannot_be_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, error: SriovctlError, notes: int
) -> None:
    def refuse() -> tuple[str, ...]:
        raise error

    world.install_libvirt()
    monkeypatch.setattr(world.libvirt, "network_names", refuse)
    assert len(world.report().notes) == notes
