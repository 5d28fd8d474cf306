"""``apply``, ``undo``, ``confirm``, ``history``, ``drift``: from command lines to what is said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import BusyError, InputError, PermissionDenied, SafetyError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt

PF = "0000:01:00.0"
NUM_VFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"


class FakeGuardian:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.dismissed = 0

    def tell(self, run_id: int) -> None:
        self.told.append(run_id)

    def dismiss(self) -> None:
        self.dismissed += 1


class Desk:
    """One host and its journal, for several commands after one another."""

    def __init__(self, directory: Path) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.journal = SQLiteJournal(None)
        self.guardian = FakeGuardian()
        self.directory = directory

    def file(self, num_vfs: int, *, vlan: int = 0) -> str:
        path = self.directory / f"{num_vfs}-{vlan}.yaml"
        path.write_text(
            f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, num_vfs: {num_vfs}, '
            f"drivers_autoprobe: false, vf_default: {{vlan: {{id: {vlan}}}}}}}}}"
        )
        return str(path)

    def run(self, *argv: str, status: int = 0) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: SimulatedLibvirt(self.host.clock),
            open_journal=lambda: self.journal,
            start_guardian=lambda: self.guardian,  # type: ignore[arg-type,return-value]
            out=out,
            color=False,
            kind=HostKind.LIVE,
        )
        assert run_verb(parse_arguments(argv), context) == status
        return out.getvalue()

    def num_vfs(self) -> str | None:
        return self.host.files.read_text(NUM_VFS)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_history_tells_runs_and_their_steps(desk: Desk) -> None:
    assert desk.run("history") == "nothing was applied on this host yet\n"
    file = desk.file(2)
    desk.run("apply", file)
    desk.run("undo")
    head, undo, apply = desk.run("history").splitlines()
    assert head.split()[:3] == ["run", "started", "(UTC)"]
    assert undo.split()[-4:] == ["done", "run", "1", PF]
    assert apply.split()[-4:] == ["apply", "undone", file, PF]
    assert "2. 0000:01:00.0: num_vfs 0 -> 2  done" in desk.run("history", "1")
    (one,) = json.loads(desk.run("history", "1", "--json"))["runs"]
    assert (one["run"], one["status"], one["source"]) == (1, "undone", file)
    assert {step["status"] for step in one["steps"]} == {"done"}
    with pytest.raises(InputError, match="no such run"):
        desk.run("history", "9")


def test_undo_takes_back_run_by_run(desk: Desk) -> None:
    desk.run("apply", desk.file(2))
    desk.run("apply", desk.file(2, vlan=42))
    assert "before run 2" in desk.run("undo")
    assert "before run 1" in desk.run("undo", "1")
    assert desk.num_vfs() == "0"
    assert desk.run("undo").startswith("nothing to undo")


def test_confirm_keeps_what_a_guardian_watches(desk: Desk) -> None:
    said = desk.run("apply", desk.file(2), "--confirm-within", "2m")
    assert "undone in 120 s, unless you keep it: 'sriovctl confirm'" in said
    assert desk.guardian.told == [1]
    with pytest.raises(BusyError, match="waits to be confirmed"):
        desk.run("apply", desk.file(3))
    assert "run 1 stays" in desk.run("confirm")
    assert json.loads(desk.run("history", "--json"))["runs"][0]["status"] == "done"
    with pytest.raises(InputError, match="no run waits"):
        desk.run("confirm")


def test_nobody_watches_over_nothing(desk: Desk) -> None:
    desk.run("apply", desk.file(2))
    desk.run("apply", desk.file(2), "--confirm-within", "60s")
    assert (desk.guardian.told, desk.guardian.dismissed) == ([], 0)


def test_a_guardian_is_dismissed_when_the_apply_is_refused(desk: Desk) -> None:
    desk.host.files.write_text(NUM_VFS, "3")
    with pytest.raises(SafetyError, match=f"--allow foreign:{PF}"):
        desk.run("apply", desk.file(2), "--confirm-within", "60s")
    assert (desk.guardian.told, desk.guardian.dismissed) == ([], 1)
    assert desk.num_vfs() == "3"
    desk.run("apply", desk.file(2), "--allow", f"foreign:{PF}")
    assert desk.num_vfs() == "2"


def test_the_host_that_ends_with_the_command_cannot_wait(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    from sriovctl.__main__ import main

    assert main(["--simulated", "apply", desk.file(2), "--confirm-within", "60s"]) == 1
    assert "still there after this command" in capsys.readouterr().err


@pytest.mark.parametrize("time", ["0", "soon", "60 s", "-5", "1w"])
def test_what_is_no_time_is_wrong_usage(
    desk: Desk, time: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(["apply", desk.file(2), "--confirm-within", time])
    assert "confirm-within" in capsys.readouterr().err


def test_apply_wants_a_file_or_resume(desk: Desk) -> None:
    for words in (["apply"], ["apply", desk.file(2), "--resume"]):
        with pytest.raises(InputError, match="needs a state file, or --resume"):
            desk.run(*words)
    with pytest.raises(InputError, match="no run was cut short"):
        desk.run("apply", "--resume")
    with pytest.raises(InputError, match="cannot be combined"):
        desk.run("apply", "--resume", "--confirm-within", "60s")


def test_drift_is_told_with_exit_code_3(desk: Desk) -> None:
    file = desk.file(2, vlan=42)
    said = desk.run("drift", file, status=3)
    assert "0000:01:00.0: num_vfs is 0, wanted 2" in said
    desk.run("apply", file)
    assert desk.run("drift", file) == "no drift: the host is as the file wants it\n"
    drift = json.loads(desk.run("drift", desk.file(2, vlan=43), "--json", status=3))["drift"]
    assert [(one["subject"], one["key"]) for one in drift] == [
        (f"{PF} vf 0", "vlan"),
        (f"{PF} vf 1", "vlan"),
    ]
    assert drift[0]["found"]["id"] == 42


def test_drift_of_a_pf_that_is_gone(desk: Desk) -> None:
    file = desk.file(2)
    desk.host.vanish(PF)
    assert f"a: no PF fits address {PF}" in desk.run("drift", file, status=3)


def test_plan_names_whom_a_step_would_affect(desk: Desk) -> None:
    desk.host.network.add_address("eth0", "192.0.2.1/24")
    (pf,) = (one for one in desk.host.kernel.netdevs.values() if one.name == "eth0")
    desk.host.kernel.set_link_up(pf, up=True)
    assert "affects: address:192.0.2.1" in desk.run("plan", desk.file(2), status=3)
    with pytest.raises(SafetyError, match=r"--allow address:192.0.2.1"):
        desk.run("apply", desk.file(2))
    desk.run("apply", desk.file(2), "--allow", "address:192.0.2.1")


def test_a_recording_is_not_undone(desk: Desk) -> None:
    with pytest.raises(PermissionDenied, match="read-only"):
        desk.run("undo", "--host-tree", str(desk.directory))
