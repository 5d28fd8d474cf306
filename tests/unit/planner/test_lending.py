"""Who gets which VF: properties that hold for any pool, any leases and any request."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress
from sriovctl.model.functions import PF, VF
from sriovctl.model.lease import Lease, LeaseStatus, Pool, Request
from sriovctl.model.owner import Owner, OwnerKind, OwnerMap
from sriovctl.model.state import PFMatch, WantedPF, WantedPool
from sriovctl.planner.lending import (
    Choice,
    Hindrances,
    Member,
    WhyNot,
    choose,
    find_identified,
    members_of,
    shares_of,
    used_in_groups,
)

OWNERS = ("anna", "bert")


def pf(number: int, vfs: tuple[VF, ...], **said: object) -> PF:
    known: dict[str, object] = {
        "device": f"0000:{number:02x}:00.0",
        "address": PCIAddress(0, number, 0, 0),
        "vendor_id": "8086",
        "device_id": "10c9",
        "name": None,
        "pci_class": "020000",
        "driver": "igb",
        "netdev": f"eth{number}",
        "numa_node": None,
        "iommu_group": None,
        "num_vfs": len(vfs),
        "total_vfs": 8,
        "drivers_autoprobe": True,
        "vfs": vfs,
    }
    return PF(**(known | said))  # type: ignore[arg-type]


def vf(
    number: int, index: int, *, group: int | None = None, node: int | None = None, own: bool = True
) -> VF:
    address = PCIAddress(0, number, 16 + index // 8, index % 8) if own else None
    return VF(index, address, None, None, group, node)


def label(number: int) -> str:
    return f"pf{number}"


def pool_of(pfs: tuple[PF, ...], **said: object) -> Pool:
    labels = tuple(f"pf{int(one.device[5:7], 16)}" for one in pfs)
    wanted = tuple(
        WantedPF(name, PFMatch(address=one.device)) for name, one in zip(labels, pfs, strict=True)
    )
    return Pool(WantedPool("pool", labels, **said), wanted)  # type: ignore[arg-type]


def lease(member: Member, owner: str, **said: object) -> Lease:
    known = {
        "pool": "pool",
        "owner": owner,
        "pf_device": member.pf.device,
        "pf_identities": (),
        "vf_index": member.vf.vf_index,
        "clean": "{}",
        "iommu_group": member.vf.iommu_group,
    }
    return Lease(**(known | said))  # type: ignore[arg-type]


# --- anything that a host can be -------------------------------------------------------------


class Scene(NamedTuple):
    members: tuple[Member, ...]
    pool: Pool
    hindrances: Hindrances
    request: Request


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    pfs = tuple(
        pf(
            number,
            tuple(
                vf(
                    number,
                    index,
                    group=draw(st.sampled_from((None, 1, 2, 10 * number + index))),
                    node=draw(st.sampled_from((None, 0, 1))),
                    own=draw(st.booleans()),
                )
                for index in range(draw(st.integers(0, 4)))
            ),
        )
        for number in range(1, 1 + draw(st.integers(1, 3)))
    )
    pool = pool_of(
        pfs,
        numa=draw(st.sampled_from(("required", "preferred", "any"))),
        policy=draw(st.sampled_from(("spread", "pack"))),
        vf_indices=draw(st.sampled_from((None, (0, 2), (1, 2, 3)))),
    )
    guests = draw(st.sets(st.sampled_from(_addresses(pfs) or ["none"]), max_size=3))
    owners: OwnerMap = {
        address: (Owner(draw(st.sampled_from((OwnerKind.GUEST, OwnerKind.ADDRESS))), "x"),)
        for address in guests
    }
    members = members_of(pool, pfs, owners)
    lent = draw(st.lists(st.sampled_from(members), unique_by=lambda m: m.key)) if members else []
    leases = [
        lease(
            member,
            draw(st.sampled_from(OWNERS)),
            status=draw(st.sampled_from((LeaseStatus.HELD, LeaseStatus.DIRTY))),
            group_disjoint=draw(st.booleans()),
        )
        for member in lent
    ]
    hindrances = Hindrances(
        leases,
        used_in_groups(pfs, owners),
        changing=draw(st.sets(st.sampled_from([one.device for one in pfs]), max_size=1)),
        gone=draw(st.sets(st.sampled_from([m.key for m in members] or [(None, 0)]), max_size=2)),
    )
    request = Request(
        draw(st.sampled_from(OWNERS)),
        draw(st.integers(1, 3)),
        numa_node=draw(st.sampled_from((0, 1))),
        group_disjoint=draw(st.booleans()),
    )
    return Scene(members, pool, hindrances, request)


def _addresses(pfs: tuple[PF, ...]) -> list[str]:
    return [str(each.address) for one in pfs for each in one.vfs if each.address is not None]


def answer(scene: Scene, **request: object) -> Choice:
    asked = scene.request._replace(**request)  # type: ignore[arg-type]
    return choose(scene.members, scene.pool.wanted, asked, scene.hindrances)


@given(scenes())
def test_what_is_lent_is_free_and_was_asked_for(scene: Scene) -> None:
    choice = answer(scene)
    taken = {(one.pf_device, one.vf_index) for one in scene.hindrances.leases}
    keys = [member.key for member in choice.chosen]
    assert len(keys) == len(set(keys))
    assert len(keys) in (0, scene.request.vfs)
    assert (len(keys) == 0) == (choice.free < scene.request.vfs)
    assert choice.free + sum(choice.refused.values()) == len(scene.members)
    for member in choice.chosen:
        assert member in scene.members
        assert member.key not in taken
        assert member.key not in scene.hindrances.gone
        assert member.pf.device not in scene.hindrances.changing
        assert member.users == ()


@given(scenes(), st.randoms())
def test_the_same_question_has_the_same_answer(scene: Scene, random: Random) -> None:
    shuffled = list(scene.members)
    random.shuffle(shuffled)
    assert answer(scene).chosen == answer(scene._replace(members=tuple(shuffled))).chosen


@given(scenes())
def test_a_required_node_is_kept_and_a_preferred_one_used_up_first(scene: Scene) -> None:
    node = scene.request.numa_node
    required = answer(scene, numa="required")
    assert all(member.vf.numa_node == node for member in required.chosen)
    preferred = answer(scene, numa="preferred").chosen
    away = [member for member in preferred if member.vf.numa_node != node]
    if away:
        on_node = answer(scene, numa="required", vfs=1).free
        assert len(preferred) - len(away) == on_node


@given(scenes())
def test_spread_takes_from_a_pf_with_fewest_leases_and_pack_from_the_first(scene: Scene) -> None:
    lent: dict[str | None, int] = {}
    for one in scene.hindrances.leases:
        lent[one.pf_device] = lent.get(one.pf_device, 0) + 1
    free = [
        member
        for member in scene.members
        if answer(scene._replace(members=(member,)), numa="any", vfs=1).chosen
    ]
    spread = answer(scene, numa="any", policy="spread", vfs=1).chosen
    pack = answer(scene, numa="any", policy="pack", vfs=1).chosen
    if not free:
        assert (spread, pack) == ((), ())
        return
    assert lent.get(spread[0].pf.device, 0) == min(lent.get(m.pf.device, 0) for m in free)
    assert pack[0] == min(free, key=lambda member: (member.position, member.vf.vf_index))


@given(scenes())
def test_a_group_is_never_shared_where_somebody_asked_for_that(scene: Scene) -> None:
    choice = answer(scene)
    others: dict[int, list[Lease]] = {}
    for one in scene.hindrances.leases:
        if one.iommu_group is not None and one.owner != scene.request.owner:
            others.setdefault(one.iommu_group, []).append(one)
    for member in choice.chosen:
        group = member.vf.iommu_group
        beside = others.get(group, []) if group is not None else []
        assert not any(one.group_disjoint for one in beside)
        if scene.request.group_disjoint:
            assert group is not None
            assert beside == []


@given(scenes())
def test_capacity_counts_each_vf_once_and_agrees_with_what_can_be_lent(scene: Scene) -> None:
    shares = shares_of(scene.members, scene.hindrances.leases)
    assert sum(share.total for share in shares) == len(scene.members)
    for share in shares:
        assert share.total == share.free + share.leased + share.scrubbing + share.in_use
    everything = Hindrances(scene.hindrances.leases)
    request = Request("anna", numa_node=None)
    free = choose(scene.members, scene.pool.wanted._replace(numa="any"), request, everything).free
    closed = any(one.group_disjoint for one in scene.hindrances.leases)
    assert closed or sum(share.free for share in shares) == free


# --- single cases ----------------------------------------------------------------------------

TWO = (
    pf(1, (vf(1, 0, group=7, node=0), vf(1, 1, group=7, node=0))),
    pf(2, (vf(2, 0, group=8, node=1), vf(2, 1, group=9, node=1))),
)


def chosen(choice: Choice) -> list[tuple[str | None, int | None]]:
    return [member.key for member in choice.chosen]


def ask(
    pfs: tuple[PF, ...] = TWO,
    *,
    owners: OwnerMap | None = None,
    leases: tuple[Lease, ...] = (),
    pool: dict[str, object] | None = None,
    **request: object,
) -> Choice:
    made = pool_of(pfs, **(pool or {}))
    members = members_of(made, pfs, owners)
    hindrances = Hindrances(leases, used_in_groups(pfs, owners))
    asked = Request("anna", **request)  # type: ignore[arg-type]
    return choose(members, made.wanted, asked, hindrances)


def test_a_pf_that_is_not_there_lends_nothing_and_one_named_twice_lends_once() -> None:
    pool = Pool(
        WantedPool("pool", ("gone", "pf1", "again")),
        (
            WantedPF("gone", PFMatch(netdev="eth9")),
            WantedPF("pf1", PFMatch(netdev="eth1")),
            WantedPF("again", PFMatch(driver="igb", all=True)),
        ),
    )
    members = members_of(pool, TWO, {})
    assert [(member.position, *member.key) for member in members] == [
        (0, "0000:01:00.0", 0),
        (0, "0000:01:00.0", 1),
        (1, "0000:02:00.0", 0),
        (1, "0000:02:00.0", 1),
    ]


def test_what_fits_several_pfs_is_an_error_unless_all_are_meant() -> None:
    pool = Pool(WantedPool("pool", ("a",)), (WantedPF("a", PFMatch(driver="igb")),))
    with pytest.raises(InputError, match="2 PFs fit"):
        members_of(pool, TWO, {})


def test_who_made_the_vfs_and_who_leases_them_are_no_users() -> None:
    owners: OwnerMap = {
        "0000:01:10.0": (Owner(OwnerKind.LEASE, "3"),),
        "0000:01:00.0": (Owner(OwnerKind.FOREIGN, "0000:01:00.0"),),
        "0000:01:10.1": (Owner(OwnerKind.GUEST_CONFIG, "MyGuest"),),
    }
    choice = ask(owners=owners, vfs=3)
    assert chosen(choice) == [("0000:01:00.0", 0), ("0000:02:00.0", 0), ("0000:02:00.0", 1)]
    assert choice.refused == {WhyNot.USED: 1}


def test_what_a_network_of_libvirt_gives_away_is_not_lent() -> None:
    owners: OwnerMap = {"0000:01:10.0": (Owner(OwnerKind.NETWORK, "finance"),)}
    choice = ask(owners=owners, vfs=3)
    assert ("0000:01:00.0", 0) not in chosen(choice)
    assert choice.refused == {WhyNot.USED: 1}


def test_a_pool_that_requires_a_node_must_know_it() -> None:
    with pytest.raises(InputError, match=r"--numa NODE"):
        ask(pool={"numa": "required"})
    assert chosen(ask(pool={"numa": "required"}, numa_node=1)) == [("0000:02:00.0", 0)]
    assert ask(pool={"numa": "required"}, numa_node=5).refused == {WhyNot.OTHER_NODE: 4}


def test_a_node_that_is_named_is_preferred_also_where_the_pool_does_not_care() -> None:
    assert chosen(ask(numa_node=1)) == [("0000:02:00.0", 0)]
    assert chosen(ask(numa_node=1, numa="any")) == [("0000:01:00.0", 0)]
    assert len(ask(numa_node=1, vfs=3).chosen) == 3


@pytest.mark.parametrize("name", ["pf2", "0000:02:00.0", "eth2"])
def test_a_pf_can_be_named_in_three_ways(name: str) -> None:
    choice = ask(pf=name)
    assert chosen(choice) == [("0000:02:00.0", 0)]
    assert choice.refused == {WhyNot.OTHER_PF: 2}


def test_a_pf_that_the_pool_does_not_lend_from_is_an_error() -> None:
    with pytest.raises(InputError, match=r"is no PF of this pool.*it lends from pf1, pf2"):
        ask(pf="eth9")


def test_spread_goes_round() -> None:
    choice = ask(policy="spread", vfs=3)
    assert chosen(choice) == [("0000:01:00.0", 0), ("0000:02:00.0", 0), ("0000:01:00.0", 1)]
    assert chosen(ask(policy="pack", vfs=2)) == [("0000:01:00.0", 0), ("0000:01:00.0", 1)]


def test_a_guest_in_the_group_of_a_vf_that_is_leased_to_the_same_owner_is_no_stranger() -> None:
    owners: OwnerMap = {"0000:01:10.0": (Owner(OwnerKind.GUEST, "x"),)}
    members = members_of(pool_of(TWO), TWO, owners)
    own = lease(members[0], "anna")
    assert chosen(ask(owners=owners, leases=(own,), group_disjoint=True)) == [("0000:01:00.0", 1)]
    assert chosen(ask(owners=owners, group_disjoint=True)) == [("0000:02:00.0", 0)]
    other = lease(members[0], "bert")
    assert chosen(ask(owners=owners, leases=(other,), group_disjoint=True)) == [("0000:02:00.0", 0)]
    assert chosen(ask(leases=(other,))) == [("0000:01:00.0", 1)]


def test_a_group_that_somebody_has_alone_is_closed_to_all_others() -> None:
    members = members_of(pool_of(TWO), TWO, {})
    alone = lease(members[0], "bert", group_disjoint=True)
    choice = ask(leases=(alone,))
    assert chosen(choice) == [("0000:02:00.0", 0)]
    assert choice.refused == {WhyNot.LEASED: 1, WhyNot.SHARED_GROUP: 1}
    own = alone._replace(owner="anna")
    assert chosen(ask(leases=(own,))) == [("0000:01:00.0", 1)]
    no_groups = tuple(vf(3, index) for index in range(2))
    assert ask((pf(3, no_groups),), group_disjoint=True).refused == {WhyNot.NO_GROUP: 2}


# --- over a restart --------------------------------------------------------------------------

VFS = (vf(1, 0), vf(1, 1))


def test_a_vf_is_found_again_by_its_pfs_identity_at_another_address() -> None:
    moved = pf(9, VFS, permanent_mac="52:54:00:00:00:01")
    other = pf(1, VFS, permanent_mac="52:54:00:00:00:02")
    place = find_identified(("permanent_mac 52:54:00:00:00:01",), 1, [other, moved])
    assert place == (moved, moved.vfs[1])
    assert find_identified(("permanent_mac 52:54:00:00:00:01",), 5, [other, moved]) is None
    assert find_identified((), 0, [other, moved]) is None


def test_a_serial_decides_only_where_no_mac_does() -> None:
    identities = ("permanent_mac 52:54:00:00:00:01", "serial 00-00 function 0")
    same_serial = pf(1, VFS, permanent_mac="52:54:00:00:00:02", serial="00-00")
    assert find_identified(identities, 0, [same_serial]) is None
    hidden = pf(1, VFS, serial="00-00")
    assert find_identified(identities, 0, [hidden]) == (hidden, hidden.vfs[0])
