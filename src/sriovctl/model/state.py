"""What somebody wants of a host: the state file, parsed.

``UNSET`` means that the user did not say, so the thing is left alone.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, NamedTuple

from sriovctl.model.functions import VLAN


class _Unset(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = _Unset.UNSET
Unset = Literal[_Unset.UNSET]


class PFMatch(NamedTuple):
    """Which PF is meant.  Every criterion that is given must fit, and exactly one PF may."""

    address: str | None = None  # DDDD:BB:DD.F
    netdev: str | None = None
    permanent_mac: str | None = None
    driver: str | None = None
    vendor_id: str | None = None
    device_id: str | None = None


class WantedVF(NamedTuple):
    """What is wanted of one VF."""

    admin_mac: str | Unset = UNSET
    vlan: VLAN | Unset = UNSET
    spoofchk: bool | Unset = UNSET
    trust: bool | Unset = UNSET
    link_state: str | Unset = UNSET
    min_tx_rate_mbps: int | Unset = UNSET
    max_tx_rate_mbps: int | Unset = UNSET
    driver: str | Unset | None = UNSET  # None: no driver


def overlay(below: WantedVF, above: WantedVF) -> WantedVF:
    """Take from *above* what it says, and the rest from *below*.  Pure."""
    return below._replace(
        **{key: value for key, value in above._asdict().items() if value is not UNSET}
    )


class WantedPF(NamedTuple):
    """What is wanted of one PF and its VFs."""

    label: str  # the user's own name for it
    match: PFMatch
    num_vfs: int | Unset = UNSET
    drivers_autoprobe: bool | Unset = UNSET
    link_up: bool | Unset = UNSET
    vf_default: WantedVF = WantedVF()
    vfs: tuple[tuple[int, WantedVF], ...] = ()  # what is said of single VFs, by ascending index

    def wanted_vf(self, vf_index: int) -> WantedVF:
        """Return what is wanted of one VF: what is said of it, over what is said of all."""
        return overlay(self.vf_default, dict(self.vfs).get(vf_index, WantedVF()))


class DesiredState(NamedTuple):
    """One state file."""

    pfs: tuple[WantedPF, ...]
