"""Our own command as a program that serves the page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_S = 60.0


class Program:
    """``sriovctl --simulated page``, while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def link(self) -> str:
        """The next link that it prints; each lets one browser in."""
        assert self._process.stdout is not None
        link: str = json.loads(self._process.stdout.readline())["url"]
        return link

    def end(self) -> int:
        self._process.terminate()
        status = self._process.wait(_PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status


@contextmanager
def serving_program(directory: Path, *, port: int = 0) -> Iterator[Program]:
    """Run it for as long as somebody looks."""
    words = ("--simulated", "--json", "page", "--no-open", "--port", str(port))
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "sriovctl", *words),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    program = Program(process)
    try:
        yield program
    finally:
        if process.poll() is None:
            program.end()
