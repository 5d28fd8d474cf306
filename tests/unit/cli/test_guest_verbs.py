"""The verbs attach, detach, guests and xml, from the command line to what is printed."""

from __future__ import annotations

import io
import json

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.engine.guests.recording import recording
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import BusyError, HostError, InputError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF

MAC = "52:54:00:6d:90:02"
VF = "0000:01:10.0"


class Desk:
    """A simulated host and libvirt, and what is printed."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "2")
        (netdev,) = self.host.files.list_dir("/sys/bus/pci/devices/0000:01:00.0/net")
        write_link(self.host.rtnl, netdev, up=True)
        self.libvirt = SimulatedLibvirt(self.host.clock, set_on_card=self.set_on_card)
        self.libvirt.add("MyGuest")
        self.journal = SQLiteJournal(None, asked_by=lambda: "uid 1000 (anna)")

    def set_on_card(self, source: str, mac: str, vlan: int) -> None:
        indexes = {VF: 0, "0000:01:10.2": 1}
        change = WantedVF(admin_mac=mac, vlan=VLAN(vlan))
        (netdev,) = self.host.files.list_dir("/sys/bus/pci/devices/0000:01:00.0/net")
        write_vf_attributes(self.host.rtnl, netdev, [(indexes[source], change)])

    def run(self, *argv: str) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: self.libvirt,
            open_journal=lambda: self.journal,
            out=out,
            color=False,
        )
        status = run_verb(parse_arguments(argv), context)
        assert status == 0
        return out.getvalue()

    def json(self, *argv: str) -> dict[str, object]:
        document = json.loads(self.run(*argv, "--json"))
        assert isinstance(document, dict)
        return document


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_attach_and_attach_again_tell_what_was_done(desk: Desk) -> None:
    words = ("attach", "MyGuest", "--vf", VF, "--mac", MAC, "--vlan", "42")
    first = desk.run(*words)
    assert "attached, now and after its next boot" in first
    assert f"MAC {MAC}, VLAN 42, in the guest at 0000:01:00.0" in first
    assert "already attached" in desk.run(*words)


def test_the_journal_tells_what_libvirt_did_and_who_asked_for_it(desk: Desk) -> None:
    words = ("MyGuest", "--vf", VF)
    desk.run("attach", *words, "--mac", MAC, "--vlan", "42", "--live")
    desk.run("attach", *words, "--live")  # has it already
    desk.run("detach", *words)
    detach, attach = desk.journal.runs()
    assert (attach.kind, attach.status, attach.source) == ("record", "done", "attach MyGuest")
    assert (attach.asked_by, attach.devices) == ("uid 1000 (anna)", ("0000:01:00.0",))
    (step,) = (one.step for one in desk.journal.steps(attach.run_id))
    assert (step.action, step.vf_index, step.affected) == ("set-vf", 0, ("guest:MyGuest",))
    assert step.before["admin_mac"] == "00:00:00:00:00:00"
    assert step.after == {
        "admin_mac": MAC,
        "vlan": {"id": 42, "qos": 0, "protocol": "802.1q"},
    }
    assert (detach.source, detach.status) == ("detach MyGuest", "done")
    history = json.loads(desk.run("history", "--json"))["runs"]
    assert [one["asked_by"] for one in history] == ["uid 1000 (anna)"] * 2
    assert "uid 1000 (anna)" in desk.run("history")
    with pytest.raises(InputError, match="is a record of what was done by other means"):
        undo_run(Site(desk.host, desk.journal, lambda _: None), attach.run_id)


def test_what_is_for_the_next_boot_is_written_down_without_a_step(desk: Desk) -> None:
    desk.run("attach", "MyGuest", "--vf", VF, "--config")
    (attach,) = desk.journal.runs()
    assert (attach.source, attach.devices) == ("attach MyGuest", ("0000:01:00.0",))
    assert desk.journal.steps(attach.run_id) == ()


def test_what_was_refused_or_taken_back_is_not_written_down(desk: Desk) -> None:
    with pytest.raises(InputError):
        desk.run("attach", "Nobody", "--vf", VF)
    assert desk.journal.runs() == ()


def test_a_failure_that_leaves_something_behind_is_written_down(desk: Desk) -> None:
    site = Site(desk.host, desk.journal, lambda _: None)

    def fail() -> None:
        vf = parse_pci_address(VF)
        with recording(site, "attach", "MyGuest", [vf], warn=pytest.fail):
            desk.set_on_card(VF, MAC, 42)
            raise BusyError("the guest is busy", subject="MyGuest")

    with pytest.raises(BusyError):
        fail()
    (attach,) = desk.journal.runs()
    assert (attach.status, attach.note) == ("failed", "MyGuest: the guest is busy")


def test_what_cannot_be_written_down_is_done_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise HostError("the journal cannot be used: database or disk is full")

    monkeypatch.setattr(desk.journal, "record", full)
    assert "attached" in desk.run("attach", "MyGuest", "--vf", VF)


def test_attach_as_json(desk: Desk) -> None:
    answer = desk.json("attach", "MyGuest", "--pf", "0000:01:00.0", "--mac", MAC, "--config")
    assert answer["schema"] == "sriovctl/attach/1"
    assert (answer["vf"], answer["vf_index"], answer["pf"]) == (VF, 0, "0000:01:00.0")
    assert (answer["mac"], answer["vlan"], answer["kind"]) == (MAC, None, "interface")
    assert (answer["live"], answer["config"], answer["changed"]) == (False, True, True)


def test_guests_lists_devices_and_guests_without_any(desk: Desk) -> None:
    desk.libvirt.add("Idle", SimulatedGuest("Idle", active=False))
    desk.run("attach", "MyGuest", "--vf", VF, "--mac", MAC, "--vlan", "42", "--live")
    header, idle, busy = desk.run("guests").splitlines()
    assert header.split()[:3] == ["GUEST", "STATE", "DEVICE"]
    assert idle.split() == ["Idle", "shut", "off", *["-"] * 7]
    assert busy.split() == [
        "MyGuest", "running", VF, "interface", MAC, "42", "0000:01:00.0", "yes", "no",
    ]  # fmt: skip
    answer = desk.json("guests")
    assert answer["schema"] == "sriovctl/guests/1"
    guests = answer["guests"]
    assert isinstance(guests, list)
    assert guests[0]["free_hotplug_slots"] is None
    assert guests[1]["free_hotplug_slots"] == 1
    (device,) = guests[1]["devices"]
    assert (device["address"], device["vlan"], device["live"]) == (VF, {"id": 42}, True)


def test_a_libvirt_without_guests_says_so(desk: Desk) -> None:
    desk.libvirt.guests.clear()
    assert desk.run("guests") == "libvirt knows no guests here\n"


def test_detach_one_all_and_none(desk: Desk) -> None:
    desk.run("attach", "MyGuest", "--vf", VF)
    desk.run("attach", "MyGuest", "--vf", "01:10.2")
    said = desk.run("detach", "MyGuest", "--vf", VF)
    assert "detached from the running guest and from its next boot" in said
    answer = desk.json("detach", "MyGuest", "--all")
    assert answer["schema"] == "sriovctl/detach/1"
    (row,) = answer["detached"]  # type: ignore[misc]
    assert (row["vf"], row["changed"], row["waited_s"]) == ("0000:01:10.2", True, 1.0)  # type: ignore[has-type]
    assert desk.run("detach", "MyGuest", "--vf", VF) == f"MyGuest: {VF} is not attached\n"
    assert desk.run("detach", "MyGuest", "--all") == "MyGuest holds no VF\n"


def test_detach_gives_up_when_the_user_says(desk: Desk) -> None:
    desk.libvirt.add("MyGuest", SimulatedGuest("MyGuest", consent_s=None))
    desk.run("attach", "MyGuest", "--vf", VF)
    with pytest.raises(BusyError):
        desk.run("detach", "MyGuest", "--vf", VF, "--timeout", "7")
    assert desk.host.clock.now() == pytest.approx(7, abs=0.5)


def test_xml_is_what_attach_hands_to_libvirt(desk: Desk) -> None:
    words = ("--vf", VF, "--mac", MAC, "--vlan", "42")
    printed = desk.run("xml", *words)
    desk.run("attach", "MyGuest", *words)
    assert desk.libvirt.attached == [printed.rstrip("\n")]
    assert desk.json("xml", *words)["xml"] == printed.rstrip("\n")


def test_xml_of_a_vf_that_is_not_there_yet(desk: Desk) -> None:
    assert "bus='0x77'" in desk.run("xml", "--vf", "77:00.1", "--vlan", "42")
    assert desk.run("xml", "--vf", "77:00.1", "--hostdev").startswith("<hostdev ")
    with pytest.raises(InputError, match="goes without MAC"):
        desk.run("xml", "--vf", "77:00.1", "--hostdev", "--vlan", "42")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--mac", "53:54:00:6d:90:02", "multicast"),
        ("--mac", "52:54:00:6d:90", "MAC"),
        ("--mac", "00:00:00:00:00:00", "no station's address"),
        ("--vlan", "4095", "VLAN id"),
        ("--vlan", "x", "VLAN id"),
        ("--vlan", "²", "VLAN id"),
        ("--teaming-with", "net0", "alias"),
        ("--alias", "net0", "alias"),
        ("--vlan-trunk", "10,x", "VLAN id"),
        ("--vlan-trunk", "20-10", "VLAN id"),
        ("--qbh", "", "port profile"),
        ("--qbg", "managerid=11", "has no typeid, typeidversion"),
        ("--qbg", "managerid=11,typeid=1,typeidversion=2,x=3", "knows no x"),
        ("--qbg", "managerid=256,typeid=1,typeidversion=2", "out of range"),
        ("--qbg", "managerid=1,typeid=1,typeidversion=2,instanceid=x", "UUID"),
        ("--native", "10", "--vlan-trunk"),
        ("--vf", "01:10.2", "wanted once"),
        ("--pf", "eth0", "goes without --pf"),
    ],
)
def test_malformed_words_are_refused(desk: Desk, option: str, value: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        desk.run("xml", "--vf", VF, option, value)


@pytest.mark.parametrize("where", [("--host-tree", "dir"), ("--simulated",)])
@pytest.mark.parametrize(
    "verb", [("guests",), ("attach", "g", "--vf", VF), ("detach", "g", "--all")]
)
def test_another_hosts_vfs_are_not_mixed_with_this_libvirt(
    desk: Desk, verb: tuple[str, ...], where: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match="knows no VFs of another host"):
        desk.run(*where, *verb)
