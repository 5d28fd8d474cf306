"""Choose VFs that nobody has."""

from __future__ import annotations

from sriovctl.engine.guests.holders import holders, read_guests
from sriovctl.engine.guests.vf_networks import find_vf_networks
from sriovctl.engine.guests.vf_place import find_pf, read_vf_addresses, read_vf_place
from sriovctl.errors import BusyError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sriovctl.host.api import FileTree, Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest


def pick_vfs(
    host: Host,
    libvirt: Libvirt,
    *,
    pf: str,
    count: int = 1,
    lent: Mapping[str, str] | None = None,
) -> tuple[PCIAddress, ...]:
    """Choose the free VFs with the lowest indices of a PF, given by its netdev or address.

    Free means: it is not lent, no guest has it, now or after its next boot, no network of libvirt
    gives it away, and its netdev is down and here.

    :param lent: address of a VF -> who has a lease of it.
    :raises InputError: there is no such PF.
    :raises UnsupportedError: it has fewer VFs.
    :raises BusyError: too many VFs are taken.
    """
    addresses = read_vf_addresses(host.files, find_pf(host.files, pf))
    if len(addresses) < count:
        has = f"{len(addresses)} of {count} VFs" if addresses else "no VFs"
        raise UnsupportedError(f"has {has}", subject=pf, hint="create some first: num_vfs")
    users = read_vf_users(host, libvirt, addresses, lent=lent)
    free = [vf for vf in addresses if str(vf) not in users]
    if len(free) < count:
        cause = "all its VFs are taken" if not free else f"only {len(free)} of its VFs are free"
        raise BusyError(cause, subject=pf, evidence=users)
    return tuple(free[:count])


def read_vf_users(
    host: Host,
    libvirt: Libvirt,
    addresses: Iterable[PCIAddress],
    *,
    lent: Mapping[str, str] | None = None,
    but_network: str | None = None,
) -> dict[str, str]:
    """Say who has each of some VFs: address -> user; the free ones are left out.

    :param lent: address of a VF -> who has a lease of it.
    :param but_network: a network of libvirt that may have them.
    :raises InputError: one of them is no VF.
    """
    guests = read_guests(libvirt)
    pooled = {
        vf: f"network {network.pool.name}"
        for network in find_vf_networks(host.files, libvirt)
        if network.pool.name != but_network
        for vf in network.pool.sources
    }
    found = {
        str(vf): (lent or {}).get(str(vf)) or _user_of(host.files, guests, vf) or pooled.get(vf)
        for vf in addresses
    }
    return {vf: user for vf, user in found.items() if user is not None}


def _user_of(files: FileTree, guests: Iterable[Guest], vf: PCIAddress) -> str | None:
    names = [guest.name for guest in holders(guests, vf)]
    if names:
        return f"guest {' and '.join(names)}"
    place = read_vf_place(files, vf)
    if place.netdev_elsewhere:
        return "another network namespace"
    return f"host netdev {place.netdev}" if place.netdev_up or place.netdev_uppers else None
