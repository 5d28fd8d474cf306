"""Wait for the PFs of a state: early at boot they appear one after the other.

A PF is there when its entry in the state fits it, its driver has it where the driver must do
something, and its netdev exists where something is set through that.  Then udev must be done with
the netdev: it renames it, brings it up or down as its link file says, and sets its MTU, all of
which would meet our own changes half way.  The kernel tells when that is over: udev's database has
the netdev (``/run/udev/data/nIFINDEX``; systemd src/shared/udev-util.c, device_is_renaming and
sd_device_get_is_initialized ask the same).

With ``all: true`` any number of PFs may fit, so more may be about to come: then udev's queue must
be empty (``/run/udev/queue`` is gone), which it is once the drivers that it loads have probed.
"""

from __future__ import annotations

from sriovctl.engine.identity import with_identities
from sriovctl.engine.inventory import NET_CLASS, read_inventory
from sriovctl.errors import LostError
from sriovctl.model.record import NamedTuple
from sriovctl.planner.match import fitting_pfs
from sriovctl.planner.readiness import Lack, find_lacks, needs_netdev

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState, WantedPF

POLL_S = 0.2
UDEV_CONTROL = "/run/udev/control"
UDEV_QUEUE = "/run/udev/queue"
UDEV_DATA = "/run/udev/data"


class Waited(NamedTuple):
    """What there is at the end of the wait."""

    pfs: tuple[PF, ...]
    lacks: tuple[Lack, ...]  # empty when all is there


def wait_for_pfs(
    host: Host,
    state: DesiredState,
    *,
    timeout_s: float,
    progress: Callable[[str], None],
) -> Waited:
    """Read the PFs until all that *state* names are there, or the time is over.

    Nothing is waited for when they are there at the first look.

    :raises HostError: the host cannot be read.
    """
    deadline = host.clock.now() + timeout_s
    told: tuple[Lack, ...] = ()
    while True:
        waited = _look(host, state)
        if not waited.lacks or host.clock.now() >= deadline:
            return waited
        if waited.lacks != told:
            told = waited.lacks
            progress("waiting for " + "; ".join(map(str, told)))
        host.clock.sleep(POLL_S)


def _look(host: Host, state: DesiredState) -> Waited:
    try:
        pfs = with_identities(host, read_inventory(host, name_of=lambda *_: None), state)
    except LostError as error:  # it was renamed, or its driver left it, while it was read
        return Waited((), tuple(Lack(one.label, str(error)) for one in state.pfs))
    lacks = find_lacks(state, pfs)
    return Waited(pfs, lacks or lacks_of_udev(host.files, state, pfs))


def lacks_of_udev(files: FileTree, state: DesiredState, pfs: tuple[PF, ...]) -> tuple[Lack, ...]:
    """List what udev is not done with yet; empty where no udev runs."""
    return tuple(_lacks_of_udev(files, state, pfs))


def _lacks_of_udev(files: FileTree, state: DesiredState, pfs: tuple[PF, ...]) -> Iterator[Lack]:
    if not files.exists(UDEV_CONTROL):  # no udev runs here, or this is no live host
        return
    for wanted in state.pfs:
        if wanted.match.all and files.exists(UDEV_QUEUE):
            yield Lack(wanted.label, "udev is still at work, and more may fit", is_fatal=False)
        for pf in _with_netdev(wanted, pfs):
            ifindex = files.read_text(f"{NET_CLASS}/{pf.netdev}/ifindex")
            if ifindex is None or not files.exists(f"{UDEV_DATA}/n{ifindex}"):
                what = f"udev is not done with {pf.netdev} of {pf.device}"
                yield Lack(wanted.label, what, is_fatal=False)


def _with_netdev(wanted: WantedPF, pfs: tuple[PF, ...]) -> Iterator[PF]:
    if needs_netdev(wanted):
        yield from (pf for pf in fitting_pfs(wanted.match, pfs) if pf.netdev is not None)
