"""What the start of a verb may not import: each of these costs as much as much of the verb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COSTLY = ("typing", "dataclasses", "subprocess", "libvirt", "pyroute2", "socket", "yaml", "xml")
# What these cost is felt in an apply, which has more of our own to import.
COSTLY_TOO = ("argparse", "enum", "re", "json", "sqlite3", "datetime", "signal")
CHANGES = (
    "sriovctl.host.journal",
    "sriovctl.host.live",
    "sriovctl.host.rtnl",
    "sriovctl.engine.runs.users",
)


@pytest.mark.parametrize(
    "modules",
    [
        ("sriovctl.cli.ls",),
        ("sriovctl.cli.metrics",),
        ("sriovctl.cli.watch",),
        ("sriovctl.cli.plan",),
        ("sriovctl.cli.apply", *CHANGES),
    ],
    ids=["ls", "metrics", "watch", "plan", "apply"],
)
def test_a_verb_is_there_before_anything_costly_is_imported(modules: tuple[str, ...]) -> None:
    base = ("sriovctl.__main__", "sriovctl.cli.main", "sriovctl.cli.context")
    code = f"import sys, {', '.join((*base, *modules))}; print(*sys.modules)"
    # -I: a sitecustomize or PYTHONSTARTUP of the tester's may import what it likes.
    done = subprocess.run(
        (sys.executable, "-I", "-c", code), capture_output=True, text=True, check=True
    )
    assert not set(COSTLY) & set(done.stdout.split())


def test_an_apply_takes_along_what_it_needs() -> None:
    read = (
        "from sriovctl.cli.main import parse_arguments; parse_arguments(['apply', 'host.yaml']); "
        "from sriovctl.codec.state_file import parse_state; "
        "parse_state('version: 1\\npfs: {a: {match: {netdev: eth0}}}', source='f')"
    )
    code = f"import sys, {', '.join(CHANGES)}; {read}; print(*sys.modules)"
    done = subprocess.run(
        (sys.executable, "-I", "-c", code), capture_output=True, text=True, check=True
    )
    elsewhere = {f"sriovctl.{name}" for name in ("engine.binding", "engine.msix", "host.leases")}
    assert not {*COSTLY, *COSTLY_TOO, *elsewhere} & set(done.stdout.split())


def test_a_look_at_this_host_imports_nothing_of_other_hosts(tmp_path: Path) -> None:
    code = "import sys; from sriovctl.__main__ import main; main(['ls', '--json']); "
    done = subprocess.run(
        (sys.executable, "-I", "-c", f"{code}print(*sys.modules)"),
        capture_output=True,
        text=True,
        check=True,
        env={"SRIOVCTL_SOCKET": str(tmp_path / "s")},
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert not {*COSTLY, *COSTLY_TOO, "functools", "sriovctl.model.snapshot"} & imported


@pytest.mark.parametrize("words", [["undo"], ["confirm"], ["lease", "release", "3"], ["history"]])
def test_where_no_daemon_runs_nothing_is_imported_for_it(words: list[str], tmp_path: Path) -> None:
    code = f"import sys; from sriovctl.__main__ import main; main({words}); print(*sys.modules)"
    environment = {"SRIOVCTL_SOCKET": str(tmp_path / "s"), "SRIOVCTL_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        (sys.executable, "-I", "-c", code),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert not {"http", "http.client", "email", "sriovctl.api.client"} & imported


def test_who_need_not_ask_the_daemon_does_not_import_how(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    socket.touch()
    code = (
        "import os, sys; os.geteuid = lambda: 4242; from sriovctl.__main__ import main; "
        "main(['ls']); print(*sys.modules)"
    )
    done = subprocess.run(
        (sys.executable, "-I", "-c", code),
        capture_output=True,
        text=True,
        check=True,
        env={"SRIOVCTL_SOCKET": str(socket)},
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert "sriovctl.api.client.told_host" in imported
    assert not {"http.client", "json", "sriovctl.engine.leases.lending"} & imported
