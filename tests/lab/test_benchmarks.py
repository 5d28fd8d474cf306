"""The benchmarks on a host with a card that is lent to them, judged by iproute2 and sysfs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab.shell import PCI, ip, netdev_of, vf_drivers

pytestmark = pytest.mark.lab("82576")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RUN = str(BENCHMARKS / "run.py")
PF, WITHOUT_VFS, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
WITH_DRIVER, SET, WITH_OVERRIDE, USED = range(4)
STUB = Path("/sys/bus/pci/drivers/pci-stub")
PATIENCE_S = 60.0
MISSING = {"gcc", "apt-get", "lspci", "virsh", "driverctl", "dpdk-devbind.py"}


@pytest.fixture(autouse=True, scope="module")
def vfs() -> Iterator[None]:
    """Four VFs: one with a driver, one with settings, one with an override, one in use."""
    netdev = netdev_of(PF)
    ip("link", "set", netdev, "up")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    (PCI / PF / "sriov_numvfs").write_text("4")
    for index in (WITH_DRIVER, USED):
        (vf(index) / "driver_override").write_text("igbvf")
        Path("/sys/bus/pci/drivers_probe").write_text(vf(index).resolve().name)
    (vf(WITH_OVERRIDE) / "driver_override").write_text("vfio-pci")
    (used,) = (one.name for one in vf(USED).glob("net/*"))
    ip("address", "add", "192.0.2.9/24", "dev", used)
    wait_until(lambda: (Path("/sys/class/net") / netdev / "carrier").read_text() == "1\n")
    ip(*f"link set {netdev} vf {SET} mac 52:54:00:6d:0a:01 vlan 42 qos 3".split())
    ip(*f"link set {netdev} vf {SET} max_tx_rate 50 spoofchk off trust on".split())
    yield
    for index in range(4):
        (vf(index) / "driver_override").write_text("\n")
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")
    ip("link", "set", netdev, "down")


def vf(index: int) -> Path:
    return PCI / PF / f"virtfn{index}"


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def look() -> dict[str, Any]:
    """All that a lender cares for, of the PF that is lent and of the others."""
    named = ("numvfs", "drivers_autoprobe")
    return {
        "links": json.loads(ip("-j", "-d", "link")),
        "drivers": vf_drivers(PF),
        "overrides": [(vf(index) / "driver_override").read_text() for index in range(4)],
        "pfs": [(PCI / pf / f"sriov_{name}").read_text() for pf in (PF, NVME) for name in named],
        "stub": STUB.exists(),
    }


def benchmarks(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, program: Sequence[str] = (RUN,)
) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, *program, *words)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {f"{row['case']} beside {row['rival']}": row for row in json.loads(out.read_text())}


def test_each_case_runs_and_all_is_as_it_was(tmp_path: Path) -> None:
    before = look()
    for word in ("attributes", "shell loop"):
        done = benchmarks("--here", "--pf", PF, "--runs", "1", "--only", word, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == f"left alone, for they are in use: VF {USED} (address:192.0.2.9)\n"
        assert look() == before
    rows = rows_of(tmp_path / "results-here.json")
    assert set(rows) == {
        "read all attributes of one PF, 4 VFs beside raw RTM_GETLINK",
        # Without the MAC, for igbvf may have given one to its VF.
        "set 4 attributes on 3 VFs, in process beside ip -batch",
        "apply 4 attributes of 3 VFs, journal and verify included beside ip -batch",
        "rescan after an event of attributes on a PF with 4 VFs beside full scan",
        "2 VFs to another driver beside shell loop",
    }
    assert all(row["ratio"] > 0 for row in rows.values())


@pytest.mark.parametrize(
    ("word", "number", "begun"),
    [
        ("set", signal.SIGTERM, lambda before: look()["links"] != before["links"]),
        ("shell loop", signal.SIGINT, lambda _: any(one == "pci-stub" for one in vf_drivers(PF))),
        ("apply", signal.SIGHUP, lambda before: look()["links"] != before["links"]),
    ],
)
def test_all_is_set_back_when_it_is_stopped(
    tmp_path: Path, word: str, number: signal.Signals, begun: Callable[[dict[str, Any]], bool]
) -> None:
    before = look()
    command = (sys.executable, RUN, "--here", "--pf", PF, "--runs", "1000", "--only", word)
    usual = signal.signal(number, signal.SIG_DFL)  # which what begins it may ignore
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    signal.signal(number, usual)
    try:
        wait_until(lambda: begun(before))
        running.send_signal(number)
        _, said = running.communicate(timeout=PATIENCE_S)
    finally:
        running.kill()
    assert (running.returncode, look()) == (128 + number, before)
    assert said.endswith(f"benchmarks: stopped by {number.name}; all is as it was\n")


def test_wrong_words(tmp_path: Path) -> None:
    tried = (
        (("--pf", PF), r"--pf: lends a PF of this host, .*; add --here"),
        (("--here", "--pf", "eth0"), r"eth0: is not a PCI address; write it as 0000:.*"),
        (("--here", "--pf", "0000:7f:00.0"), r".* there is no such .*; 'sriovctl ls' lists .*"),
        (("--here", "--pf", "0000:01:10.0"), rf".* is a VF, no PF; lend its PF: --pf {PF}"),
        (("--here", "--pf", "0000:00:00.0"), r".* cannot have VFs; 'sriovctl doctor' says .*"),
        (("--here", "--only", "nonsuch"), r".* no case has this .*; there are: --version; .*"),
        (("--here", "--out", "none/such"), r"none/such: cannot be written; name another .*"),
    )
    program = f"import sys, run\nfor sys.argv in {[['run', *words] for words, _ in tried]}:\n"
    program += " try: run.main()\n except SystemExit as end: print(end.code)"
    path = {"PYTHONPATH": str(BENCHMARKS)}
    done = benchmarks(cwd=tmp_path, env=path, program=("-c", program))
    assert done.stdout.split() == ["2"] * len(tried), done.stderr
    for (_, wanted), said in zip(tried, done.stderr.splitlines(), strict=True):
        assert re.fullmatch(f"benchmarks: {wanted}", said)
    assert not list(tmp_path.iterdir())


def test_rivals_that_are_missing(tmp_path: Path) -> None:
    few = tmp_path / "bin"
    few.mkdir()
    for directory in ("/usr/sbin", "/usr/bin"):
        for program in Path(directory).iterdir():
            if program.name not in MISSING and not (few / program.name).exists():
                (few / program.name).symlink_to(program)
    alone = {"PATH": str(few), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    before = look()
    done = benchmarks("--here", "--runs", "1", "--only", "ls --json, ", cwd=tmp_path, env=alone)
    assert done.returncode == 0, done.stderr
    assert "could not fetch dpdk" in done.stderr
    rows = rows_of(tmp_path / "results-here.json")
    assert {row["machine"] for row in rows.values()} == {
        "did not run: lspci is not installed",
        "did not run: dpdk-devbind.py is neither installed nor could it be fetched",
        "did not run: virsh is not installed",
        "did not run: gcc is not installed",
    }
    driverctl = ("--here", "--pf", PF, "--runs", "1", "--only", "driverctl")
    assert benchmarks(*driverctl, cwd=tmp_path, env=alone).returncode == 0
    (row,) = (
        row for row in rows_of(tmp_path / "results-here.json").values() if "VFs to" in row["case"]
    )
    assert row["machine"].startswith("did not run: driverctl is neither")
    assert look() == before


def test_another_user() -> None:
    as_nobody = ("-c", "import os, run; os.setuid(65534); run.main()")
    words = ("--here", "--pf", PF)
    path = {"PYTHONPATH": str(BENCHMARKS)}
    done = benchmarks(*words, cwd=Path("/tmp"), env=path, program=as_nobody)
    assert done.returncode == 1
    hint = "run as root, or without --pf"
    assert done.stderr == f"benchmarks: {PF}: only root may change what is lent; {hint}\n"


def test_a_pf_that_is_down_and_others_that_have_less(tmp_path: Path) -> None:
    ip("link", "set", netdev_of(PF), "down")
    (vf(WITH_DRIVER) / "driver/unbind").write_text(vf(WITH_DRIVER).resolve().name)
    before = look()
    word = ("--here", "--runs", "1", "--only", "in process beside ip", "--out", "rows.json", "--pf")
    whys = []
    for pf in (PF, WITHOUT_VFS, NVME):
        assert benchmarks(*word, pf, cwd=tmp_path).returncode == 0
        whys.append(list(rows_of(tmp_path / "rows.json").values())[-1])
    assert look() == before
    assert whys[0]["case"] == "set 4 attributes on 3 VFs, in process"  # no rate without a link
    assert [row["machine"] for row in whys[1:]] == [
        f"did not run: {WITHOUT_VFS} has no VFs",
        f"did not run: {NVME} has no netdev, through which its VFs are set",
    ]
