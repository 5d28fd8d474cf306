"""Everything that must hold before a VF is given to a guest.

libvirt finds most of this out itself, but halfway: on "No more available PCI slots" it has
already changed the VF's MAC.  So each check here runs before the first change.  Pure.
"""

from __future__ import annotations

from sriovctl.errors import BusyError, InputError, SafetyError, UnsupportedError
from sriovctl.model.guest import DeviceKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.guest import Guest, GuestDevice, VFAttachment


class Scope(NamedTuple):
    """Which of a guest's two definitions is meant."""

    live: bool
    config: bool

    def without(self, other: Scope) -> Scope:
        """What is in this scope and not in the other."""
        return Scope(self.live and not other.live, self.config and not other.config)


def choose_scope(guest: Guest, *, live: bool, config: bool) -> Scope:
    """Turn the user's flags into a scope; without flags it is all that the guest has.

    :raises InputError: the guest has no such definition.
    """
    if live and not guest.active:
        raise InputError(
            f"is {guest.state}, so nothing can be hot-plugged",
            subject=guest.name,
            hint="start it first, or use --config for its next boot",
        )
    if config and not guest.persistent:
        raise InputError(
            "is transient: there is no next boot", subject=guest.name, hint="use --live"
        )
    if live or config:
        return Scope(live, config)
    return Scope(guest.active, guest.persistent)


def scope_of(devices: Iterable[GuestDevice]) -> Scope:
    """Where devices are already."""
    held = tuple(devices)
    return Scope(any(device.live for device in held), any(device.config for device in held))


def check_not_in_another_guest(guests: Iterable[Guest], name: str, vf: PCIAddress) -> None:
    """Refuse a VF that another guest has, now or after its next boot.

    :raises SafetyError: naming that guest.
    """
    for guest in guests:
        devices = guest.holds(vf)
        if guest.name != name and devices:
            when = "has it now" if scope_of(devices).live else "gets it at its next boot"
            raise SafetyError(
                f"belongs to guest {guest.name}, which {when}",
                subject=vf,
                hint=f"sriovctl detach {guest.name} --vf {vf}",
            )


def check_not_used_by_host(place: VFPlace) -> None:
    """Refuse a VF whose netdev works for this host or for a container.

    :raises SafetyError: naming the user.
    """
    if place.netdev_uppers:
        raise SafetyError(
            f"its netdev {place.netdev} carries {', '.join(place.netdev_uppers)} on this host",
            subject=place.address,
            hint="take it out of there first",
        )
    if place.netdev_elsewhere:
        raise SafetyError(
            "its netdev is in another network namespace, perhaps a container's",
            subject=place.address,
            hint="move it back first: ip -n NAMESPACE link set NETDEV netns 1",
        )


def check_isolated(place: VFPlace) -> None:
    """Make sure that the IOMMU can confine the VF to one guest.

    :raises UnsupportedError: no IOMMU group, or host drivers hold other members of it.
    """
    if place.iommu_group is None:
        raise UnsupportedError(
            "is in no IOMMU group: the IOMMU is missing or off",
            subject=place.address,
            hint="switch VT-d or AMD-Vi on in the firmware and boot with intel_iommu=on iommu=pt",
        )
    if place.group_blockers:
        raise UnsupportedError(
            f"shares IOMMU group {place.iommu_group} with {', '.join(place.group_blockers)}, "
            "and a group can only be given away as a whole",
            subject=place.address,
            hint="'sriovctl groups' shows the groups; "
            "a slot below a port with ACS gives each VF its own",
        )


def check_room(guest: Guest) -> None:
    """Make sure that the running guest can take one more function.

    :raises UnsupportedError: all its ports or slots are taken.
    """
    if guest.room is not None and guest.room.free == 0:
        raise UnsupportedError(
            f"has no free {guest.room.kind[:-1]} for a hot plug: all {guest.room.total} are taken",
            subject=guest.name,
            hint="use --config and restart the guest, or shut it down and add "
            "<controller type='pci' model='pcie-root-port'/> with 'virsh edit'",
        )


def check_settings_possible(place: VFPlace, *, mac: str | None, vlan: int | None) -> None:
    """Make sure that MAC and VLAN mean something for this VF.

    :raises UnsupportedError: no network function, or its PF has no netdev to set them through.
    """
    if mac is None and vlan is None:
        return
    if not place.is_network:
        raise UnsupportedError(
            "is no network function, so it has neither MAC nor VLAN",
            subject=place.address,
            hint="leave --mac and --vlan out",
        )
    if place.pf_netdev is None:
        raise UnsupportedError(
            f"its PF {place.pf} has no netdev here through which MAC and VLAN are set",
            subject=place.address,
            hint="bind the PF to its network driver, or leave --mac and --vlan out",
        )


def check_same_settings(held: Iterable[GuestDevice], attachment: VFAttachment) -> None:
    """Refuse to attach a VF again with other settings than it has in this guest.

    :raises BusyError: naming the settings it has.
    """
    for device in held:
        if (device.mac, device.vlan) != (attachment.mac, attachment.vlan):
            raise BusyError(
                f"is already in this guest, with MAC {device.mac or 'none'} "
                f"and VLAN {device.vlan or 'none'}",
                subject=device.source,
                hint="detach it first",
            )


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
            raise _mac_taken(guest, mac)
        if mac in guest.own_macs:
            # Only inside one guest, and on purpose: two halves of a teaming pair.
            if guest.name != name:
                raise _mac_taken(guest, mac)
            if attachment.teaming_with is None:
                warnings = (f"{name} has another interface with MAC {mac}: pair them?",)
    return warnings


def _mac_taken(guest: Guest, mac: str) -> SafetyError:
    return SafetyError(
        f"is already the MAC of a device of guest {guest.name}",
        subject=mac,
        hint="two stations with one MAC lose frames at random: choose another",
    )


def kind_of(place: VFPlace) -> DeviceKind:
    """Which element suits a VF: only for NICs with a PF netdev can libvirt set MAC and VLAN."""
    if place.is_network and place.pf_netdev is not None:
        return DeviceKind.INTERFACE
    return DeviceKind.HOSTDEV


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


def standing_settings(
    held: tuple[GuestDevice, ...], attributes: VFAttributes | None
) -> tuple[str | None, int | None]:
    """MAC and VLAN id that the VF has: in this guest, or else set through its PF.

    libvirt clears the VLAN of a VF that comes without one, and makes up a MAC.  So what
    ``apply`` has set must be handed to it, or the guest would end up in another network.
    """
    if held:
        return held[0].mac, held[0].vlan
    if attributes is None:
        return None, None
    mac, vlan = attributes.admin_mac, attributes.vlan
    return (
        mac if mac and mac.strip("0:") else None,
        vlan.id if vlan is not None and vlan.id else None,
    )


def warnings_for(guest: Guest, place: VFPlace, scope: Scope) -> tuple[str, ...]:
    """What does not forbid the attachment, but will surprise."""
    warnings = []
    if place.pf_up is False:
        warnings.append(
            f"PF {place.pf_netdev} is down, so the VF has no link: ip link set {place.pf_netdev} up"
        )
    if scope.live and not guest.acpi and (guest.machine or "").startswith(("pc", "q35")):
        warnings.append(f"{guest.name} has no ACPI: it may not notice a hot plug or unplug")
    return tuple(warnings)
