"""Pools of VFs in libvirt, on a simulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.unit.engine.test_attach import MAC, PCI, PF, VF0, VF1, World, pf_netdev

from sriovctl.codec.libvirt_xml import parse_vf_pool
from sriovctl.engine.guests.holders import read_guest, read_guests
from sriovctl.engine.guests.network_attach import attach_from_network, detach_from_network
from sriovctl.engine.guests.pick import pick_vfs, read_vf_users
from sriovctl.engine.guests.reservation import reserving
from sriovctl.engine.guests.vf_networks import (
    create_vf_network,
    delete_vf_network,
    find_vf_networks,
    read_vf_network,
    read_vf_networks,
    vfs_of_pool,
)
from sriovctl.engine.guests.vf_place import VFPlace
from sriovctl.engine.vf_attributes import write_link
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    SafetyError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.guest import DetachResult, NetworkAttachResult, Wanted
from sriovctl.model.guest_network import VFPool, parse_qbh

BRIDGED = "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/></network>"


class Pooled(World):
    """A world whose libvirt knows the PF's VFs."""

    def __init__(self) -> None:
        super().__init__()
        self.libvirt = SimulatedLibvirt(
            self.host.clock, set_on_card=self.set_on_card, vfs_of=self.vfs_of
        )
        self.guest = self.libvirt.add("MyGuest")
        self.pool = VFPool("finance", (pf_netdev(self.host),), ())

    def vfs_of(self, netdev: str) -> tuple[str, ...]:
        pool = VFPool("", (netdev,), ())
        return tuple(str(vf) for vf in vfs_of_pool(self.host.files, pool))

    def create(self, pool: VFPool | None = None) -> bool:
        pool = pool or self.pool
        vfs = vfs_of_pool(self.host.files, pool)
        users = read_vf_users(self.host, self.libvirt, vfs, but_network=pool.name)
        return create_vf_network(self.host.files, self.libvirt, pool, users=users)

    def delete(self, name: str = "finance") -> bool:
        return delete_vf_network(self.libvirt, name, read_guests(self.libvirt))

    def take(self, guest: str = "MyGuest", wanted: Wanted | None = None) -> NetworkAttachResult:
        return attach_from_network(
            self.host, self.libvirt, guest=guest, network="finance", wanted=wanted or Wanted()
        )

    def give_back(self, *, live: bool = False, config: bool = False) -> tuple[DetachResult, ...]:
        return detach_from_network(
            self.host,
            self.libvirt,
            guest="MyGuest",
            network="finance",
            live=live,
            config=config,
            timeout_s=5,
        )


@pytest.fixture
def world() -> Pooled:
    return Pooled()


# --- making and taking away ------------------------------------------------------------------


def test_a_pool_is_defined_started_and_started_with_libvirt(world: Pooled) -> None:
    assert world.create() is True
    network = read_vf_network(world.host.files, world.libvirt, "finance")
    assert network is not None
    assert (network.active, network.persistent, network.autostart) == (True, True, True)
    assert network.pool.sources[:2] == (VF0, VF1)
    assert world.create() is False
    assert read_vf_networks(world.host.files, world.libvirt) == (network,)


def test_a_pool_of_addresses_has_these_alone(world: Pooled) -> None:
    assert world.create(VFPool("two", (), (VF0, VF1), vlan=42)) is True
    network = read_vf_network(world.host.files, world.libvirt, "two")
    assert network is not None
    assert (network.pool.sources, network.pool.vlan) == ((VF0, VF1), 42)


def test_what_was_stopped_is_started_again(world: Pooled) -> None:
    world.create()
    world.libvirt.stop_network("finance")
    stopped = read_vf_network(world.host.files, world.libvirt, "finance")
    assert stopped is not None
    assert (stopped.active, len(stopped.pool.sources)) == (False, 3)
    assert world.create() is True
    assert world.create() is False


def test_a_pool_of_a_pf_that_has_other_vfs_now_is_started_again(world: Pooled) -> None:
    world.create()
    world.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "0")
    world.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "2")
    assert world.create() is True
    network = read_vf_network(world.host.files, world.libvirt, "finance")
    assert network is not None
    assert (network.active, network.pool.sources) == (True, (VF0, VF1))
    assert world.create() is False


def test_one_that_guests_use_is_left_with_what_it_has(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    report = world.libvirt.network("finance")
    assert report is not None
    assert report.live_xml is not None
    used = report._replace(live_xml=report.live_xml.replace("<network", "<network connections='1'"))
    monkeypatch.setattr(world.libvirt, "network", lambda _name: used)
    assert world.create() is False
    world.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "0")
    world.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "2")
    with pytest.raises(BusyError, match="when its PF had other VFs") as caught:
        world.create()
    assert caught.value.evidence == {"then": 3, "now": 2}


def test_a_libvirt_without_networks_has_no_pools(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> tuple[str, ...]:
        raise UnsupportedError("no connection driver for networks")

    monkeypatch.setattr(world.libvirt, "network_names", refuse)
    assert find_vf_networks(world.host.files, world.libvirt) == ()
    assert pick_vfs(world.host, world.libvirt, pf=PF) == (VF0,)


def test_another_definition_under_that_name_is_refused(world: Pooled) -> None:
    world.create()
    with pytest.raises(BusyError, match="is defined otherwise") as caught:
        world.create(world.pool._replace(vlan=42))
    assert caught.value.hint == "sriovctl network delete finance"


def test_a_network_of_another_kind_is_left_alone(world: Pooled) -> None:
    world.libvirt.define_network(BRIDGED)
    with pytest.raises(InputError, match="of another kind"):
        world.create(world.pool._replace(name="default"))
    with pytest.raises(InputError, match="gives no VFs away"):
        world.delete("default")
    assert read_vf_networks(world.host.files, world.libvirt) == ()


def test_vfs_that_somebody_uses_do_not_go_into_a_pool(world: Pooled) -> None:
    world.attach(VF1)
    with pytest.raises(SafetyError, match="VFs that somebody uses") as caught:
        world.create()
    assert caught.value.evidence == {str(VF1): "guest MyGuest"}
    assert world.libvirt.network_names() == ()
    world.create(VFPool("one", (), (VF0,)))
    with pytest.raises(SafetyError) as caught:
        world.create(VFPool("again", (), (VF0,)))
    assert caught.value.evidence == {str(VF0): "network one"}


def test_a_pf_without_vfs_makes_no_pool(world: Pooled) -> None:
    world.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "0")
    with pytest.raises(UnsupportedError, match="would have no VFs"):
        world.create()
    with pytest.raises(UnsupportedError, match="would have no VFs"):
        world.create(VFPool("gone", ("nosuch0",), ()))


def test_vfs_that_cannot_be_confined_make_no_pool(world: Pooled) -> None:
    world.host.files.write_text(f"{PCI}/0000:04:00.0/sriov_drivers_autoprobe", "0")
    world.host.files.write_text(f"{PCI}/0000:04:00.0/sriov_numvfs", "1")
    with pytest.raises(UnsupportedError, match=r"0000:04:00.0 \(igb\)"):
        world.create(VFPool("shared", (pf_netdev(world.host, "0000:04:00.0"),), ()))
    assert world.libvirt.network_names() == ()


def test_a_pool_that_does_not_start_is_forgotten(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: str) -> None:
        raise HostError("libvirt has had enough")

    monkeypatch.setattr(world.libvirt, "start_network", refuse)
    with pytest.raises(HostError, match="had enough"):
        world.create()
    assert world.libvirt.network_names() == ()


def test_a_pool_that_reads_back_otherwise_is_an_error(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.libvirt.pools, "start", lambda _name: None)
    with pytest.raises(VerifyError, match="otherwise than it was told"):
        world.create()


def test_a_pool_is_taken_away_once_nobody_uses_it(world: Pooled) -> None:
    world.create()
    world.take()
    with pytest.raises(SafetyError, match="is in use") as caught:
        world.delete()
    assert caught.value.evidence == {
        "guest MyGuest": "has a VF of it now and wants one at its next boot"
    }
    world.give_back()
    assert world.delete() is True
    assert world.delete() is False


def test_connections_that_nobody_can_be_named_for_count(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    report = world.libvirt.network("finance")
    assert report is not None
    assert report.live_xml is not None
    used = report._replace(live_xml=report.live_xml.replace("<network", "<network connections='2'"))
    monkeypatch.setattr(world.libvirt, "network", lambda _name: used)
    with pytest.raises(SafetyError) as caught:
        world.delete()
    assert caught.value.evidence == {"connections": 2}


def test_a_network_that_libvirt_keeps_is_an_error(
    world: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    monkeypatch.setattr(world.libvirt, "undefine_network", lambda _name: None)
    with pytest.raises(VerifyError, match="still has the network"):
        world.delete()


# --- a guest takes a VF ----------------------------------------------------------------------


def test_libvirt_chooses_the_vf_and_the_guest_takes_another_each_time(world: Pooled) -> None:
    world.create(world.pool._replace(vlan=None))
    result = world.take(wanted=Wanted(mac=MAC, vlan=42))
    assert (result.vf, result.mac, result.vlan, result.changed) == (VF0, MAC, 42, True)
    (device,) = read_guest(world.libvirt, "MyGuest").devices
    assert (device.network, device.live, device.config) == ("finance", True, False)
    assert world.take().changed is False
    assert len(world.libvirt.attached) == 1
    world.libvirt.add("Other")
    assert world.take("Other").vf == VF1


def test_what_a_pool_gives_away_is_not_picked(world: Pooled) -> None:
    world.create(VFPool("one", (), (VF0,)))
    assert pick_vfs(world.host, world.libvirt, pf=PF) == (VF1,)
    with pytest.raises(BusyError, match="only 2 of its VFs are free") as caught:
        pick_vfs(world.host, world.libvirt, pf=PF, count=3)
    assert caught.value.evidence == {str(VF0): "network one"}
    with pytest.raises(UnsupportedError, match="has 3 of 4 VFs"):
        pick_vfs(world.host, world.libvirt, pf=PF, count=4)


def test_the_other_definition_gets_the_same(world: Pooled) -> None:
    world.create()
    first = world.take(wanted=Wanted(live=True))
    assert (first.live, first.config) == (True, False)
    second = world.take()
    assert (second.changed, second.mac, second.config) == (True, first.mac, True)
    (later,) = read_guest(world.libvirt, "MyGuest").network_interfaces
    assert later.mac == first.mac


def test_other_settings_under_the_same_alias_are_refused(world: Pooled) -> None:
    world.create()
    world.take(wanted=Wanted(mac=MAC))
    with pytest.raises(BusyError, match=f"in this guest already, with MAC {MAC}"):
        world.take(wanted=Wanted(mac="52:54:00:00:00:99"))
    assert world.take(wanted=Wanted(alias="ua-second")).vf == VF1


def test_a_guest_that_is_off_takes_one_when_it_starts(world: Pooled) -> None:
    world.create()
    world.guest.shut_off()
    result = world.take()
    assert (result.vf, result.live, result.config, result.warnings) == (None, False, True, ())
    (detached,) = world.give_back()
    assert (detached.vf, detached.config, detached.changed) == (None, True, True)
    (nothing,) = world.give_back()
    assert nothing.changed is False


def test_detach_of_one_definition_leaves_the_other(world: Pooled) -> None:
    world.create()
    world.take()
    (first,) = world.give_back(config=True)
    assert (first.vf, first.live, first.config) == (None, False, True)
    (second,) = world.give_back()
    assert (second.vf, second.live, second.config, second.network) == (VF0, True, False, "finance")


def test_an_empty_pool_is_told_with_its_users(world: Pooled) -> None:
    world.create(VFPool("finance", (), (VF0,)))
    world.take()
    world.libvirt.add("Other")
    with pytest.raises(BusyError, match="has no free VF") as caught:
        world.take("Other")
    assert caught.value.evidence == {str(VF0): "guest MyGuest"}


def test_a_vf_that_somebody_has_who_libvirt_does_not_see_is_not_asked_for(world: Pooled) -> None:
    world.create()
    world.guest.shut_off()
    world.attach(VF0, wanted=Wanted(config=True))
    world.libvirt.add("Other")
    with pytest.raises(SafetyError, match=f"would give {VF0}, which guest MyGuest has"):
        world.take("Other")
    with pytest.raises(SafetyError, match="which lease 3 of anna has"):
        attach_from_network(
            world.host,
            world.libvirt,
            guest="Other",
            network="finance",
            wanted=Wanted(),
            lent={str(VF0): "lease 3 of anna"},
        )


def test_a_vf_that_is_lent_or_given_away_meanwhile_is_not_taken(world: Pooled) -> None:
    world.create()
    world.libvirt.add("Other")
    book = SQLiteLeaseBook(None)

    def take(reserve: Callable[[VFPlace], AbstractContextManager[None]]) -> None:
        attach_from_network(
            world.host,
            world.libvirt,
            guest="Other",
            network="finance",
            wanted=Wanted(),
            reserve=reserve,
        )

    @contextmanager
    def lend_first(place: VFPlace) -> Iterator[None]:
        with reserving(world.host, book, place, owner="anna"), _for_other(place):
            yield

    @contextmanager
    def attach_first(place: VFPlace) -> Iterator[None]:
        world.attach(place.address)
        with _for_other(place):
            yield

    def _for_other(place: VFPlace) -> AbstractContextManager[None]:
        return reserving(world.host, book, place, owner="Other")

    with pytest.raises(SafetyError, match="is lent to anna by lease 1"):
        take(lend_first)
    with pytest.raises(BusyError, match=f"{VF0}: was given to somebody else meanwhile"):
        take(attach_first)
    assert read_guest(world.libvirt, "Other").devices == ()
    assert book.mark().kept == frozenset()


def test_a_pool_that_is_not_started_gives_nothing_now(world: Pooled) -> None:
    world.create()
    world.libvirt.stop_network("finance")
    with pytest.raises(UnsupportedError, match="is not started"):
        world.take()


def test_a_pool_that_will_not_start_by_itself_is_warned_of(world: Pooled) -> None:
    world.create()
    world.libvirt.pools._networks["finance"].autostart = False
    assert world.take(wanted=Wanted(config=True)).warnings == (
        "network finance is not started with libvirt",
    )


def test_what_is_no_pool_is_refused(world: Pooled) -> None:
    with pytest.raises(InputError, match="no network of libvirt that gives VFs away"):
        world.take()
    world.create()
    with pytest.raises(InputError, match="goes without a VLAN trunk"):
        world.take(wanted=Wanted(virtual_port=parse_qbh("finance")))


def test_the_checks_are_those_of_a_vf(world: Pooled) -> None:
    world.create()
    world.libvirt.add("Virtio", SimulatedGuest("Virtio", own_mac=MAC))
    with pytest.raises(SafetyError, match="device of guest Virtio"):
        world.take(wanted=Wanted(mac=MAC))
    world.libvirt.add("Full", SimulatedGuest("Full", root_ports=0))
    with pytest.raises(UnsupportedError, match="no free root port"):
        world.take("Full")
    write_link(world.host.rtnl, pf_netdev(world.host), up=False)
    with pytest.raises(UnsupportedError, match="is down"):
        world.take()
    assert world.libvirt.attached == []


def test_half_of_a_pair_has_the_mac_of_the_other(world: Pooled) -> None:
    world.create()
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", own_mac=MAC, own_alias="ua-backup"))
    assert world.take(wanted=Wanted(teaming_with="ua-backup")).mac == MAC
    assert "<teaming type='transient' persistent='ua-backup'/>" in world.libvirt.attached[0]


@pytest.mark.parametrize(
    ("change", "words"), [("", "does not have it"), ("ua-other", "does not have it")]
)
def test_a_libvirt_that_forgets_it_is_an_error(
    world: Pooled, monkeypatch: pytest.MonkeyPatch, change: str, words: str
) -> None:
    world.create()
    truly = world.libvirt.attach_device

    def forgetful(name: str, xml: str, *, live: bool, config: bool) -> None:
        if change:
            renamed = xml.replace("ua-sriovctl-network-finance", change)
            truly(name, renamed, live=live, config=config)

    monkeypatch.setattr(world.libvirt, "attach_device", forgetful)
    with pytest.raises(VerifyError, match=words):
        world.take()


@pytest.mark.parametrize("consents", [True, False])
def test_what_reads_back_otherwise_is_taken_back(world: Pooled, consents: bool) -> None:
    truly = world.set_on_card
    world.libvirt = SimulatedLibvirt(
        world.host.clock,
        set_on_card=lambda source, mac, _vlan: truly(source, mac, 7),
        vfs_of=world.vfs_of,
    )
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", consent_s=1.0 if consents else None))
    world.create()
    with pytest.raises(VerifyError, match="another VLAN") as caught:
        world.take()
    guest = read_guest(world.libvirt, "MyGuest")
    assert (len(guest.devices), guest.network_interfaces) == (0 if consents else 1, ())
    assert ("not taken back" in caught.value.evidence) is not consents


def test_a_config_that_keeps_it_is_an_error(world: Pooled, monkeypatch: pytest.MonkeyPatch) -> None:
    world.create()
    world.take()
    monkeypatch.setattr(world.libvirt, "detach_device", lambda *_args, **_flags: None)
    with pytest.raises(VerifyError, match="next boot still has it"):
        world.give_back()


def test_a_network_without_vfs_is_no_pool() -> None:
    assert parse_vf_pool(BRIDGED) is None
