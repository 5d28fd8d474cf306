from __future__ import annotations

import errno

import pytest

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_SETLINK, decode_link_body
from sriovctl.codec.rtnl_change import decode_set_vfs
from sriovctl.codec.rtnl_probe import is_vlan_probe
from sriovctl.engine.abilities import ask_driver, read_abilities
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.host.simulated import (
    BROADCOM_57416,
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_82599,
    INTEL_E810,
    INTEL_X710,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.ability import Ability, Can, Known
from sriovctl.model.functions import PF
from sriovctl.model.netlink import NetlinkAnswer

REVIEWED = {"max_tx_rate_mbps", "admin_mac", "vlan", "spoofchk", "trust", "rss_query", "link_state"}


def pfs_of(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda *_: None)


def machine(model: CardModel, num_vfs: int) -> SimulatedHost:
    host = simulate(MachineSpec(cards=(Card(model, total_vfs=7),)))
    (netdev,) = host.kernel.netdevs.values()
    host.kernel.set_link_up(netdev, up=True)  # bnxt_en makes no VFs while it is down
    host.files.write_text("/sys/class/net/eth0/device/sriov_numvfs", str(num_vfs))
    return host


@pytest.mark.parametrize(
    "model",
    [INTEL_82576, INTEL_82599, INTEL_X710, INTEL_E810, BROADCOM_57416],
    ids=lambda model: f"{model.device_id:x}",
)
def test_a_reviewed_driver_answers_what_the_table_says(model: CardModel) -> None:
    host = machine(model, 2)
    (pf,) = pfs_of(host)
    table = {one.key: one for one in read_abilities(host, pf, probe=False).abilities}
    asked = ask_driver(host, pf)
    assert asked.keys() >= REVIEWED
    assert {key: one.can for key, one in asked.items()} == {key: table[key].can for key in asked}


def test_asking_changes_nothing_and_is_of_no_vf_that_there_could_be() -> None:
    host = machine(INTEL_82576, 7)
    before = pfs_of(host)
    host.rtnl.requests.clear()
    read_abilities(host, before[0], probe=True)
    changes = [one for one in host.rtnl.requests if decode_header(one).type == RTM_SETLINK]
    asked_of = {
        vf_index
        for one in changes
        if not is_vlan_probe(one, decode_link_body(one, RTM_SETLINK)[0])
        for vf_index, _ in decode_set_vfs(one)[1]
    }
    assert asked_of == {0xFFFF}  # NumVFs has 16 bits: the last VF there could be is 65534
    assert pfs_of(host) == before


def test_a_driver_that_was_not_reviewed_is_asked_only_what_the_kernel_answers_itself() -> None:
    host = machine(CONNECTX_6_DX, 2)
    (pf,) = pfs_of(host)
    assert ask_driver(host, pf).keys() == {"vlan", "max_tx_rate_mbps"}


def test_without_probe_nothing_is_asked() -> None:
    host = simulated_82576()
    (igb, *_) = pfs_of(host)
    host.rtnl.requests.clear()
    known = {one.known for one in read_abilities(host, igb, probe=False).abilities}
    assert known == {Known.TABLE, Known.REPORTED}
    assert host.rtnl.requests == []


def test_a_refusal_while_there_are_no_vfs_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = machine(INTEL_82576, 0)
    (pf,) = pfs_of(host)
    answer_all(host, monkeypatch, errno.EOPNOTSUPP)
    assert {one.can for one in ask_driver(host, pf).values()} == {Can.UNKNOWN}
    told = {one.key: one for one in read_abilities(host, pf, probe=True).abilities}
    assert (told["spoofchk"].can, told["spoofchk"].known) == (Can.YES, Known.TABLE)


def test_an_answer_beats_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    host = machine(INTEL_82576, 1)
    (pf,) = pfs_of(host)
    answer_all(host, monkeypatch, 524)  # ENOTSUPP, as some drivers say with old firmware
    told = {one.key: one for one in read_abilities(host, pf, probe=True).abilities}
    assert told["trust"] == Ability(
        "trust", Can.NO, "the driver has no such operation (524)", Known.PROBED
    )
    assert told["min_tx_rate_mbps"].can is Can.NO
    assert told["driver"].known is Known.REPORTED


@pytest.mark.parametrize(
    ("number", "family"),
    [(errno.EPERM, PermissionDenied), (errno.ENODEV, LostError), (0, HostError)],
)
def test_an_answer_that_is_none_is_an_error(
    number: int, family: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = machine(INTEL_82576, 1)
    (pf,) = pfs_of(host)
    answer_all(host, monkeypatch, number)
    with pytest.raises(family):
        ask_driver(host, pf)


def answer_all(host: SimulatedHost, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Answer each change so; reading goes on."""
    exchange = host.rtnl.exchange

    def answer(requests: tuple[bytes, ...]) -> tuple[NetlinkAnswer, ...]:
        if len(requests) == 1:
            return exchange(requests)
        return tuple(NetlinkAnswer(number, None, ()) for _ in requests)

    monkeypatch.setattr(host.rtnl, "exchange", answer)
