"""The lab's guest with a real Linux: what it is told over its serial port, and what it answers."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from sriovctl.lab.linux_guest import NAME, VARIABLE
from tests.lab.shell import run

_TIMEOUT_S = 120


class Answer(NamedTuple):
    """What a command in the guest said, both streams, and its exit status."""

    text: str
    status: int


class LinuxGuest:
    """The guest, restored by libvirt; its definition is the running one's."""

    name = NAME

    def __init__(self) -> None:
        saved = Path(os.environ[VARIABLE])
        run("virsh", "define", str(saved / "guest.xml"))
        run("virsh", "restore", str(saved / "saved"))
        self._console = os.open(run("virsh", "ttyconsole", NAME).strip(), os.O_RDWR | os.O_NOCTTY)
        self._asked = 0
        # QEMU looks once a second whether somebody listens; until then answers are lost.
        self._ask_until_it_answers()

    def _ask_until_it_answers(self) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not select.select([self._console], [], [], 2.0)[0]:
            assert time.monotonic() < deadline, "the guest does not answer"
            os.write(self._console, b"true\n")

    def shell(self, command: str) -> Answer:
        """Run a command of busybox in the guest."""
        # On a busy host answers to what was asked before come at any time: each has its number.
        self._asked += 1
        begin = f"BEGIN {self._asked}"
        os.write(self._console, f"echo {begin}; {command}\n".encode())
        said, deadline = "", time.monotonic() + _TIMEOUT_S
        while True:
            assert select.select([self._console], [], [], deadline - time.monotonic())[0], said
            said += os.read(self._console, 65536).decode()
            before, mark, status = said.rpartition(begin)[2].rpartition("END ")
            if begin in said and mark and status.endswith("\n"):
                return Answer(before.lstrip(), int(status))

    def ask(self, command: str) -> str:
        """Run a command in the guest that must succeed."""
        answer = self.shell(command)
        assert answer.status == 0, f"in the guest: {command}: {answer.text}"
        return answer.text.strip()

    def wait_for(self, command: str, *, status: int = 0) -> str:
        """Run a command in the guest until it ends with that status."""
        deadline = time.monotonic() + _TIMEOUT_S
        while (answer := self.shell(command)).status != status:
            assert time.monotonic() < deadline, f"in the guest: {command}: {answer.text}"
            time.sleep(0.5)  # each look costs the guest more than what it is waiting for
        return answer.text.strip()

    def end(self) -> None:
        """Switch it off and forget it."""
        os.close(self._console)
        subprocess.run(("virsh", "destroy", NAME), capture_output=True, check=False)
        run("virsh", "undefine", NAME)
