"""What a host says of the VFs that are lent, beside what the book says."""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES, read_netdev
from sriovctl.render.leases import ShownLease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.lease import Lease


def seen_on_host(host: Host, leases: Sequence[Lease]) -> list[ShownLease]:
    """Add what the host says of leases at this moment."""
    now_s = host.clock.now()
    return [ShownLease(one, now_s, _netdev_of(host.files, one)) for one in leases]


def _netdev_of(files: FileTree, lease: Lease) -> str | None:
    return None if lease.address is None else read_netdev(files, f"{PCI_DEVICES}/{lease.address}")
