"""Everything that must hold before a VF is given to a guest.

libvirt finds most of this out itself, but halfway: on "No more available PCI slots" it has
already changed the VF's MAC.  So each check here runs before the first change.  Pure.
"""

from __future__ import annotations

from sriovctl.errors import InputError, SafetyError, UnsupportedError
from sriovctl.model.guest import DeviceKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.model.address import PCIAddress
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
            hint=f"bring it back first: sriovctl netns detach {place.address}",
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
            evidence={
                each.device: "no driver" if each.driver is None else each.driver
                for each in place.group_members
            },
        )


def check_room(guest: Guest, count: int = 1) -> None:
    """Make sure that the running guest can take so many functions more.

    :raises UnsupportedError: too many of its ports or slots are taken.
    """
    room = guest.room
    if room is None or room.free >= count:
        return
    if room.free:
        cause = f"has {room.free} free {room.kind} for a hot plug, and {count} are needed"
    else:
        cause = f"has no free {room.kind[:-1]} for a hot plug: all {room.total} are taken"
    hint = "use --config and restart the guest"
    if room.kind == "root ports":
        hint += "; --add-root-ports N gives it more from its next start"
    raise UnsupportedError(cause, subject=guest.name, hint=hint)


def check_settings_possible(
    place: VFPlace, *, mac: str | None, vlan: int | None, tagging: object | None = None
) -> None:
    """Make sure that MAC and VLAN mean something for this VF.

    :param tagging: a VLAN trunk or a port profile.
    :raises UnsupportedError: no network function, or its PF has no netdev to set them through.
    """
    if mac is None and vlan is None and tagging is None:
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


def kind_of(place: VFPlace) -> DeviceKind:
    """Which element suits a VF: only for NICs with a PF netdev can libvirt set MAC and VLAN."""
    if place.is_network and place.pf_netdev is not None:
        return DeviceKind.INTERFACE
    return DeviceKind.HOSTDEV


def check_pf_up(place: VFPlace, attachment: VFAttachment, scope: Scope) -> tuple[str, ...]:
    """Make sure that libvirt can set MAC and VLAN through the PF.

    Source: libvirt ``src/util/virnetdev.c``, ``virNetDevSaveNetConfig()``.

    :return: warnings.
    :raises UnsupportedError: the PF is down, and the VF is to be plugged now.
    """
    warnings = doubts_about_link(place)
    through_pf = attachment.kind is DeviceKind.INTERFACE and attachment.virtual_port is None
    if warnings and scope.live and through_pf:
        raise UnsupportedError(
            f"its PF {place.pf_netdev} is down, and libvirt sets MAC and VLAN only through a PF "
            "that is up",
            subject=place.address,
            hint=f"ip link set {place.pf_netdev} up, or 'link: {{state: up}}' in the state file",
        )
    return warnings


def doubts_about_link(place: VFPlace) -> tuple[str, ...]:
    """Warn of a PF that is down."""
    if place.pf_up is not False:
        return ()
    return (
        f"PF {place.pf_netdev} is down, so the VF has no link: ip link set {place.pf_netdev} up",
    )


def warnings_for(guest: Guest, scope: Scope) -> tuple[str, ...]:
    """What does not forbid the attachment, but will surprise."""
    if scope.live and not guest.acpi and (guest.machine or "").startswith(("pc", "q35")):
        return (f"{guest.name} has no ACPI: it may not notice a hot plug or unplug",)
    return ()
