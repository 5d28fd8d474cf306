"""Give a guest a VF out of one of libvirt's pools, and take it back.

libvirt chooses the VF, anew at each start of the guest.  An alias tells one such interface of a
guest from another, since neither its VF nor, before libvirt has made one up, its MAC is known.
"""

from __future__ import annotations

from sriovctl.engine.guests import attach_checks as checks
from sriovctl.engine.guests import attach_settings as rules
from sriovctl.engine.guests.attach_checks import Scope
from sriovctl.engine.guests.detach import DETACH_TIMEOUT_S, detach
from sriovctl.engine.guests.holders import read_guest, read_guests
from sriovctl.engine.guests.pick import read_vf_users
from sriovctl.engine.guests.placement import placement_doubts
from sriovctl.engine.guests.read_back import verify_on_card
from sriovctl.engine.guests.vf_networks import read_vf_network
from sriovctl.engine.guests.vf_place import read_vf_place
from sriovctl.errors import BusyError, InputError, UnsupportedError, VerifyError
from sriovctl.model.guest import (
    DetachResult,
    DeviceKind,
    GuestDevice,
    NetworkAttachment,
    NetworkAttachResult,
    VFAttachment,
    alias_of_network,
)
from sriovctl.render.libvirt_xml import format_network_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.guest import Guest, Wanted
    from sriovctl.model.guest_network import NetworkInterface, VFNetwork


def plan_network_attachment(network: str, wanted: Wanted) -> NetworkAttachment:
    """Say what libvirt is to be told.  Pure.

    :raises InputError: a setting is asked for that belongs into the network.
    """
    if wanted.trunk is not None or wanted.virtual_port is not None:
        raise InputError(
            "goes without a VLAN trunk and a port profile",
            subject=f"--network {network}",
            hint="attach the VF by its address",
        )
    return NetworkAttachment(
        network=network,
        mac=wanted.mac,
        vlan=wanted.vlan or None,
        alias=wanted.alias or alias_of_network(network),
        boot_order=wanted.boot_order,
        teaming_with=wanted.teaming_with,
    )


def attach_from_network(
    host: Host, libvirt: Libvirt, *, guest: str, network: str, wanted: Wanted
) -> NetworkAttachResult:
    """Give the guest a VF out of a pool; nothing happens if it has one under that alias.

    :raises InputError: no such guest or network, or flags that do not fit the guest's state.
    :raises SafetyError: the MAC belongs to somebody else.
    :raises UnsupportedError: the network is not started, no IOMMU, or no free port.
    :raises BusyError: no VF is free, or the guest has one with other settings.
    :raises VerifyError: libvirt's definition reads back differently.
    """
    target = read_guest(libvirt, guest)
    scope = checks.choose_scope(target, live=wanted.live, config=wanted.config)
    pool = _require(read_vf_network(host.files, libvirt, network), network)
    attachment = _complete(target, plan_network_attachment(network, wanted))
    held = _held(target, attachment)
    missing = scope.without(Scope(held[0] is not None, held[1] is not None))
    warnings: tuple[str, ...] = ()
    if any(missing):
        warnings = _check(host, libvirt, target, pool, attachment=attachment, missing=missing)
        libvirt.attach_device(
            guest,
            format_network_attachment(attachment),
            live=missing.live,
            config=missing.config,
        )
        target = read_guest(libvirt, guest)
        held = _held(target, attachment)
        _verify(host, target, attachment, scope)
    device, interface = held
    return NetworkAttachResult(
        guest=guest,
        network=network,
        vf=device.source if device else None,
        mac=device.mac if device else interface.mac if interface else None,
        vlan=device.vlan if device else interface.vlan if interface else None,
        guest_address=device.guest_address if device else None,
        live=scope.live,
        config=scope.config,
        changed=any(missing),
        warnings=warnings,
    )


def detach_from_network(
    host: Host,
    libvirt: Libvirt,
    *,
    guest: str,
    network: str,
    live: bool = False,
    config: bool = False,
    timeout_s: float = DETACH_TIMEOUT_S,
) -> tuple[DetachResult, ...]:
    """Take all that came out of a pool away from the guest; without flags, in both definitions.

    :raises InputError: there is no such guest.
    :raises BusyError: the guest did not let go in time; the message says what state is left.
    :raises VerifyError: libvirt's definition still has it.
    """
    target = read_guest(libvirt, guest)
    later = [each for each in target.network_interfaces if each.network == network]
    now = [device for device in target.devices if device.live and _is_of(device, network)]
    forgotten = later if config or not live else []
    for interface in forgotten:
        _forget(libvirt, guest, interface)
    results = []
    for device in now if live or not config else []:
        done = detach(host, libvirt, guest=guest, vf=device.source, live=True, timeout_s=timeout_s)
        results.append(done._replace(network=network, config=bool(forgotten)))
    if not results:
        gone = bool(forgotten)
        results.append(DetachResult(guest, None, False, gone, gone, 0.0, None, network))
    return tuple(results)


def _forget(libvirt: Libvirt, guest: str, interface: NetworkInterface) -> None:
    known = NetworkAttachment(interface.network, interface.mac, interface.vlan, interface.alias)
    libvirt.detach_device(guest, format_network_attachment(known), live=False, config=True)
    if interface in read_guest(libvirt, guest).network_interfaces:
        raise VerifyError(
            "the guest's next boot still has it", subject=f"{guest}: {interface.network}"
        )


# After a detach from the config alone, the alias that we gave is all that tells where it is from.
def _is_of(device: GuestDevice, network: str) -> bool:
    return network == device.network or device.alias == alias_of_network(network)


def _held(
    target: Guest, attachment: NetworkAttachment
) -> tuple[GuestDevice | None, NetworkInterface | None]:
    now = (each for each in target.devices if each.live and each.alias == attachment.alias)
    later = (each for each in target.network_interfaces if each.alias == attachment.alias)
    return next(now, None), next(later, None)


# What it has already in one of the definitions, the other gets as well.
def _complete(target: Guest, attachment: NetworkAttachment) -> NetworkAttachment:
    held = [each for each in _held(target, attachment) if each is not None]
    if not held:
        if attachment.teaming_with is None:
            return attachment
        mac = rules.teaming_mac(target, attachment.teaming_with)
        return attachment._replace(mac=attachment.mac or mac)
    asked = attachment.mac or held[0].mac, attachment.vlan or held[0].vlan
    if asked != (held[0].mac, held[0].vlan):
        raise BusyError(
            f"is in this guest already, with MAC {held[0].mac} and VLAN {held[0].vlan or 'none'}",
            subject=attachment.alias,
            hint="detach it first, or give another one an --alias",
        )
    return attachment._replace(mac=held[0].mac)


def _require(network: VFNetwork | None, name: str) -> VFNetwork:
    if network is None:
        raise InputError(
            "is no network of libvirt that gives VFs away",
            subject=name,
            hint="'sriovctl network list' has all, and 'sriovctl network create' makes one",
        )
    return network


def _check(
    host: Host,
    libvirt: Libvirt,
    target: Guest,
    network: VFNetwork,
    *,
    attachment: NetworkAttachment,
    missing: Scope,
) -> tuple[str, ...]:
    name = network.pool.name
    rules.check_boot_order(target, attachment.boot_order)
    if not missing.live:
        return () if network.autostart else (f"network {name} is not started with libvirt",)
    if not network.active:
        raise UnsupportedError(
            "is not started", subject=f"network {name}", hint=f"virsh net-start {name}"
        )
    checks.check_room(target)
    sources = network.pool.sources
    users = read_vf_users(host, libvirt, sources, but_network=name)
    free = [vf for vf in sources if str(vf) not in users]
    if not free:
        raise BusyError("has no free VF", subject=f"network {name}", evidence=users)
    place = read_vf_place(host.files, free[0])
    checks.check_isolated(place)
    as_vf = VFAttachment(DeviceKind.INTERFACE, free[0], mac=attachment.mac)
    as_vf = as_vf._replace(teaming_with=attachment.teaming_with)
    warnings = [*checks.check_pf_up(place, as_vf, missing)]
    warnings += rules.check_mac_unique(read_guests(libvirt), target.name, as_vf)
    if attachment.mac is not None:
        warnings += rules.check_mac_not_on_host(host, place, attachment.mac)
    return (*warnings, *placement_doubts(host.files, target, place))


def _verify(host: Host, after: Guest, attachment: NetworkAttachment, scope: Scope) -> None:
    device, interface = _held(after, attachment)
    if (scope.live and device is None) or (scope.config and interface is None):
        raise VerifyError(
            "libvirt accepted the interface, but the guest does not have it",
            subject=f"{after.name}: network {attachment.network}",
        )
    if device is not None:
        verify_on_card(host, read_vf_place(host.files, device.source), after)
