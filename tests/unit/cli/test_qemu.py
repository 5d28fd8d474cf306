"""``qemu`` and its verbs: from command lines to what is said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import InputError, LostError, UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.qmp_api import QMP
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.host.simulated_qmp import SimulatedQEMU

PF, VF0, VF1 = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
MAC = "52:54:00:6d:90:02"


class Desk:
    """One host, its journal and a QEMU, for several commands after one another."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        self.journal = SQLiteJournal(None)
        self.qemu = SimulatedQEMU(self.host)
        self.is_up = True

    def open_qmp(self, socket: str) -> QMP:
        if not self.is_up:
            raise LostError("nobody listens on this socket", subject=socket)
        if socket != self.qemu.socket:
            raise InputError("is no socket that can be used", subject=socket)
        return self.qemu

    def run(self, *argv: str) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: SimulatedLibvirt(self.host.clock),
            open_journal=lambda: self.journal,
            open_qmp=self.open_qmp,
            out=out,
            color=False,
            kind=HostKind.LIVE,
        )
        assert run_verb(parse_arguments(argv), context) == 0
        context.writing_to(out)
        return out.getvalue()

    def attach(self, *more: str) -> str:
        return self.run("qemu", "attach", self.qemu.socket, VF0, *more)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_attach_list_detach(desk: Desk) -> None:
    said = desk.attach("--mac", MAC, "--vlan", "42")
    assert f"MyGuest: {VF0} (VF 0 of eth0) plugged in, as vf-0000-01-10-0" in said
    assert f"MAC {MAC}, VLAN 42" in said
    assert "  warning: PF eth0 is down" in said
    assert "is there already" in desk.attach()
    listed = desk.run("qemu", "list", desk.qemu.socket)
    assert "MyGuest is running" in listed
    assert f"{VF0}  {PF}  0   0000:01:00.0  {MAC}  42" in listed
    assert "root ports: 2, free for a hot plug: port2" in listed
    said = desk.run("qemu", "detach", desk.qemu.socket, VF0)
    assert "unplugged; its driver, MAC and VLAN are as before run 1" in said
    assert "its driver on the host: igbvf" in said
    assert "has no function of this host" in desk.run("qemu", "list", desk.qemu.socket)
    assert "is not in the guest" in desk.run("qemu", "detach", desk.qemu.socket, VF0)


def test_the_same_as_json(desk: Desk) -> None:
    attached = json.loads(desk.attach("--vlan", "42", "--id", "mine", "--json"))
    assert attached["schema"] == "sriovctl/qemu-attach/1"
    assert (attached["id"], attached["vlan"], attached["run"]) == ("mine", {"id": 42}, 1)
    listed = json.loads(desk.run("qemu", "list", desk.qemu.socket, "--json"))
    assert listed["schema"] == "sriovctl/qemu-list/1"
    (device,) = listed["devices"]
    assert (device["address"], device["pf"], device["vf_index"]) == (VF0, PF, 0)
    assert listed["ports"][0] == {"id": "port1", "occupied": True, "hotplug": True}
    assert listed["free_slots"] is None
    detached = json.loads(desk.run("--json", "qemu", "detach", desk.qemu.socket, VF0))
    assert detached["schema"] == "sriovctl/qemu-detach/1"
    assert (detached["changed"], detached["given_back"], detached["waited_s"]) == (True, 1, 1.0)


def test_a_vf_of_a_qemu_that_is_gone(desk: Desk) -> None:
    desk.attach("--mac", MAC)
    desk.qemu.kill()
    desk.is_up = False
    with pytest.raises(LostError):
        desk.run("qemu", "detach", desk.qemu.socket, VF1)
    said = desk.run("qemu", "detach", desk.qemu.socket, VF0)
    assert "is not in the guest; its driver, MAC and VLAN are as before run 1" in said
    with pytest.raises(LostError):
        desk.run("qemu", "detach", desk.qemu.socket, VF0)


def test_a_whole_card_in_a_guest_is_listed_too(desk: Desk) -> None:
    card = "0000:04:00.0"
    desk.host.files.write_text("/sys/bus/pci/drivers/igb/unbind", card)
    desk.host.files.write_text(f"/sys/bus/pci/devices/{card}/driver_override", "vfio-pci")
    desk.host.files.write_text("/sys/bus/pci/drivers_probe", card)
    desk.qemu.plug(card, "card", bus="port2")
    assert f"card  {card}  -      -   0000:02:00.0" in desk.run("qemu", "list", desk.qemu.socket)


def test_args_are_one_line_of_words(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    said = desk.run("qemu", "args", VF0, "--rombar", "0")
    assert said == (
        "-device pcie-root-port,id=port-0000-01-10-0,chassis=1,slot=128 "
        f"-device vfio-pci,host={VF0},id=vf-0000-01-10-0,bus=port-0000-01-10-0,rombar=0\n"
    )
    assert f"sriovctl bind {VF0} --driver vfio-pci" in capsys.readouterr().err
    answer = json.loads(desk.run("qemu", "args", VF0, VF1, VF0, "--multifunction", "--json"))
    assert answer["schema"] == "sriovctl/qemu-args/1"
    assert answer["arguments"] == [
        "-device",
        "pcie-root-port,id=port-0000-01-10-0,chassis=1,slot=128",
        "-device",
        f"vfio-pci,host={VF0},id=vf-0000-01-10-0,bus=port-0000-01-10-0,addr=0.0,multifunction=on",
        "-device",
        f"vfio-pci,host={VF1},id=vf-0000-01-10-2,bus=port-0000-01-10-0,addr=0.1",
    ]
    assert [device["vf"] for device in answer["devices"]] == [VF0, VF1]
    assert answer["warnings"]
    token = "0F7D5B4C-1111-2222-3333-444455556666"
    said = desk.run("qemu", "args", VF0, "--bus", "p", "--id", "x", "--vf-token", token)
    assert said == f"-device vfio-pci,host={VF0},id=x,bus=p,vf-token={token.lower()}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([VF0, VF1, "--id", "x"], "there are several VFs"),
        ([VF0, VF1, "--bus", "port1"], "takes one device, not 2"),
        ([VF0, "--bus", "pcie 0"], "is no id for QEMU"),
        ([VF0, "--vf-token", "secret"], "is no UUID"),
        ([PF], "is a PF"),
    ],
)
def test_arguments_that_do_not_fit(desk: Desk, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        desk.run("qemu", "args", *words)


def test_two_vfs_on_a_root_bus(desk: Desk) -> None:
    assert desk.run("qemu", "args", VF0, VF1, "--bus", "pci.0").count("bus=pci.0") == 2


def test_translate_words_a_file_and_standard_input(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = desk.run("qemu", "translate", "--", "kvm", "-device", "pci-assign,host=01:10.0")
    assert said.startswith("kvm -device vfio-pci,host=0000:01:10.0\n\n# device assignment through")
    assert f"#   before QEMU starts: sriovctl bind {VF0} --driver vfio-pci" in said
    script = tmp_path / "start.sh"
    script.write_text("exec kvm \\\n  -pcidevice host=01:10.0,dma=none\n")
    said = desk.run("qemu", "translate", str(script))
    assert said.startswith("exec kvm \\\n  -device vfio-pci,host=0000:01:10.0\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("-device pci-assign,host=$VF,configfd=3"))
    answer = json.loads(desk.run("qemu", "translate", "-", "--json"))
    assert answer["schema"] == "sriovctl/qemu-translate/1"
    assert answer["text"] == "-device vfio-pci,host=$VF"
    (option,) = answer["options"]
    assert (option["host"], len(option["notes"])) == (None, 1)
    assert "it is as it was" in desk.run("qemu", "translate", "--", "kvm", "-S")


def test_what_cannot_be_translated(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        desk.run("qemu", "translate", str(tmp_path / "none"))
    (tmp_path / "image").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        desk.run("qemu", "translate", str(tmp_path / "image"))


def test_another_host_has_no_qemu(desk: Desk) -> None:
    for words in (("attach", "s", VF0), ("detach", "s", VF0), ("list", "s")):
        with pytest.raises(InputError, match="has this machine's VFs"):
            desk.run("--simulated", "qemu", *words)
    context = Context(
        open_host=lambda: desk.host,
        open_libvirt=lambda: SimulatedLibvirt(desk.host.clock),
        open_journal=lambda: desk.journal,
        out=io.StringIO(),
        color=False,
    )
    with pytest.raises(UnsupportedError, match="no QEMU that could be asked"):
        context.qmp("/run/qemu")


def test_bad_settings(desk: Desk) -> None:
    with pytest.raises(InputError, match="is no MAC address"):
        desk.attach("--mac", "mine")
    with pytest.raises(InputError, match="is not a VLAN id"):
        desk.attach("--vlan", "4095")
