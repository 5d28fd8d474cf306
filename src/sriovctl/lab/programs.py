"""Run the host's programs that the lab is built with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sriovctl.errors import HostError, UnsupportedError

SETUP_HINT = "run 'make setup' as root in a checkout of sriovctl: it installs what the lab needs"


def require_programs(*names: str) -> None:
    """Make sure that programs are installed.

    :raises UnsupportedError: one is missing.
    """
    for name in names:
        if shutil.which(name) is None:
            raise UnsupportedError("not installed", subject=name, hint=SETUP_HINT)


def run_program(argv: Sequence[str], *, cwd: Path | None = None, stdin: str | None = None) -> str:
    """Run one program to its end and return its standard output.

    :raises UnsupportedError: it is not installed.
    :raises HostError: it failed.
    """
    require_programs(argv[0])
    done = subprocess.run(argv, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        last_words = (done.stderr.strip() or done.stdout.strip())[-800:]
        raise HostError(
            "the program failed",
            subject=argv[0],
            evidence={
                "exit status": done.returncode,
                "command": " ".join(argv),
                "said": last_words,
            },
        )
    return done.stdout
