"""libvirt guests that hold a function, or will want it when they start."""

from __future__ import annotations

from sriovctl.errors import SriovctlError, UnsupportedError
from sriovctl.model.owner import OwnerKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sriovctl.engine.owners.ledger import Ledger
    from sriovctl.host.api import FileTree
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.guest import Guest, GuestDevice

# Any of these: libvirt's daemons run, or guests are defined.
_INSTALLED = ("/run/libvirt", "/etc/libvirt/qemu")


def find_guests(
    files: FileTree, ledger: Ledger, open_libvirt: Callable[[], Libvirt] | None
) -> frozenset[str]:
    """Write down guests with their functions; return the names of those that run."""
    if open_libvirt is None or not any(files.exists(path) for path in _INSTALLED):
        return frozenset()
    # Here, not above: parsing XML costs start-up time where there is no libvirt.
    from sriovctl.engine.guests import read_guests

    try:
        guests = read_guests(open_libvirt())
    except UnsupportedError as error:
        ledger.note(f"libvirt is installed here, and could not be asked: {error}")
        return frozenset()
    except SriovctlError as error:
        ledger.note(f"guests of libvirt could not be seen: {error}")
        return frozenset()
    for guest in guests:
        _write_down(ledger, guest, guest.devices)
    return frozenset(guest.name for guest in guests if guest.active)


def _write_down(ledger: Ledger, guest: Guest, devices: Iterable[GuestDevice]) -> None:
    for device in devices:
        kind = OwnerKind.GUEST if device.live else OwnerKind.GUEST_CONFIG
        ledger.add(str(device.source), kind, guest.name, _evidence(device))


def _evidence(device: GuestDevice) -> str:
    if device.live:
        return "live and config XML of the guest" if device.config else "live XML of the guest"
    return "config XML of the guest: it wants the function at its next start"
