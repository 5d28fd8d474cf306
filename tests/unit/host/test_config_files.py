"""Several files are changed together or not at all, whatever fails and whenever it is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sriovctl.errors import BusyError, HostError, PermissionDenied, SriovctlError
from sriovctl.host.config_files import RootedFiles
from sriovctl.model.persistence import Entry, EntryKind

OLD, NEW, GONE = "/etc/old.conf", "/etc/deep/er/new.conf", "/etc/gone.conf"
LINK, MANIFEST = "/etc/link", "/var/lib/manifest"
STEPS: list[Entry | str] = [
    Entry(MANIFEST, "between"),
    Entry(OLD, "new content\n"),
    Entry(NEW, "new\r\ncontent\n"),
    GONE,
    Entry(LINK, "/etc/old.conf", EntryKind.LINK),
    Entry(MANIFEST, "after"),
]
PATHS = (OLD, NEW, GONE, LINK, MANIFEST)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/old.conf").write_text("old content\n")
    (tmp_path / "etc/gone.conf").write_text("to be removed\n")
    (tmp_path / "etc/link").symlink_to("elsewhere")
    return tmp_path


def state(root: Path) -> dict[str, Entry | None]:
    return {path: RootedFiles(str(root)).look(path) for path in PATHS}


def all_names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_a_change_is_made(root: Path) -> None:
    RootedFiles(str(root)).change(STEPS)
    assert state(root) == {
        OLD: Entry(OLD, "new content\n"),
        NEW: Entry(NEW, "new\r\ncontent\n"),
        GONE: None,
        LINK: Entry(LINK, "/etc/old.conf", EntryKind.LINK),
        MANIFEST: Entry(MANIFEST, "after"),
    }
    assert not [name for name in all_names(root) if "sriovctl-new" in name]


def test_modes_do_not_depend_on_the_umask_and_are_kept(root: Path) -> None:
    (root / "etc/old.conf").chmod(0o640)
    before = os.umask(0o077)
    try:
        RootedFiles(str(root)).change([Entry(OLD, "x"), Entry(NEW, "x")])
    finally:
        os.umask(before)
    assert (root / "etc/old.conf").stat().st_mode & 0o777 == 0o640
    assert (root / "etc/deep/er/new.conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("call", ["fsync", "replace", "unlink", "symlink", "mkdir"])
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_failure_anywhere_leaves_all_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, code: int
) -> None:
    before, names = state(root), all_names(root)
    failing = FailOnce(getattr(os, call), number, code)
    monkeypatch.setattr(os, call, failing.call)
    refusal: SriovctlError | None = None
    try:
        RootedFiles(str(root)).change(STEPS)
    except (HostError, PermissionDenied) as error:
        refusal = error
    assert (refusal is not None) == failing.has_failed
    if refusal is not None:
        assert "nothing was changed" in (refusal.hint or "")
        assert refusal.subject is not None
        assert "sriovctl-new" not in refusal.subject
        assert str(root) not in refusal.subject
        assert state(root) == before
        assert all_names(root) == names


class FailOnce:
    """Let the n-th call of a function fail, and no other."""

    def __init__(self, function: Callable[..., object], number: int, code: int) -> None:
        self.has_failed = False
        self._function, self._left, self._code = function, number, code

    def call(self, *arguments: object, **options: object) -> object:
        # Only calls that would do something: sweeping what is not there is none.
        if self._function.__name__ == "unlink" and not os.path.lexists(str(arguments[0])):
            return self._function(*arguments, **options)
        self._left -= 1
        if self._left == -1:
            self.has_failed = True
            raise OSError(self._code, os.strerror(self._code), str(arguments[0]))
        return self._function(*arguments, **options)


@pytest.mark.parametrize("number", range(7))
def test_a_process_that_is_killed_leaves_whole_files_and_a_manifest_that_knows_them(
    root: Path, number: int
) -> None:
    before = state(root)
    child = os.fork()
    if child == 0:
        killed_at = FailOnce(os.replace, number, 0)
        os.replace = lambda *a, **k: (  # type: ignore[assignment]
            os._exit(9) if killed_at._left == 0 else killed_at.call(*a, **k)
        )
        RootedFiles(str(root)).change(STEPS)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (9 if number < 5 else 0)
    now = state(root)
    after = {step.path: step for step in STEPS if isinstance(step, Entry)}
    for path in PATHS:
        assert now[path] in (before[path], after.get(path), STEPS[0]), path
    if now[OLD] != before[OLD]:
        assert now[MANIFEST] is not None
    # And the next run goes through, over what is left beside.
    RootedFiles(str(root)).change(STEPS)
    assert state(root)[OLD] == after[OLD]
    assert not [name for name in all_names(root) if "sriovctl-new" in name]


def test_what_is_not_there_need_not_be_removed(root: Path) -> None:
    RootedFiles(str(root)).change(["/etc/nowhere/at/all"])
    assert not (root / "etc/nowhere").exists()


def test_links_in_an_image_do_not_lead_out_of_it(root: Path) -> None:
    (root / "usr/etc").mkdir(parents=True)
    (root / "usr/etc/old.conf").write_text("in the image\n")
    for path in ("old.conf", "gone.conf", "link"):
        (root / "etc" / path).unlink()
    (root / "etc").rmdir()
    (root / "etc").symlink_to("/usr/etc")
    files = RootedFiles(str(root))
    assert files.look(OLD) == Entry(OLD, "in the image\n")
    files.change([Entry(NEW, "x")])
    assert (root / "usr/etc/deep/er/new.conf").read_text() == "x"
    assert files.list_dir("/etc") == ("deep", "old.conf")
    (root / "usr/etc/abs").symlink_to("/usr/etc/old.conf")
    assert files.read_through("/etc/abs") == "in the image\n"
    assert files.look("/etc/abs") == Entry("/etc/abs", "/usr/etc/old.conf", EntryKind.LINK)


def test_directories_and_what_is_not_utf8(root: Path) -> None:
    files = RootedFiles(str(root))
    assert files.look("/etc") == Entry("/etc", "", EntryKind.OTHER)
    (root / "etc/old.conf").write_bytes(b"caf\xe9\n")
    entry = files.look(OLD)
    assert entry is not None
    files.change([entry])
    assert (root / "etc/old.conf").read_bytes() == b"caf\xe9\n"


def test_only_empty_directories_are_removed(root: Path) -> None:
    files = RootedFiles(str(root))
    files.remove_empty_directory("/etc")
    assert (root / "etc").is_dir()
    (root / "empty").mkdir()
    files.remove_empty_directory("/empty")
    files.remove_empty_directory("/nowhere")
    assert not (root / "empty").exists()


def test_programs(root: Path) -> None:
    files = RootedFiles(str(root))
    assert not files.is_executable(OLD)
    (root / "etc/old.conf").chmod(0o755)
    assert files.is_executable(OLD)
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("/etc/old.conf")
    assert files.is_executable(LINK)
    assert not files.is_executable("/etc")
    assert not files.is_executable("/nowhere/x")


def test_one_at_a_time(root: Path) -> None:
    with (
        RootedFiles(str(root)).exclusive(),
        pytest.raises(BusyError, match="another sriovctl"),
        RootedFiles(str(root)).exclusive(),
    ):
        pytest.fail("two at a time")
    with RootedFiles(str(root)).exclusive():
        assert (root / "etc").exists()
