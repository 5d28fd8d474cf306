"""``persist`` and ``verify-boot`` from the command line: a simulated host, a root of files."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.engine.boot_doors import Stage, ran

from sriovctl.__main__ import main
from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.cli.persist_request import program_words
from sriovctl.errors import InputError, SafetyError, UnsupportedError
from sriovctl.host.boot_api import BootDoors
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.persistence import (
    APPLY_UNIT,
    MODPROBE_FILE,
    MODULES_LOAD_FILE,
    STATE_FILE,
    UNITS,
)

IGB = "0000:01:00.0"
STATE = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 2
    drivers_autoprobe: false
    vfs:
      0: {vlan: {id: 42}}
      1: {vlan: {id: 43}, driver: vfio-pci}
"""


class Desk:
    """A command line in front of a simulated host and its root."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "root"
        self.root.mkdir()
        self.stage = Stage(self.root)
        for unit in UNITS:
            self.stage.systemd.units[unit] = {"UnitFileState": "enabled"}
        self.host: SimulatedHost = simulated_82576()
        self.file = tmp_path / "host.yaml"
        self.file.write_text(STATE)
        self.journal = SQLiteJournal(None)

    def _doors(self, root: str | None) -> BootDoors:
        from sriovctl.host.boot import open_image_boot

        return self.stage.doors if root is None else open_image_boot(root)

    def run(self, line: str) -> tuple[int, str]:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: pytest.fail("asks libvirt"),
            open_journal=lambda: self.journal,
            open_boot=self._doors,
            out=out,
            color=False,
        )
        words = shlex.split(line.replace("FILE", str(self.file)))
        return run_verb(parse_arguments(words), context), out.getvalue()

    def json(self, line: str) -> tuple[int, dict[str, object]]:
        status, text = self.run(f"{line} --json")
        return status, json.loads(text)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_persist_and_remove(desk: Desk) -> None:
    status, text = desk.run("persist FILE")
    assert status == 0
    assert f"wrote {STATE_FILE}\n" in text
    assert "takes effect at the next boot" in text
    assert "steps are pending" in text
    assert "vfio_pci\n" in desk.stage.read(MODULES_LOAD_FILE)
    assert desk.run("persist FILE") == (0, "nothing to do: all is installed\n")
    status, text = desk.run("persist --remove")
    assert status == 0
    assert f"removed {STATE_FILE}\n" in text
    assert desk.stage.paths() == set()
    assert desk.run("persist --remove") == (0, "nothing to do: nothing is installed\n")
    removed, installed = desk.journal.runs()
    assert (installed.kind, installed.status) == ("record", "done")
    assert (installed.source, removed.source) == (f"persist {desk.file}", "persist --remove")
    assert f"written {STATE_FILE}" in (installed.note or "")
    assert f"removed {STATE_FILE}" in (removed.note or "")


def test_a_dry_run_shows_each_file_and_writes_none(desk: Desk) -> None:
    status, text = desk.run("persist FILE --dry-run")
    assert status == 0
    assert f"would write {STATE_FILE}\n    version: 1\n" in text
    assert "\n    DefaultDependencies=no\n" in text
    assert f"    -> /etc/systemd/system/{APPLY_UNIT}\n" in text
    assert desk.stage.paths() == set()


def test_what_was_not_done_is_not_written_down(desk: Desk) -> None:
    desk.run("persist FILE --dry-run")
    assert desk.journal.runs() == ()


def test_json(desk: Desk) -> None:
    status, answer = desk.json("persist FILE --dry-run")
    assert status == 0
    assert (answer["schema"], answer["changed"]) == ("sriovctl/persist/1", False)
    files = answer["files"]
    assert isinstance(files, list)
    assert files[0] == {"path": STATE_FILE, "action": "written", "content": STATE}
    _, answer = desk.json("persist FILE")
    assert answer["changed"] is True
    assert {"path": STATE_FILE, "action": "written"} in answer["files"]  # type: ignore[operator]
    status, answer = desk.json("persist --status")
    assert (status, answer["schema"]) == (0, "sriovctl/persist-status/1")
    assert answer["source"] == str(desk.file)


def test_status_ends_with_1_when_something_is_not_as_it_was(desk: Desk) -> None:
    assert desk.run("persist --status") == (
        1,
        "nothing is persisted: 'sriovctl persist FILE' does it\n",
    )
    desk.run("persist FILE")
    status, text = desk.run("persist --status")
    assert status == 0
    assert "verify-boot has not run yet" in text
    desk.stage.write(STATE_FILE, STATE + "\n")
    status, text = desk.run("persist --status")
    assert status == 1
    assert f"edited   {STATE_FILE}" in text


def test_a_state_that_the_host_cannot_have_is_refused_before_anything_is_written(
    desk: Desk,
) -> None:
    desk.file.write_text(STATE.replace("num_vfs: 2", "num_vfs: 9"))
    with pytest.raises(UnsupportedError, match="at most 7 VFs"):
        desk.run("persist FILE")
    desk.file.write_text(STATE.replace("01:00.0", "09:00.0"))
    with pytest.raises(InputError, match="no PF fits"):
        desk.run("persist FILE")
    desk.file.write_text(STATE.replace("num_vfs", "num_vf"))
    with pytest.raises(InputError, match="num_vf"):
        desk.run("persist FILE")
    assert desk.stage.paths() == set()


def test_somebody_elses_file_is_refused_unless_forced(desk: Desk) -> None:
    desk.stage.write(STATE_FILE, "theirs\n")
    with pytest.raises(SafetyError, match="sriovctl did not write it"):
        desk.run("persist FILE")
    assert desk.run("persist FILE --force")[0] == 0
    assert desk.stage.read(STATE_FILE) == STATE


def test_others_who_set_the_same_are_named(desk: Desk) -> None:
    desk.stage.write(
        "/etc/netplan/1.yaml",
        "network:\n  ethernets:\n    eth0: {virtual-function-count: 4}\n",
    )
    _, text = desk.run("persist FILE")
    assert "warning: /etc/netplan/1.yaml:3: netplan sets VFs of 0000:01:00.0 at boot too" in text


def test_vfs_by_a_module_parameter(desk: Desk) -> None:
    desk.stage.modules.types["igb.max_vfs"] = "array of int"
    desk.stage.modules.in_initramfs = True
    status, text = desk.run("persist FILE --by-parameter igb")
    assert status == 0
    assert "options igb max_vfs=2,0\n" in desk.stage.read(MODPROBE_FILE)
    assert "the initramfs holds igb and must be made anew: update-initramfs -u" in text
    # The count is the parameter's; the steps that are pending are those of its VFs.
    assert "igb takes max_vfs=2,0 when it is loaded next" in text


def test_a_parameter_that_would_reach_others_is_refused(desk: Desk) -> None:
    desk.stage.modules.types["igb.max_vfs"] = "uint"
    with pytest.raises(UnsupportedError, match="does not name"):
        desk.run("persist FILE --by-parameter igb")
    with pytest.raises(InputError, match="nvme has no parameter"):
        desk.run("persist FILE --by-parameter nvme")


def test_a_driver_that_is_no_module_is_warned_of(desk: Desk) -> None:
    desk.file.write_text(STATE.replace("vfio-pci", "vfio-pcl"))
    desk.stage.modules.installed = False
    _, text = desk.run("persist FILE")
    assert "warning: the driver vfio-pcl is not loaded" in text


def test_an_image(desk: Desk, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    with pytest.raises(InputError, match="has no sriovctl"):
        desk.run(f"persist FILE --root {image}")
    program = image / "usr/bin/sriovctl"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    desk.file.write_text(STATE.replace("01:00.0", "09:00.0"))  # not a PF of this host
    status, text = desk.run(f"persist FILE --root {image}")
    assert status == 0
    assert "was not held against a host" in text
    assert (image / "etc/systemd/system/multi-user.target.wants" / APPLY_UNIT).is_symlink()
    unit = (image / "etc/systemd/system" / APPLY_UNIT).read_text()
    assert "ExecStart=/usr/bin/sriovctl apply" in unit
    assert "vfio-pci" in (image / "etc/modules-load.d/sriovctl.conf").read_text()
    assert (image / "var/lib/sriovctl/persisted.json").exists()
    assert desk.run(f"persist --remove --root {image}")[0] == 0
    assert not (image / "etc/sriovctl").exists()


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="no systemctl: install systemd")
def test_systemctl_finds_the_units_of_an_image_enabled(desk: Desk, tmp_path: Path) -> None:
    image = tmp_path / "image"
    (image / "usr/bin").mkdir(parents=True)
    (image / "usr/bin/sriovctl").write_text("#!/bin/sh\n")
    (image / "usr/bin/sriovctl").chmod(0o755)
    desk.run(f"persist FILE --root {image}")
    command = ("systemctl", f"--root={image}", "is-enabled", *UNITS)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "enabled\nenabled\n"), done.stderr
    desk.run(f"persist --remove --root {image}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize(
    "line",
    [
        "persist",
        "persist FILE --remove",
        "persist FILE --status",
    ],
)
def test_one_thing_at_a_time(desk: Desk, line: str) -> None:
    with pytest.raises(InputError, match="needs a state file, --remove or --status"):
        desk.run(line)


@pytest.mark.parametrize("line", ["persist {} --dry-run", "persist --status", "verify-boot"])
def test_a_simulated_host_has_no_next_boot(
    desk: Desk, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert main(["--simulated", *shlex.split(line.format(desk.file))]) == 1
    assert "works on this host" in capsys.readouterr().err


def test_a_simulated_host_can_still_be_exported_for_modprobe(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--simulated", "export", "--format", "modprobe", str(desk.file)])
    assert "works on this host" not in capsys.readouterr().err


def test_how_sriovctl_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "sriovctl"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    python = ("/opt/py/bin/python", "-m", "sriovctl")
    assert program_words(str(script), "/opt/py/bin/python") == (str(script),)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_words("sriovctl", "/opt/py/bin/python") == (str(script),)
    monkeypatch.chdir(tmp_path)
    assert program_words("./sriovctl", "/opt/py/bin/python") == (str(script),)
    for other in ("/opt/x/sriovctl/__main__.py", "/usr/bin/pytest", "nowhere"):
        assert program_words(other, "/opt/py/bin/python") == python


def test_the_daemon_is_started_from_beside_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = "sriovctl.cli.persist_request.program_words"
    monkeypatch.setattr(beside, lambda *_: ("/usr/bin/python3", "-m", "sriovctl"))
    status, text = desk.run("persist FILE --daemon")
    assert status == 0
    assert "systemctl restart sriovctld" in text
    unit = desk.stage.read("/etc/systemd/system/sriovctld.service")
    assert f"ExecStart=/usr/bin/python3 -m sriovctl.daemon {STATE_FILE}\n" in unit
    monkeypatch.setattr(beside, lambda *_: ("/usr/bin/sriovctl",))
    with pytest.raises(InputError, match="/usr/bin/sriovctld: there is no such program"):
        desk.run("persist FILE --daemon")


def test_the_socket_of_the_daemon_is_for_the_operators_where_there_are_any(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("/usr/bin/python3", "-m", "sriovctl")
    monkeypatch.setattr("sriovctl.cli.persist_request.program_words", lambda *_: words)
    unit = "/etc/systemd/system/sriovctld.socket"
    assert desk.run("persist FILE --daemon --socket")[0] == 0
    assert "SocketMode=0600\n" in desk.stage.read(unit)
    desk.stage.write("/etc/group", "root:x:0:\nsriovctl:x:77:me\n")
    assert desk.run("persist FILE --daemon --socket")[0] == 0
    assert "SocketMode=0660\nSocketGroup=sriovctl\n" in desk.stage.read(unit)
    assert "ListenStream=/run/sriovctl/api.sock\n" in desk.stage.read(unit)
    with pytest.raises(InputError, match="needs --daemon"):
        desk.run("persist FILE --socket")


@pytest.mark.parametrize(
    ("directory", "words"),
    [("/tmp/venv/bin", "is not there any more at the next boot"), ('/opt/a"b', "with quotes")],
)
def test_a_program_that_a_unit_cannot_start_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, directory: str, words: str
) -> None:
    monkeypatch.setattr(
        "sriovctl.cli.persist_request.program_words", lambda *_: (f"{directory}/sriovctl",)
    )
    with pytest.raises(InputError, match=words):
        desk.run("persist FILE")


def test_verify_boot(desk: Desk) -> None:
    status, text = desk.run("verify-boot")
    assert status == 1
    assert "nothing is persisted on this host" in text
    desk.run("persist FILE")
    desk.run("apply FILE")
    desk.stage.systemd.has_booted()
    status, text = desk.run("verify-boot --record")
    assert (status, text.splitlines()[-1].endswith("0 failed")) == (0, True)
    assert "verify-boot of this boot: good" in desk.run("persist --status")[1]
    desk.stage.systemd.units[APPLY_UNIT] |= ran(10, 11, result="timeout", status=15)
    status, answer = desk.json("verify-boot")
    assert (status, answer["schema"], answer["ok"]) == (1, "sriovctl/verify-boot/1", False)
    checks = answer["checks"]
    assert isinstance(checks, list)
    bad = [check for check in checks if check["ok"] is False]
    assert [(check["id"], check["subject"]) for check in bad] == [("unit-ran", APPLY_UNIT)]
    assert set(checks[0]) == {"id", "ok", "subject", "evidence", "hint"}
    assert answer["boot_id"] == desk.host.files.read_text("/proc/sys/kernel/random/boot_id")


def test_verify_boot_of_a_state_that_is_gone_or_broken(desk: Desk) -> None:
    desk.run("persist FILE")
    desk.stage.write(STATE_FILE, "version: 7\n")
    status, text = desk.run("verify-boot")
    assert status == 1
    assert "state-file" in text
    (desk.root / STATE_FILE.removeprefix("/")).unlink()
    status, text = desk.run("verify-boot")
    assert status == 1
    assert f"{STATE_FILE}: is gone" in text


def test_apply_waits_and_leaves_out_what_does_not_come(desk: Desk) -> None:
    desk.file.write_text(STATE + "  gone:\n    match: {address: '0000:09:00.0'}\n    num_vfs: 1\n")
    with pytest.raises(InputError, match="no PF fits"):
        desk.run("apply FILE --wait 5s")
    status, text = desk.run("apply FILE --wait 5s --skip-missing")
    assert status == 1
    assert text.startswith("missing: gone: no PF fits address 0000:09:00.0\n")
    assert f"{IGB}: num_vfs 0 -> 2  verified" in text
    status, answer = desk.json("apply FILE --skip-missing")
    assert (status, answer["steps"]) == (1, [])
    assert answer["missing"] == ["gone: no PF fits address 0000:09:00.0"]
    _, text = desk.run("apply FILE --skip-missing")
    assert "nothing to do: the others are as the file wants it" in text


def test_a_plain_apply_says_that_nothing_is_missing(desk: Desk) -> None:
    status, answer = desk.json("apply FILE")
    assert (status, answer["missing"]) == (0, [])
