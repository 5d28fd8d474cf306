"""A lab machine whose daemon serves the page to this host."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sriovctl.lab.argv import Forward
from sriovctl.lab.beside import Beside, Errand
from sriovctl.lab.machines import find_machine
from tests.page import inside
from tests.page.certificate import Certificate

_UNCHECKED = ssl._create_unverified_context()
_PATIENCE_S = 300.0  # to boot, to make VFs, and to start the daemon


class Machine:
    """The machine, while it runs."""

    def __init__(self, beside: Beside, forwards: tuple[Forward, Forward], said: Path) -> None:
        page, shell = forwards
        self.url = f"https://127.0.0.1:{page.here}"
        self._beside = beside
        self._page = page.here
        self._shell = shell.here
        self._said = said

    def wait(self) -> None:
        """Wait until it serves."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self._beside.status is None, self._said.read_text()
            assert time.monotonic() < deadline, self._said.read_text()
            time.sleep(0.5)

    def _answers(self) -> bool:
        with suppress(OSError, ValueError):
            self.ask("true")
            with socket.create_connection(("127.0.0.1", self._page), timeout=60) as connection:
                _UNCHECKED.wrap_socket(connection).close()
                return True
        return False

    def run(self, *words: str) -> str:
        """Run a command inside that must succeed; its output."""
        done = self.ask(*words)
        assert done["status"] == 0, done
        out: str = done["out"]
        return out

    def ask(self, *words: str) -> dict[str, Any]:
        """Run a command inside."""
        with socket.create_connection(("127.0.0.1", self._shell), timeout=60) as connection:
            connection.sendall(json.dumps(words).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
            return answer

    def vlan(self, number: int) -> int:
        """The VLAN of a VF, as iproute2 tells it inside."""
        netdev = self.run("sh", "-c", f"ls /sys/bus/pci/devices/{inside.PF}/net").strip()
        (shown,) = json.loads(self.run("ip", "-j", "-d", "link", "show", "dev", netdev))
        tags = shown["vfinfo_list"][number].get("vlan_list") or [{}]
        return int(tags[0].get("vlan", 0))


@contextmanager
def serving_machine(directory: Path, certificate: Certificate, tokens: Path) -> Iterator[Machine]:
    """Boot the machine, and end it.

    :param tokens: file of tokens that let in.
    """
    forwards = (Forward(free_port(), inside.PAGE_PORT), Forward(free_port(), inside.SHELL_PORT))
    said = directory / "said"
    words = (str(certificate.pem), str(certificate.key), str(tokens))
    errand = Errand(
        machine=find_machine("82576"),
        command=("python", "-m", "tests.page.inside", *words),
        results=directory / "results",
        said=said,
        timeout_s=1200.0,
        forwards=forwards,
    )
    beside = Beside(errand)
    try:
        machine = Machine(beside, forwards, said)
        machine.wait()
        yield machine
    finally:
        beside.stop()


def free_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def make_token(tokens: Path, name: str, role: str) -> str:
    """Make a bearer token by our own command."""
    words = (
        sys.executable,
        "-m",
        "sriovctl",
        "api",
        "token",
        name,
        "--role",
        role,
        "--tokens",
        str(tokens),
    )
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
