"""What goes wrong is one line with subject, cause and hint, and the right exit code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sriovctl.__main__ import main
from sriovctl.host.libvirt import LibvirtConnection

IGB = "0000:01:00.0"


def fails(capsys: pytest.CaptureFixture[str], *words: str, status: int) -> str:
    assert main(words) == status
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1, "one line"
    assert shown.err.startswith("sriovctl: ")
    assert "Traceback" not in shown.err
    return shown.err


@pytest.fixture
def recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    directory = tmp_path / "recording"
    assert main(["--simulated", "record", str(directory)]) == 0
    capsys.readouterr()
    return directory


def state(tmp_path: Path, text: str) -> str:
    path = tmp_path / "host.yaml"
    path.write_text(text)
    return str(path)


def test_unknown_netdev(capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(capsys, "--simulated", "show", "eth9", status=2)
    assert "eth9" in said
    assert "eth0" in said, "the hint names what is there"


def test_unknown_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert "0000:77:00.0" in fails(capsys, "--simulated", "show", "77:00.0", status=2)


def test_a_wrong_key_has_line_and_column(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = state(tmp_path, f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vf: 2}}}}')
    said = fails(capsys, "--simulated", "plan", file, status=2)
    assert f"{file}:2:45: pfs.a: unknown key 'num_vf'; did you mean 'num_vfs'?" in said


def test_no_pf_fits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = state(tmp_path, "version: 1\npfs: {a: {match: {netdev: eth9}, num_vfs: 2}}")
    assert "no PF fits netdev eth9" in fails(capsys, "--simulated", "plan", file, status=2)


def test_more_vfs_than_there_can_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = state(tmp_path, f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 9}}}}')
    assert "at most 7 VFs, not 9" in fails(capsys, "--simulated", "apply", file, status=1)


def test_a_vf_out_of_range(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pf = f'match: {{address: "{IGB}"}}, num_vfs: 2, vfs: {{5: {{trust: true}}}}'
    file = state(tmp_path, f"version: 1\npfs: {{a: {{{pf}}}}}")
    said = fails(capsys, "--simulated", "plan", file, status=2)
    assert "VF 5 is out of range with num_vfs 2; indices go from 0 to 1" in said


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(capsys, "--simulated", "plan", "/no/such/file", status=2)
    assert "/no/such/file: cannot be read: No such file or directory" in said


def test_a_file_of_bytes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(128, 256)))
    assert "is not UTF-8 text" in fails(capsys, "--simulated", "plan", str(path), status=2)


def test_a_recording_is_read_only(
    capsys: pytest.CaptureFixture[str], recording: Path, tmp_path: Path
) -> None:
    file = state(tmp_path, f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 2}}}}')
    said = fails(capsys, "--host-tree", str(recording), "apply", file, status=1)
    assert "a recording is read-only" in said
    assert "taken back" not in said
    # Nothing is read first, not even the file.
    again = fails(capsys, "--host-tree", str(recording), "apply", "nothing.yaml", status=1)
    assert "a recording is read-only" in again


def test_a_directory_that_is_no_recording(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fails(capsys, "--host-tree", str(tmp_path), "ls", status=2)
    fails(capsys, "--host-tree", str(tmp_path / "nothing"), "ls", status=2)


def test_a_recording_with_missing_files(
    capsys: pytest.CaptureFixture[str], recording: Path
) -> None:
    shutil.rmtree(recording / "netlink")
    (recording / "proc" / "cmdline").unlink(missing_ok=True)
    for config in recording.glob("sys/devices/**/config"):
        config.unlink()
    assert main(["--host-tree", str(recording), "ls", "--json"]) == 0
    assert main(["--host-tree", str(recording), "groups"]) == 0
    capsys.readouterr()
    assert "config" in fails(capsys, "--host-tree", str(recording), "show", IGB, status=1)


def test_config_space_that_is_cut_to_64_bytes(
    capsys: pytest.CaptureFixture[str], recording: Path
) -> None:
    for config in recording.glob("sys/devices/**/config"):
        config.write_bytes(config.read_bytes()[:64])
    assert main(["--host-tree", str(recording), "show", IGB]) == 0
    shown = capsys.readouterr().out
    assert "64" in shown
    assert "root" in shown, "it says what would help"


def test_qemu_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = fails(capsys, "lab", "run", "82576", "--", "true", status=1)
    assert "make setup" in said


def test_an_unknown_lab_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert "82576" in fails(capsys, "lab", "run", "82577", "--", "true", status=2)


def test_libvirt_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("libvirt", reason="libvirt-python is an extra")
    nowhere = "qemu+unix:///system?socket=/none"
    monkeypatch.setattr("sriovctl.__main__._open_libvirt", lambda _: LibvirtConnection(nowhere))
    assert "libvirt" in fails(capsys, "guests", status=1)


def test_nothing_to_undo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path))
    assert main(["undo"]) == 0
    assert "nothing to undo" in capsys.readouterr().out


def test_a_journal_that_is_no_database(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path))
    (tmp_path / "journal.db").write_bytes(b"x" * 4096)
    assert "the journal cannot be used" in fails(capsys, "undo", status=1)


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["frobnicate"], ["ls", "--frobnicate"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert "usage: sriovctl" in capsys.readouterr().err


def test_groups_of_a_recording_that_has_only_the_links_of_devices(
    capsys: pytest.CaptureFixture[str], recording: Path
) -> None:
    assert main(["--host-tree", str(recording), "groups", "--json"]) == 0
    whole = capsys.readouterr().out
    shutil.rmtree(recording / "sys/kernel/iommu_groups")
    assert main(["--host-tree", str(recording), "groups", "--json"]) == 0
    assert capsys.readouterr().out == whole
