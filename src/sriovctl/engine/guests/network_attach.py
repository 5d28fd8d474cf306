"""Give a guest a VF out of one of libvirt's pools, and take it back.

libvirt chooses the VF, anew at each start of the guest.  An alias tells one such interface of a
guest from another, since neither its VF nor, before libvirt has made one up, its MAC is known.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext

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
from sriovctl.errors import (
    BusyError,
    InputError,
    SafetyError,
    SriovctlError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.model.guest import (
    DetachResult,
    DeviceKind,
    GuestDevice,
    NetworkAttachment,
    NetworkAttachResult,
    VFAttachment,
    alias_of_network,
)
from sriovctl.model.record import NamedTuple
from sriovctl.render.libvirt_xml import format_network_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest, Wanted
    from sriovctl.model.guest_network import NetworkInterface, VFNetwork

    # What a guest has under one alias: now, and in its config.
    _Held = tuple[GuestDevice | None, NetworkInterface | None]


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
    host: Host,
    libvirt: Libvirt,
    *,
    guest: str,
    network: str,
    wanted: Wanted,
    lent: Mapping[str, str] | None = None,
    reserve: Callable[[VFPlace], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> NetworkAttachResult:
    """Give the guest a VF out of a pool; nothing happens if it has one under that alias.

    :param lent: address of a VF -> who has a lease of it.
    :param reserve: keeps others from lending the VF that libvirt would choose.
    :raises InputError: no such guest or network, or flags that do not fit the guest's state.
    :raises SafetyError: the MAC, or the VF that libvirt would choose, belongs to somebody else.
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
        job = _Job(target, pool, attachment, missing)
        with ExitStack() as reservation:
            following = _following(host, libvirt, job, lent or {})
            if following is not None:
                reservation.enter_context(reserve(following))
                _require_following(host, libvirt, job, following)
            warnings = _check(host, libvirt, job, following)
            held = _carry_out(host, libvirt, job)
    return _result(guest, attachment, held, scope)._replace(changed=any(missing), warnings=warnings)


class _Job(NamedTuple):
    guest: Guest
    network: VFNetwork
    attachment: NetworkAttachment
    missing: Scope


def _carry_out(host: Host, libvirt: Libvirt, job: _Job) -> _Held:
    name, (live, config) = job.guest.name, job.missing
    xml = format_network_attachment(job.attachment)
    libvirt.attach_device(name, xml, live=live, config=config)
    try:
        after = read_guest(libvirt, name)
        _verify(host, after, job.attachment, job.missing)
    except SriovctlError as error:
        _take_back(host, libvirt, job, error)
        raise
    return _held(after, job.attachment)


def _take_back(host: Host, libvirt: Libvirt, job: _Job, error: SriovctlError) -> None:
    name = job.guest.name
    try:
        device, interface = _held(read_guest(libvirt, name), job.attachment)
        if interface is not None and job.missing.config:
            _forget(libvirt, name, interface)
        if device is not None and job.missing.live:
            detach(host, libvirt, guest=name, vf=device.source, live=True)
    except SriovctlError as failed:
        error.evidence["not taken back"] = failed.cause


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


def _result(
    guest: str, attachment: NetworkAttachment, held: _Held, scope: Scope
) -> NetworkAttachResult:
    device, interface = held
    settings = device or interface
    return NetworkAttachResult(
        guest=guest,
        network=attachment.network,
        vf=device.source if device else None,
        mac=settings.mac if settings else None,
        vlan=settings.vlan if settings else None,
        guest_address=device.guest_address if device else None,
        live=scope.live,
        config=scope.config,
        changed=False,
    )


def _held(target: Guest, attachment: NetworkAttachment) -> _Held:
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


def _following(host: Host, libvirt: Libvirt, job: _Job, lent: Mapping[str, str]) -> VFPlace | None:
    name = job.network.pool.name
    rules.check_boot_order(job.guest, job.attachment.boot_order)
    if not job.missing.live:
        return None
    if not job.network.active:
        raise UnsupportedError(
            "is not started", subject=f"network {name}", hint=f"virsh net-start {name}"
        )
    checks.check_room(job.guest)
    following = _next_vf(host, libvirt, job.network, read_guests(libvirt), lent)
    return read_vf_place(host.files, following)


# It may have been given to somebody before it was reserved.
def _require_following(host: Host, libvirt: Libvirt, job: _Job, place: VFPlace) -> None:
    if _next_vf(host, libvirt, job.network, read_guests(libvirt), {}) != place.address:
        raise BusyError(
            "was given to somebody else meanwhile", subject=place.address, hint="run it again"
        )


def _check(host: Host, libvirt: Libvirt, job: _Job, place: VFPlace | None) -> tuple[str, ...]:
    name, attachment = job.network.pool.name, job.attachment
    if place is None:
        return () if job.network.autostart else (f"network {name} is not started with libvirt",)
    guests = read_guests(libvirt)
    checks.check_isolated(place)
    as_vf = VFAttachment(DeviceKind.INTERFACE, place.address, mac=attachment.mac)
    as_vf = as_vf._replace(teaming_with=attachment.teaming_with)
    warnings = [*checks.check_pf_up(place, as_vf, job.missing)]
    warnings += rules.check_mac_unique(guests, job.guest.name, as_vf)
    if attachment.mac is not None:
        warnings += rules.check_mac_not_on_host(host, place, attachment.mac)
    return (*warnings, *placement_doubts(host.files, job.guest, place, more=1))


# libvirt takes the first that did not come out of the network yet, whoever else has it.
def _next_vf(
    host: Host,
    libvirt: Libvirt,
    network: VFNetwork,
    guests: tuple[Guest, ...],
    lent: Mapping[str, str],
) -> PCIAddress:
    name, sources = network.pool.name, network.pool.sources
    users = read_vf_users(host, libvirt, sources, lent=lent, but_network=name)
    running = {device.source for guest in guests for device in guest.devices if device.live}
    following = next((vf for vf in sources if vf not in running), None)
    if following is None:
        raise BusyError("has no free VF", subject=f"network {name}", evidence=users)
    if str(following) in users:
        raise SafetyError(
            f"would give {following}, which {users[str(following)]} has: libvirt does not look",
            subject=f"network {name}",
            hint="free it there, or take it out of the network",
        )
    return following


def _verify(host: Host, after: Guest, attachment: NetworkAttachment, scope: Scope) -> None:
    device, interface = _held(after, attachment)
    if (scope.live and device is None) or (scope.config and interface is None):
        raise VerifyError(
            "libvirt accepted the interface, but the guest does not have it",
            subject=f"{after.name}: network {attachment.network}",
        )
    if device is not None:
        verify_on_card(host, read_vf_place(host.files, device.source), after)
