from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from sriovctl.__main__ import main


def test_record_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "record", str(tmp_path / "rec")]) == 0
    assert capsys.readouterr().out.endswith(f" files in {tmp_path}/rec\n")
    assert main(["--simulated", "ls"]) == 0
    simulated = capsys.readouterr().out
    assert main(["--host-tree", str(tmp_path / "rec"), "ls"]) == 0
    assert capsys.readouterr().out == simulated


def test_record_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(tmp_path / "rec")
    assert main(["--simulated", "--json", "record", "--hide-macs", directory]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["schema", "directory", "files", "missing"]
    assert answer["schema"] == "sriovctl/record/1"
    assert answer["directory"] == directory
    assert answer["missing"] == []


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert main(["--simulated", "record", one]) == 0
    (tmp_path / "one/netlink/links.jsonl").unlink()
    capsys.readouterr()
    assert main(["--host-tree", one, "record", two]) == 0
    assert "  missing: /sys/class/net/eth0 (route netlink: ENODEV)\n" in capsys.readouterr().out


def test_a_directory_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["--simulated", "record", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_directory_that_cannot_be_looked_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr("sriovctl.host.record_writer.os.listdir", refuse)
    assert main(["--simulated", "record", str(tmp_path)]) == 2
    assert "cannot be made: Permission denied" in capsys.readouterr().err
