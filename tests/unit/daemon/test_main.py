"""The command line of the daemon, as far as no live host is needed; the rest is in the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.daemon import arguments
from sriovctl.daemon.__main__ import main
from sriovctl.daemon.arguments import find_state, parse_arguments
from sriovctl.errors import InputError
from sriovctl.host.baseline_file import BaselineFile
from sriovctl.model.health import Baseline
from tests.unit.daemon.rig import STATE


def test_files_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(STATE)
    assert main(["--check", str(file)]) == 0
    assert "right; entries for PFs: 1" in capsys.readouterr().out
    file.write_text("version: 1\npfs: {a: {nonsense: 1}}")
    assert main(["--check", str(file)]) == 2
    assert "host.yaml:2" in capsys.readouterr().err
    with pytest.raises(InputError):
        main(["--check", "--debug", str(file)])


def test_the_state_is_where_persist_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, directory = tmp_path / "host.yaml", tmp_path / "host.d"
    monkeypatch.setattr(arguments, "STATE_FILE", str(file))
    monkeypatch.setattr(arguments, "STATE_DIRECTORY", str(directory))
    with pytest.raises(InputError, match="no state is persisted"):
        find_state(None)
    directory.mkdir()
    assert find_state(None) == str(directory)
    file.write_text(STATE)
    with pytest.raises(InputError, match="there are both"):
        find_state(None)
    assert find_state("mine.yaml") == "mine.yaml"


def test_times_are_written_as_everywhere() -> None:
    assert parse_arguments(["--wait", "2m"]).wait == 120.0
    with pytest.raises(SystemExit):
        parse_arguments(["--wait", "soon"])


def test_the_baseline_outlives_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert BaselineFile(str(path)).read() is None
    baseline = Baseline("abc", 7, None)
    BaselineFile(str(path)).write(baseline)
    assert BaselineFile(str(path)).read() == baseline
    (path / "daemon.json").write_text("{")
    assert BaselineFile(str(path)).read() is None
