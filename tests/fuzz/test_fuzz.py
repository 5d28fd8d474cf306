"""Each target under libFuzzer, for a bounded time.

``SRIOVCTL_FUZZ_SECONDS`` says how long each runs; the default keeps the suite short.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fuzz.targets import TARGETS

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("SRIOVCTL_FUZZ_SECONDS", "10"))
MEMORY_MIB = 1024

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed"
)


class Run(NamedTuple):
    """One target that is being fuzzed."""

    process: subprocess.Popen[bytes]
    directory: Path


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All targets at once: the time is the same for six as for one."""
    runs = {name: start(name, tmp_path_factory.mktemp(name)) for name in TARGETS}
    yield runs
    for run in runs.values():
        run.process.kill()
        run.process.wait()


def start(name: str, directory: Path) -> Run:
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(TARGETS[name][1]):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [
        sys.executable, "-m", "tests.fuzz", name,
        f"-max_total_time={SECONDS}", f"-rss_limit_mb={MEMORY_MIB}", "-timeout=10",
        "-max_len=8192", f"-artifact_prefix={directory}/find-", str(corpus),
    ]  # fmt: skip
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
    return Run(process, directory)


@needs_atheris
@pytest.mark.parametrize("name", TARGETS)
def test_bounded_fuzzing(name: str, runs: dict[str, Run]) -> None:
    run = runs[name]
    status = run.process.wait(timeout=SECONDS * 3 + 120)
    log = (run.directory / "log").read_text(errors="replace")
    finds = {path.name: path.read_bytes()[:2000] for path in run.directory.glob("find-*")}
    assert (status, finds) == (0, {}), log[-3000:]
    assert "DONE" in log
