"""``--lspci`` and ``--dmesg``, from the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.__main__ import main
from sriovctl.cli.context import Context
from sriovctl.codec.lspci import parse_lspci
from sriovctl.host.api import Host
from sriovctl.host.simulated import simulated_82576

DUMP = Path(__file__).resolve().parents[2] / "data/config/82576-with-vfs.txt"
LOG = "[    0.0] Command line: pasted\n[    0.1] pci 0000:01:00.0: Adding to iommu group 9\n"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_ls(capsys: pytest.CaptureFixture[str]) -> None:
    (pf,) = json.loads(output(capsys, "--lspci", str(DUMP), "--json", "ls"))["pfs"]
    assert (pf["address"], pf["num_vfs"], pf["iommu_group"]) == ("0000:01:00.0", 7, None)
    assert [vf["address"] for vf in pf["vfs"]] == ["0000:01:10.0"]


def test_ls_says_what_the_dump_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list").write_text("01:00.0 Ethernet controller: x\n")
    assert "note: 1 function" in output(capsys, "--lspci", str(tmp_path / "list"), "ls")
    assert json.loads(output(capsys, "--lspci", str(tmp_path / "list"), "--json", "ls"))["notes"]


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(output(capsys, "show", "01:00.0", "--lspci", str(DUMP), "--json"))
    assert document["capabilities"]["sriov"]["vf_device_id"] == "10ca"
    assert "SR-IOV" in output(capsys, "--lspci", str(DUMP), "show", "01:00.0")


def test_standard_input_has_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(DUMP.read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert output(capsys, "--lspci", "-", "tree").startswith("standard input\n")
    assert main(("--lspci", "-", "guests")) == 2
    assert "standard input: 'guests' needs a host" in capsys.readouterr().err


def test_a_log_tells_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text(LOG)
    arguments = ("--lspci", str(DUMP), "--dmesg", str(tmp_path / "log"), "--json", "ls")
    (pf,) = json.loads(output(capsys, *arguments))["pfs"]
    assert pf["iommu_group"] == 9


def test_what_is_no_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("root:x:0:0:root:/root:/bin/bash\n")
    assert main(("--lspci", str(DUMP), "--dmesg", str(tmp_path / "log"), "doctor")) == 2
    assert "is no kernel log" in capsys.readouterr().err


UNNUMBERED = """\
01:00.0 Ethernet controller [0200]: Intel Corporation 82576 [8086:10c9]
\tFlags: bus master, fast devsel, latency 0
\tCapabilities: [a0] Express Endpoint, MSI 00
\tCapabilities: [160] Single Root I/O Virtualization (SR-IOV)
"""


def test_sriov_without_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v").write_text(UNNUMBERED)
    dump = ("--lspci", str(tmp_path / "v"))
    (pf,) = json.loads(output(capsys, *dump, "--json", "ls"))["pfs"]
    assert (pf["address"], pf["num_vfs"], pf["total_vfs"]) == ("0000:01:00.0", None, None)
    assert "VFs ? of ?" in output(capsys, *dump, "ls")
    (found,) = json.loads(output(capsys, *dump, "--json", "capacity"))["pfs"]
    assert (found["total_vfs"], found["max_usable_vfs"], found["num_vfs"]) == (None, None, None)
    assert "lspci -vv shows them" in output(capsys, *dump, "capacity", "01:00.0")
    assert main((*dump, "doctor")) == 1
    shown = capsys.readouterr().out
    assert "sriov-numbers-not-listed" in shown
    assert "no-sriov-device" not in shown
    assert main((*dump, "predict", "--vfs", "0000:01:00.0=2")) != 0
    assert "offset and stride are not known" in capsys.readouterr().err


def test_what_cannot_be_seen_is_not_denied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nn").write_text("01:00.0 Ethernet controller [0200]: Intel [8086:10c9]\n")
    assert output(capsys, "--lspci", str(tmp_path / "nn"), "ls").startswith("no PF can be seen")
    (tmp_path / "v").write_text("00:02.0 VGA: x\n\tFlags: fast devsel\n")
    assert output(capsys, "--lspci", str(tmp_path / "v"), "ls").startswith("no PF: no device")


@pytest.mark.parametrize(
    "verb",
    [
        ("record", "out"),
        ("plan", "state.yaml"),
        ("apply", "state.yaml"),
        ("undo",),
        ("guests",),
        ("attach", "guest", "--vf", "0000:01:10.0"),
        ("detach", "guest", "--all"),
    ],
    ids=lambda verb: verb[0],
)
def test_verbs_that_need_a_host(
    verb: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "state.yaml").write_text(
        "version: 1\npfs: {a: {match: {address: '0000:01:00.0'}, num_vfs: 1}}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(("--lspci", str(DUMP), *verb)) == 2
    assert f"'{verb[0]}' needs a host, and a dump is none" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["state.yaml"]


@pytest.mark.parametrize("other", [("--simulated",), ("--host-tree", "x")])
def test_one_source_only(other: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(("--lspci", "x", *other, "ls"))
    assert "not allowed with" in capsys.readouterr().err


def test_standard_input_only_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("--lspci", "-", "--dmesg", "-", "ls")) == 2
    assert "only one of" in capsys.readouterr().err


def test_a_log_with_line_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "[    0.000000] Linux version 6.8.0",
        "[    0.5] pci 0000:77:00.0: Adding to iommu group 4",
    ]
    lines.append("[    0.600000] pci 0000:77:00.0: [15b3:1017] type 00 class 0x020000")
    (tmp_path / "log").write_text("".join(f"{n}:{line}\n" for n, line in enumerate(lines, 7)))
    assert main(("--dmesg", str(tmp_path / "log"), "groups")) == 0
    assert capsys.readouterr().out.startswith("group 4\n   0000:77:00.0")


def test_what_is_no_dump(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f").write_text("hello\n")
    assert main(("--lspci", str(tmp_path / "f"), "ls")) == 2
    assert "lspci -vvvxxxx" in capsys.readouterr().err


def context(host: Host, *, dump: str | None = None, log: str | None = None) -> Context:
    return Context(
        open_host=lambda: host,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: pytest.fail("asks the journal"),
        out=io.StringIO(),
        color=False,
        read_dump=None if dump is None else lambda: parse_lspci(dump, source="d"),
        read_log=None if log is None else lambda: log,
    )


def test_the_snapshot_is_read_once() -> None:
    of_host = context(simulated_82576())
    assert of_host.has_host
    assert of_host.snapshot() is of_host.snapshot()
    of_dump = context(simulated_82576(), dump=DUMP.read_text(), log=LOG)
    assert not of_dump.has_host
    assert of_dump.snapshot() is of_dump.writing_to(io.StringIO()).snapshot()
    assert of_dump.snapshot().cmdline == "pasted"


def test_a_hosts_own_words_count_more_than_a_log() -> None:
    snapshot = context(simulated_82576(), log=LOG).snapshot()
    assert snapshot.kernel_log is not None
    assert len(snapshot.kernel_log) == 2
    assert snapshot.cmdline is not None
    assert "pasted" not in snapshot.cmdline


def test_the_log_of_another_machine_is_not_mixed_with_this_host() -> None:
    log = "[    0.5] pci 0000:77:00.0: [15b3:1017] type 00 class 0x020000\n"
    alone = context(simulated_82576(), log=log)
    assert not alone.has_host
    assert [str(one.address) for one in alone.snapshot().functions] == ["0000:77:00.0"]
    assert alone.snapshot().description == "the host of this log"
    assert context(simulated_82576(), log=LOG).has_host
