"""The daemon as a program at work in a lab machine, and how long one waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from sriovctl.api.place import SOCKET
from tests.lab.shell import PCI, ip, netdev_of, sriovctl, vfs_by_ip
from tests.unit.api.rig import UnixHTTP, exchange

API = Path(SOCKET)
PATIENCE_S = 60.0


class Daemon:
    """``sriovctld`` with a state file and a state directory of its own."""

    def __init__(self, directory: Path, state: str) -> None:
        self.file = directory / "host.yaml"
        self.file.write_text(state)
        self.log_file = directory / "log"
        self.environment = {**os.environ, "SRIOVCTL_STATE_DIR": str(directory / "state")}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["sriovctld", *words, str(self.file)], stderr=log, env=self.environment
            )

    def ask(self, method: str, target: str, body: object = None) -> Any:  # noqa: ANN401
        """Ask over its socket; the answer's document."""
        connection = UnixHTTP(API)
        try:
            answered = exchange(connection, method, target, body)
        finally:
            connection.close()
        assert answered.status < 300, answered.body
        return answered.json

    def once(self, *words: str) -> int:
        """Look once; the exit code."""
        with self.log_file.open("ab") as log:
            return subprocess.run(
                ["sriovctld", "--once", *words, str(self.file)],
                stderr=log,
                env=self.environment,
                check=False,
            ).returncode

    def kill(self, number: int) -> int:
        """Send a signal that ends it; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self.process = None
        return status

    def log(self) -> str:
        return self.log_file.read_text()

    def runs(self) -> list[dict[str, object]]:
        runs: list[dict[str, object]] = json.loads(sriovctl("history", "--json"))["runs"]
        return runs


def until(holds: Callable[[], bool], daemon: Daemon, patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come: {daemon.log()}"
        time.sleep(0.05)


def vlan_of(pf: str, vf_index: int) -> int:
    """The VLAN of a VF, as iproute2 tells it; 0 also when there is no such VF."""
    try:
        vfs = vfs_by_ip(netdev_of(pf))
    except (AssertionError, StopIteration, OSError):  # its driver is being loaded
        return 0
    if vf_index >= len(vfs):
        return 0
    tags = vfs[vf_index].get("vlan_list")
    return int(tags[0].get("vlan", 0)) if isinstance(tags, list) else 0


def set_vf(pf: str, vf_index: int, *words: str) -> None:
    """Do by hand what ip does."""
    ip("link", "set", "dev", netdev_of(pf), "vf", str(vf_index), *words)


def num_vfs(pf: str) -> int:
    try:
        return int((PCI / pf / "sriov_numvfs").read_text())
    except OSError:
        return 0


def told(response: HTTPResponse, kind: str) -> Any:  # noqa: ANN401
    """Follow events until one is of a kind; its data."""
    while line := response.readline():
        if line == f"event: {kind}\n".encode():
            return json.loads(response.readline().removeprefix(b"data: "))
    raise AssertionError(f"no event {kind}")
