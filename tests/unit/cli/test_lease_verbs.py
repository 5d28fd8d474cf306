"""The verbs of pools and leases, from the command line to what is printed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.lease_run import environment_of
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.cli.state_arguments import ReadyState, plan_ready
from sriovctl.engine.guests import network_attach
from sriovctl.engine.guests.detach import detach
from sriovctl.engine.guests.vf_place import read_vf_place
from sriovctl.engine.runs.rebind import plan_rebinding
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import BusyError, InputError, LostError, PermissionDenied, SafetyError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import VLAN
from sriovctl.model.guest import DetachResult
from sriovctl.model.lease import Lease
from sriovctl.model.owner import OwnerMap
from sriovctl.model.plan import Plan
from sriovctl.model.state import WantedVF
from sriovctl.render.leases import ShownLease

IGB, OTHER = "0000:01:00.0", "0000:04:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
STATE = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 3
    vf_default: {vlan: {id: 42}}
  other: {match: {address: "0000:04:00.0"}, num_vfs: 3}
pools:
  finance: {from: [uplink], vfs: 0-1}
  spare: {from: [other, uplink], vfs: [2], policy: spread}
"""


class Terminal:
    """A simulated host with VFs, and what each command prints."""

    def __init__(self, directory: Path) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.directory = directory
        self.libvirt = SimulatedLibvirt(self.host.clock, set_on_card=self.set_on_card)
        for device in (IGB, OTHER):
            self.write(device, "sriov_drivers_autoprobe", "0")
            self.write(device, "sriov_numvfs", "3")
        # libvirt sets MACs and VLANs through a PF that is up only.
        write_link(self.host.rtnl, self.netdev_of(IGB), up=True)
        self.state = directory / "host.yaml"
        self.state.write_text(STATE)

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"/sys/bus/pci/devices/{device}/{attribute}", text)

    def netdev_of(self, device: str) -> str:
        return self.host.files.list_dir(f"/sys/bus/pci/devices/{device}/net")[0]

    def set_on_card(self, source: str, mac: str, vlan: int) -> None:
        change = WantedVF(admin_mac=mac, vlan=VLAN(vlan))
        index = [VF0, VF1].index(source)
        write_vf_attributes(self.host.rtnl, self.netdev_of(IGB), [(index, change)])

    def run(self, *argv: str, status: int = 0) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: self.libvirt,
            open_journal=lambda: SQLiteJournal(str(self.directory)),
            open_leases=lambda: SQLiteLeaseBook(str(self.directory)),
            out=out,
            color=False,
            kind=HostKind.SIMULATED,
        )
        try:
            assert run_verb(parse_arguments(argv), context) == status
        finally:
            context.close()
        return out.getvalue()

    def json(self, *argv: str, status: int = 0) -> dict[str, Any]:
        document = json.loads(self.run(*argv, "--json", status=status))
        assert isinstance(document, dict)
        return document

    def define(self) -> None:
        self.run("pool", "define", str(self.state))

    def take(self, *argv: str) -> dict[str, Any]:
        (lease,) = self.json("lease", "take", *argv)["leases"]
        assert isinstance(lease, dict)
        return lease

    def use(self, address: str, guest: str = "MyGuest") -> None:
        """Let a program have a VF."""
        self.write(address, "driver_override", "vfio-pci")
        self.host.files.write_text("/sys/bus/pci/drivers_probe", address)
        words = ("qemu-system-x86_64", "-name", guest)
        process = self.host.processes.start("qemu-system-x86", command_line=words)
        self.host.processes.open_vfio_group(process, address)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


# --- pools -----------------------------------------------------------------------------------


def test_pools_are_kept_listed_shown_and_forgotten(terminal: Terminal) -> None:
    assert "no pool is defined" in terminal.run("pool", "list")
    assert "pool finance is defined" in terminal.run("pool", "define", str(terminal.state))
    terminal.take("finance", "--owner", "anna")
    terminal.use(VF1)
    listed = terminal.run("pool", "list")
    assert "finance  uplink         VFs 0-1  any   pack    0     2" in listed
    assert f"spare    other, uplink  VFs 2    any   spread  2     2   {terminal.state}" in listed
    shown = terminal.run("pool", "show", "finance")
    assert "lends VFs 0-1 of uplink   NUMA any   policy pack" in shown
    assert "leased: lease 1 of anna" in shown
    assert "in use: process:MyGuest-" in shown
    assert "is forgotten" in terminal.run("pool", "remove", "finance")
    assert [pool["name"] for pool in terminal.json("pool", "list")["pools"]] == ["spare"]
    with pytest.raises(InputError, match="finance: there is no such pool; known here: spare"):
        terminal.run("pool", "remove", "finance")
    assert len(terminal.json("lease", "list")["leases"]) == 1


def test_pool_as_json(terminal: Terminal) -> None:
    terminal.define()
    terminal.take("finance")
    (pool,) = (p for p in terminal.json("pool", "list")["pools"] if p["name"] == "finance")
    assert (pool["from"], pool["vfs"], pool["numa"]) == (["uplink"], [0, 1], "any")
    assert pool["capacity"]["numa"] == [{**NODE, "free": 1}]
    assert (pool["capacity"]["total"], pool["capacity"]["free"]) == (2, 1)
    shown = terminal.json("pool", "show", "finance")
    assert [member["state"] for member in shown["members"]] == ["leased", "free"]
    assert shown["members"][0]["lease"] == 1


NODE = {"numa_node": None, "total": 2, "free": 2, "leased": 1, "scrubbing": 0, "in_use": 0}


def test_capacity_counts_for_each_pf_and_node(terminal: Terminal) -> None:
    terminal.define()
    terminal.take("spare")
    answer = terminal.json("pool", "capacity", "spare")
    assert answer["schema"] == "sriovctl/pool-capacity/1"
    assert (answer["pool"], answer["total"], answer["free"]) == ("spare", 2, 1)
    assert [(pf["label"], pf["pf"], pf["free"]) for pf in answer["pfs"]] == [
        ("other", OTHER, 0),
        ("uplink", IGB, 1),
    ]
    assert answer["numa"] == [{**NODE, "free": 1}]
    assert "spare: 1 of 2 VFs free" in terminal.run("pool", "capacity", "spare")


def test_a_changed_state_file_is_told(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.define()
    terminal.run("pool", "capacity", "finance")
    assert capsys.readouterr().err == ""
    terminal.state.write_text(STATE.replace("0-1", "0-2").replace("[2]", "[1]"))
    terminal.run("pool", "capacity", "finance")
    assert "has changed since pool finance was defined from it" in capsys.readouterr().err
    terminal.state.unlink()
    terminal.run("pool", "capacity", "finance")
    assert capsys.readouterr().err == ""


def test_a_state_file_on_the_command_line_is_the_truth(terminal: Terminal) -> None:
    terminal.define()
    terminal.state.write_text(STATE.replace("vfs: 0-1", "vfs: 2").replace("[2]", "[1]"))
    assert terminal.take("finance", "--state", str(terminal.state))["vf_index"] == 2
    with pytest.raises(InputError, match="finanse: there is no such pool; did you mean"):
        terminal.run("pool", "show", "finanse", "--state", str(terminal.state))


def test_a_file_without_pools_is_an_error(terminal: Terminal) -> None:
    terminal.state.write_text(STATE.partition("pools:")[0])
    with pytest.raises(InputError, match="names no pool"):
        terminal.define()


@pytest.mark.parametrize(
    ("selector", "vfs"),
    [
        ("address=01:00.0,vfs=2", [2]),
        ("driver=igb,vfs=1-2", [1, 2, 1, 2]),
        ("netdev=eth1", [0, 1, 2]),
    ],
)
def test_a_pool_can_be_made_up(terminal: Terminal, selector: str, vfs: list[int]) -> None:
    shown = terminal.json("pool", "show", selector)
    assert [member["vf_index"] for member in shown["members"]] == vfs
    assert (shown["name"], shown["source"]) == (selector, None)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("foo=1", "foo=1: unknown key 'foo'"),
        ("netdev=", "'netdev=' is no KEY=VALUE"),
        ("vfs=1", "vfs=1: needs at least one criterion"),
        ("driver=igb,vfs=x", "'x' is no VF index"),
    ],
)
def test_a_selector_that_is_none_is_an_error(terminal: Terminal, selector: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        terminal.run("pool", "show", selector)


# --- leases ----------------------------------------------------------------------------------


def test_take_show_renew_release(terminal: Terminal) -> None:
    terminal.define()
    taken = terminal.run("lease", "take", "finance", "--owner", "anna", "--ttl", "2h")
    assert f"lease 1: {VF0}, VF 0 of {IGB}" in taken
    assert "held until in 2 h   owner anna   pool finance   generation 1" in taken
    assert terminal.run("lease", "show", "1") == taken
    terminal.host.clock.sleep(3600.0)
    assert "until in 60 min" in terminal.run("lease", "show", "1")
    assert "until in 2 d" in terminal.run("lease", "renew", "1", "--ttl", "2d")
    assert terminal.run("lease", "release", "1") == f"lease 1: released; {VF0} is lent to others\n"
    assert terminal.run("lease", "list") == "no VF is lent\n"
    assert "ended" in terminal.run("lease", "list", "--all")


def test_lease_as_json(terminal: Terminal) -> None:
    terminal.define()
    answer = terminal.json("lease", "take", "finance", "--owner", "anna", "--ttl", "60s")
    assert answer["schema"] == "sriovctl/lease-take/1"
    (lease,) = answer["leases"]
    taken = lease.pop("taken")
    assert taken.endswith("+00:00")
    assert lease == {
        "lease": 1,
        "status": "held",
        "reason": None,
        "note": None,
        "pool": "finance",
        "owner": "anna",
        "pf": IGB,
        "pf_identity": "permanent_mac 52:54:00:6d:91:01",
        "vf_index": 0,
        "generation": 1,
        "address": VF0,
        "netdev": None,
        "iommu_group": lease["iommu_group"],
        "numa_node": None,
        "ended": None,
        "expires_in_s": 60.0,
        "pid": None,
        "pinned": False,
        "group_disjoint": False,
    }
    assert terminal.json("lease", "list")["leases"] == [{**lease, "taken": taken}]


def test_a_lease_that_was_told_stays_and_one_that_was_not_goes_with_us(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.define()
    terminal.run("lease", "take", "finance")

    def die(_: Context) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Context, "flush", die)
    with pytest.raises(KeyboardInterrupt):
        terminal.run("lease", "take", "finance")
    assert [lease["pid"] is None for lease in terminal.json("lease", "list")["leases"]] == [
        True,
        False,
    ]


def test_count_owner_pf_and_policy(terminal: Terminal) -> None:
    terminal.define()
    two = terminal.json("lease", "take", "finance", "--count", "2", "--owner", "anna")["leases"]
    assert [lease["vf_index"] for lease in two] == [0, 1]
    assert terminal.take("spare", "--pf", "uplink", "--owner", "bert")["pf"] == IGB
    spread = ("lease", "take", "driver=igb,vfs=0-1", "--policy", "spread", "--owner", "bert")
    assert {one["pf"] for one in terminal.json(*spread, "--count", "2")["leases"]} == {OTHER}
    assert len(terminal.json("lease", "list", "--owner", "anna")["leases"]) == 2
    assert len(terminal.json("lease", "list", "--pool", "spare")["leases"]) == 1
    terminal.run("lease", "release", "--owner", "anna")
    assert {one["owner"] for one in terminal.json("lease", "list")["leases"]} == {"bert"}
    assert terminal.run("lease", "release", "--owner", "nobody") == "no lease to take back\n"


def test_the_owner_is_whoever_asks(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    assert terminal.take("netdev=eth0")["owner"] == "anna"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setenv("USER", "bert")
    assert terminal.take("netdev=eth0")["owner"] == "bert"


def test_a_process_can_be_named_that_the_lease_ends_with(terminal: Terminal) -> None:
    process = terminal.host.processes.start("borrower")
    lease = terminal.take("netdev=eth0", "--pid", str(process.pid))
    assert lease["pid"] == process.pid
    assert f"process {process.pid} ends" in terminal.run("lease", "list")
    terminal.host.processes.end(process)
    assert terminal.json("lease", "show", "1")["leases"][0]["status"] == "orphaned"
    assert "process ended; " in terminal.run("lease", "reap")
    assert terminal.run("lease", "reap") == "no lease to take back\n"
    with pytest.raises(InputError, match="there is no such process"):
        terminal.take("netdev=eth0", "--pid", str(process.pid))


def test_a_lost_lease_is_said_clearly(terminal: Terminal) -> None:
    terminal.take("netdev=eth0", "--owner", "anna")
    terminal.write(IGB, "sriov_numvfs", "0")
    listed = terminal.run("lease", "list")
    assert f"lease 1: {VF0} was removed while it was lent to anna; nobody holds it any" in listed
    with pytest.raises(LostError):
        terminal.run("lease", "renew", "1")


def test_a_vf_in_use_is_refused_and_said_why(terminal: Terminal) -> None:
    terminal.take("netdev=eth0", "--owner", "anna")
    terminal.use(VF0)
    told = terminal.run("lease", "release", "1", status=4)
    assert f"released, but {VF0} is not clean, and lent to nobody until it is: in use" in told
    assert terminal.json("lease", "show", "1")["leases"][0]["status"] == "dirty"
    assert "dirty: lease 1 of anna" in terminal.run("pool", "show", "netdev=eth0")
    assert terminal.json("pool", "capacity", "netdev=eth0")["scrubbing"] == 1


def test_wrong_usage(terminal: Terminal) -> None:
    for words in (("release",), ("release", "1", "--owner", "anna")):
        with pytest.raises(InputError, match="needs leases, or --owner, and not both"):
            terminal.run("lease", *words)
    with pytest.raises(InputError, match="a pinned lease lasts until it is released"):
        terminal.run("lease", "take", "netdev=eth0", "--pin", "--ttl", "1h")
    with pytest.raises(InputError, match="lease 7: there is no such lease"):
        terminal.run("lease", "show", "7")
    with pytest.raises(InputError, match="has nothing of a simulated one"):
        terminal.run("--simulated", "lease", "run", "netdev=eth0", "--", "true")
    with pytest.raises(PermissionDenied, match="a recording is read-only"):
        terminal.run("--host-tree", "x", "lease", "take", "netdev=eth0")
    with pytest.raises(SystemExit):
        parse_arguments(["lease", "take", "x", "--count", "0"])


def test_options_may_stand_on_either_side(terminal: Terminal) -> None:
    assert json.loads(terminal.run("--json", "lease", "list")) == terminal.json("lease", "list")


def test_what_a_command_is_told_of_its_vf() -> None:
    lease = Lease("pool", "anna", IGB, (), 3, "{}", lease_id=7, generation=2)
    assert environment_of(ShownLease(lease, 0.0)) == {
        "SRIOVCTL_LEASE": "7",
        "SRIOVCTL_GENERATION": "2",
        "SRIOVCTL_PF": IGB,
        "SRIOVCTL_VF_INDEX": "3",
    }
    full = lease._replace(address=VF0, iommu_group=12, numa_node=0)
    told = environment_of(ShownLease(full, 0.0, netdev="eth3"))
    assert told["SRIOVCTL_VF_ADDRESS"] == VF0
    assert told["SRIOVCTL_NETDEV"] == "eth3"
    assert (told["SRIOVCTL_IOMMU_GROUP"], told["SRIOVCTL_NUMA_NODE"]) == ("12", "0")


# --- what other verbs do with what is lent ---------------------------------------------------


def test_apply_and_resize_refuse_what_is_lent_by_name(terminal: Terminal) -> None:
    terminal.take("netdev=eth0", "--owner", "anna")
    plan = terminal.json("plan", str(terminal.state), status=3)
    assert [step["subject"] for step in plan["steps"] if "lease:1" in step["affected"]] == [
        f"{IGB} vf 0"
    ]
    with pytest.raises(SafetyError, match=r"is in use: lease:1 would feel it.*--allow lease:1"):
        terminal.run("apply", str(terminal.state))
    terminal.state.write_text(STATE.replace("num_vfs: 3", "num_vfs: 5"))
    with pytest.raises(SafetyError, match="lease:1"):
        terminal.run("apply", str(terminal.state), "--allow", f"foreign:{IGB}")
    allowed = ("--allow", f"foreign:{IGB}", "--allow", "lease:1", "--allow", f"foreign:{OTHER}")
    terminal.run("apply", str(terminal.state), *allowed)
    assert terminal.json("lease", "show", "1")["leases"][0]["status"] == "lost"


def test_undo_refuses_to_take_a_vf_from_its_holder(terminal: Terminal) -> None:
    terminal.write(IGB, "sriov_numvfs", "0")

    terminal.state.write_text(
        STATE.partition("  other:")[0] + "pools: {finance: {from: [uplink], vfs: 0-1}}\n"
    )
    terminal.run("apply", str(terminal.state))
    terminal.define()
    terminal.take("finance", "--owner", "anna")
    with pytest.raises(SafetyError, match="lease:1"):
        terminal.run("undo")
    terminal.run("lease", "release", "1")
    terminal.run("undo")


def test_owners_names_leases(terminal: Terminal) -> None:
    terminal.take("netdev=eth0", "--owner", "anna", "--ttl", "90s")
    (owner,) = terminal.json("owners", VF0)["owners"]
    assert owner["token"] == "lease:1"
    assert owner["evidence"] == "lent to anna from netdev=eth0 for another 90 s"
    terminal.host.clock.sleep(90.0)
    assert terminal.json("owners", VF0)["owners"] == []


def test_a_lease_taken_between_plan_and_apply_is_seen(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan_and_lend(ready: ReadyState, context: Context) -> Plan:
        plan = plan_ready(ready, context)
        terminal.take("netdev=eth0", "--owner", "anna")
        return plan

    monkeypatch.setattr("sriovctl.cli.apply.plan_ready", plan_and_lend)
    with pytest.raises(SafetyError, match="is in use: lease:1 would feel it"):
        terminal.run("apply", str(terminal.state))


def test_a_lease_taken_before_bind_has_its_lock_is_seen(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan_and_lend(*args: Any) -> Plan:  # noqa: ANN401  (as it is called)
        plan = plan_rebinding(*args)
        monkeypatch.setattr(Context, "owners", lend_afterwards)
        return plan

    def lend_afterwards(_context: Context, _pfs: object) -> OwnerMap:
        monkeypatch.undo()
        terminal.take("netdev=eth0", "--owner", "anna")
        return {}

    monkeypatch.setattr("sriovctl.cli.binding.plan_rebinding", plan_and_lend)
    with pytest.raises(SafetyError, match="is in use: lease:1 would feel it"):
        terminal.run("bind", VF0, "--driver", "vfio-pci")


# --- attach ----------------------------------------------------------------------------------


def test_attach_refuses_what_is_lent_to_another(terminal: Terminal) -> None:
    terminal.libvirt.add("MyGuest")
    terminal.take("netdev=eth0", "--owner", "anna")
    with pytest.raises(SafetyError, match=f"{VF0}: is lent to anna by lease 1; who holds it says"):
        terminal.run("attach", "MyGuest", "--vf", VF0)
    terminal.run("attach", "MyGuest", "--lease", "1")
    assert terminal.libvirt.attached[-1:] != []


def test_attach_keeps_a_vf_of_a_network_from_being_lent(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attach_from_network(*_: object, **options: Any) -> None:  # noqa: ANN401  (as it is called)
        place = read_vf_place(terminal.host.files, parse_pci_address(VF0))
        with options["reserve"](place):
            assert terminal.take("netdev=eth0", "--owner", "anna")["address"] == VF1
        raise BusyError("was not tried")

    monkeypatch.setattr(network_attach, "attach_from_network", attach_from_network)
    terminal.libvirt.add("MyGuest")
    with pytest.raises(BusyError, match="was not tried"):
        terminal.run("attach", "MyGuest", "--network", "finance")
    assert terminal.take("netdev=eth0", "--owner", "anna")["address"] == VF0


def test_detach_keeps_a_vf_from_others_until_it_is_as_it_was(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detach_and_look(*args: Any, **options: Any) -> DetachResult:  # noqa: ANN401  (as called)
        result = detach(*args, **options)
        assert [one["owner"] for one in terminal.json("lease", "list")["leases"]] == ["MyGuest"]
        return result

    monkeypatch.setattr("sriovctl.cli.detach.detach", detach_and_look)
    terminal.libvirt.add("MyGuest")
    terminal.run("attach", "MyGuest", "--vf", VF0)
    terminal.run("detach", "MyGuest", "--vf", VF0)
    assert terminal.json("lease", "list")["leases"] == []


def test_attach_takes_the_vf_of_a_lease_that_the_guest_owns(terminal: Terminal) -> None:
    terminal.libvirt.add("MyGuest")
    terminal.take("netdev=eth0", "--owner", "MyGuest")
    assert terminal.json("attach", "MyGuest", "--vf", VF0)["changed"] is True
    assert [lease["lease"] for lease in terminal.json("lease", "list", "--all")["leases"]] == [1]


def test_attach_passes_over_what_is_lent_and_reserves_what_it_takes(terminal: Terminal) -> None:
    terminal.libvirt.add("MyGuest")
    terminal.take("netdev=eth0", "--owner", "anna")
    assert terminal.json("attach", "MyGuest", "--pf", IGB)["vf"] == VF1
    leases = terminal.json("lease", "list", "--all")["leases"]
    assert [(one["owner"], one["status"], one["pool"]) for one in leases[1:]] == [
        ("MyGuest", "ended", "attach")
    ]


def test_attach_leaves_what_is_not_clean(terminal: Terminal) -> None:
    terminal.libvirt.add("MyGuest")
    terminal.take("netdev=eth0", "--owner", "anna", "--ttl", "1s")
    terminal.host.clock.sleep(2.0)
    with pytest.raises(BusyError, match=f"{VF0}: was given back by lease 1, and is not clean yet"):
        terminal.run("attach", "MyGuest", "--vf", VF0)
    with pytest.raises(LostError, match="lease 1: is not held any more: expired"):
        terminal.run("attach", "MyGuest", "--lease", "1")
    with pytest.raises(InputError, match="there is no such lease"):
        terminal.run("attach", "MyGuest", "--lease", "9")
    terminal.run("lease", "reap")
    assert terminal.json("attach", "MyGuest", "--vf", VF0)["changed"] is True


def test_attach_does_not_mind_a_lease_whose_vf_was_made_anew(terminal: Terminal) -> None:
    terminal.libvirt.add("MyGuest")
    terminal.take("netdev=eth0", "--owner", "anna")
    terminal.write(IGB, "sriov_numvfs", "0")
    terminal.write(IGB, "sriov_numvfs", "2")
    assert terminal.json("attach", "MyGuest", "--vf", VF0)["changed"] is True
    assert terminal.json("lease", "show", "1")["leases"][0]["status"] == "lost"


def test_attach_works_for_those_who_may_not_read_the_book(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.libvirt.add("MyGuest")

    def deny(_: SQLiteLeaseBook) -> None:
        raise PermissionDenied("cannot be written", subject="/var/lib/sriovctl")

    monkeypatch.setattr(SQLiteLeaseBook, "writing", deny)
    assert terminal.json("attach", "MyGuest", "--vf", VF0)["changed"] is True
    assert "whether the VF is lent could not be seen" in capsys.readouterr().err
