"""What must hold of a VF's MAC, VLAN, port profile and teaming before it is given to a guest.

libvirt defines most of what the XML can say and finds out at start what it cannot do.  Then the
guest does not start.  So what is known beforehand is said beforehand.

Source: libvirt ``src/hypervisor/virhostdev.c`` (``virHostdevSetNetConfig()``,
``virHostdevNetConfigVirtPortProfile()``), ``src/util/virnetdev.c`` (``virNetDevSetNetConfig()``);
the same in libvirt 9 and 11.
"""

from __future__ import annotations

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.errors import BusyError, HostError, InputError, SafetyError, UnsupportedError
from sriovctl.model.functions import NO_MAC
from sriovctl.model.guest_network import VirtualPortKind
from sriovctl.model.plan import Action

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from sriovctl.engine.guests.attach_checks import Scope
    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.guest import Guest, GuestDevice, VFAttachment
    from sriovctl.model.link import LinkReport
    from sriovctl.model.plan import Plan

# The one driver in the kernel with ndo_set_vf_port().
# Source: kernel drivers/net/ethernet/cisco/enic/enic_main.c
_QBH_DRIVERS = ("enic",)
_SETTINGS = ("mac", "vlan", "trunk", "virtual_port")
_SETTINGS_IF_ASKED = ("boot_order", "teaming_with")


def check_one_way_of_tagging(
    *, vlan: int | None, trunk: object | None, virtual_port: object | None
) -> None:
    """Refuse to say twice who tags the VF's frames.

    :raises InputError: libvirt takes one of VLAN, trunk and port profile.
    """
    given = {"--vlan": vlan, "--vlan-trunk": trunk, "--qbh or --qbg": virtual_port}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(
            f"goes without {' and '.join(named[1:])}",
            subject=named[0],
            hint="with a port profile the switch chooses the VLAN",
        )


def check_tagging(
    place: VFPlace, attachment: VFAttachment, scope: Scope, pf_driver: str | None
) -> tuple[str, ...]:
    """Refuse now what libvirt would refuse at the hot plug; warn of what it refuses at a start.

    :return: warnings.
    :raises UnsupportedError: libvirt has no way to do it.
    """
    problem = _problem_of(attachment)
    if problem is None:
        return tuple(_doubts_about_port(attachment, pf_driver))
    cause, hint = problem
    if scope.live:
        raise UnsupportedError(cause, subject=place.address, hint=hint)
    return (f"the guest will not start with {place.address}: {cause}; {hint}",)


def _problem_of(attachment: VFAttachment) -> tuple[str, str] | None:
    port = attachment.virtual_port
    if attachment.trunk is not None:
        return (
            "libvirt sets one VLAN tag on a VF, and no trunk",
            "a VF without --vlan passes the tags that the guest's system sets, where the card "
            "lets it",
        )
    if port is not None and port.kind is VirtualPortKind.QBG:
        return (
            f"libvirt has {port.kind} for macvtap interfaces, and for no VF that is passed through",
            "give the guest <interface type='direct'> on the VF's netdev, and run lldpad",
        )
    return None


def _doubts_about_port(attachment: VFAttachment, pf_driver: str | None) -> Iterator[str]:
    port = attachment.virtual_port
    if port is not None and pf_driver not in _QBH_DRIVERS:
        yield (
            f"libvirt asks the PF's driver for {port}, which {pf_driver or 'no driver'} is not "
            f"known to do; of the kernel's drivers {', '.join(_QBH_DRIVERS)} can"
        )


def explain_port_refusal(error: HostError, attachment: VFAttachment, pf_driver: str | None) -> None:
    """Complete libvirt's few words when the card or the switch refuses a port profile."""
    if attachment.virtual_port is None or "PortProfile" not in error.cause:
        return
    error.hint = (
        f"the PF's driver ({pf_driver or 'none'}) has to know {attachment.virtual_port.kind} and "
        "the switch the profile: see dmesg; without a port profile, use --mac and --vlan"
    )


def check_same_settings(held: Iterable[GuestDevice], attachment: VFAttachment) -> None:
    """Refuse to attach a VF again with other settings than it has in this guest.

    :raises BusyError: naming the settings it has.
    """
    for device in held:
        others = mismatches(device, attachment)
        if others:
            raise BusyError(
                f"is already in this guest, with MAC {device.mac or 'none'} "
                f"and {_describe_tagging(device)}",
                subject=device.source,
                hint="detach it first",
                evidence={
                    name.replace("_", " "): getattr(device, name) or "none"
                    for name in others
                    if name in _SETTINGS_IF_ASKED
                },
            )


def mismatches(device: GuestDevice, attachment: VFAttachment) -> tuple[str, ...]:
    """Name the settings of a device that are other than asked for.  Pure."""
    asked = [name for name in _SETTINGS_IF_ASKED if getattr(attachment, name) is not None]
    port = attachment.virtual_port
    return tuple(
        name
        for name in (*_SETTINGS, *asked)
        if getattr(device, name) != getattr(attachment, name)
        # An instance id that was left to libvirt cannot be compared.
        and not (name == "virtual_port" and port and port.is_met_by(device.virtual_port))
    )


def _describe_tagging(device: GuestDevice) -> str:
    if device.virtual_port is not None:
        return str(device.virtual_port)
    if device.trunk is not None:
        return f"VLAN trunk {device.trunk}"
    return f"VLAN {device.vlan or 'none'}"


def check_vlan_fits_libvirt(place: VFPlace, attributes: VFAttributes | None) -> None:
    """Refuse to lose the priority or the ethertype of a VF's VLAN: libvirt sets the id alone.

    :raises UnsupportedError: the VF has either, and the user has not named a VLAN.
    """
    vlan = attributes.vlan if attributes else None
    if vlan is not None and vlan.id and (vlan.qos or vlan.protocol != "802.1q"):
        raise UnsupportedError(
            f"has VLAN {vlan.id} with qos {vlan.qos} and protocol {vlan.protocol}, "
            "and libvirt would keep the id alone",
            subject=place.address,
            hint=f"say --vlan {vlan.id} to go without",
        )


def standing_settings(attributes: VFAttributes | None) -> tuple[str | None, int | None]:
    """MAC and VLAN id that were set through the VF's PF.

    libvirt clears the VLAN of a VF that comes without one, and makes up a MAC.  So what
    ``apply`` has set must be handed to it, or the guest would end up in another network.
    """
    if attributes is None:
        return None, None
    mac = attributes.admin_mac
    return mac if mac and mac.strip("0:") else None, attributes.vlan_id


# --- teaming, aliases ------------------------------------------------------------------------


def check_alias_free(guest: Guest, attachment: VFAttachment) -> None:
    """Refuse an alias that another device of the guest has.

    :raises InputError: it is taken.
    """
    own = {device.alias for device in guest.holds(attachment.source)}
    if attachment.alias in set(guest.aliases) - own:
        raise InputError(
            f"is the alias of another device of {guest.name}",
            subject=attachment.alias,
            hint="name one: --alias ua-…",
        )


def check_boot_order(guest: Guest, order: int | None) -> None:
    """Make sure that the guest can boot from a device by its place in an order.

    libvirt takes classes of devices (``<os><boot dev='hd'/>``, its default) or an order of
    devices, and each place of that once.

    :raises InputError: the place is taken.
    :raises UnsupportedError: the guest boots by classes of devices.
    """
    if order is None:
        return
    if order < 1:
        raise InputError("is no place in an order", subject=f"--boot-order {order}")
    if guest.boots_by_class:
        raise UnsupportedError(
            "boots by classes of devices, and libvirt takes no order beside them",
            subject=guest.name,
            hint="with 'virsh edit', take <boot dev='…'/> out of <os>, and give "
            "<boot order='…'/> to its disk",
        )
    if order in guest.boot_orders:
        raise InputError(f"is taken in {guest.name}", subject=f"--boot-order {order}")


def teaming_mac(guest: Guest, alias: str) -> str | None:
    """MAC of the lasting half of a pair: both halves must have one.

    :raises InputError: the guest has no such interface, or it is not made for that.
    """
    found = [own for own in guest.own_interfaces if own.alias == alias]
    if not found:
        known = ", ".join(own.alias for own in guest.own_interfaces if own.alias) or "none"
        raise InputError(
            f"is no interface of {guest.name} that is not passed through",
            subject=alias,
            hint=f"aliases there: {known}",
        )
    if not found[0].persistent or (found[0].model or "").partition("-")[0] != "virtio":
        raise InputError(
            "is no lasting half of a pair",
            subject=f"{guest.name}: {alias}",
            hint="it needs <model type='virtio'/> and <teaming type='persistent'/>",
        )
    return found[0].mac


# --- MACs of others --------------------------------------------------------------------------


def check_mac_unique(
    guests: Iterable[Guest], name: str, attachment: VFAttachment
) -> tuple[str, ...]:
    """Refuse a MAC that another device of any guest has.

    :return: warnings.
    :raises SafetyError: naming the guest that has it.
    """
    mac = attachment.mac
    if mac is None:
        return ()
    warnings: tuple[str, ...] = ()
    for guest in guests:
        if any(each.mac == mac and each.source != attachment.source for each in guest.devices):
            raise _mac_taken(mac, f"a device of guest {guest.name}")
        if mac in guest.own_macs:
            # Only inside one guest, and on purpose: two halves of a teaming pair.
            if guest.name != name:
                raise _mac_taken(mac, f"a device of guest {guest.name}")
            if attachment.teaming_with is None:
                warnings = (f"{name} has another interface with MAC {mac}: pair them?",)
    return warnings


def check_mac_not_on_host(host: Host, place: VFPlace, mac: str) -> tuple[str, ...]:
    """Refuse a MAC that another VF of any card has, or a netdev of this host.

    :return: warnings.
    :raises SafetyError: naming it.
    """
    try:
        (answer,) = host.rtnl.exchange([encode_link_dump(with_vfs=True)])
    except HostError as error:  # many thousands of VFs are more than one answer holds
        return (f"whether another VF has MAC {mac} could not be seen: {error}",)
    for payload in answer.payloads:
        link = decode_link(payload)
        _refuse_netdev_with((mac,), link, place.address)
        index = _vf_with(link, mac)
        if index is not None and (link.ifname, index) != (place.pf_netdev, place.vf_index):
            raise _mac_taken(
                mac,
                f"VF {index} of {link.ifname}",
                hint=f"choose another, or free it: ip link set {link.ifname} vf {index} mac …",
            )
    return ()


def check_macs_of_plan(host: Host, vf: PCIAddress, plan: Plan) -> None:
    """Refuse a plan for a VF whose MAC a netdev of this host has; the planner looks at VFs alone.

    :raises SafetyError: naming the netdev.
    """
    macs = {step.after.get("admin_mac") for step in plan.steps if step.action is Action.SET_VF}
    macs -= {None, NO_MAC}
    if not macs:
        return
    (answer,) = host.rtnl.exchange([encode_link_dump(with_vfs=False)])
    for payload in answer.payloads:
        _refuse_netdev_with(macs, decode_link(payload), vf)


def _refuse_netdev_with(macs: Container[object], link: LinkReport, vf: PCIAddress) -> None:
    if link.mac is not None and link.mac in macs and link.parent_device != str(vf):
        raise _mac_taken(link.mac, f"the netdev {link.ifname} of this host")


def _vf_with(link: LinkReport, mac: str) -> int | None:
    return next((vf.vf_index for vf in link.vfs if vf.admin_mac == mac), None)


def _mac_taken(mac: str, whose: str, hint: str | None = None) -> SafetyError:
    return SafetyError(
        f"is already the MAC of {whose}",
        subject=mac,
        hint=hint or "two stations with one MAC lose frames at random: choose another",
    )
