"""What an apply costs in questions and writes, so that it cannot become slow unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from sqlite3 import Connection

import pytest

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_SETLINK
from sriovctl.codec.rtnl_change import encode_set_vfs
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.engine.inventory import read_inventory, read_pf
from sriovctl.engine.rescan import read_again
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.users import Users
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    INTEL_E810,
    QEMU_NVME,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.host.simulated.cards import CardModel
from sriovctl.model.functions import VLAN
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state


class Counted:
    """A host with one card, and what was asked of its route netlink."""

    def __init__(self, card: Card) -> None:
        self.host: SimulatedHost = simulate(MachineSpec(cards=(card,)))
        journal = SQLiteJournal(None)
        transaction = journal._database.transaction
        self.commits = 0

        def committing() -> AbstractContextManager[Connection]:
            self.commits += 1
            return transaction()

        journal._database.transaction = committing  # type: ignore[method-assign,assignment]
        self.site = Site(self.host, journal, lambda _: None)
        self.requests: list[bytes] = []
        exchange = self.host.rtnl.exchange

        def counting(requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
            self.requests += requests
            return exchange(requests)

        self.host.rtnl.exchange = counting  # type: ignore[method-assign]
        (pf,) = read_inventory(self.host, name_of=lambda *_: None)
        self.device = pf.device

    def apply(self, num_vfs: int, *vfs: WantedVF) -> Outcome:
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        users = Users(self.site, open_libvirt=None)
        wanted = WantedPF(
            "it",
            PFMatch(address=self.device),
            num_vfs=num_vfs,
            drivers_autoprobe=False,
            vfs=tuple(enumerate(vfs)),
        )
        plan = plan_state(DesiredState((wanted,)), pfs, owners=users.of(pfs).owners)
        self.requests.clear()
        self.host.files.writes.clear()
        return apply_plan(self.site, plan, options=ApplyOptions())

    def messages(self) -> Counter[bool]:
        """Count messages: True those that set something."""
        return Counter(decode_header(one).type == RTM_SETLINK for one in self.requests)

    def written(self) -> Counter[str]:
        return Counter(path.rpartition("/")[2] for path, _ in self.host.files.writes)


def five(vf_index: int) -> WantedVF:
    return WantedVF(
        admin_mac=f"52:54:00:00:{vf_index >> 8:02x}:{vf_index & 255:02x}",
        vlan=VLAN(vf_index % 4094 + 1, 3),
        spoofchk=False,
        trust=True,
        max_tx_rate_mbps=100,
    )


@pytest.mark.parametrize("num_vfs", [8, 64])
def test_the_journal_has_a_commit_for_each_batch_and_two_for_the_run(num_vfs: int) -> None:
    counted = Counted(Card(INTEL_E810))
    outcome = counted.apply(num_vfs, *map(five, range(num_vfs)))
    batches = {step.action for step in outcome.steps}
    assert len(batches) == 3  # autoprobe, the number of VFs, their attributes
    assert counted.commits == len(batches) + 2


@pytest.mark.parametrize("num_vfs", [8, 64])
def test_attributes_of_many_vfs_travel_in_as_many_messages_as_those_of_few(num_vfs: int) -> None:
    counted = Counted(Card(INTEL_E810))
    counted.apply(num_vfs)
    outcome = counted.apply(num_vfs, *map(five, range(num_vfs)))
    assert len(outcome.steps) == num_vfs
    assert counted.messages()[True] == 1
    assert counted.messages()[False] <= 3
    assert counted.host.files.writes == []


def test_each_vf_is_bound_with_three_writes_and_left_alone_when_it_is() -> None:
    counted = Counted(Card(QEMU_NVME))
    counted.apply(4)
    stub = [WantedVF(driver="pci-stub")] * 4
    assert len(counted.apply(4, *stub).steps) == 4
    assert counted.written() == {"driver_override": 8, "drivers_probe": 4}
    assert counted.apply(4, *stub).run_id is None
    assert counted.host.files.writes == []


def test_vfio_keeps_its_override_and_so_needs_two() -> None:
    counted = Counted(Card(QEMU_NVME))
    counted.apply(4)
    counted.apply(4, *([WantedVF(driver="vfio-pci")] * 4))
    assert counted.written() == {"driver_override": 4, "drivers_probe": 4}


def test_a_survey_of_owners_asks_no_more_where_there_are_more_vfs() -> None:
    asked = []
    for num_vfs in (1, 64):
        counted = Counted(Card(INTEL_E810))
        counted.apply(num_vfs)
        pfs = read_inventory(counted.host, name_of=lambda *_: None)
        counted.requests.clear()
        Users(counted.site, open_libvirt=None).of(pfs)
        asked.append(len(counted.requests))
    assert asked[0] == asked[1] <= 5


class CountedFiles:
    """Counts what is asked of a host's files; links that are asked for together count each."""

    def __init__(self, host: SimulatedHost) -> None:
        self.asked: Counter[str] = Counter()
        for name in ("read_text", "read_bytes", "read_link", "read_links", "list_dir", "exists"):
            setattr(host.files, name, self._counting(name, getattr(host.files, name)))

    def _counting(self, name: str, method: Callable[..., object]) -> Callable[..., object]:
        def counted(path: str, *names: Sequence[str]) -> object:
            self.asked[name] += len(names[0]) if names else 1
            return method(path, *names)

        return counted


@pytest.mark.parametrize("card", [INTEL_E810, QEMU_NVME], ids=["network", "storage"])
def test_a_look_asks_two_links_and_a_numa_node_for_each_vf_alone(card: CardModel) -> None:
    asked = []
    for num_vfs in (1, 4):
        counted = Counted(Card(card))
        counted.apply(num_vfs)
        files = CountedFiles(counted.host)
        counted.requests.clear()
        read_inventory(counted.host, name_of=lambda *_: None)
        asked.append(files.asked)
        assert len(counted.requests) == (1 if card is INTEL_E810 else 0)
    more = asked[1] - asked[0]
    assert more == {"read_links": 3 * 2, "read_text": 3}
    assert sum(asked[0].values()) < 60


def test_a_vf_with_a_driver_and_no_netdev_costs_a_look_no_more_than_one_without() -> None:
    asked = []
    for driver in (None, "vfio-pci"):
        counted = Counted(Card(QEMU_NVME))
        counted.apply(4, *([WantedVF(driver=driver)] * 4))
        files = CountedFiles(counted.host)
        (pf,) = read_inventory(counted.host, name_of=lambda *_: None)
        assert {vf.driver for vf in pf.vfs} == {driver}
        asked.append(files.asked)
    assert asked[0] == asked[1]


def test_a_look_at_one_pf_asks_no_link_to_a_driver_where_it_has_many_vfs() -> None:
    counted = Counted(Card(INTEL_E810))
    counted.apply(128, WantedVF(), WantedVF(driver="pci-stub"))
    (pf,) = read_inventory(counted.host, name_of=lambda *_: None)
    files = CountedFiles(counted.host)
    assert read_pf(counted.host, counted.device) == pf
    assert [vf.driver for vf in pf.vfs[:3]] == [None, "pci-stub", None]
    assert files.asked["read_links"] == 2 * 128


def test_a_look_at_a_thousand_vfs_asks_netlink_once_for_each_pf() -> None:
    cards = 4
    host = simulate(MachineSpec(cards=(Card(INTEL_E810),) * cards))
    pfs = read_inventory(host, name_of=lambda *_: None)
    for pf in pfs:
        host.files.write_text(f"/sys/bus/pci/devices/{pf.device}/sriov_drivers_autoprobe", "0")
        host.files.write_text(f"/sys/bus/pci/devices/{pf.device}/sriov_numvfs", str(pf.total_vfs))
    asked: list[bytes] = []
    exchange = host.rtnl.exchange

    def counting(requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        asked.extend(requests)
        return exchange(requests)

    host.rtnl.exchange = counting  # type: ignore[method-assign]
    files = CountedFiles(host)
    found = read_inventory(host, name_of=lambda *_: None)
    vfs = sum(len(pf.vfs) for pf in found)
    assert vfs >= 1000
    assert len(asked) == len(pfs)
    assert files.asked["read_links"] == 2 * vfs
    assert sum(files.asked.values()) - 3 * vfs < 50 * cards


@pytest.mark.parametrize(("card", "messages"), [(INTEL_E810, 1), (QEMU_NVME, 0)])
def test_an_event_costs_no_more_files_where_there_are_more_vfs(
    card: CardModel, messages: int
) -> None:
    asked = []
    for num_vfs in (1, 4):
        counted = Counted(Card(card))
        counted.apply(num_vfs, *([WantedVF(driver="pci-stub")] * num_vfs))
        host = counted.host
        (pf,) = read_inventory(host, name_of=lambda *_: None)
        files = CountedFiles(host)
        counted.requests.clear()
        assert read_again(host, pf, known=KnownVFs()) == pf
        assert files.asked == {"read_text": 2 - messages}
        files.asked.clear()
        assert read_again(host, pf, [0], known=KnownVFs()) == pf
        asked.append(files.asked)
        assert len(counted.requests) == 2 * messages
    assert asked[0] == asked[1]
    assert asked[0].total() <= 6


def test_five_attributes_of_a_thousand_vfs_travel_in_two_messages() -> None:
    changes = [(index, five(index)) for index in range(1000)]
    assert len(encode_set_vfs(7, changes)) == 2
