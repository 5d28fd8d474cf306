"""``export`` and ``import`` from the command line, on the simulated host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriovctl.__main__ import main
from sriovctl.codec.state_file import parse_state

STATE = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 2
    drivers_autoprobe: false
    vfs:
      0: {admin_mac: "52:54:00:6d:90:02", vlan: {id: 42}, driver: vfio-pci}
  other:
    match: {address: "0000:04:00.0"}
    num_vfs: 1
"""
PLAIN = 'version: 1\npfs:\n  uplink:\n    match: {address: "0000:01:00.0"}\n    num_vfs: 2\n'
DUMP = str(Path(__file__).resolve().parents[2] / "data/lspci/82576-with-vfs.vvv.txt")
LINK = "70-sriovctl-uplink.link"


@pytest.fixture
def state(tmp_path: Path) -> str:
    file = tmp_path / "host.yaml"
    file.write_text(STATE)
    return str(file)


def export(*words: str) -> int:
    return main(["--simulated", "export", *words])


def test_this_host_is_written_as_a_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert export() == 0
    shown = capsys.readouterr()
    assert [pf.num_vfs for pf in parse_state(shown.out, source="-").pfs] == [0, 0, 0]
    assert shown.err == ""


def test_a_state_is_written_as_a_state(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(state) == 0
    assert parse_state(capsys.readouterr().out, source="-") == parse_state(STATE, source="-")


def test_several_files_are_named(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--format", "systemd", state) == 0
    shown = capsys.readouterr()
    heads = [line for line in shown.out.splitlines() if line.startswith("###")]
    assert heads == [
        f"### /etc/systemd/network/{LINK}",
        "### /etc/systemd/network/70-sriovctl-other.link",
    ]
    assert shown.err.splitlines() == [
        "left out: uplink: drivers_autoprobe: no setting for it",
        "left out: uplink VF 0: driver: no setting for it",
    ]


def test_one_file_is_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(PLAIN)
    assert export("--format", "modprobe", str(file)) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "options igb max_vfs=2"
    assert shown.err == ("besides: 0000:04:00.0: num_vfs: every PF of igb makes as many VFs\n")


def test_as_json(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--json", "--format", "systemd", state) == 0
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert list(answer) == ["schema", "format", "files", "written", "left_out", "besides"]
    assert answer["schema"] == "sriovctl/export/1"
    assert answer["format"] == "systemd-networkd"
    assert answer["files"][0]["name"] == LINK
    assert answer["left_out"][1] == {
        "key": "driver",
        "where": "uplink",
        "vfs": "0",
        "why": "no setting for it",
    }
    assert shown.err == ""


def test_files_go_into_a_directory(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--format", "systemd", state, "--output", str(tmp_path))
    assert export(*words) == 0
    written = capsys.readouterr().out
    assert f"wrote {tmp_path}/{LINK}\n" in written
    assert export(*words) == 0, "what says the same may be written again"
    (tmp_path / LINK).write_text("mine")
    capsys.readouterr()
    assert export(*words) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / LINK).read_text() == "mine"
    assert export(*words, "--force") == 0
    assert "VirtualFunction=0" in (tmp_path / LINK).read_text()


def test_several_files_need_a_directory(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--format", "systemd", state, "--output", str(tmp_path / "one")) == 2
    assert "is no directory, and there are 2 files" in capsys.readouterr().err
    assert not (tmp_path / "one").exists()


def test_modes_are_what_the_tools_ask_for(tmp_path: Path) -> None:
    (tmp_path / "host.yaml").write_text(PLAIN)
    for name, mode in (("networkmanager", 0o600), ("netplan", 0o600), ("ip", 0o755)):
        target = tmp_path / name
        assert export("--format", name, str(tmp_path / "host.yaml"), "--output", str(target)) == 0
        assert target.stat().st_mode & 0o777 == mode


def test_strict_writes_nothing(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    assert export("--strict", "--format", "systemd", state, "--output", str(target)) == 1
    shown = capsys.readouterr()
    assert list(target.iterdir()) == []
    assert shown.out == ""
    assert "left out: uplink: drivers_autoprobe" in shown.err
    assert export("--strict", "--format", "systemd", state) == 1
    assert capsys.readouterr().out == ""
    (tmp_path / "host.yaml").write_text(PLAIN)
    assert export("--strict", "--format", "systemd", str(tmp_path / "host.yaml")) == 0


def test_nothing_at_all_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "host.yaml").write_text(PLAIN.replace("01:00.0", "05:00.0"))
    assert export("--format", "netplan", str(tmp_path / "host.yaml")) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "netplan is for a netdev, and the PF has none" in shown.err
    assert shown.err.endswith("sriovctl: nothing can be said in this format\n")


def test_a_recording_is_exported_as_the_host_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--simulated", "record", str(tmp_path / "rec")]) == 0
    capsys.readouterr()
    assert export() == 0
    live = capsys.readouterr()
    assert main(["--host-tree", str(tmp_path / "rec"), "export"]) == 0
    assert capsys.readouterr() == live


def test_a_dump_is_no_host_to_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lspci", DUMP, "export"]) == 2
    assert "needs a host" in capsys.readouterr().err


def test_a_state_can_be_exported_beside_a_dump(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--lspci", DUMP, "export", "--format", "systemd", state]) == 0
    assert "Path=pci-0000:01:00.0" in capsys.readouterr().out


def test_import_goes_back(state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("networkmanager", "nmstate", "systemd"):
        target = tmp_path / name
        target.mkdir()
        assert export("--format", name, state, "--output", str(target)) == 0
        capsys.readouterr()
        files = sorted(str(path) for path in target.iterdir())
        assert main(["--simulated", "import", *files]) == 0
        found = parse_state(capsys.readouterr().out, source="-")
        by_count = {pf.num_vfs: pf for pf in found.pfs}
        assert by_count.keys() == {1, 2}
        assert by_count[2].wanted_vf(0).admin_mac == "52:54:00:6d:90:02"


def test_import_as_json_and_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "50-a.link"
    link.write_text(
        "[Match]\nPath=pci-0000:01:00.0\n[Link]\nWakeOnLan=off\nSR-IOVVirtualFunctions=2\n"
    )
    target = tmp_path / "host.yaml"
    assert main(["--simulated", "--json", "import", str(link), "--output", str(target)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "sriovctl/import/1"
    assert answer["written"] == [str(target)]
    assert answer["left_out"] == [
        {
            "key": "Link.WakeOnLan",
            "where": f"{link}:4:11",
            "vfs": None,
            "why": "a state has no key for it",
        }
    ]
    assert parse_state(target.read_text(), source="-").pfs[0].num_vfs == 2
    assert main(["--simulated", "import", "--strict", str(link)]) == 1


def test_import_of_what_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "net.yaml"
    plan.write_text("network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n")
    assert main(["--simulated", "import", str(plan)]) == 2
    said = capsys.readouterr().err
    assert "left out: " in said
    assert "nothing is said of SR-IOV" in said


def test_import_of_an_unknown_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "something"
    file.write_text("hello")
    assert main(["--simulated", "import", str(file)]) == 2
    assert "say --format" in capsys.readouterr().err


def test_import_of_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "import", str(tmp_path / "none.link")]) == 2
    assert "cannot be read" in capsys.readouterr().err
