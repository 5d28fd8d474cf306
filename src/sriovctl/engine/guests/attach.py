"""Give a VF to a guest.

Theory of operation.  libvirt does the work: at attach it saves the VF's MAC and VLAN below
``/run/libvirt``, sets the new ones through the PF, binds vfio-pci and plugs the device.  What it
lacks is what stands here: every check comes before the first change, and the result is read back
rather than believed.

Source: libvirt ``src/hypervisor/virhostdev.c``, ``src/util/virnetdev.c`` and
``src/qemu/qemu_hotplug.c``.
"""

from __future__ import annotations

from sriovctl.engine.guests import attach_checks as checks
from sriovctl.engine.guests.attach_checks import Scope
from sriovctl.engine.guests.holders import holders, read_guest, read_guests
from sriovctl.engine.guests.vf_place import (
    find_pf,
    read_attributes,
    read_vf_addresses,
    read_vf_place,
)
from sriovctl.errors import BusyError, UnsupportedError, VerifyError
from sriovctl.model.guest import (
    AttachResult,
    DeviceKind,
    GuestDevice,
    VFAttachment,
    alias_of,
)
from sriovctl.model.record import NamedTuple
from sriovctl.render.libvirt_xml import format_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import FileTree, Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest

NO_VLAN = 0  # "no tag", said on purpose; None means "as it is"


class Wanted(NamedTuple):
    """What the user asks of ``attach``."""

    mac: str | None = None  # None: the one that the VF has, or else one of libvirt's
    vlan: int | None = None  # None: the one that the VF has; NO_VLAN: none
    live: bool = False
    config: bool = False  # neither: live if the guest runs, config if it is persistent
    boot_order: int | None = None
    teaming_with: str | None = None


def attach(
    host: Host, libvirt: Libvirt, *, guest: str, vf: PCIAddress, wanted: Wanted
) -> AttachResult:
    """Give the VF to the guest; nothing happens if the guest has it as wanted.

    :raises InputError: no such guest or VF, or flags that do not fit the guest's state.
    :raises SafetyError: the VF or the MAC belongs to somebody else.
    :raises UnsupportedError: no IOMMU, group not viable, or no free port.
    :raises BusyError: the guest has the VF with other settings.
    :raises VerifyError: libvirt's definition reads back differently.
    """
    target = read_guest(libvirt, guest)
    scope = checks.choose_scope(target, live=wanted.live, config=wanted.config)
    place = read_vf_place(host.files, vf)
    guests = read_guests(libvirt)
    checks.check_not_in_another_guest(guests, guest, vf)
    attachment = plan_attachment(host, place, target.holds(vf), wanted)
    checks.check_same_settings(target.holds(vf), attachment)
    missing = scope.without(checks.scope_of(target.holds(vf)))
    if not any(missing):
        return _result(target, place, scope, changed=False, warnings=())
    warnings = _check(guests, target, place, attachment, missing)
    libvirt.attach_device(
        guest, format_attachment(attachment), live=missing.live, config=missing.config
    )
    after = read_guest(libvirt, guest)
    _verify(after, attachment, scope)
    if missing.live and attachment.kind is DeviceKind.INTERFACE:
        _verify_on_card(host, place, after)
    return _result(after, place, scope, changed=True, warnings=warnings)


def plan_attachment(
    host: Host, place: VFPlace, held: tuple[GuestDevice, ...], wanted: Wanted
) -> VFAttachment:
    """Complete what the user asks for by what the VF has; changes nothing.

    :param held: the VF's devices in the guest, if it is there already.
    :raises UnsupportedError: a MAC or VLAN is asked of a VF that can have none.
    """
    checks.check_settings_possible(place, mac=wanted.mac, vlan=wanted.vlan)
    kind = checks.kind_of(place)
    attachment = VFAttachment(
        kind=kind,
        source=place.address,
        alias=alias_of(place.address),
        boot_order=wanted.boot_order,
        teaming_with=wanted.teaming_with,
    )
    if kind is not DeviceKind.INTERFACE:
        return attachment
    attributes = None if held else read_attributes(host, place)
    if wanted.vlan is None:
        checks.check_vlan_fits_libvirt(place, attributes)
    standing_mac, standing_vlan = checks.standing_settings(held, attributes)
    return attachment._replace(
        mac=wanted.mac or standing_mac,
        vlan=standing_vlan if wanted.vlan is None else wanted.vlan or None,
    )


def pick_vf(
    host: Host, libvirt: Libvirt, *, pf: str, lent: Mapping[str, str] | None = None
) -> PCIAddress:
    """Choose the free VF with the lowest index of a PF, given by its netdev or address.

    Free means: it is not lent, no guest has it, now or after its next boot, and its netdev is
    down and here.

    :param lent: address of a VF -> who has a lease of it.
    :raises InputError: there is no such PF.
    :raises UnsupportedError: it has no VFs.
    :raises BusyError: all VFs are taken.
    """
    addresses = read_vf_addresses(host.files, find_pf(host.files, pf))
    if not addresses:
        raise UnsupportedError("has no VFs", subject=pf, hint="create some first: num_vfs")
    guests = read_guests(libvirt)
    users = {
        str(vf): (lent or {}).get(str(vf)) or _user_of(host.files, guests, vf) for vf in addresses
    }
    for vf in addresses:
        if users[str(vf)] is None:
            return vf
    raise BusyError("all its VFs are taken", subject=pf, evidence=users)


def _check(
    guests: tuple[Guest, ...],
    target: Guest,
    place: VFPlace,
    attachment: VFAttachment,
    missing: Scope,
) -> tuple[str, ...]:
    # A VF that the running guest holds is not the host's any more: only ask about the rest.
    if not checks.scope_of(target.holds(place.address)).live:
        checks.check_not_used_by_host(place)
        checks.check_isolated(place)
    if missing.live:
        checks.check_room(target)
    doubts = checks.check_mac_unique(guests, target.name, attachment)
    return (*doubts, *checks.warnings_for(target, place, missing))


def _verify(after: Guest, attachment: VFAttachment, scope: Scope) -> None:
    held = after.holds(attachment.source)
    if scope.without(checks.scope_of(held)) != Scope(False, False):
        raise VerifyError(
            "libvirt accepted the VF, but the guest does not have it",
            subject=f"{after.name}: {attachment.source}",
        )
    for device in held:
        for name, asked in (("mac", attachment.mac), ("vlan", attachment.vlan)):
            found = getattr(device, name)
            # A MAC that was left to libvirt cannot be compared.
            if found != asked and not (name == "mac" and asked is None):
                raise VerifyError(
                    f"libvirt has another {name} than was asked for",
                    subject=f"{after.name}: {attachment.source}",
                    evidence={"asked": asked, "found": found},
                )


def _verify_on_card(host: Host, place: VFPlace, after: Guest) -> None:
    # libvirt's XML says what libvirt meant to do; the PF's driver says what came of it.
    attributes = read_attributes(host, place)
    if attributes is None:
        return
    device = next(device for device in after.holds(place.address) if device.live)
    vlan_id = attributes.vlan.id if attributes.vlan is not None else None
    for name, meant, found in (
        ("MAC", device.mac, attributes.admin_mac),
        ("VLAN", device.vlan or 0, vlan_id),
    ):
        if found is not None and found != meant:
            raise VerifyError(
                f"the card has another {name} for the VF than libvirt says",
                subject=f"{after.name}: {place.address}",
                hint="does somebody else set it too?  See 'sriovctl ls'",
                evidence={"libvirt": meant, "card": found},
            )


def _result(
    guest: Guest, place: VFPlace, scope: Scope, *, changed: bool, warnings: tuple[str, ...]
) -> AttachResult:
    # The live device first: it has the address that the guest sees now.
    device = max(guest.holds(place.address), key=lambda each: each.live)
    return AttachResult(
        guest=guest.name,
        vf=place.address,
        vf_index=place.vf_index,
        pf=place.pf,
        pf_netdev=place.pf_netdev,
        kind=device.kind,
        mac=device.mac,
        vlan=device.vlan,
        guest_address=device.guest_address,
        live=scope.live,
        config=scope.config,
        changed=changed,
        warnings=warnings,
    )


def _user_of(files: FileTree, guests: Iterable[Guest], vf: PCIAddress) -> str | None:
    names = [guest.name for guest in holders(guests, vf)]
    if names:
        return f"guest {' and '.join(names)}"
    place = read_vf_place(files, vf)
    if place.netdev_elsewhere:
        return "another network namespace"
    return f"host netdev {place.netdev}" if place.netdev_up or place.netdev_uppers else None
