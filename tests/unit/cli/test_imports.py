"""What the start of a verb may not import: each of these costs as much as much of the verb."""

from __future__ import annotations

import subprocess
import sys

import pytest

COSTLY = ("typing", "dataclasses", "subprocess", "libvirt", "pyroute2", "socket", "yaml", "xml")
CHANGES = ("sriovctl.host.journal", "sriovctl.host.live", "sriovctl.engine.runs.users")


@pytest.mark.parametrize(
    "modules",
    [("sriovctl.cli.ls",), ("sriovctl.cli.plan",), ("sriovctl.cli.apply", *CHANGES)],
    ids=["ls", "plan", "apply"],
)
def test_a_verb_is_there_before_anything_costly_is_imported(modules: tuple[str, ...]) -> None:
    base = ("sriovctl.__main__", "sriovctl.cli.main", "sriovctl.cli.context")
    code = f"import sys, {', '.join((*base, *modules))}; print(*sys.modules)"
    # -I: a sitecustomize or PYTHONSTARTUP of the tester's may import what it likes.
    done = subprocess.run(
        (sys.executable, "-I", "-c", code), capture_output=True, text=True, check=True
    )
    assert not set(COSTLY) & set(done.stdout.split())
