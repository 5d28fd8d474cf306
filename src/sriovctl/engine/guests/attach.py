"""Give VFs to a guest: all that are named, or none.

Theory of operation.  libvirt does the work: at attach it saves the VF's MAC and VLAN below
``/run/libvirt``, sets the new ones through the PF, binds vfio-pci and plugs the device.  What it
lacks is what stands here: every check comes before the first change, the result is read back
rather than believed, and what was attached is taken back when a later VF fails.  After a port
profile that the card refused, libvirt leaves the new MAC on the card; it is put back as well.

Source: libvirt ``src/hypervisor/virhostdev.c``, ``src/util/virnetdev.c`` and
``src/qemu/qemu_hotplug.c``.
"""

from __future__ import annotations

from sriovctl.engine.guests import attach_checks as checks
from sriovctl.engine.guests import attach_settings as rules
from sriovctl.engine.guests.attach_checks import Scope
from sriovctl.engine.guests.detach import DETACH_TIMEOUT_S, detach
from sriovctl.engine.guests.holders import read_guest, read_guests
from sriovctl.engine.guests.placement import placement_doubts
from sriovctl.engine.guests.read_back import verify_on_card
from sriovctl.engine.guests.vf_place import is_vf, read_attributes, read_driver, read_vf_place
from sriovctl.errors import HostError, InputError, SriovctlError, VerifyError
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.guest import (
    AttachResult,
    DeviceKind,
    GuestDevice,
    VFAttachment,
    Wanted,
    alias_of,
)
from sriovctl.model.record import NamedTuple
from sriovctl.render.libvirt_xml import format_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest


class _Job(NamedTuple):
    place: VFPlace
    attachment: VFAttachment
    scope: Scope
    missing: Scope  # what of it is still to be done
    before: VFAttributes | None  # on the card
    pf_driver: str | None
    warnings: tuple[str, ...] = ()


def attach(
    host: Host, libvirt: Libvirt, *, guest: str, vf: PCIAddress, wanted: Wanted
) -> AttachResult:
    """Give one VF to the guest; see :func:`attach_all`."""
    (result,) = attach_all(host, libvirt, guest=guest, wanted=[(vf, wanted)])
    return result


def attach_all(
    host: Host,
    libvirt: Libvirt,
    *,
    guest: str,
    wanted: Sequence[tuple[PCIAddress, Wanted]],
    timeout_s: float = DETACH_TIMEOUT_S,
) -> tuple[AttachResult, ...]:
    """Give VFs to the guest; nothing happens to those that it has as wanted.

    When one fails, those before it are taken back; the error's evidence says what is left.

    :param timeout_s: how long a running guest may take to let go of each of them.
    :raises InputError: no such guest or VF, or flags that do not fit the guest's state.
    :raises SafetyError: a VF or a MAC belongs to somebody else.
    :raises UnsupportedError: no IOMMU, group not viable, PF down, or no free port.
    :raises BusyError: the guest has a VF with other settings.
    :raises VerifyError: libvirt's definition reads back differently.
    """
    target = read_guest(libvirt, guest)
    guests = read_guests(libvirt)
    for vf, _ in wanted:
        _settle(host, libvirt, guests, target, vf)
    jobs = [_plan(host, guests, target, vf, each) for vf, each in wanted]
    _check_together(target, jobs)
    jobs = _with_doubts(host, target, jobs)
    results: list[AttachResult] = []
    for position, job in enumerate(jobs):
        try:
            results.append(_carry_out(host, libvirt, target, job))
        except BaseException as error:
            # BaseException: Ctrl-C must not leave half of them behind either.
            _take_back(host, libvirt, guest, jobs[: position + 1], error, timeout_s=timeout_s)
            raise
    return tuple(results)


def plan_attachment(
    place: VFPlace,
    attributes: VFAttributes | None,
    held: tuple[GuestDevice, ...],
    wanted: Wanted,
) -> VFAttachment:
    """Complete what the user asks for by what the VF has.  Pure.

    :param held: the VF's devices in the guest, if it is there already.
    :raises InputError: two ways of tagging at once.
    :raises UnsupportedError: a MAC or VLAN is asked of a VF that can have none.
    """
    tagged = wanted.vlan, wanted.trunk, wanted.virtual_port
    rules.check_one_way_of_tagging(vlan=tagged[0], trunk=tagged[1], virtual_port=tagged[2])
    tagging = wanted.trunk or wanted.virtual_port
    checks.check_settings_possible(place, mac=wanted.mac, vlan=wanted.vlan, tagging=tagging)
    kind = checks.kind_of(place)
    attachment = VFAttachment(
        kind=kind,
        source=place.address,
        mac=wanted.mac,
        vlan=wanted.vlan or None,
        alias=wanted.alias or alias_of(place.address),
        boot_order=wanted.boot_order,
        teaming_with=wanted.teaming_with,
        trunk=wanted.trunk,
        virtual_port=wanted.virtual_port,
    )
    if kind is not DeviceKind.INTERFACE:
        return attachment
    untold = all(way is None for way in tagged)
    if held:
        return _as_held(attachment, held[0], untold=untold)
    if untold:
        rules.check_vlan_fits_libvirt(place, attributes)
    standing_mac, standing_vlan = rules.standing_settings(attributes)
    return attachment._replace(
        mac=attachment.mac or standing_mac, vlan=standing_vlan if untold else attachment.vlan
    )


def _as_held(attachment: VFAttachment, device: GuestDevice, *, untold: bool) -> VFAttachment:
    attachment = attachment._replace(mac=attachment.mac or device.mac)
    if not untold:
        return attachment
    return attachment._replace(
        vlan=device.vlan, trunk=device.trunk, virtual_port=device.virtual_port
    )


# --- before the first change -----------------------------------------------------------------


# What libvirt left behind when it was killed would be taken for what the VF had before.
def _settle(
    host: Host, libvirt: Libvirt, guests: tuple[Guest, ...], target: Guest, vf: PCIAddress
) -> None:
    held = any(guest.holds(vf) for guest in guests if guest.name != target.name)
    held = held or checks.scope_of(target.holds(vf)).live
    if held or not is_vf(host.files, vf) or read_driver(host.files, vf) != "vfio-pci":
        return
    from sriovctl.engine.guests.interrupted import check_not_open, put_back

    place = read_vf_place(host.files, vf)
    check_not_open(host, libvirt, target.name, place, runs=target.active)
    put_back(host, place)


def _plan(
    host: Host, guests: tuple[Guest, ...], target: Guest, vf: PCIAddress, wanted: Wanted
) -> _Job:
    scope = checks.choose_scope(target, live=wanted.live, config=wanted.config)
    place = read_vf_place(host.files, vf)
    held = target.holds(vf)
    checks.check_not_in_another_guest(guests, target.name, vf)
    if wanted.teaming_with is not None and not held:
        mac = rules.teaming_mac(target, wanted.teaming_with)
        wanted = wanted._replace(mac=_same_mac(wanted, mac))
    before = read_attributes(host, place)
    attachment = plan_attachment(place, before, held, wanted)
    rules.check_same_settings(held, attachment)
    missing = scope.without(checks.scope_of(held))
    pf_driver = read_driver(host.files, place.pf)
    job = _Job(place, attachment, scope, missing, before, pf_driver)
    return job._replace(warnings=_check(host, guests, target, job)) if any(missing) else job


def _same_mac(wanted: Wanted, mac: str | None) -> str | None:
    if wanted.mac not in (None, mac):
        raise InputError(
            f"is not the MAC of {wanted.teaming_with}, which has {mac or 'none'}",
            subject=wanted.mac,
            hint="both halves of a pair have one MAC: leave --mac out",
        )
    return mac


def _check(host: Host, guests: tuple[Guest, ...], target: Guest, job: _Job) -> tuple[str, ...]:
    place, attachment, missing = job.place, job.attachment, job.missing
    rules.check_alias_free(target, attachment)
    rules.check_boot_order(target, attachment.boot_order)
    warnings = [*rules.check_tagging(place, attachment, missing, job.pf_driver)]
    # A VF that the running guest holds is not the host's any more: only ask about the rest.
    if not checks.scope_of(target.holds(place.address)).live:
        checks.check_not_used_by_host(place)
        checks.check_isolated(place)
    warnings += checks.check_pf_up(place, attachment, missing)
    warnings += rules.check_mac_unique(guests, target.name, attachment)
    if attachment.mac is not None:
        warnings += rules.check_mac_not_on_host(host, place, attachment.mac)
    return (*warnings, *checks.warnings_for(target, missing))


def _check_together(target: Guest, jobs: Sequence[_Job]) -> None:
    checks.check_room(target, sum(job.missing.live for job in jobs))
    for name in ("source", "mac", "alias", "teaming_with"):
        values = [getattr(job.attachment, name) for job in jobs]
        twice = next((value for value in values if value and values.count(value) > 1), None)
        if twice is not None:
            raise InputError("is named for two VFs", subject=twice)


# Of all together: with an IOMMU of the guest's own, each of them locks its memory once more.
def _with_doubts(host: Host, target: Guest, jobs: Sequence[_Job]) -> list[_Job]:
    more = sum(any(job.missing) for job in jobs)
    return [_doubted(host, target, job, more) if any(job.missing) else job for job in jobs]


def _doubted(host: Host, target: Guest, job: _Job, more: int) -> _Job:
    doubts = placement_doubts(host.files, target, job.place, more=more)
    return job._replace(warnings=(*job.warnings, *doubts))


# --- the change, and its way back ------------------------------------------------------------


def _carry_out(host: Host, libvirt: Libvirt, target: Guest, job: _Job) -> AttachResult:
    attachment, missing = job.attachment, job.missing
    if not any(missing):
        return _result(target, job, changed=False)
    try:
        libvirt.attach_device(
            target.name, format_attachment(attachment), live=missing.live, config=missing.config
        )
    except HostError as error:
        rules.explain_port_refusal(error, attachment, job.pf_driver)
        raise
    after = read_guest(libvirt, target.name)
    _verify(after, attachment, job.scope)
    if missing.live and attachment.kind is DeviceKind.INTERFACE and not attachment.virtual_port:
        verify_on_card(host, job.place, after)
    return _result(after, job, changed=True)


def _take_back(
    host: Host,
    libvirt: Libvirt,
    guest: str,
    begun: Sequence[_Job],
    error: BaseException,
    *,
    timeout_s: float,
) -> None:
    notes: dict[str, list[str]] = {}
    for job in reversed([job for job in begun if any(job.missing)]):
        vf = str(job.place.address)
        try:
            if _take_one_back(host, libvirt, guest, job, timeout_s=timeout_s):
                notes.setdefault("taken back", []).append(vf)
        except SriovctlError as failed:
            notes.setdefault("not taken back", []).append(f"{vf}: {failed.cause}")
    if isinstance(error, SriovctlError):
        error.evidence |= {key: "; ".join(values) for key, values in notes.items()}


def _take_one_back(
    host: Host, libvirt: Libvirt, guest: str, job: _Job, *, timeout_s: float
) -> bool:
    live, config = job.missing
    vf = job.place.address
    undone = detach(
        host, libvirt, guest=guest, vf=vf, live=live, config=config, timeout_s=timeout_s
    )
    if live and not undone.changed:
        _restore_card(host, job)
    return undone.changed


def _restore_card(host: Host, job: _Job) -> None:
    now = read_attributes(host, job.place)
    if now is None or job.before is None or job.place.pf_netdev is None:
        return
    from sriovctl.engine.vf_attributes import write_vf_attributes
    from sriovctl.model.state import UNSET, WantedVF

    mac, vlan = job.before.admin_mac, job.before.vlan
    change = WantedVF(
        admin_mac=UNSET if mac is None or mac == now.admin_mac else mac,
        vlan=UNSET if vlan is None or vlan == now.vlan else VLAN(*vlan),
    )
    if change != WantedVF():
        write_vf_attributes(host.rtnl, job.place.pf_netdev, [(job.place.vf_index, change)])


# --- reading back ----------------------------------------------------------------------------


def _verify(after: Guest, attachment: VFAttachment, scope: Scope) -> None:
    held = after.holds(attachment.source)
    if scope.without(checks.scope_of(held)) != Scope(False, False):
        raise VerifyError(
            "libvirt accepted the VF, but the guest does not have it",
            subject=f"{after.name}: {attachment.source}",
        )
    for device in held:
        for name in rules.mismatches(device, attachment):
            asked, found = getattr(attachment, name), getattr(device, name)
            # A MAC that was left to libvirt cannot be compared.
            if not (name == "mac" and asked is None):
                raise VerifyError(
                    f"libvirt has another {name.replace('_', ' ')} than was asked for",
                    subject=f"{after.name}: {attachment.source}",
                    evidence={"asked": asked, "found": found},
                )


def _result(guest: Guest, job: _Job, *, changed: bool) -> AttachResult:
    place = job.place
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
        live=job.scope.live,
        config=job.scope.config,
        changed=changed,
        warnings=job.warnings,
        trunk=device.trunk,
        virtual_port=device.virtual_port,
    )
