"""``owners``, from the command line to what is printed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.engine.record import record_host
from sriovctl.errors import InputError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.record_writer import RecordWriter
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedLibvirt

PF = "0000:01:00.0"
VF1 = "0000:01:10.2"
FOREIGN = "2 VFs that sriovctl did not make in this boot"


class Desk:
    """A simulated host whose eth0 has an address and two VFs, one of them in a guest."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        self.host.files.add("/run/libvirt/libvirt-sock", constant(""))
        self.host.network.add_address("eth0", "192.0.2.1/24")
        self.journal = SQLiteJournal(None)  # knows of no apply: the VFs are somebody else's
        self.libvirt = SimulatedLibvirt(self.host.clock)
        self.libvirt.add("MyGuest")
        xml = "<hostdev type='pci'><source><address bus='1' slot='16' function='2'/></source>"
        self.libvirt.attach_device("MyGuest", f"{xml}</hostdev>", live=True, config=False)

    def run(self, *argv: str) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: self.libvirt,
            open_journal=lambda: self.journal,
            out=out,
            color=False,
            kind=HostKind.SIMULATED if "--simulated" in argv else HostKind.LIVE,
        )
        assert run_verb(parse_arguments(argv), context) == 0
        return out.getvalue()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_text_has_a_row_per_owner_and_counts_the_rest(desk: Desk) -> None:
    assert desk.run("owners").splitlines() == [
        "DEVICE        VF  USED BY               HOW IT IS KNOWN",
        "0000:01:00.0  -   address:192.0.2.1     address 192.0.2.1/24 on eth0",
        f"                  foreign:0000:01:00.0  {FOREIGN}",
        "0000:01:10.2  1   guest:MyGuest         live XML of the guest",
        "nobody is seen to use the other 3 of 5 PFs and VFs",
    ]


def test_json_has_tokens_and_where_a_vf_belongs(desk: Desk) -> None:
    document = json.loads(desk.run("owners", "--json"))
    assert document == {
        "schema": "sriovctl/owners/1",
        "owners": [
            {
                "device": PF,
                "vf_of": None,
                "vf_index": None,
                "kind": "address",
                "name": "192.0.2.1",
                "token": "address:192.0.2.1",
                "evidence": "address 192.0.2.1/24 on eth0",
            },
            {
                "device": PF,
                "vf_of": None,
                "vf_index": None,
                "kind": "foreign",
                "name": PF,
                "token": f"foreign:{PF}",
                "evidence": FOREIGN,
            },
            {
                "device": VF1,
                "vf_of": PF,
                "vf_index": 1,
                "kind": "guest",
                "name": "MyGuest",
                "token": "guest:MyGuest",
                "evidence": "live XML of the guest",
            },
        ],
        "notes": [],
    }


def test_a_pf_stands_for_its_vfs_too_and_free_ones_are_shown_when_named(desk: Desk) -> None:
    for name in ("eth0", PF, "01:00.0"):
        shown = desk.run("owners", name).splitlines()
        heads = [line.split()[0] for line in shown[1:]]
        assert heads == [PF, f"foreign:{PF}", "0000:01:10.0", VF1]
    assert shown[3].split() == ["0000:01:10.0", "0", "-", "-"]


def test_one_vf_by_address_or_netdev(desk: Desk) -> None:
    (netdev,) = desk.host.files.list_dir(f"/sys/bus/pci/devices/{VF1}/net")
    for name in (VF1, netdev):
        (owner,) = json.loads(desk.run("owners", name, "--json"))["owners"]
        assert owner["device"] == VF1


def test_what_is_no_pf_or_vf_is_refused(desk: Desk) -> None:
    for name in ("0000:00:1f.2", "lo", "nosuchdev"):
        with pytest.raises(InputError, match="is no PF or VF here"):
            desk.run("owners", name)


def test_what_could_not_be_seen_is_said(desk: Desk) -> None:
    desk.host.network.add_default_route(nexthop_id=7)
    assert desk.run("owners").splitlines()[-1].startswith("note: the IPv4 default route")


def test_libvirt_of_this_host_is_not_asked_about_another(desk: Desk) -> None:
    tokens = [o["token"] for o in json.loads(desk.run("--simulated", "owners", "--json"))["owners"]]
    assert tokens == ["address:192.0.2.1", f"foreign:{PF}"]


def test_a_host_without_pfs(desk: Desk) -> None:
    for pf in (PF, "0000:04:00.0", "0000:05:00.0"):
        desk.host.vanish(pf)
    assert desk.run("owners") == "no PF here\n"


def test_ls_has_a_column_of_owners_when_asked(desk: Desk) -> None:
    lines = desk.run("ls", "--owners").splitlines()
    assert lines[2] == "   used by address:192.0.2.1, foreign:0000:01:00.0"
    assert lines[3].endswith("used by")
    assert [line.split()[-1] for line in lines[4:6]] == ["-", "guest:MyGuest"]
    assert "used by" not in desk.run("ls")


def test_ls_has_owners_in_json_when_asked(desk: Desk) -> None:
    pf = json.loads(desk.run("ls", "--owners", "--json"))["pfs"][0]
    assert pf["owner"] == "address:192.0.2.1, foreign:0000:01:00.0"
    assert [vf["owner"] for vf in pf["vfs"]] == [None, "guest:MyGuest"]
    pf = json.loads(desk.run("ls", "--json"))["pfs"][0]
    assert [pf["owner"], *(vf["owner"] for vf in pf["vfs"])] == [None, None, None]


def test_ls_says_what_could_not_be_seen(desk: Desk) -> None:
    desk.host.network.add_default_route(nexthop_id=7)
    assert desk.run("ls", "--owners").splitlines()[-1].startswith("note: the IPv4 default route")
    assert json.loads(desk.run("ls", "--owners", "--json"))["notes"]


def test_a_recording_knows_what_stands_on_a_netdev_and_says_what_it_lacks(
    desk: Desk, tmp_path: Path
) -> None:
    desk.host.network.add_link("br0", "bridge")
    desk.host.network.set_master("eth0", "br0")
    with RecordWriter(str(tmp_path / "host")) as writer:
        record_host(
            desk.host,
            writer,
            recorded_at="now",
            hide_macs=False,
            hide_serials=False,
            on_progress=lambda _: None,
        )
        writer.complete()
    recording = RecordedHost(str(tmp_path / "host"))
    out = io.StringIO()
    context = Context(
        open_host=lambda: recording,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: pytest.fail("asks the journal"),
        out=out,
        color=False,
        kind=HostKind.RECORDED,
    )
    assert run_verb(parse_arguments(("owners", "--json")), context) == 0
    found = json.loads(out.getvalue())
    assert [owner["token"] for owner in found["owners"]] == ["bridge:br0"]
    assert found["notes"] == [
        "what is mounted could not be seen",
        "addresses of this host could not be read: Operation not supported",
        "routes of this host could not be read: Operation not supported",
    ]
