"""libvirt guests that hold a function, or will want it when they start."""

from __future__ import annotations

from sriovctl.errors import PermissionDenied, SriovctlError, UnsupportedError
from sriovctl.model.owner import OwnerKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sriovctl.engine.owners.ledger import Ledger
    from sriovctl.host.api import FileTree
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest, GuestDevice
    from sriovctl.model.guest_network import VFPool

# Where the daemon for QEMU guests listens, alone or as a part of the old one.  systemd may listen
# in its place and start it when it is asked.  Where there is neither, nobody would answer, and to
# find that out through the binding takes as long as everything else.
# Source: libvirt src/remote/remote_sockets.c, remoteGetUNIXSocket().
_SOCKETS = ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
_DEFINITIONS = "/etc/libvirt/qemu"  # one file for each guest


def find_guests(
    files: FileTree, ledger: Ledger, open_libvirt: Callable[[], Libvirt] | None
) -> frozenset[str]:
    """Write down guests with their functions; return the names of those that run."""
    if open_libvirt is None:
        return frozenset()
    if not any(files.exists(path) for path in _SOCKETS):
        _note_definitions(files, ledger)
        return frozenset()
    # Here, not above: parsing XML costs start-up time where there is no libvirt.
    from sriovctl.engine.guests.holders import read_guests

    try:
        libvirt = open_libvirt()
        guests = read_guests(libvirt)
    except UnsupportedError as error:
        ledger.note(f"libvirt is installed here, and could not be asked: {error}")
        return frozenset()
    except SriovctlError as error:
        ledger.note(f"guests of libvirt could not be seen: {error}")
        return frozenset()
    for guest in guests:
        _write_down(ledger, guest)
    _write_down_networks(ledger, libvirt)
    _note_pools(ledger, libvirt, guests)
    return frozenset(guest.name for guest in guests if guest.active)


def _note_definitions(files: FileTree, ledger: Ledger) -> None:
    try:
        names = files.list_dir(_DEFINITIONS)
    except PermissionDenied:
        ledger.note("libvirt does not answer; whether it has guests could not be seen: run as root")
        return
    count = sum(name.endswith(".xml") for name in names)
    if count:
        guests = "guests" if count > 1 else "guest"
        ledger.note(
            f"libvirt does not answer, and has {count} {guests} defined, which could not be seen"
        )


def _write_down(ledger: Ledger, guest: Guest) -> None:
    for device in guest.devices:
        kind = OwnerKind.GUEST if device.live else OwnerKind.GUEST_CONFIG
        ledger.add(str(device.source), kind, guest.name, _evidence(device))


def _evidence(device: GuestDevice) -> str:
    if device.live:
        return "live and config XML of the guest" if device.config else "live XML of the guest"
    return "config XML of the guest: it wants the function at its next start"


# libvirt takes whichever VF of a network that is started is next, and looks for no other users.
def _write_down_networks(ledger: Ledger, libvirt: Libvirt) -> None:
    try:
        for name in libvirt.network_names():
            for source in _vfs_given_away(libvirt, name):
                evidence = "live XML of libvirt's network: it gives the function to guests"
                ledger.add(str(source), OwnerKind.NETWORK, name, evidence)
    except UnsupportedError:  # this libvirt has no networks
        return
    except SriovctlError as error:
        ledger.note(f"networks of libvirt could not be seen: {error}")


def _vfs_given_away(libvirt: Libvirt, name: str) -> tuple[PCIAddress, ...]:
    from sriovctl.codec.libvirt_xml import parse_vf_pool

    report = libvirt.network(name)
    live = None if report is None else report.live_xml
    pool = None if live is None else parse_vf_pool(live)
    return () if pool is None else pool.sources


# Which VF of the pool it will be is not decided before it starts, so none has it for an owner.
# Once it runs, its live XML names the VF.
def _note_pools(ledger: Ledger, libvirt: Libvirt, guests: Iterable[Guest]) -> None:
    waiting = [guest for guest in guests if guest.networks and not guest.active]
    if not waiting:
        return
    try:
        pools = _read_pools(libvirt)
    except SriovctlError as error:
        ledger.note(f"networks of libvirt could not be seen: {error}")
        return
    for guest in waiting:
        for name in dict.fromkeys(guest.networks):
            places = _pfs_of(ledger, pools[name]) if name in pools else ()
            if places:
                ledger.note(
                    f"guest {guest.name} takes a VF of {' or '.join(places)} when it starts, "
                    f"from libvirt's network {name}"
                )


def _read_pools(libvirt: Libvirt) -> dict[str, VFPool]:
    from sriovctl.codec.libvirt_xml import parse_vf_pool

    found = (parse_vf_pool(xml) for xml in libvirt.network_xmls())
    return {pool.name: pool for pool in found if pool is not None}


def _pfs_of(ledger: Ledger, pool: VFPool) -> tuple[str, ...]:
    functions = ledger.functions.values()
    sources = {str(source) for source in pool.sources}
    found = {f.pf for f in functions if f.device in sources}
    found |= {f.device for f in functions if f.netdev in pool.pf_netdevs}
    return tuple(sorted(found))
