"""A file of the user's is written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sriovctl.errors import InputError
from sriovctl.host.output_file import write_output_file


def test_a_new_file_and_one_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "tree.svg"
    for text in ("first", "second ü"):
        write_output_file(str(file), text)
        assert file.read_text(encoding="utf-8") == text
    assert [one.name for one in tmp_path.iterdir()] == ["tree.svg"]


def test_the_umask_holds(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_output_file(str(tmp_path / "tree.svg"), "x")
    finally:
        os.umask(old)
    assert (tmp_path / "tree.svg").stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_output_file(str(tmp_path / "link"), "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    write_output_file(f"/proc/self/fd/{writer}", "through")
    os.close(writer)
    with open(reader) as file:
        assert file.read() == "through"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["absent/tree.svg", "."])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot write") as caught:
        write_output_file(str(tmp_path / name), "x")
    assert caught.value.subject == str(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_half_a_file_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "tree.svg"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_output_file(str(file), "half \ud800")  # cannot be written as UTF-8
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tree.svg"
    file.write_text("old")

    def full(_partial: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_output_file(str(file), "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]
