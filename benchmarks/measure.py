"""How long something takes, once or beside a rival, on the machine that runs it."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def seconds(action: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run_quietly(command: Sequence[str], text: str = "") -> None:
    """Run a command that must not fail, and show nothing of it."""
    subprocess.run(
        command,
        check=True,
        input=text.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wall_time(command: Sequence[str], text: str = "") -> float:
    """Return how long a whole command took."""
    return seconds(lambda: run_quietly(command, text))


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
