"""Pools of VFs in libvirt: virtual networks that give a VF to each interface that asks for one.

Theory of operation.  libvirt gives the first VF that no guest has out of the same network, and
does not see other users: a VF that a guest has by its address, that a container has or that is
lent makes the next start fail.  So a pool is only made of VFs that nobody uses.  And libvirt stops
a network whoever uses it; so that is looked at before as well.

Source: libvirt ``src/network/bridge_driver.c`` (``networkAllocatePort()``,
``networkCreateInterfacePool()``, ``networkDestroy()``).
"""

from __future__ import annotations

from contextlib import suppress

from sriovctl.codec.libvirt_xml import parse_connections, parse_vf_pool
from sriovctl.engine.guests.attach_checks import check_isolated
from sriovctl.engine.guests.vf_place import find_pf, read_vf_addresses, read_vf_place
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    SafetyError,
    SriovctlError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.model.guest_network import VFNetwork
from sriovctl.render.libvirt_xml import format_vf_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sriovctl.host.api import FileTree
    from sriovctl.host.libvirt_api import Libvirt, NetworkReport
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest
    from sriovctl.model.guest_network import VFPool


def read_vf_networks(files: FileTree, libvirt: Libvirt) -> tuple[VFNetwork, ...]:
    """Read all networks of libvirt that give VFs away, by name.

    :raises HostError: libvirt failed.
    """
    found = (read_vf_network(files, libvirt, name) for name in libvirt.network_names())
    return tuple(network for network in found if network is not None)


def find_vf_networks(files: FileTree, libvirt: Libvirt) -> tuple[VFNetwork, ...]:
    """Read all networks that give VFs away; none where libvirt has no networks at all.

    Where each driver of libvirt is a daemon of its own, that for networks need not be there.
    """
    try:
        return read_vf_networks(files, libvirt)
    except (UnsupportedError, HostError):
        return ()


def held_networks(files: FileTree, libvirt: Libvirt, guest: Guest) -> tuple[str, ...]:
    """Name the networks out of which a guest has VFs, or will want some."""
    named = {*guest.networks, *(device.network for device in guest.devices)}
    if named <= {None}:
        return ()
    found = find_vf_networks(files, libvirt)
    return tuple(network.pool.name for network in found if network.pool.name in named)


def read_vf_network(files: FileTree, libvirt: Libvirt, name: str) -> VFNetwork | None:
    """Read one network; None if there is none of that name, or it gives no VFs away.

    One of a PF that is not started has the VFs that it would find now.
    """
    report = libvirt.network(name)
    pool = None if report is None else _pool_of(report)
    if report is None or pool is None:
        return None
    return VFNetwork(
        pool=pool._replace(sources=pool.sources or vfs_of_pool(files, pool)),
        active=report.live_xml is not None,
        persistent=report.config_xml is not None,
        autostart=report.autostart,
        connections=parse_connections(report.live_xml) if report.live_xml else 0,
    )


def vfs_of_pool(files: FileTree, pool: VFPool) -> tuple[PCIAddress, ...]:
    """Addresses of the VFs in a pool, of which it may name the PF only."""
    found = list(pool.sources)
    for netdev in pool.pf_netdevs:
        with suppress(InputError, UnsupportedError):  # the PF is not here now
            found += read_vf_addresses(files, find_pf(files, netdev))
    return tuple(dict.fromkeys(found))


def create_vf_network(
    files: FileTree, libvirt: Libvirt, pool: VFPool, *, users: Mapping[str, str]
) -> bool:
    """Define a pool, start it, and have it started with libvirt; say whether anything was to do.

    :param users: who has each VF of the pool that is not free.
    :raises InputError: the name belongs to a network of another kind.
    :raises BusyError: the pool is defined otherwise.
    :raises SafetyError: somebody has one of its VFs.
    :raises UnsupportedError: there are no VFs, or the IOMMU cannot confine one of them.
    :raises VerifyError: libvirt does not have it as it was told.
    """
    report = libvirt.network(pool.name)
    if report is not None:
        _check_same(report, pool)
    stale = report is not None and _is_stale(files, report, pool)
    if report is not None and report.live_xml is not None and report.autostart and not stale:
        return False
    if report is None or report.live_xml is None or stale:
        _check_free(files, pool, users)
    if stale:
        libvirt.stop_network(pool.name)
        report = libvirt.network(pool.name)
    _bring_up(libvirt, pool, report)
    _verify_up(files, libvirt, pool)
    return True


def _check_same(report: NetworkReport, pool: VFPool) -> None:
    found = _config_of(report)
    if found is None:
        raise InputError(
            "is a network of another kind", subject=pool.name, hint="choose another name"
        )
    if found != pool:
        raise BusyError(
            "is defined otherwise",
            subject=f"network {pool.name}",
            hint=f"sriovctl network delete {pool.name}",
            evidence={"has": _describe(found), "wanted": _describe(pool)},
        )


# A network of a PF knows the VFs that there were when it was started.
def _is_stale(files: FileTree, report: NetworkReport, pool: VFPool) -> bool:
    live = None if report.live_xml is None else parse_vf_pool(report.live_xml)
    if live is None or report.config_xml is None:
        return False
    now, then = set(vfs_of_pool(files, pool)), set(live.sources)
    if now != then and parse_connections(report.live_xml or ""):
        raise BusyError(
            "was started when its PF had other VFs, and guests use it",
            subject=f"network {pool.name}",
            hint="it finds the new ones when it is started again, with no guest that has one",
            evidence={"then": len(then), "now": len(now)},
        )
    return now != then


def _describe(pool: VFPool) -> str:
    members = " ".join(pool.pf_netdevs or map(str, pool.sources)) or "nothing"
    return members if pool.vlan is None else f"{members}, VLAN {pool.vlan}"


def _check_free(files: FileTree, pool: VFPool, users: Mapping[str, str]) -> None:
    vfs = vfs_of_pool(files, pool)
    if not vfs:
        raise UnsupportedError(
            "would have no VFs",
            subject=f"network {pool.name}",
            hint="create some first: num_vfs in the state file",
        )
    if users:
        raise SafetyError(
            "would have VFs that somebody uses; libvirt does not see that, and gives them away",
            subject=f"network {pool.name}",
            hint="name the free ones: --vf ADDRESS",
            evidence=users,
        )
    for vf in vfs:
        check_isolated(read_vf_place(files, vf))


def _bring_up(libvirt: Libvirt, pool: VFPool, report: NetworkReport | None) -> None:
    if report is None:
        libvirt.define_network(format_vf_pool(pool))
    try:
        if report is None or report.live_xml is None:
            libvirt.start_network(pool.name)
        libvirt.autostart_network(pool.name)
    except SriovctlError:
        if report is None:
            _remove(libvirt, pool.name)
        raise


def _verify_up(files: FileTree, libvirt: Libvirt, pool: VFPool) -> None:
    after = read_vf_network(files, libvirt, pool.name)
    wanted = set(vfs_of_pool(files, pool))
    if after is None or not after.active or set(after.pool.sources) != wanted:
        raise VerifyError(
            "libvirt has the network otherwise than it was told",
            subject=f"network {pool.name}",
            evidence={"found": None if after is None else _describe(after.pool)},
        )


def delete_vf_network(libvirt: Libvirt, name: str, guests: Iterable[Guest]) -> bool:
    """Stop a pool and forget it; say whether there was one.

    :raises InputError: it is a network of another kind.
    :raises SafetyError: guests have VFs out of it, or will want some.
    :raises VerifyError: libvirt still has it.
    """
    report = libvirt.network(name)
    if report is None:
        return False
    if _pool_of(report) is None:
        raise InputError(
            "gives no VFs away, and is left alone", subject=f"network {name}", hint="virsh net-list"
        )
    _check_unused(report, name, guests)
    _remove(libvirt, name)
    if libvirt.network(name) is not None:
        raise VerifyError("libvirt still has the network", subject=f"network {name}")
    return True


def _check_unused(report: NetworkReport, name: str, guests: Iterable[Guest]) -> None:
    users = network_users(name, guests)
    connections = parse_connections(report.live_xml) if report.live_xml else 0
    if users or connections:
        raise SafetyError(
            "is in use",
            subject=f"network {name}",
            hint=f"sriovctl detach GUEST --network {name}",
            evidence=users or {"connections": connections},
        )


def network_users(name: str, guests: Iterable[Guest]) -> dict[str, str]:
    """Guests with interfaces out of a network: name -> when they have them.  Pure."""
    found = {}
    for guest in guests:
        now = any(device.network == name for device in guest.devices)
        later = name in guest.networks
        if now or later:
            words = ["has a VF of it now"] * now + ["wants one at its next boot"] * later
            found[f"guest {guest.name}"] = " and ".join(words)
    return found


def _remove(libvirt: Libvirt, name: str) -> None:
    report = libvirt.network(name)
    if report is not None and report.live_xml is not None:
        libvirt.stop_network(name)
    if report is not None and report.config_xml is not None:
        libvirt.undefine_network(name)


def _pool_of(report: NetworkReport) -> VFPool | None:
    xml = report.live_xml or report.config_xml
    return None if xml is None else parse_vf_pool(xml)


def _config_of(report: NetworkReport) -> VFPool | None:
    xml = report.config_xml or report.live_xml
    return None if xml is None else parse_vf_pool(xml)
