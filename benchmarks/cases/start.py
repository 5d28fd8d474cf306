"""How long the command takes to start, beside Python itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from case import PYTHON, SRIOVCTL, CannotRunError, Case, Place, Site, Ways
from functions import PCI, count_vfs
from in_memory import bring_into_memory
from measure import wall_time

SMALL_HOST = 40  # functions


def starting(*words: str) -> Callable[[Site], Iterator[Ways]]:
    """Compare a verb with Python that does nothing."""

    def prepare(site: Site) -> Iterator[Ways]:
        command = (SRIOVCTL, *words)
        if site.is_lab:
            enable_some_vfs()
            bring_into_memory(command, PYTHON)
        elif words[0] == "ls" and len(list(PCI.iterdir())) > SMALL_HOST:
            raise CannotRunError(f"this host has more than {SMALL_HOST} PCI functions")
        yield Ways(lambda: wall_time(command), lambda: wall_time(PYTHON), count_vfs())

    return prepare


def enable_some_vfs() -> None:
    """Give each PF of a lab machine two VFs."""
    for file in PCI.glob("*/sriov_numvfs"):
        (file.parent / "sriov_drivers_autoprobe").write_text("0")
        if file.read_text() == "0\n":
            file.write_text("2")


RIVAL = "python3 -I -c pass"
CASES = (
    Case("--version", RIVAL, 3.0, Place.ANYWHERE, contextmanager(starting("--version")), runs=31),
    Case(
        "ls on a small host, {vfs} VFs",
        RIVAL,
        6.0,
        Place.SMALL,
        contextmanager(starting("ls")),
        vfs=6,
        runs=11,
    ),
    Case(
        "ls --json on a small host, {vfs} VFs",
        RIVAL,
        6.0,
        Place.SMALL,
        contextmanager(starting("ls", "--json")),
        vfs=6,
        runs=11,
    ),
)
