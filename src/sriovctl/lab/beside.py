"""Lab machines beside this process: ``sriovctl lab run`` in processes of their own.

Each has its own signals and its own clean-up, so that several can run while this process does
something else.  None outlives it: the kernel sends them SIGTERM when it dies, however it does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sriovctl.lab.argv import Forward
from sriovctl.lab.machines import Machine, Service

_STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Errand:
    """A command for a machine, as ``lab run`` takes it.

    :param results: directory that gets what the command left in $SRIOVCTL_LAB_RESULTS.
    :param said: file that gets all output, the lab's own words included.
    :param forwards: ports of this host's loopback that reach the machine's.
    :param environment: what the command gets beyond what the lab gives it.
    """

    machine: Machine
    command: tuple[str, ...]
    results: Path
    said: Path
    timeout_s: float
    services: frozenset[Service] = frozenset()
    linux_guest: bool = False
    forwards: tuple[Forward, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def run_argv(errand: Errand) -> tuple[str, ...]:
    """Make the command line that runs an errand.  Pure."""
    services = (word for service in sorted(errand.services) for word in ("--with", service))
    forwards = (word for one in errand.forwards for word in ("--forward", "{}:{}".format(*one)))
    settings = (f"{name}={value}" for name, value in errand.environment.items())
    return (
        *(sys.executable, "-m", "sriovctl", "lab", "run", errand.machine.name, *services),
        *(("--linux-guest",) if errand.linux_guest else ()),
        *forwards,
        *("--results", str(errand.results), "--timeout", str(errand.timeout_s)),
        *("--", "env", *settings, *errand.command),
    )


class Beside:
    """One errand that has begun."""

    def __init__(self, errand: Errand) -> None:
        self._said = errand.said
        self._shown = 0
        with errand.said.open("wb") as output:
            self._process = subprocess.Popen(
                ("setpriv", "--pdeathsig", "TERM", "--", *run_argv(errand)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C on the terminal is for this process, which then stops the others.
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """The exit status of ``lab run``; None while it is under way."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def news(self) -> bytes:
        """Read what was said since the last call."""
        with self._said.open("rb") as file:
            file.seek(self._shown)
            data = file.read()
        self._shown += len(data)
        return data

    def stop(self) -> None:
        """End it, with its machine."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
