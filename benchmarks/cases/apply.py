"""``sriovctl apply`` of a file, as a whole process: read, plan, journal, set, and read back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from case import SRIOVCTL, Case, Place, Site, Ways
from changes import Changes, Subject, subject
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
        with subject(site, num_vfs) as pf, by_itself():
            if site.is_lab:
                warm_up(pf)

            def ours() -> float:
                changes = pf.changes()
                took = wall_time(APPLY, state_text(pf.netdev, changes))
                pf.prove(changes, "sriovctl apply")
                return took

            yield Ways(ours, pf.set_by_ip, len(pf.indices), len(pf.attributes))

    return prepare


def warm_up(pf: Subject) -> None:
    """Bring into memory what an apply of one VF opens, and ip."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(state_text(pf.netdev, pf.changes()[:1]))
        file.flush()
        bring_into_memory((SRIOVCTL, "apply", file.name), ("ip", "link"))


@contextmanager
def by_itself() -> Iterator[None]:
    """Have sriovctl ask no daemon, and write down in a directory of its own what is done."""
    with tempfile.TemporaryDirectory() as directory:
        own = {"SRIOVCTL_STATE_DIR": directory, "SRIOVCTL_SOCKET": f"{directory}/nobody"}
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


CASES = tuple(
    Case(
        "apply {attributes} attributes of {vfs} VFs, journal and verify included",
        "ip -batch",
        0.2,
        Place.NETDEVSIM,
        contextmanager(applying(num_vfs)),
        vfs=num_vfs,
        changes=True,
    )
    for num_vfs in (256, 1000)
)
