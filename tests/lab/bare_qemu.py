"""A QEMU that no libvirt looks after, inside a lab machine, and what it says to others than us."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from sriovctl.demo.guest import demo_disk

PORTS = (
    "-device", "pcie-root-port,id=port1,chassis=201,slot=1",
    "-device", "pcie-root-port,id=port2,chassis=202,slot=2",
)  # fmt: skip


class BareQEMU:
    """One QEMU, with a monitor for sriovctl and another for these tests.

    :param directory: for its sockets, its disk and its console.
    :param consents: it boots the smallest system that answers an unplug; else its firmware alone.
    :param prefix: a program that starts it.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        machine: str = "q35",
        consents: bool = False,
        prefix: Sequence[str] = (),
    ) -> None:
        self.socket = str(directory / "qmp")
        self._mine = str(directory / "mine")
        self.console = directory / "console"
        words = [
            *prefix,
            *("qemu-system-x86_64", "-name", "BareGuest", "-M", machine, "-accel", "tcg"),
            *("-m", "64", "-nodefaults", "-display", "none", "-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{self.socket},server=on,wait=off"),
            *("-qmp", f"unix:{self._mine},server=on,wait=off"),
            *arguments,
        ]
        if consents:
            disk = directory / "disk"
            disk.write_bytes(demo_disk())
            words += ["-drive", f"if=none,id=d,format=raw,file={disk}"]
            words += ["-device", "ide-hd,drive=d,bus=ide.0"]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        self._wait_until_it_listens()
        if consents:
            self._wait_for_its_system()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 60
        while not Path(self._mine).exists() or not Path(self.socket).exists():
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise AssertionError(self.process.stderr.read())
            assert time.monotonic() < deadline, "QEMU does not listen"
            time.sleep(0.1)

    def _wait_for_its_system(self) -> None:
        deadline = time.monotonic() + 90
        while not self.console.exists() or "up" not in self.console.read_text():
            assert time.monotonic() < deadline, "the guest's system does not come up"
            time.sleep(0.2)

    def hmp(self, command: str) -> str:
        """Answer of QEMU's human monitor, over a socket and a client of our own."""
        with socket.socket(socket.AF_UNIX) as opened:
            opened.connect(self._mine)
            stream = opened.makefile("rw")
            json.loads(stream.readline())  # the greeting
            answer = ""
            for request in (
                {"execute": "qmp_capabilities"},
                {"execute": "human-monitor-command", "arguments": {"command-line": command}},
            ):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                reply = json.loads(stream.readline())
                while "event" in reply:
                    reply = json.loads(stream.readline())
                answer = reply["return"]
            return answer

    def wait_for_pci(self, text: str, count: int) -> str:
        """Answer to ``info pci``; what is behind a port shows once firmware has been there."""
        deadline = time.monotonic() + 60
        while (shown := self.hmp("info pci")).count(text) != count:
            assert time.monotonic() < deadline, shown
            time.sleep(0.3)
        return shown

    def kill(self) -> None:
        """End it at once, as the kernel's OOM killer would."""
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
