"""How often a real kernel is asked, as strace counts it: what a look and an apply cost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.netdevsim import new_netdevsim
from tests.lab.shell import ip

PCI = Path("/sys/bus/pci/devices")
ID = 43


def calls(log: Path, *words: str, stdin: str = "") -> Counter[str]:
    """Run sriovctl, and count its system calls by name."""
    trace = ("strace", "-f", "-qq", "-o", str(log))
    subprocess.run(
        (*trace, "sriovctl", *words), input=stdin, text=True, capture_output=True, check=True
    )
    return names_in(log.read_text(encoding="utf-8").splitlines())


def names_in(lines: list[str]) -> Counter[str]:
    found = (line.split(maxsplit=1)[1] for line in lines)
    return Counter(line.partition("(")[0] for line in found if line[0].isalpha())


@pytest.mark.lab("82576")
def test_a_look_costs_two_links_for_each_vf_and_no_file(tmp_path: Path) -> None:
    counts = {"0000:01:00.0": 7, "0000:05:00.0": 4}
    before = calls(tmp_path / "log", "ls", "--json")
    for address, number in counts.items():
        (PCI / address / "sriov_drivers_autoprobe").write_text("0")
        (PCI / address / "sriov_numvfs").write_text(str(number))
    try:
        after = calls(tmp_path / "log", "ls", "--json")
    finally:
        for address in counts:
            (PCI / address / "sriov_numvfs").write_text("0")
            (PCI / address / "sriov_drivers_autoprobe").write_text("1")
    more = after - before
    assert more["readlinkat"] == 2 * sum(counts.values())
    # The two directories that the links are read from, and the PF's own, for each of the PFs.
    assert more["openat"] <= 3 * len(counts)
    assert more["read"] == more["sendto"] == 0


@pytest.mark.lab("netdevsim")
def test_an_apply_costs_as_much_for_a_thousand_vfs_as_for_ten(tmp_path: Path) -> None:
    found = {}
    with new_netdevsim(ID, max_vfs=1000, num_vfs=1000) as netdev:
        for number in (10, 20, 1000):  # the first makes the journal's file
            wanted = (
                f"version: 1\npfs: {{sim: {{match: {{netdev: {netdev}}}, vfs: "
                f'{{"0-{number - 1}": {{vlan: {{id: {number}}}, trust: true}}}}}}}}\n'
            )
            found[number] = calls(tmp_path / "log", "apply", "-", stdin=wanted)
    few, many = found[20], found[1000]
    assert many["execve"] == 1
    assert many["clone"] + many["clone3"] + many["vfork"] + many["fork"] == 0
    assert many["sendto"] == few["sendto"] <= 8
    assert few["fsync"] == many["fsync"] == 0
    assert many["fdatasync"] <= few["fdatasync"] + 2 <= 20
    assert many["openat"] == few["openat"]


PATIENCE_S = 60.0


@contextmanager
def traced_daemon(directory: Path, netdev: str) -> Iterator[Path]:
    """Keep VLAN 42 on all VFs; the log of the daemon's system calls, once all is as declared."""
    directory.mkdir()
    (directory / "host.yaml").write_text(
        f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, link: {{state: up}}, "
        "vf_default: {vlan: {id: 42}}}}\n"
    )
    log, said = directory / "calls", directory / "said"
    command = ("strace", "-f", "-qq", "-o", str(log), "sriovctld", "--no-api")
    with said.open("wb") as out:
        process = subprocess.Popen(
            (*command, str(directory / "host.yaml")),
            stderr=out,
            env={**os.environ, "SRIOVCTL_STATE_DIR": str(directory)},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "as declared" not in said.read_text():
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # strace itself does not take it
        process.wait(PATIENCE_S)


def calls_after_calm(log: Path) -> list[str]:
    """Wait until no system call has come for a while, and give all that have."""
    lines = list[str]()
    while lines != (lines := log.read_text(encoding="utf-8").splitlines()):
        time.sleep(1.0)
    return lines


@pytest.mark.lab("netdevsim")
def test_an_event_costs_the_daemon_as_much_for_a_thousand_vfs_as_for_ten(tmp_path: Path) -> None:
    found = {}
    for number in (10, 1000):
        with (
            new_netdevsim(ID, max_vfs=number, num_vfs=number) as netdev,
            traced_daemon(tmp_path / str(number), netdev) as log,
        ):
            before = calls_after_calm(log)
            ip("link", "set", netdev, "vf", "7", "trust", "on")  # nothing is declared of it
            lines = calls_after_calm(log)[len(before) :]
            assert sum("sendto(" in line and "RTM_GETLINK" in line for line in lines) == 1
            found[number] = names_in(lines)
    few, many = found[10], found[1000]
    assert many["recvmsg"] == few["recvmsg"] > 0
    assert many["openat"] == few["openat"] <= 8
    assert many["readlink"] == few["readlink"] <= 2
    assert many["access"] == few["access"]
