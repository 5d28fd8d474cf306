"""Give a guest root ports for hot plugs to come.

libvirt numbers ports by itself where a whole definition is written, and not where one is attached.
So the definition is read, with its passwords, and written back with the ports in it.
"""

from __future__ import annotations

from sriovctl.engine.guests.holders import read_guest
from sriovctl.errors import InputError, UnsupportedError, VerifyError
from sriovctl.render.libvirt_xml import add_root_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.guest import Guest

MOST_ROOT_PORTS = 64


def ensure_free_root_ports(libvirt: Libvirt, guest: str, count: int) -> int:
    """Add root ports until so many are free from the guest's next start; return how many.

    :raises InputError: there is no such guest, or it is transient.
    :raises UnsupportedError: its machine has no root ports.
    :raises VerifyError: libvirt's definition has fewer afterwards.
    """
    free = _free_ports(read_guest(libvirt, guest))
    added = max(0, count - free)
    if added:
        xml = libvirt.domain_xml(guest, inactive=True, secure=True)
        libvirt.define_domain(add_root_ports(xml, added))
        after = _free_ports(read_guest(libvirt, guest))
        if after < count:
            raise VerifyError(
                f"has {after} free root ports after {added} were added", subject=guest
            )
    return added


def _free_ports(guest: Guest) -> int:
    if not guest.persistent:
        raise InputError("is transient: there is no next start", subject=guest.name)
    room = guest.config_room
    if room is None or room.kind != "root ports":
        raise UnsupportedError(
            f"its machine {guest.machine or ''} has no root ports",
            subject=guest.name,
            hint="machine type q35 does; others take hot plugs without",
        )
    return room.free
