"""Whether the PFs that a state names have come up, as drivers load one after the other.  Pure."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple
from sriovctl.model.state import ATTRIBUTES, UNSET
from sriovctl.planner.drivers import rules_of
from sriovctl.planner.match import describe_match, fitting_pfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState, WantedPF


class Lack(NamedTuple):
    """What an entry of a state still waits for."""

    label: str  # of the entry
    what: str
    is_fatal: bool = True  # no plan can be made without it

    def __str__(self) -> str:
        return f"{self.label}: {self.what}"


def find_lacks(state: DesiredState, pfs: Sequence[PF]) -> tuple[Lack, ...]:
    """List what is not there yet that a plan needs; empty when it can be made."""
    return tuple(lack for wanted in state.pfs for lack in _lacks_of(wanted, pfs))


def _lacks_of(wanted: WantedPF, pfs: Sequence[PF]) -> Iterator[Lack]:
    # Several that fit where one is meant are nothing to wait for.
    fitting = fitting_pfs(wanted.match, pfs)
    if not fitting:
        yield Lack(wanted.label, f"no PF fits {describe_match(wanted.match)}")
    for pf in fitting:
        if pf.driver is None and needs_driver(wanted, pf):
            yield Lack(wanted.label, f"{pf.device} has no driver")
        elif pf.netdev is None and needs_netdev(wanted):
            yield Lack(wanted.label, f"{pf.device} has no netdev")
        elif needs_driver(wanted, pf) and (why := rules_of(pf.driver).fixed_count):
            # The driver is there before it has made its VFs.
            yield Lack(wanted.label, f"{pf.device} has {pf.num_vfs} VFs, and {why}")


def needs_driver(wanted: WantedPF, pf: PF) -> bool:
    """Say whether the PF's driver has to do something."""
    return wanted.num_vfs is not UNSET and wanted.num_vfs != pf.num_vfs


def needs_netdev(wanted: WantedPF) -> bool:
    """Say whether something is wanted that goes through the PF's netdev."""
    vfs = (wanted.vf_default, *(vf for _, vf in wanted.vfs))
    of_vfs = any(getattr(vf, key) is not UNSET for vf in vfs for key in ATTRIBUTES)
    return of_vfs or wanted.link_up is not UNSET or wanted.mtu is not UNSET


def without_lacking(state: DesiredState, lacks: Sequence[Lack]) -> DesiredState:
    """Leave out the entries that wait for something without which they cannot be planned."""
    labels = {lack.label for lack in lacks if lack.is_fatal}
    return state._replace(pfs=tuple(pf for pf in state.pfs if pf.label not in labels))
