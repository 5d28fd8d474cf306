"""State files, directories of them, and standard input, as the verbs read them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from sriovctl.__main__ import main
from sriovctl.cli.state_arguments import read_state
from sriovctl.codec.state_schema import state_schema
from sriovctl.errors import InputError

PFS = "version: 1\npfs: {%s: {match: {address: '%s'}, num_vfs: 2}}\n"


def write(directory: Path, **contents: str) -> str:
    for name, content in contents.items():
        (directory / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return str(directory)


def labels(file: str) -> list[str]:
    return [pf.label for pf in read_state(file).pfs]


def refusal(file: str) -> str:
    with pytest.raises(InputError) as caught:
        read_state(file)
    return str(caught.value)


def test_a_directory_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    directory = write(
        tmp_path,
        b_yml=PFS % ("second", "02:00.0"),
        a_yaml=PFS % ("first", "01:00.0"),
        c_yaml="version: 1\npools: {p: {from: [first, second]}}\n",
        notes_txt="not: [read",
        _hidden_yaml="not: [read",  # .hidden.yaml
    )
    (tmp_path / "sub.yaml").mkdir()
    assert labels(directory) == ["first", "second"]
    assert [pool.pfs for pool in read_state(directory).pools] == [("first", "second")]


def test_a_conflict_between_files_names_both(tmp_path: Path) -> None:
    directory = write(tmp_path, a_yaml=PFS % ("x", "01:00.0"), b_yaml=PFS % ("x", "02:00.0"))
    said = refusal(directory)
    assert f"{directory}/b.yaml:2:10: pfs.x: is named twice, first at {directory}/a.yaml:2" in said


def test_a_directory_without_state_files_is_told_so(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, notes_txt="x")) == f"{tmp_path}: holds no *.yaml or *.yml file"


def test_a_directory_with_an_empty_file_is_told_so(tmp_path: Path) -> None:
    directory = write(tmp_path, a_yaml=PFS % ("x", "01:00.0"), b_yaml="# nothing yet\n")
    assert f"{directory}/b.yaml: is empty" in refusal(directory)


def test_a_link_that_leads_nowhere_is_no_less_state(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=PFS % ("x", "01:00.0"))
    (tmp_path / "b.yaml").symlink_to("nowhere")
    assert f"{tmp_path}/b.yaml: cannot be read: No such file" in refusal(str(tmp_path))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("version: 1".encode("utf-16"))
    assert refusal(str(tmp_path / "a.yaml")) == f"{tmp_path}/a.yaml: is not UTF-8 text"


def test_a_file_without_end_is_refused() -> None:
    assert refusal("/dev/zero") == "/dev/zero: is longer than 8 MiB"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(PFS % ("x", "01:00.0")))
    assert labels("-") == ["x"]


def test_plan_takes_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = write(tmp_path, a_yaml=PFS % ("x", "01:00.0"), b_yaml=PFS % ("y", "05:00.0"))
    assert main(["--simulated", "plan", directory, "--json"]) == 3
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {step["subject"] for step in steps} == {"0000:01:00.0", "0000:05:00.0"}


def test_plan_finds_an_nvme_drive_by_its_serial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("version: 1\npfs: {disk: {match: {serial: lab3}, num_vfs: 1}}\n")
    assert main(["--simulated", "plan", str(file), "--json"]) == 3
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert step["subject"] == "0000:05:00.0"


@pytest.mark.parametrize("words", [["schema"], ["schema", "--json"]])
def test_schema_is_json_either_way(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(state_schema()))


def test_a_recording_has_the_serials_that_a_state_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = str(tmp_path / "recording")
    assert main(["--simulated", "record", recording]) == 0
    file = tmp_path / "a.yaml"
    file.write_text("version: 1\npfs: {disk: {match: {serial: lab3}, num_vfs: 1}}\n")
    capsys.readouterr()
    assert main(["--host-tree", recording, "plan", str(file)]) == 3
    assert "0000:05:00.0: num_vfs 0 -> 1" in capsys.readouterr().out
