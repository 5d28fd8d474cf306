"""What is installed, kept and taken away again, below a directory that stands for the root."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.engine.boot_doors import BOOT_ID, Stage

from sriovctl.engine.persistence.persist import (
    DROP_IN,
    Outcome,
    Request,
    ServedSocket,
    install,
    manifest_path,
    plan_persist,
    read_manifest,
    remove,
)
from sriovctl.engine.persistence.persist_status import read_status, record_check
from sriovctl.errors import HostError, SafetyError
from sriovctl.host.config_files import RootedFiles
from sriovctl.model.persistence import (
    APPLY_UNIT,
    DAEMON_UNIT,
    MODPROBE_FILE,
    MODULES_LOAD_FILE,
    SOCKET_UNIT,
    SOCKETS_DIRECTORY,
    STATE_DIRECTORY,
    STATE_FILE,
    UNIT_DIRECTORY,
    VERIFY_UNIT,
    WANTS_DIRECTORY,
    ChangeKind,
    Entry,
    ModuleOption,
)

TEXT = "version: 1\npfs: {}\n"
REQUEST = Request(
    texts=(("mine.yaml", TEXT),),
    is_directory=False,
    source="/root/mine.yaml",
    program=("/usr/bin/sriovctl",),
    wait_s=60,
)
UNITS_AND_LINKS = {
    f"{UNIT_DIRECTORY}/{APPLY_UNIT}",
    f"{UNIT_DIRECTORY}/{VERIFY_UNIT}",
    f"{WANTS_DIRECTORY}/{APPLY_UNIT}",
    f"{WANTS_DIRECTORY}/{VERIFY_UNIT}",
}
OPTION = ModuleOption("igb", "max_vfs", "2", "why")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    for unit in (APPLY_UNIT, VERIFY_UNIT):
        made.systemd.units[unit] = {"UnitFileState": "enabled"}
    return made


def persist(stage: Stage, request: Request = REQUEST, *, force: bool = False) -> Outcome:
    changes = plan_persist(stage.doors, request, force=force)
    return install(stage.doors, changes, source=request.source, boot_id=BOOT_ID)


def test_the_state_and_the_units_are_installed_and_enabled(stage: Stage) -> None:
    outcome = persist(stage)
    assert outcome.has_changed
    assert outcome.warnings == ()
    assert stage.paths() == {STATE_FILE, manifest_path(stage.doors), *UNITS_AND_LINKS}
    assert stage.read(STATE_FILE) == TEXT
    link = stage.doors.files.look(f"{WANTS_DIRECTORY}/{APPLY_UNIT}")
    assert link is not None
    assert link.text == f"{UNIT_DIRECTORY}/{APPLY_UNIT}"
    assert stage.systemd.reloads == 1
    unit = stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")
    assert f"ExecStart=/usr/bin/sriovctl apply --wait 60 --skip-missing {STATE_FILE}\n" in unit
    assert "TimeoutStartSec=600\n" in unit
    manifest = read_manifest(stage.doors)
    assert manifest is not None
    assert (manifest.source, manifest.boot_id) == ("/root/mine.yaml", BOOT_ID)
    assert all(len(digests) == 1 for digests in manifest.digests.values())


def test_a_second_run_has_nothing_to_do(stage: Stage) -> None:
    persist(stage)
    before = stage.read(manifest_path(stage.doors))
    outcome = persist(stage)
    assert not outcome.has_changed
    assert {change.kind for change in outcome.changes} == {ChangeKind.KEEP}
    assert stage.systemd.reloads == 1
    assert stage.read(manifest_path(stage.doors)) == before


def test_what_drivers_need_is_installed_and_goes_when_it_is_not_needed_any_more(
    stage: Stage,
) -> None:
    persist(stage, REQUEST._replace(options=(OPTION,), modules=("vfio_pci",)))
    assert "options igb max_vfs=2" in stage.read(MODPROBE_FILE).splitlines()
    assert "vfio_pci" in stage.read(MODULES_LOAD_FILE).splitlines()
    outcome = persist(stage)
    gone = [change.path for change in outcome.changes if change.kind is ChangeKind.REMOVE]
    assert sorted(gone) == [MODPROBE_FILE, MODULES_LOAD_FILE]
    assert not stage.exists(MODPROBE_FILE)


def test_a_directory_of_states_keeps_its_names(stage: Stage) -> None:
    request = REQUEST._replace(texts=(("a.yaml", "1"), ("b.yml", "2")), is_directory=True)
    persist(stage, request)
    assert stage.read(f"{STATE_DIRECTORY}/b.yml") == "2"
    assert f" {STATE_DIRECTORY}\n" in stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")
    persist(stage)
    assert not stage.exists(f"{STATE_DIRECTORY}/a.yaml")
    assert stage.exists(STATE_FILE)


def test_what_may_be_disturbed_is_handed_to_apply(stage: Stage) -> None:
    persist(stage, REQUEST._replace(allowed=("default-route:eth0",)))
    assert " --allow default-route:eth0 " in stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")


def test_the_daemon_is_installed_where_it_is_asked_for(stage: Stage) -> None:
    stage.systemd.units[DAEMON_UNIT] = {"UnitFileState": "disabled"}
    request = REQUEST._replace(daemon=("/usr/bin/sriovctld",), allowed=("ssh:192.0.2.7",))
    outcome = persist(stage, request)
    assert outcome.warnings == (f"{DAEMON_UNIT} will not run: systemd says it is disabled",)
    unit = stage.read(f"{UNIT_DIRECTORY}/{DAEMON_UNIT}")
    assert f"ExecStart=/usr/bin/sriovctld --allow ssh:192.0.2.7 {STATE_FILE}\n" in unit
    assert f"After={APPLY_UNIT}\n" in unit
    assert "Type=notify\n" in unit
    before = {line for line in unit.splitlines() if line.startswith("Before=")}
    apply_unit = stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")
    assert before == {line for line in apply_unit.splitlines() if line.startswith("Before=")}
    manifest = read_manifest(stage.doors)
    assert manifest is not None
    assert manifest.units == (APPLY_UNIT, VERIFY_UNIT, DAEMON_UNIT)
    persist(stage)
    assert not stage.exists(f"{UNIT_DIRECTORY}/{DAEMON_UNIT}")
    assert not stage.exists(f"{WANTS_DIRECTORY}/{DAEMON_UNIT}")


def test_the_socket_of_the_daemon_is_opened_by_systemd_where_that_is_asked_for(
    stage: Stage,
) -> None:
    request = REQUEST._replace(daemon=("/usr/bin/sriovctld",))
    persist(stage, request._replace(socket=ServedSocket("/run/x", "operators")))
    unit = stage.read(f"{UNIT_DIRECTORY}/{SOCKET_UNIT}").splitlines()
    assert {"ListenStream=/run/x", "SocketMode=0660", "SocketGroup=operators"} <= set(unit)
    assert "/sriovctl apply --direct --wait " in stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")
    assert f"Wants={SOCKET_UNIT}\n" in stage.read(f"{UNIT_DIRECTORY}/{DAEMON_UNIT}")
    assert stage.exists(f"{SOCKETS_DIRECTORY}/{SOCKET_UNIT}")
    manifest = read_manifest(stage.doors)
    assert manifest is not None
    assert manifest.units == (APPLY_UNIT, VERIFY_UNIT, DAEMON_UNIT, SOCKET_UNIT)
    persist(stage, request)
    assert not stage.exists(f"{UNIT_DIRECTORY}/{SOCKET_UNIT}")
    assert not stage.exists(f"{SOCKETS_DIRECTORY}/{SOCKET_UNIT}")
    assert SOCKET_UNIT not in stage.read(f"{UNIT_DIRECTORY}/{DAEMON_UNIT}")
    assert "--direct" not in stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")


def test_a_packages_socket_is_used_as_it_is(stage: Stage) -> None:
    stage.write(f"/usr/lib/systemd/system/{SOCKET_UNIT}", "[Socket]\nListenStream=/run/x\n")
    socket = ServedSocket("/run/x", None)
    persist(stage, REQUEST._replace(daemon=("/usr/bin/sriovctld",), socket=socket))
    assert not stage.exists(f"{UNIT_DIRECTORY}/{SOCKET_UNIT}")
    assert not stage.exists(f"{UNIT_DIRECTORY}/{SOCKET_UNIT}.d")
    assert stage.exists(f"{SOCKETS_DIRECTORY}/{SOCKET_UNIT}")


def test_removal_leaves_the_root_as_it_was(stage: Stage) -> None:
    stage.write("/etc/modprobe.d/theirs.conf", "options igb debug=1\n")
    persist(stage, REQUEST._replace(options=(OPTION,)))
    outcome = remove(stage.doors, force=False)
    assert outcome.has_changed
    assert stage.paths() == {"/etc/modprobe.d/theirs.conf"}
    assert not (stage.root / "etc/sriovctl").exists()
    assert stage.systemd.reloads == 2
    assert not remove(stage.doors, force=False).has_changed


def test_a_dry_removal_removes_nothing(stage: Stage) -> None:
    persist(stage)
    before = stage.paths()
    assert remove(stage.doors, force=False, dry_run=True).has_changed
    assert stage.paths() == before


def test_an_edited_unit_is_neither_overwritten_nor_removed(stage: Stage) -> None:
    persist(stage)
    unit = f"{UNIT_DIRECTORY}/{APPLY_UNIT}"
    stage.write(unit, "[Service]\nExecStart=/bin/true\n")
    with pytest.raises(SafetyError, match="was edited") as caught:
        persist(stage)
    assert caught.value.subject == unit
    with pytest.raises(SafetyError, match="was edited") as caught:
        remove(stage.doors, force=False)
    assert caught.value.subject == unit
    assert "/bin/true" in stage.read(unit)
    assert stage.exists(STATE_FILE), "half of it was removed"
    persist(stage, force=True)
    assert "sriovctl apply" in stage.read(unit)


def test_the_persisted_file_can_be_edited_in_place_and_persisted_again(stage: Stage) -> None:
    persist(stage)
    stage.write(STATE_FILE, TEXT + "# mine\n")
    assert [one["state"] for one in files_of(stage)].count("edited") == 1
    request = REQUEST._replace(texts=(("host.yaml", TEXT + "# mine\n"),), source=STATE_FILE)
    assert not persist(stage, request).has_changed
    assert [one["state"] for one in files_of(stage)].count("edited") == 0


def files_of(stage: Stage) -> list[dict[str, str]]:
    files = read_status(stage.doors, BOOT_ID)["files"]
    assert isinstance(files, list)
    return files


def test_a_packages_unit_is_enabled_and_not_hidden(stage: Stage) -> None:
    command = f"ExecStart=/usr/bin/sriovctl apply --wait 60 --skip-missing {STATE_FILE}\n"
    stage.write(f"/usr/lib/systemd/system/{APPLY_UNIT}", f"[Service]\n{command}")
    persist(stage)
    assert not stage.exists(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")
    assert not stage.exists(f"{UNIT_DIRECTORY}/{APPLY_UNIT}.d/{DROP_IN}")
    link = stage.doors.files.look(f"{WANTS_DIRECTORY}/{APPLY_UNIT}")
    assert link is not None
    assert link.text == f"/usr/lib/systemd/system/{APPLY_UNIT}"
    assert stage.exists(f"{UNIT_DIRECTORY}/{VERIFY_UNIT}"), "the other one is in no package"


def test_a_packages_unit_is_told_what_else_is_wanted_by_a_drop_in(stage: Stage) -> None:
    stage.write(f"/usr/lib/systemd/system/{APPLY_UNIT}", "[Service]\nExecStart=/usr/bin/x\n")
    persist(stage)
    drop_in = stage.read(f"{UNIT_DIRECTORY}/{APPLY_UNIT}.d/{DROP_IN}")
    assert "ExecStart=/usr/bin/sriovctl apply" in drop_in
    remove(stage.doors, force=False)
    assert stage.paths() == {f"/usr/lib/systemd/system/{APPLY_UNIT}"}


def test_a_package_that_came_later_gets_its_way(stage: Stage) -> None:
    persist(stage)
    stage.write(f"/usr/lib/systemd/system/{APPLY_UNIT}", "[Service]\nExecStart=/usr/bin/x\n")
    persist(stage)
    assert not stage.exists(f"{UNIT_DIRECTORY}/{APPLY_UNIT}")


def test_what_systemctl_enabled_is_not_ours_to_disable(stage: Stage) -> None:
    link = stage.root / WANTS_DIRECTORY.removeprefix("/") / APPLY_UNIT
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../{APPLY_UNIT}")
    persist(stage)
    remove(stage.doors, force=False)
    assert stage.paths() == {f"{WANTS_DIRECTORY}/{APPLY_UNIT}"}


def test_a_masked_unit_is_refused(stage: Stage) -> None:
    unit = stage.root / UNIT_DIRECTORY.removeprefix("/") / APPLY_UNIT
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/dev/null")
    with pytest.raises(SafetyError, match="is masked"):
        persist(stage)
    assert stage.paths() == {f"{UNIT_DIRECTORY}/{APPLY_UNIT}"}


def test_what_systemd_says_of_the_units_is_told(stage: Stage) -> None:
    stage.systemd.units[APPLY_UNIT] = {"UnitFileState": "masked-runtime"}
    (warning,) = persist(stage).warnings
    assert warning == f"{APPLY_UNIT} will not run: systemd says it is masked-runtime"


def test_a_systemd_that_does_not_answer_undoes_nothing(stage: Stage) -> None:
    stage.systemd.fails = True
    (warning,) = persist(stage).warnings
    assert "run 'systemctl daemon-reload'" in warning
    assert stage.exists(STATE_FILE)


def test_without_systemd_nothing_is_reloaded(stage: Stage) -> None:
    stage.systemd.is_running = False
    persist(stage)
    assert stage.systemd.reloads == 0
    assert stage.exists(f"{WANTS_DIRECTORY}/{APPLY_UNIT}")


class Cut(RootedFiles):
    """Files of which only the first so many steps of a change are made, as by a kill -9."""

    steps_left = 0

    def change(self, steps: Sequence[Entry | str]) -> None:
        super().change(steps[: self.steps_left])


@pytest.mark.parametrize("done", range(1, 8))
def test_a_run_that_was_killed_can_be_taken_away(stage: Stage, done: int) -> None:
    files = Cut(str(stage.root))
    files.steps_left = done
    doors = stage.doors._replace(files=files)
    install(doors, plan_persist(doors, REQUEST, force=False), source="x", boot_id=None)
    assert stage.exists(STATE_FILE) == (done > 1)
    remove(stage.doors, force=False)
    assert stage.paths() == set()


def test_a_broken_manifest_is_told(stage: Stage) -> None:
    stage.write(manifest_path(stage.doors), "{")
    with pytest.raises(HostError, match="is no manifest"):
        persist(stage)


def test_status(stage: Stage) -> None:
    assert read_status(stage.doors, BOOT_ID)["persisted"] is False
    persist(stage)
    status = read_status(stage.doors, BOOT_ID)
    assert (status["persisted"], status["intact"]) == (True, True)
    assert status["last_check"] is None
    record_check(stage.doors, {"ok": True, "boot_id": BOOT_ID, "checks": []})
    last = read_status(stage.doors, BOOT_ID)["last_check"]
    assert isinstance(last, dict)
    assert (last["ok"], last["this_boot"]) == (True, True)
    other = read_status(stage.doors, "another boot")["last_check"]
    assert isinstance(other, dict)
    assert other["this_boot"] is False


class Anywhere(RootedFiles):
    """Files of a root that is taken for the host's own, so that its paths are what they seem."""

    @property
    def root(self) -> str:
        return "/"


def test_status_says_when_the_file_that_was_given_has_changed(stage: Stage, tmp_path: Path) -> None:
    stage.write("/root/mine.yaml", TEXT)
    doors = stage.doors._replace(files=Anywhere(str(tmp_path)))
    persist(stage)
    assert read_status(doors, BOOT_ID)["warnings"] == []
    stage.write("/root/mine.yaml", TEXT + "# more\n")
    (warning,) = texts_of(read_status(doors, BOOT_ID)["warnings"])
    assert "sriovctl persist /root/mine.yaml" in warning


def texts_of(value: object) -> list[str]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize("spoil", ["missing", "edited", "masked", "disabled"])
def test_status_of_what_is_not_intact(stage: Stage, spoil: str) -> None:
    persist(stage)
    unit = stage.root / UNIT_DIRECTORY.removeprefix("/") / VERIFY_UNIT
    if spoil == "disabled":
        stage.systemd.units[VERIFY_UNIT] = {"UnitFileState": "disabled"}
    else:
        unit.unlink()
    if spoil == "edited":
        unit.write_text("x")
    if spoil == "masked":
        unit.symlink_to("/dev/null")
    status = read_status(stage.doors, BOOT_ID)
    assert status["intact"] is False
    if spoil != "disabled":
        assert spoil in {one["state"] for one in files_of(stage)}


def test_status_without_an_answer_of_systemd(stage: Stage) -> None:
    persist(stage)
    stage.systemd.fails = True
    status = read_status(stage.doors, BOOT_ID)
    assert status["warnings"] == ["systemctl show: systemd does not answer"]
    assert status["intact"] is True


def test_units_that_changed_on_the_disk_are_told(stage: Stage) -> None:
    persist(stage)
    stage.systemd.units[APPLY_UNIT]["NeedDaemonReload"] = "yes"
    assert "daemon-reload" in str(read_status(stage.doors, BOOT_ID)["warnings"])


def test_the_manifest_is_json_that_others_can_read(stage: Stage) -> None:
    persist(stage)
    document = json.loads(stage.read(manifest_path(stage.doors)))
    assert document["schema"] == "sriovctl/persisted/1"
    assert set(document["files"]) == stage.paths() - {manifest_path(stage.doors)}
