"""What is written, kept and removed, and what is left alone because it is somebody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import SafetyError
from sriovctl.model.persistence import Change, ChangeKind, Entry, EntryKind, Manifest
from sriovctl.planner.persist import manifest_of, plan_install, plan_remove

PATHS = ("/etc/a", "/etc/b", "/etc/c")
paths = st.sampled_from(PATHS)
texts = st.sampled_from(("", "one", "two"))
kinds = st.sampled_from((EntryKind.FILE, EntryKind.LINK))
entries = st.builds(Entry, paths, texts, kinds)
disks = st.dictionaries(paths, st.builds(lambda t, k: (t, k), texts, kinds))
Disk = dict[str, Entry]


def disk_of(said: dict[str, tuple[str, EntryKind]]) -> Disk:
    return {path: Entry(path, text, kind) for path, (text, kind) in said.items()}


def found_on(disk: Disk) -> dict[str, Entry | None]:
    return {path: disk.get(path) for path in PATHS}


def perform(disk: Disk, changes: tuple[Change, ...]) -> Disk:
    after = dict(disk)
    for change in changes:
        if change.kind is ChangeKind.REMOVE:
            del after[change.path]
        elif change.entry is not None:
            after[change.path] = change.entry
    return after


def manifest(*entries: Entry) -> Manifest:
    return Manifest({entry.path: (entry.digest,) for entry in entries})


def test_what_is_not_there_is_written() -> None:
    entry = Entry("/etc/a", "one")
    assert plan_install([entry], Manifest({}), found_on({})) == (
        Change(ChangeKind.WRITE, "/etc/a", entry),
    )


def test_what_sriovctl_wrote_is_replaced_and_what_is_not_wanted_any_more_goes() -> None:
    old, other, new = Entry("/etc/a", "one"), Entry("/etc/b", "one"), Entry("/etc/a", "two")
    disk = {"/etc/a": old, "/etc/b": other}
    changes = plan_install([new], manifest(old, other), found_on(disk))
    assert perform(disk, changes) == {"/etc/a": new}


def test_a_foreign_file_is_named_and_left_alone() -> None:
    disk = {"/etc/a": Entry("/etc/a", "theirs"), "/etc/b": Entry("/etc/b", "theirs")}
    wanted = [Entry("/etc/a", "one"), Entry("/etc/b", "one")]
    with pytest.raises(SafetyError, match="did not write it") as caught:
        plan_install(wanted, Manifest({}), found_on(disk))
    assert caught.value.subject == "/etc/a"
    assert caught.value.evidence == {"also": "/etc/b"}
    assert "--force" in str(caught.value)


def test_an_edited_file_is_told_from_a_foreign_one() -> None:
    entry = Entry("/etc/a", "one")
    disk = {"/etc/a": Entry("/etc/a", "one, edited")}
    with pytest.raises(SafetyError, match="was edited since sriovctl wrote it"):
        plan_install([entry], manifest(entry), found_on(disk))
    with pytest.raises(SafetyError, match="was edited since sriovctl wrote it"):
        plan_remove(manifest(entry), found_on(disk))
    assert perform(disk, plan_remove(manifest(entry), found_on(disk), force=True)) == {}


def test_a_masked_unit_is_told_how_to_unmask() -> None:
    mask = Entry("/etc/a", "/dev/null", EntryKind.LINK)
    with pytest.raises(SafetyError, match="systemctl unmask a"):
        plan_install([Entry("/etc/a", "one")], Manifest({}), found_on({"/etc/a": mask}))


def test_a_link_and_a_file_with_its_target_as_content_differ() -> None:
    file, link = Entry("/etc/a", "one"), Entry("/etc/a", "one", EntryKind.LINK)
    assert file.digest != link.digest
    with pytest.raises(SafetyError):
        plan_install([file], manifest(file), found_on({"/etc/a": link}))


@given(disks, st.lists(entries, unique_by=lambda entry: entry.path), st.lists(entries))
def test_forced_all_is_as_wanted_and_a_second_run_does_nothing(
    said: dict[str, tuple[str, EntryKind]], wanted: list[Entry], known: list[Entry]
) -> None:
    disk = disk_of(said)
    before = manifest(*known)
    after = perform(disk, plan_install(wanted, before, found_on(disk), force=True))
    assert all(after[entry.path] == entry for entry in wanted)
    again = plan_install(wanted, manifest(*wanted), found_on(after))
    assert {change.kind for change in again} <= {ChangeKind.KEEP}


@given(disks, st.lists(entries, unique_by=lambda entry: entry.path))
def test_without_force_nothing_of_others_is_touched_and_removal_leaves_it(
    said: dict[str, tuple[str, EntryKind]], wanted: list[Entry]
) -> None:
    disk = disk_of(said)
    try:
        changes = plan_install(wanted, Manifest({}), found_on(disk))
    except SafetyError:
        assert any(disk.get(entry.path) not in (None, entry) for entry in wanted)
        return
    after = perform(disk, changes)
    assert all(after[path] == entry for path, entry in disk.items())
    left = perform(after, plan_remove(manifest(*wanted), found_on(after)))
    assert left == {path: one for path, one in disk.items() if one not in wanted}


@given(
    st.lists(entries, unique_by=lambda entry: entry.path),
    st.lists(entries, unique_by=lambda entry: entry.path),
    st.data(),
)
def test_a_run_that_was_cut_short_can_be_taken_away_or_gone_on_with(
    old: list[Entry], new: list[Entry], data: st.DataObject
) -> None:
    disk = {entry.path: entry for entry in old}
    changes = plan_install(new, manifest(*old), found_on(disk))
    done = data.draw(st.integers(0, len(changes)))
    half = perform(disk, changes[:done])
    between = manifest_of(new, manifest(*old), after=manifest(*new))
    assert perform(half, plan_remove(between, found_on(half))) == {}
    gone_on = perform(half, plan_install(new, between, found_on(half)))
    assert gone_on == {entry.path: entry for entry in new}
