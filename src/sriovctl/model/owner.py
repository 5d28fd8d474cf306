"""Who uses a PF or VF, and so would feel it if it were changed or destroyed."""

from __future__ import annotations

from sriovctl.model.functions import name_of_vf
from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.model.functions import PF


class OwnerKind(StrEnum):
    """What kind of user it is."""

    GUEST = "guest"  # a running libvirt guest has the function
    GUEST_CONFIG = "guest-config"  # a libvirt guest will want it when it starts
    NETWORK = "network"  # a network of libvirt gives it to guests that ask for a VF
    PROCESS = "process"  # a program without libvirt holds it open through VFIO: QEMU, DPDK
    VFIO = "vfio"  # vfio-pci holds it, and for whom cannot be seen
    NAMESPACE = "namespace"  # its netdev is in another network namespace: a container
    ADDRESS = "address"  # its netdev, or one that stands on it, has an address of this host
    BRIDGE = "bridge"  # its netdev is a port of a bridge
    BOND = "bond"
    OVS = "ovs"
    STACKED = "stacked"  # a VLAN, macvlan or the like stands on its netdev
    DEFAULT_ROUTE = "default-route"  # the host's way out
    SSH = "ssh"  # the way to the client from which somebody is logged in
    MOUNT = "mount"  # a mounted file system, or swap, is on it
    FOREIGN = "foreign"  # VFs that sriovctl did not make
    LEASE = "lease"


class Owner(NamedTuple):
    """One user of one function."""

    kind: OwnerKind
    name: str  # the guest, process (NAME-PID), namespace, address, bridge, mount point, …
    evidence: str = ""  # how it is known, in words: "live XML of the guest", "/proc/812/fd/24"

    @property
    def token(self) -> str:
        """How the user names it to allow a change all the same: ``guest:MyGuest``."""
        return f"{self.kind}:{self.name}"


# By sysfs device name of a PF, and by what ``name_of_vf`` says of a VF.
OwnerMap = dict[str, tuple[Owner, ...]]


class OwnerReport(NamedTuple):
    """Who uses what, and what could not be seen: a function without owner may then have one."""

    owners: OwnerMap
    notes: tuple[str, ...] = ()


def name_owners(pfs: Iterable[PF], owners: OwnerMap) -> tuple[PF, ...]:
    """Write into PFs and VFs the tokens of those who use them.  Pure."""
    return tuple(
        pf._replace(
            owner=_tokens(owners, pf.device),
            vfs=tuple(vf._replace(owner=_tokens(owners, name_of_vf(pf, vf))) for vf in pf.vfs),
        )
        for pf in pfs
    )


def _tokens(owners: OwnerMap, device: str) -> str | None:
    return ", ".join(owner.token for owner in owners.get(device, ())) or None
