"""What the daemon reads after one event, beside all that it reads when it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from case import CannotRunError, Case, Place, Site, Ways
from functions import PCI, vfs_to_list
from measure import seconds
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.engine.inventory import read_inventory, read_pf
from sriovctl.host.live import LiveHost


def rescanning(most_vfs: bool) -> Callable[[Site], Iterator[Ways]]:
    """Read the PF with the fewest, or the most, VFs of its own after all were enabled."""

    def prepare(site: Site) -> Iterator[Ways]:
        vfs = vfs_to_list(site)
        counts = {p.parent.name: int(p.read_text()) for p in PCI.glob("*/sriov_numvfs")}
        counts = {name: count for name, count in counts.items() if count}
        if len(counts) < 2:
            raise CannotRunError("this host has one PF with VFs, which is all that there is")
        pf = (max if most_vfs else min)(counts, key=lambda name: counts[name])
        host = LiveHost()

        def all_of_it() -> float:
            return seconds(lambda: read_inventory(host, name_of=lambda *_: None))

        known = KnownVFs()  # as the daemon keeps it from look to look
        with closing(host):
            yield Ways(lambda: seconds(lambda: read_pf(host, pf, known=known)), all_of_it, vfs)

    return prepare


CASES = (
    Case(
        "rescan after an event on a card with 7 of {vfs} VFs",
        "full scan",
        0.05,
        Place.SCALE,
        contextmanager(rescanning(most_vfs=False)),
        vfs=1034,
        runs=15,
    ),
    Case(
        "rescan after an event on the PF with 255 of {vfs} VFs",
        "full scan",
        0.3,
        Place.SCALE,
        contextmanager(rescanning(most_vfs=True)),
        vfs=1034,
        runs=15,
    ),
)
