"""What is read again after events is what a whole read finds, whatever they were about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.codec.rtnl_change import LinkChange, encode_set_link, encode_set_vf
from sriovctl.daemon.questions import (
    ATTRIBUTES,
    MOST_VFS,
    WHOLE,
    Question,
    question_of,
    wider,
)
from sriovctl.daemon.sight import Sight
from sriovctl.daemon.watch import Watch, look_at
from sriovctl.engine.inventory import read_inventory, read_pf
from sriovctl.errors import SriovctlError
from sriovctl.host.simulated import CONNECTX_6_DX, INTEL_82576, QEMU_NVME, Card, MachineSpec
from sriovctl.host.simulated.events import SimulatedEvents
from sriovctl.host.simulated.host import SimulatedHost, simulate
from sriovctl.model.event import HostEvent
from sriovctl.model.functions import PF, VLAN, EswitchMode
from sriovctl.model.state import WantedVF

PCI = "/sys/bus/pci/devices"
BOX = "/run/netns/box"
SPEC = MachineSpec(cards=(Card(INTEL_82576), Card(CONNECTX_6_DX), Card(QEMU_NVME)))


class Scene:
    """A host, how it is seen, and what happens to it."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulate(SPEC)
        self.host.namespaces.add(BOX)
        self.events = SimulatedEvents(self.host.kernel)
        self.watch = Watch(self.host.clock, self.events)
        self.sight = Sight(self.host)
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        self.pfs = [pf.device for pf in pfs]
        self.cards = {pf: self.host.kernel.find_by_name(pf) for pf in self.pfs}
        for pf in self.pfs:
            self.write(pf, "sriov_numvfs", "3")
            self.set_link(pf, LinkChange(0, up=True))
        self.sight.keep_all(read_inventory(self.host, name_of=lambda *_: None))
        self.narrow = 0

    def look_at_what_is_due(self) -> None:
        while self.watch.take_events(self):
            pass
        self.host.clock.sleep(5)
        look_at(self, self.watch.take_due())

    def pf_of(self, device: str) -> str:
        return self.sight.pf_of(device)

    def look(self, device: str, question: Question) -> None:
        """Look as asked, and hold the answer against all of the PF."""
        pf = self.sight.read_again(device, question)
        if pf is None:
            self.sight.read(device)
            return
        self.narrow += 1
        assert pf == read_pf(self.host, device), question

    def look_all(self) -> None:
        raise AssertionError("nothing was lost")

    # --- what happens ------------------------------------------------------------------------

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def vf(self, pf: str, vf_index: int) -> str:
        return self.host.files.read_link(f"{PCI}/{pf}/virtfn{vf_index}") or "none"

    def set_link(self, device: str, change: LinkChange) -> None:
        for netdev in self.host.files.list_dir(f"{PCI}/{device}/net")[:1]:
            text = self.host.files.read_text(f"/sys/class/net/{netdev}/ifindex") or "0"
            self.host.rtnl.exchange([encode_set_link(change._replace(ifindex=int(text)))])

    def set_vf(self, pf: str, vf_index: int, wanted: WantedVF) -> None:
        for netdev in self.host.files.list_dir(f"{PCI}/{pf}/net")[:1]:
            text = self.host.files.read_text(f"/sys/class/net/{netdev}/ifindex") or "0"
            self.host.rtnl.exchange([encode_set_vf(int(text), vf_index, wanted, current=None)])

    def bind(self, device: str, driver: str) -> None:
        now = self.host.files.read_link(f"{PCI}/{device}/driver")
        if now is not None:
            self.host.files.write_text(f"/sys/bus/pci/drivers/{now}/unbind", device)
        self.write(device, "driver_override", driver)
        self.host.files.write_text("/sys/bus/pci/drivers_probe", device)

    def count(self, pf: str, num_vfs: int) -> None:
        self.write(pf, "sriov_numvfs", "0")
        self.write(pf, "sriov_numvfs", str(num_vfs))

    def rename(self, device: str, name: str) -> None:
        for netdev in self.host.files.list_dir(f"{PCI}/{device}/net")[:1]:
            text = self.host.files.read_text(f"/sys/class/net/{netdev}/ifindex") or "0"
            there = None if name != "box" else BOX
            if there:
                self.host.namespaces.move_netdev(int(text), source=None, target=BOX, name=None)
            else:
                self.set_link(device, LinkChange(0, name=name))

    def plug(self, pf: str) -> None:
        if self.host.files.exists(f"{PCI}/{pf}"):
            self.host.vanish(pf)
        else:
            card = self.cards[pf]
            assert card is not None
            self.host.kernel.add_function(card)

    def switch(self, pf: str, mode: EswitchMode) -> None:
        self.host.devlink.write_eswitch("pci", pf, mode)


Happening = Callable[[Scene], object]
PFS, VFS = st.integers(0, 2), st.integers(0, 3)


def _on_vf(act: Callable[[Scene, str], object]) -> st.SearchStrategy[Happening]:
    return st.builds(lambda pf, vf: lambda scene: act(scene, scene.vf(scene.pfs[pf], vf)), PFS, VFS)


def _on_pf(act: Callable[[Scene, str], object]) -> st.SearchStrategy[Happening]:
    return st.builds(lambda pf: lambda scene: act(scene, scene.pfs[pf]), PFS)


WANTED = st.builds(
    lambda vlan, spoofchk: WantedVF(vlan=VLAN(vlan), spoofchk=spoofchk),
    st.integers(1, 9),
    st.booleans(),
)
NARROW: st.SearchStrategy[Happening] = st.one_of(
    st.builds(
        lambda pf, vf, wanted: lambda scene: scene.set_vf(scene.pfs[pf], vf, wanted),
        PFS,
        VFS,
        WANTED,
    ),
    _on_pf(lambda scene, pf: scene.set_link(pf, LinkChange(0, mtu=4000))),
    _on_pf(lambda scene, pf: scene.set_link(pf, LinkChange(0, up=False))),
    _on_pf(lambda scene, pf: scene.set_link(pf, LinkChange(0, up=True))),
    _on_pf(lambda scene, pf: scene.write(pf, "sriov_drivers_autoprobe", "0")),
    _on_vf(lambda scene, vf: scene.bind(vf, "vfio-pci")),
    _on_vf(lambda scene, vf: scene.bind(vf, "")),
    _on_vf(lambda scene, vf: scene.bind(vf, "pci-stub")),
    _on_vf(lambda scene, vf: scene.set_link(vf, LinkChange(0, up=True))),
    _on_vf(lambda scene, vf: scene.rename(vf, "other0")),
    _on_vf(lambda scene, vf: scene.rename(vf, "box")),
)
WIDE: st.SearchStrategy[Happening] = st.one_of(
    st.builds(lambda pf, count: lambda scene: scene.count(scene.pfs[pf], count), PFS, VFS),
    _on_pf(lambda scene, pf: scene.rename(pf, "other0")),
    _on_pf(lambda scene, pf: scene.rename(pf, "box")),
    _on_pf(lambda scene, pf: scene.bind(pf, "")),
    _on_pf(lambda scene, pf: scene.plug(pf)),
    _on_pf(lambda scene, pf: scene.switch(pf, EswitchMode.SWITCHDEV)),
    _on_pf(lambda scene, pf: scene.switch(pf, EswitchMode.LEGACY)),
)


@settings(max_examples=150, deadline=None)
@given(bursts=st.lists(st.lists(st.one_of(NARROW, NARROW, WIDE), max_size=4), max_size=12))
def test_it_is_as_a_whole_read_finds_it(bursts: Sequence[Sequence[Happening]]) -> None:
    scene = Scene()
    scene.look_at_what_is_due()
    for burst in bursts:
        for happen in burst:
            with suppress(SriovctlError):  # as it is, that cannot happen
                happen(scene)
        scene.look_at_what_is_due()


def test_what_is_about_one_vf_or_attributes_needs_no_whole_read() -> None:
    scene = Scene()
    scene.look_at_what_is_due()
    igb, mlx5, nvme = scene.pfs
    happenings: tuple[Callable[[], object], ...] = (
        lambda: scene.set_vf(igb, 1, WantedVF(vlan=VLAN(7))),
        lambda: scene.set_link(igb, LinkChange(0, mtu=4000)),
        lambda: scene.bind(scene.vf(igb, 2), "vfio-pci"),
        lambda: scene.bind(scene.vf(nvme, 0), "pci-stub"),
        lambda: scene.rename(scene.vf(mlx5, 1), "data0"),
        lambda: scene.rename(scene.vf(mlx5, 2), "box"),
    )
    for number, happen in enumerate(happenings, scene.narrow + 1):
        happen()
        scene.look_at_what_is_due()
        assert scene.narrow == number


def test_what_no_event_tells_is_found_with_the_next_of_any_kind() -> None:
    scene = Scene()
    scene.look_at_what_is_due()
    (igb, *_) = scene.pfs
    scene.write(igb, "sriov_drivers_autoprobe", "0")
    scene.set_link(scene.vf(igb, 0), LinkChange(0, up=True))
    scene.look_at_what_is_due()
    pf = scene.sight.read_again(igb, ATTRIBUTES)
    assert pf is not None
    assert pf.drivers_autoprobe is False


def test_an_error_another_number_of_vfs_or_a_strange_vf_are_no_answer() -> None:
    scene = Scene()
    scene.look_at_what_is_due()
    (igb, *_) = scene.pfs
    assert scene.sight.read_again(igb, ATTRIBUTES) is not None
    assert scene.sight.read_again(igb, WHOLE) is None
    assert scene.sight.read_again(igb, Question(frozenset({"0000:77:00.0"}))) is None
    scene.host.files.fail(f"{PCI}/{igb}/sriov_drivers_autoprobe", 5)
    assert scene.sight.read_again(igb, ATTRIBUTES) is None
    scene.write(igb, "sriov_numvfs", "0")
    assert scene.sight.read_again(igb, ATTRIBUTES) is None
    scene.sight.read(igb)
    assert scene.sight.read_again(igb, ATTRIBUTES) is not None
    scene.sight.forget(None)
    assert scene.sight.read_again(igb, ATTRIBUTES) is None


def test_a_netdev_that_took_the_pfs_name_is_not_taken_for_it() -> None:
    scene = Scene()
    scene.look_at_what_is_due()
    igb, mlx5, _ = scene.pfs
    (name,) = scene.host.files.list_dir(f"{PCI}/{igb}/net")
    scene.rename(igb, "other0")
    scene.rename(mlx5, name)
    assert scene.sight.read_again(igb, ATTRIBUTES) is None


def seen(pf: PF | None) -> PF:
    assert pf is not None
    return pf


def test_what_a_card_is_born_with_is_read_once_and_of_another_card_anew() -> None:
    scene = Scene()
    (igb, *_) = scene.pfs
    before = scene.sight.read(igb)
    read, read_text = list[str](), scene.host.files.read_text

    def noting(path: str) -> str | None:
        read.append(path.rpartition("/")[2])
        return read_text(path)

    scene.host.files.read_text = noting  # type: ignore[method-assign]
    assert scene.sight.read(igb) == before
    assert not {"vendor", "device", "class"} & {*read}
    scene.plug(igb)
    card = scene.cards[igb]
    assert card is not None
    card.device_id = 0x1521
    scene.plug(igb)
    assert seen(scene.sight.read(igb)).device_id == "1521"


def test_vfs_that_are_gone_are_still_known_by_their_pf() -> None:
    scene = Scene()
    (igb, *_) = scene.pfs
    vf = scene.vf(igb, 1)
    scene.write(igb, "sriov_numvfs", "0")
    assert scene.sight.pf_of(vf) == igb
    assert seen(scene.sight.read(igb)).num_vfs == 0
    assert scene.sight.pf_of(vf) == igb


# --- questions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "device", "question"),
    [
        ("link change", "pf", ATTRIBUTES),
        ("link remove", "pf", WHOLE),
        ("net move", "pf", WHOLE),
        ("pci change", "pf", WHOLE),
        ("pci unbind", "pf", WHOLE),
        ("netdevsim add", "pf", WHOLE),
        ("a newer word", "pf", WHOLE),
        ("link change", "vf", Question(frozenset({"vf"}))),
        ("pci bind", "vf", Question(frozenset({"vf"}))),
        ("net remove", "vf", Question(frozenset({"vf"}))),
        ("pci add", "vf", WHOLE),
        ("pci remove", "vf", WHOLE),
        ("pci change", "vf", WHOLE),
        ("a newer word", "vf", WHOLE),
    ],
)
def test_an_event_asks_for_as_little_as_can_answer_it(
    what: str, device: str, question: Question
) -> None:
    assert question_of(HostEvent(what, device), pf="pf") == question


def test_the_wider_question_wins() -> None:
    one, other = Question(frozenset({"a"})), Question(frozenset({"b"}))
    assert wider(ATTRIBUTES, one) == one
    assert wider(one, other) == Question(frozenset({"a", "b"}))
    assert wider(one, WHOLE) == wider(WHOLE, ATTRIBUTES) == WHOLE
    many = Question(frozenset(map(str, range(MOST_VFS))))
    assert wider(many, ATTRIBUTES) == many
    assert wider(many, one) == WHOLE
