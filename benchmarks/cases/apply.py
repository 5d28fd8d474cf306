"""``sriovctl apply`` of a file, as a whole process: read, plan, journal, set, and read back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from case import SRIOVCTL, Case, Place, Site, Ways
from changes import Changes, five_for_all, prove, set_by_ip, subject
from in_memory import bring_into_memory
from measure import wall_time
from sriovctl.codec.state_text import format_state
from sriovctl.model.state import DesiredState, PFMatch, WantedPF

APPLY = (SRIOVCTL, "apply", "-")


def state_text(netdev: str, changes: Changes) -> str:
    """Write the file that wants the changes."""
    return format_state(DesiredState((WantedPF("pf", PFMatch(netdev=netdev), vfs=tuple(changes)),)))


def applying(num_vfs: int) -> Callable[[Site], Iterator[Ways]]:
    """Both get their text on standard input."""

    def prepare(site: Site) -> Iterator[Ways]:
        with subject(site, num_vfs) as (netdev, vfs), own_journal():
            if site.is_lab:
                warm_up(netdev)

            def ours() -> float:
                changes = five_for_all(vfs)
                took = wall_time(APPLY, state_text(netdev, changes))
                prove(netdev, changes, "sriovctl apply")
                return took

            yield Ways(ours, lambda: set_by_ip(netdev, vfs), vfs)

    return prepare


def warm_up(netdev: str) -> None:
    """Bring into memory what an apply of one VF opens, and ip."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(state_text(netdev, five_for_all(1)))
        file.flush()
        bring_into_memory((SRIOVCTL, "apply", file.name), ("ip", "link"))


@contextmanager
def own_journal() -> Iterator[None]:
    """Write down in a directory of its own what is done meanwhile."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["SRIOVCTL_STATE_DIR"] = directory
        try:
            yield
        finally:
            del os.environ["SRIOVCTL_STATE_DIR"]


CASES = tuple(
    Case(
        "apply 5 attributes of {vfs} VFs, journal and verify included",
        "ip -batch",
        0.2,
        Place.NETDEVSIM,
        contextmanager(applying(num_vfs)),
        vfs=num_vfs,
        changes=True,
    )
    for num_vfs in (256, 1000)
)
