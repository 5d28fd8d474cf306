"""What somebody wants of a host: the state file, parsed.

``UNSET`` means that the user did not say, so the thing is left alone.
"""

from __future__ import annotations

from sriovctl.model.functions import VLAN
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal


# Whether a VF must, should or need not be on the borrower's NUMA node.
NUMA_POLICIES = ("required", "preferred", "any")
# From all PFs in turn, or from one until it is used up.
LENDING_POLICIES = ("spread", "pack")


# An enum of one, which a type checker can tell from all else; without enum's cost at each start.
if TYPE_CHECKING:
    from enum import Enum

    class _Unset(Enum):
        UNSET = "unset"

        def __bool__(self) -> Literal[False]: ...

    Unset = Literal[_Unset.UNSET]
    UNSET: Final = _Unset.UNSET
else:

    class Unset:
        """What has not been said; there is one such thing."""

        def __repr__(self) -> str:
            return "UNSET"

        def __bool__(self) -> bool:
            return False

        def __reduce__(self) -> str:
            return "UNSET"  # a copy is the thing itself

    UNSET = Unset()


# What a state file says for a MAC that is to follow from the PF's identity and the VF's index.
AUTO_MAC: Final = "auto"


class PFMatch(NamedTuple):
    """Which PF is meant.  Every criterion that is given must fit, and exactly one PF may.

    With ``all`` any number of PFs may fit, and each is wanted alike.
    """

    address: str | None = None  # DDDD:BB:DD.F
    netdev: str | None = None
    permanent_mac: str | None = None
    driver: str | None = None
    vendor_id: str | None = None
    device_id: str | None = None
    serial: str | None = None  # Device Serial Number capability, or what the NVMe controller says
    phys_port_name: str | None = None
    all: bool = False


class WantedVF(NamedTuple):
    """What is wanted of one VF.  Up to ``port_guid``: what goes through the PF's netdev."""

    admin_mac: str | Unset = UNSET  # or AUTO_MAC, until the planner has worked it out
    vlan: VLAN | Unset = UNSET
    spoofchk: bool | Unset = UNSET
    trust: bool | Unset = UNSET
    link_state: str | Unset = UNSET
    min_tx_rate_mbps: int | Unset = UNSET
    max_tx_rate_mbps: int | Unset = UNSET
    rss_query: bool | Unset = UNSET
    node_guid: str | Unset = UNSET  # 8 octets, lower-case hex with colons
    port_guid: str | Unset = UNSET
    msix_count: int | Unset = UNSET  # sriov_vf_msix_count; 0: as the PF shares them out
    driver: str | Unset | None = UNSET  # None: no driver


# What rtnetlink sets and reports of a VF; both types name it alike.
ATTRIBUTES: Final = WantedVF._fields[: WantedVF._fields.index("msix_count")]
RATES: Final = ("min_tx_rate_mbps", "max_tx_rate_mbps")


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
    mtu: int | Unset = UNSET  # bytes, of the PF's netdev
    eswitch_mode: str | Unset = UNSET  # an EswitchMode
    vf_default: WantedVF = WantedVF()
    vfs: tuple[tuple[int, WantedVF], ...] = ()  # what is said of single VFs, by ascending index

    def wanted_vf(self, vf_index: int) -> WantedVF:
        """Return what is wanted of one VF: what is said of it, over what is said of all."""
        return overlay(self.vf_default, dict(self.vfs).get(vf_index, WantedVF()))


class WantedPool(NamedTuple):
    """A pool that VFs are to be lent from."""

    name: str
    pfs: tuple[str, ...]  # labels of PFs in the same state
    vf_indices: tuple[int, ...] | None = None  # of each PF; None: all
    numa: str = "any"  # of NUMA_POLICIES
    policy: str = "pack"  # of LENDING_POLICIES


class DesiredState(NamedTuple):
    """One state file, or a directory of them."""

    pfs: tuple[WantedPF, ...]
    pools: tuple[WantedPool, ...] = ()
