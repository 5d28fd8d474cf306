"""Read which guest holds which of the host's PCI functions."""

from __future__ import annotations

from sriovctl.codec.libvirt_xml import parse_guest
from sriovctl.errors import InputError, LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest


def read_guests(libvirt: Libvirt) -> tuple[Guest, ...]:
    """Read all guests, running or not, by name.

    A guest that goes away meanwhile is left out.

    :raises HostError: libvirt failed.
    """
    found = (_read_or_none(libvirt, name) for name in libvirt.names())
    return tuple(guest for guest in found if guest is not None)


def vf_networks_of(
    guests: Sequence[Guest], open_host: Callable[[], Host], libvirt: Libvirt
) -> frozenset[str]:
    """Name the networks of guests that give VFs away; others, with a bridge say, are none of ours.

    The host is asked only if a guest has a network at all.
    """
    if not any(guest.networks for guest in guests):
        return frozenset()
    from sriovctl.engine.guests.vf_networks import find_vf_networks

    found = find_vf_networks(open_host().files, libvirt)
    return frozenset(network.pool.name for network in found)


def read_guest(libvirt: Libvirt, name: str) -> Guest:
    """Read one guest, live and config.

    :raises InputError: there is no guest of that name.
    :raises HostError: libvirt failed.
    """
    live = libvirt.domain_xml(name, inactive=False) if libvirt.is_active(name) else None
    config = libvirt.domain_xml(name, inactive=True) if libvirt.is_persistent(name) else None
    return parse_guest(state=libvirt.state(name), live_xml=live, config_xml=config)


def holders(guests: Iterable[Guest], source: PCIAddress) -> tuple[Guest, ...]:
    """Guests that hold the host's function *source*, now or after their next boot.  Pure."""
    return tuple(guest for guest in guests if guest.holds(source))


def _read_or_none(libvirt: Libvirt, name: str) -> Guest | None:
    try:
        return read_guest(libvirt, name)
    except (InputError, LostError):
        # A transient guest ends with its run, and anybody may undefine one between two calls.
        # Only then: if libvirtd itself went away, somebody must hear of it.
        if name in libvirt.names():
            raise
        return None
