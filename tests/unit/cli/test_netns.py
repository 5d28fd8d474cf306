"""``netns`` and its verbs: from command lines to what is said."""

from __future__ import annotations

import io
import json

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import InputError, PermissionDenied
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt

PF, VF0 = "0000:01:00.0", "0000:01:10.0"
MAC = "52:54:00:6d:90:02"


class Desk:
    """One host with a namespace ``blue``, for several commands after one another."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        self.handle = self.host.namespaces.add("/run/netns/blue")
        self.journal = SQLiteJournal(None)
        self.book = SQLiteLeaseBook(None)

    def run(self, *argv: str) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: SimulatedLibvirt(self.host.clock),
            open_journal=lambda: self.journal,
            open_leases=lambda: self.book,
            out=out,
            color=False,
            kind=HostKind.LIVE,
        )
        assert run_verb(parse_arguments(argv), context) == 0
        return out.getvalue()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_lease_that_is_over_takes_nothing_back_from_a_namespace(desk: Desk) -> None:
    desk.run("lease", "take", f"address={PF}", "--owner", "anna", "--ttl", "1h")
    desk.host.clock.sleep(2 * 3600)
    desk.run("netns", "attach", VF0, "blue", "--vlan", "42")
    desk.run("lease", "take", f"address={PF}", "--owner", "bob")
    assert "dirty" not in desk.run("lease", "list")
    (pf, *_) = json.loads(desk.run("ls", "--json"))["pfs"]
    assert [vf["vlan"]["id"] for vf in pf["vfs"]] == [42, 0]


def test_there_and_back_in_words(desk: Desk) -> None:
    said = desk.run("netns", "attach", VF0, "blue", "--mac", MAC, "--vlan", "42", "--up")
    assert said.startswith(
        f"{VF0} (VF 0 of eth0) is in blue, as eth2, up, MAC {MAC}, VLAN 42\n"
        "  warning: PF eth0 is down"
    )
    assert "is already in blue" in desk.run("netns", "attach", VF0, "blue")
    assert "namespace:blue" in desk.run("owners")
    assert "namespace:blue" in desk.run("ls", "--owners")
    assert f"netns attach {VF0} blue" in desk.run("history")
    assert f"namespace - -> {desk.handle}, netdev - -> eth2" in desk.run("history", "1")
    said = desk.run("netns", "detach", VF0)
    assert said == (
        f"{VF0} (VF 0 of eth0) is back from blue; it is as before run 1; driver igbvf; "
        "netdev eth2; MAC none, VLAN none on the PF\n"
    )
    assert "is in no other network namespace" in desk.run("netns", "detach", VF0)


def test_a_namespace_that_ended_meanwhile(desk: Desk) -> None:
    desk.run("netns", "attach", "eth2", "blue", "--name", "data0")
    desk.host.namespaces.delete("/run/netns/blue")
    assert "had come back by itself; it is as before run 1" in desk.run("netns", "detach", VF0)


def test_there_and_back_as_json(desk: Desk) -> None:
    words = ("--vlan", "42", "--spoofchk", "off", "--trust", "on", "--name", "data0", "--json")
    answer = json.loads(desk.run("netns", "attach", VF0, "blue", *words))
    mac = answer.pop("mac")
    assert mac.startswith("02:")
    assert answer == {
        "schema": "sriovctl/netns-attach/1",
        "vf": VF0,
        "vf_index": 0,
        "pf": "eth0",
        "namespace": {"name": "blue", "path": "/run/netns/blue", "handle": desk.handle},
        "netdev": "data0",
        "up": False,
        "vlan": {"id": 42},
        "run": 1,
        "changed": True,
        "warnings": ["PF eth0 is down, so the VF has no link: ip link set eth0 up"],
    }
    (vf, _) = json.loads(desk.run("ls", "--json", "--owners"))["pfs"][0]["vfs"]
    assert (vf["spoofchk"], vf["trust"], vf["owner"]) == (False, True, "namespace:blue")
    answer = json.loads(desk.run("netns", "detach", VF0, "--json"))
    assert answer == {
        "schema": "sriovctl/netns-detach/1",
        "vf": VF0,
        "vf_index": 0,
        "pf": "eth0",
        "namespace": "blue",
        "netdev": "eth2",
        "driver": "igbvf",
        "mac": "00:00:00:00:00:00",
        "vlan": None,
        "given_back": 1,
        "run": None,
        "changed": True,
        "warnings": [],
    }


def test_what_cannot_be(desk: Desk) -> None:
    with pytest.raises(InputError, match="there are blue"):
        desk.run("netns", "attach", VF0, "green")
    with pytest.raises(InputError, match="cannot be the name of a netdev"):
        desk.run("netns", "attach", VF0, "blue", "--name", "data 0")
    with pytest.raises(InputError, match="is no VF of this host"):
        desk.run("netns", "detach", "eth9")
    with pytest.raises(PermissionDenied, match="read-only"):
        desk.run("--host-tree", "/x", "netns", "detach", VF0)
