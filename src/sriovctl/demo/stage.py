"""Where the story is played: prints each command, runs it, shows what it says, keeps the time."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from typing import Protocol

from sriovctl.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.cli.context import Context

BOLD, DIM, GREEN, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[0m"


class Stage(Protocol):
    """Runs one command and returns what it wrote and how it ended."""

    def run(self, command: Sequence[str]) -> tuple[str, int]:
        """Run *command*; standard error is part of what it wrote."""


class RealStage:
    """Runs commands as processes of this machine."""

    def run(self, command: Sequence[str]) -> tuple[str, int]:
        """Run *command* as a process."""
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.stdout, done.returncode


class SimulatedStage:
    """Runs ``sriovctl`` in this process, always on the same simulated host."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, command: Sequence[str]) -> tuple[str, int]:
        """Run a command line of ``sriovctl``."""
        from sriovctl.cli.main import parse_arguments, run_verb

        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            status = run_verb(parse_arguments(command[1:]), self._context.writing_to(out))
        return out.getvalue(), status


class Narrator:
    """Tells the story on a terminal or into a log."""

    def __init__(self, stage: Stage, *, color: bool) -> None:
        self._stage = stage
        self._color = color
        self._began = time.monotonic()
        self._chapter = 0

    def chapter(self, heading: str, why: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        elapsed = f"[{time.monotonic() - self._began:5.1f} s]"
        self._write(f"\n{self._style(BOLD, f'{self._chapter}. {heading}')}  {elapsed}\n   {why}\n")

    def run(
        self,
        *command: str,
        expect: int = 0,
        show: str | None = None,
        between: tuple[str, str] | None = None,
    ) -> str:
        """Show a command, run it, show what it says, and return that.

        :param expect: the exit code that belongs to the story.
        :param show: show only lines with one of these words (separated by ``|``).
        :param between: show only the lines from one with the first word to one with the second.
        :raises HostError: it ended otherwise.
        """
        self._write(self._style(DIM, f"   $ {' '.join(command)}") + "\n")
        said, status = self._stage.run(command)
        self._write("".join(f"     {line}\n" for line in _chosen(said, show, between)))
        if status != expect:
            raise HostError(f"ended with {status}, not {expect}", subject=" ".join(command))
        return said

    def show_file(self, path: str) -> None:
        """Show what a file says."""
        self._write(self._style(DIM, f"   $ cat {path}") + "\n")
        with open(path, encoding="utf-8") as file:
            self._write("".join(f"     {line}" for line in file))

    def wait(self, claim: str, holds: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until something holds, and say so.

        :raises HostError: it does not come to hold in time.
        """
        deadline = time.monotonic() + timeout_s
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.check(claim, holds=holds())

    def check(self, claim: str, *, holds: bool) -> None:
        """State something, and prove it.

        :raises HostError: it does not hold.
        """
        if not holds:
            raise HostError(f"does not hold: {claim}", subject="the demo")
        self._write(self._style(GREEN, f"   ok: {claim}") + "\n")

    def end(self, sentence: str) -> None:
        """Close the story with the total time."""
        elapsed = time.monotonic() - self._began
        self._write(f"\n{self._style(BOLD, sentence)}  [{elapsed:.1f} s in all]\n")

    def _style(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self._color else text

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _chosen(said: str, show: str | None, between: tuple[str, str] | None) -> list[str]:
    lines = said.rstrip().splitlines()
    if between is not None:
        return _block(lines, *between)
    if show is None:
        return lines
    return [line for line in lines if any(word in line for word in show.split("|"))]


def _block(lines: list[str], first: str, last: str) -> list[str]:
    from itertools import dropwhile

    block = []
    for line in dropwhile(lambda line: first not in line, lines):
        block.append(line)
        if last in line:
            break
    return block
