"""How long something takes, once or beside a rival, on the machine that runs it."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which

from case import CannotRunError

_PATIENCE_S = 10.0  # for a command to take back what it has begun


def seconds(action: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run_quietly(command: Sequence[str], text: str = "") -> None:
    """Run a command that must not fail, and show nothing of it."""
    wall_time(command, text)


def wall_time(command: Sequence[str], text: str = "") -> float:
    """Return how long a whole command took.

    It has no terminal to ask anything on, or to be stopped from: when this program is, it ends the
    command and all that the command began.

    :raises CalledProcessError: it failed; has what it complained of.
    """
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            process.communicate(text.encode())
        except BaseException:
            _end_all(process)
            raise
        took = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            told = said.read().decode(errors="replace")
            raise subprocess.CalledProcessError(process.returncode, command, stderr=told)
    return took


def find_rival(program: str, fetched: Path) -> str:
    """Find a program, installed or fetched by the set-up.

    :raises CannotRunError: it is neither.
    """
    found = which(program) or which(program, path=str(fetched))
    if found is None:
        raise CannotRunError(f"{program} is neither installed nor could it be fetched")
    return found


# What we set back ourselves must not be changed behind us by who was told to end.
def _end_all(process: subprocess.Popen[bytes]) -> None:
    for number, patience_s in ((signal.SIGTERM, _PATIENCE_S), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)


def compare(ours: Sequence[str], rival: Sequence[str], *, runs: int) -> str:
    """Run both in turn after one warm-up each; say the medians and the ratio pair by pair."""
    wall_time(ours), wall_time(rival)
    pairs = [(wall_time(ours), wall_time(rival)) for _ in range(runs)]
    return (
        f"{' '.join(ours[-2:]):24} {statistics.median(one for one, _ in pairs) * 1e3:8.1f} ms   "
        f"{' '.join(rival):28} {statistics.median(other for _, other in pairs) * 1e3:8.1f} ms   "
        f"{format_ratio(pairs)}"
    )


def format_ratio(pairs: Sequence[tuple[float, float]]) -> str:
    """Say the median of the ratios pair by pair, and how far they lie apart."""
    ratios = [one / other for one, other in pairs]
    return f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def describe_machine() -> str:
    """Say what this machine is, and how busy."""
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{_processor()}, {os.cpu_count()} CPUs, Linux {os.uname().release}, {load}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine
