"""The units say what they must, and systemd's own checker understands them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sriovctl.model.persistence import APPLY_UNIT, DAEMON_UNIT, VERIFY_UNIT
from sriovctl.render.units import (
    USERS_OF_VFS,
    format_apply_unit,
    format_command,
    format_daemon_unit,
    format_drop_in,
    format_socket_unit,
    format_verify_unit,
    format_word,
)

STATE = "/etc/sriovctl/host.yaml"
WRITABLE = "/var/lib/sriovctl"
# The analyser loads the units that ours name, and those of the host's own it complains of as well.
ANALYSER = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    ANALYSER is None or not Path("/lib/systemd/system/network-pre.target").exists(),
    reason="no systemd-analyze, or not the units that it reads: install systemd",
)


def apply_unit(program: str, *arguments: str, writable: str = WRITABLE) -> str:
    return format_apply_unit(
        (program, "apply", *arguments, STATE),
        mounts=("/etc/sriovctl", writable, program),
        state=STATE,
        timeout_s=600,
        writable=writable,
    )


def verify_unit(program: str) -> str:
    return format_verify_unit(
        (program, "verify-boot"), mounts=("/etc/sriovctl",), state=STATE, writable=WRITABLE
    )


def daemon_unit(program: str, *, has_socket: bool = False) -> str:
    return format_daemon_unit(
        (f"{program}d", STATE),
        mounts=("/etc/sriovctl", WRITABLE, program),
        state=STATE,
        timeout_s=600,
        writable=WRITABLE,
        has_socket=has_socket,
    )


def values(unit: str, key: str) -> list[str]:
    lines = [line for line in unit.splitlines() if line.startswith(f"{key}=")]
    return [word for line in lines for word in line.partition("=")[2].split()]


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A program whose name has all that unit files give a meaning to."""
    directory = tmp_path / "od%d $HOME name;"
    directory.mkdir()
    path = directory / "sriovctl"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def complaints(directory: Path, **units: str) -> str:
    files = {f"{name.replace('_', '-')}.{_kind(text)}": text for name, text in units.items()}
    for name, text in files.items():
        (directory / name).write_text(text)
    paths = [str(directory / name) for name in files]
    done = subprocess.run(
        (str(ANALYSER), "verify", "--man=no", *paths), capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    ours = [line for line in lines if "sriovctl" in line or "cycle" in line]
    return "\n".join(ours)


def _kind(unit: str) -> str:
    return "socket" if "[Socket]\n" in unit else "service"


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path, program: str) -> None:
    apply = apply_unit(program, "--allow", 'guest:a "b" \\ $HOME %n', "--wait", "60")
    assert (
        complaints(tmp_path, sriovctl_apply=apply, sriovctl_verify_boot=verify_unit(program)) == ""
    )


@needs_systemd
def test_the_units_are_as_safe_as_the_page_says(tmp_path: Path, program: str) -> None:
    page = Path("docs/daemon.md").read_text()
    rows = re.findall(
        r"^\| `(sriovctl[\w-]*\.service)`.* \| (\d\.\d) \(OK\) \|$", page, re.MULTILINE
    )
    assert len(rows) == 3
    units = {
        "sriovctl-apply.service": [apply_unit(program)],
        "sriovctl-verify-boot.service": [verify_unit(program)],
        "sriovctld.service": [daemon_unit(program), daemon_unit(program, has_socket=True)],
    }
    for name, told in rows:
        for unit in units[name]:
            path = tmp_path / name
            path.write_text(unit)
            words = (str(ANALYSER), "security", "--no-pager", "--offline=true", str(path))
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            rated = re.search(r"exposure level for .*: (\d+\.\d)", done.stdout)
            assert rated is not None, done.stderr
            # Another systemd may know more to ask for.
            assert abs(float(rated[1]) - float(told)) <= 0.5


@needs_systemd
def test_systemd_would_say_if_the_program_were_not_found(tmp_path: Path, program: str) -> None:
    found = complaints(tmp_path, sriovctl_apply=apply_unit(f"{program}-elsewhere"))
    assert "is not executable" in found
    assert f"{program}-elsewhere" in found


@needs_systemd
def test_systemd_understands_another_state_directory(tmp_path: Path, program: str) -> None:
    unit = apply_unit(program, writable=f"/srv/state of {tmp_path.name}")
    assert complaints(tmp_path, sriovctl_apply=unit) == ""
    assert "SRIOVCTL_STATE_DIR=/srv/state" in unit
    assert "StateDirectory=" not in unit


@needs_systemd
def test_systemd_understands_the_daemons_unit_which_has_room_for_its_socket(
    tmp_path: Path, program: str
) -> None:
    Path(f"{program}d").symlink_to(program)
    unit = daemon_unit(program)
    assert complaints(tmp_path, sriovctld=unit) == ""
    assert values(unit, "RuntimeDirectory") == ["sriovctl"]
    assert values(unit, "RuntimeDirectoryPreserve") == ["yes"], "others may have a socket there"


@needs_systemd
@pytest.mark.parametrize("group", [None, "root"])
def test_systemd_opens_the_socket_before_the_daemon_and_without_a_circle(
    tmp_path: Path, program: str, group: str | None
) -> None:
    Path(f"{program}d").symlink_to(program)
    (tmp_path / "sriovctld.service").write_text(daemon_unit(program, has_socket=True))
    unit = format_socket_unit("/run/sriovctl/api.sock", group=group, state=STATE)
    assert complaints(tmp_path, sriovctld=unit) == ""
    assert values(unit, "SocketMode") == ["0600" if group is None else "0660"]
    assert values(unit, "SocketGroup") == [] if group is None else [group]
    # What the daemon comes before may come before its socket alone if that waits for no more.
    assert "DefaultDependencies=no" in unit
    assert values(unit, "After") == []
    assert values(daemon_unit(program, has_socket=True), "Wants")[-1] == "sriovctld.socket"


@needs_systemd
def test_the_units_are_not_exposed_more_than_they_were(tmp_path: Path, program: str) -> None:
    # systemd's own figure, of ten.  It may not fall behind without somebody seeing it.
    for name, text, at_most in (
        (APPLY_UNIT, apply_unit(program), 45),
        (VERIFY_UNIT, verify_unit(program), 45),
        (DAEMON_UNIT, daemon_unit(program), 45),
    ):
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            (
                *(str(ANALYSER), "security", "--offline=true", f"--threshold={at_most}"),
                str(tmp_path / name),
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_the_state_is_applied_before_anybody_can_use_vfs() -> None:
    unit = apply_unit("/usr/bin/sriovctl")
    before = values(unit, "Before")
    for user in ("network-pre.target", "libvirtd.service", "libvirtd.socket", "virtqemud.socket"):
        assert user in before
    assert set(USERS_OF_VFS) <= set(before)
    assert "DefaultDependencies=no" in unit
    assert not set(values(unit, "After")) & {"sysinit.target", "basic.target", "network.target"}


def test_nothing_waits_for_the_check() -> None:
    unit = verify_unit("/usr/bin/sriovctl")
    assert values(unit, "Before") == []
    assert {APPLY_UNIT, "multi-user.target", *USERS_OF_VFS} <= set(values(unit, "After"))


def test_a_boot_goes_on_after_a_while() -> None:
    assert "TimeoutStartSec=600" in apply_unit("/usr/bin/sriovctl")


def test_words_are_taken_as_they_stand() -> None:
    assert format_word("/usr/bin/sriovctl") == "/usr/bin/sriovctl"
    assert format_word("a b") == '"a b"'
    assert format_word("") == '""'
    assert format_word("100%") == "100%%"
    assert format_word("$HOME", variables=True) == "$$HOME"
    assert format_command(("/opt/$a b/x", "$c", 'd"e')) == '"/opt/$a b/x" $$c "d\\"e"'


def test_a_drop_in_takes_the_place_of_the_packages_command() -> None:
    text = format_drop_in(("/usr/bin/sriovctl", "apply"), state="/etc/s.d", timeout_s=9)
    lines = text.splitlines()
    assert lines.index("ExecStart=") + 1 == lines.index("ExecStart=/usr/bin/sriovctl apply")
    assert lines.index("ConditionPathExists=") + 1 == lines.index("ConditionPathExists=/etc/s.d")
