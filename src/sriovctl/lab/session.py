"""Run a lab machine on this process's own streams or terminal."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from sriovctl.errors import InputError
from sriovctl.lab.accel import Accel
from sriovctl.lab.argv import Forward
from sriovctl.lab.image import prepare_image
from sriovctl.lab.machines import Service, find_machine
from sriovctl.lab.runner import Job, Sink, check_results_directory, run_job

# Nobody is to be thrown out; a week is for the shell that was forgotten.
_SHELL_TIMEOUT_S = 7 * 24 * 3600.0
# Passed on to the guest when set here.
_PASSED_ON = ("LANG", "LC_ALL", "NO_COLOR", "TERM", "SRIOVCTL_LONG_TESTS")


def guest_environment() -> dict[str, str]:
    """Say which environment commands get inside: this Python's programs first on the path."""
    own = str(Path(sys.executable).parent)
    return {
        "HOME": "/root",
        "PATH": f"{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        # The overlay dies with the machine: writing bytecode there is work for nothing.
        "PYTHONDONTWRITEBYTECODE": "1",
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    }


def parse_forward(text: str) -> Forward:
    """Read a port that is to reach a machine, ``PORT`` or ``HERE:INSIDE``.  Pure.

    :raises InputError: it is none.
    """
    here, colon, inside = text.partition(":")
    inside = inside if colon else here
    if not all(port.isdecimal() and 0 < int(port) < 65536 for port in (here, inside)):
        raise InputError("is no PORT or HERE:INSIDE", subject=text)
    return Forward(int(here), int(inside))


def run_on_streams(
    machine: str,
    command: tuple[str, ...],
    *,
    services: Sequence[str],
    linux_guest: bool = False,
    forwards: Sequence[str] = (),
    accel: str,
    results: str | None,
    timeout_s: float,
) -> int:
    """Run a command in a machine; its output goes to our own streams."""
    job = Job(
        machine=find_machine(machine),
        command=command,
        services=frozenset(map(Service, services)),
        results=check_results_directory(Path(results)) if results else None,
        timeout_s=timeout_s,
        accel=Accel(accel),
        environment={**guest_environment(), **_linux_guest(wanted=linux_guest)},
        forwards=tuple(map(parse_forward, forwards)),
    )
    with stop_on_sigterm():
        return run_job(job, stdout=_sink(sys.stdout.buffer), stderr=_sink(sys.stderr.buffer))


def run_on_terminal(
    machine: str,
    *,
    services: Sequence[str],
    linux_guest: bool = False,
    forwards: Sequence[str] = (),
    accel: str,
) -> int:
    """Run a login shell in a machine, on this process's terminal."""
    size = os.get_terminal_size()
    job = Job(
        machine=find_machine(machine),
        command=("bash", "-l"),
        services=frozenset(map(Service, services)),
        timeout_s=_SHELL_TIMEOUT_S,
        accel=Accel(accel),
        environment={
            **guest_environment(),
            **_linux_guest(wanted=linux_guest),
            "debian_chroot": f"lab {machine}",
        },
        terminal_size=(size.columns, size.lines),
        forwards=tuple(map(parse_forward, forwards)),
    )
    with stop_on_sigterm(), _raw_terminal():
        return run_job(job, stdout=_sink(sys.stdout.buffer), stderr=_sink(sys.stderr.buffer))


def _linux_guest(*, wanted: bool) -> dict[str, str]:
    if not wanted:
        return {}
    from sriovctl.lab.linux_guest import VARIABLE, prepare_linux_guest

    return {VARIABLE: str(prepare_linux_guest(prepare_image()))}


def _sink(stream: BinaryIO) -> Sink:
    def write(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    return write


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exception while the block runs, so that cleaning up happens."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    # Output processing stays: our own progress lines are on this terminal too.
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
