"""Take a VF back from a guest.

Theory of operation.  At detach libvirt asks the guest, waits for about five seconds, and returns
whether or not the guest has answered.  When it has, libvirt puts back the VF's MAC, VLAN and
driver.  So the result is read back until the guest has let go, or a deadline has come.

Source: libvirt ``src/qemu/qemu_hotplug.c`` (``qemuDomainWaitForDeviceRemoval()``).
"""

from __future__ import annotations

from sriovctl.engine.guests import attach_checks as checks
from sriovctl.engine.guests.attach_checks import Scope
from sriovctl.engine.guests.holders import holders, read_guest, read_guests
from sriovctl.engine.guests.vf_place import is_vf, read_driver, read_vf_place
from sriovctl.errors import BusyError, InputError, LostError, VerifyError
from sriovctl.model.guest import DetachResult, GuestDevice, VFAttachment
from sriovctl.render.libvirt_xml import format_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest

DETACH_TIMEOUT_S = 30.0
_POLL_S = 0.5
_VFIO = "vfio-pci"


def held_vfs(host: Host, libvirt: Libvirt, *, guest: str) -> tuple[PCIAddress, ...]:
    """VFs of this host that a guest holds, now or after its next boot.

    Other functions (a whole GPU, a PF) are left out.

    :raises InputError: there is no guest of that name.
    """
    sources = {device.source for device in read_guest(libvirt, guest).devices}
    return tuple(vf for vf in sorted(sources) if is_vf(host.files, vf))


def detach(
    host: Host,
    libvirt: Libvirt,
    *,
    guest: str,
    vf: PCIAddress,
    live: bool = False,
    config: bool = False,
    timeout_s: float = DETACH_TIMEOUT_S,
) -> DetachResult:
    """Take the VF back from the guest; nothing happens if the guest does not have it.

    Without flags it is taken out of both definitions.

    :raises InputError: there is no such guest, or the VF is in another one.
    :raises BusyError: the guest did not let go in time; the message says what state is left.
    :raises VerifyError: libvirt's definition still has it.
    """
    target = read_guest(libvirt, guest)
    held = target.holds(vf)
    here = checks.scope_of(held)
    scope = Scope(here.live and (live or not config), here.config and (config or not live))
    started = host.clock.now()
    if not any(scope):
        _check_not_elsewhere(libvirt, target, vf)
        return _detach_unknown(host, libvirt, target, vf, timeout_s=timeout_s)
    for device in held:
        _request_detach(libvirt, guest, device, scope)
    if scope.live:
        _wait_for_consent(host, libvirt, guest, vf, deadline=started + timeout_s)
    after = checks.scope_of(read_guest(libvirt, guest).holds(vf))
    if scope.config and after.config:
        raise VerifyError("the guest's next boot still has it", subject=f"{guest}: {vf}")
    waited_s = host.clock.now() - started
    driver = read_driver(host.files, vf)
    return DetachResult(guest, vf, scope.live, scope.config, True, waited_s, driver)


# Nothing to do, unless libvirt was cut short while it gave the VF to this guest.
def _detach_unknown(
    host: Host, libvirt: Libvirt, target: Guest, vf: PCIAddress, *, timeout_s: float
) -> DetachResult:
    started, files = host.clock.now(), host.files
    taken_out = changed = False
    if is_vf(files, vf) and read_driver(files, vf) == _VFIO:
        from sriovctl.engine.guests.interrupted import put_back, take_out

        place = read_vf_place(files, vf)
        if target.active:
            taken_out = take_out(host, libvirt, target.name, place, timeout_s=timeout_s)
        changed = put_back(host, place) or taken_out
    waited_s = host.clock.now() - started
    driver = read_driver(files, vf)
    return DetachResult(target.name, vf, taken_out, False, changed, waited_s, driver)


def _check_not_elsewhere(libvirt: Libvirt, target: Guest, vf: PCIAddress) -> None:
    for other in holders(read_guests(libvirt), vf):
        if other.name != target.name:
            raise InputError(
                f"is in guest {other.name}, not in {target.name}",
                subject=vf,
                hint=f"sriovctl detach {other.name} --vf {vf}",
            )


def _request_detach(libvirt: Libvirt, guest: str, device: GuestDevice, scope: Scope) -> None:
    live, config = device.live and scope.live, device.config and scope.config
    if not (live or config):
        return
    # An alias that libvirt made up (hostdev0) names the live device only.
    own_alias = device.alias if device.alias and device.alias.startswith("ua-") else None
    xml = format_attachment(
        VFAttachment(device.kind, device.source, device.mac, device.vlan, own_alias)
    )
    try:
        libvirt.detach_device(guest, xml, live=live, config=config)
    except BusyError:
        # An earlier request that the guest has not answered yet: QEMU takes no second one, and
        # libvirt then leaves the config alone too.
        if not live:
            raise
        if config:
            libvirt.detach_device(guest, xml, live=False, config=True)


def _wait_for_consent(
    host: Host, libvirt: Libvirt, guest: str, vf: PCIAddress, *, deadline: float
) -> None:
    while True:
        try:
            after = checks.scope_of(read_guest(libvirt, guest).holds(vf))
        except LostError:  # the daemon is being restarted: the next one will know
            if host.clock.now() >= deadline:
                raise
            host.clock.sleep(_POLL_S)
            continue
        if not after.live:
            return
        if host.clock.now() >= deadline:
            raise BusyError(
                "the running guest has not let go of the VF; the request stays open",
                subject=f"{guest}: {vf}",
                hint="the guest's system must answer it: is it up, and is the VF idle there?  "
                "Run the same command again to keep waiting, or shut the guest down",
                evidence={"now": "attached", "next boot": "attached" if after.config else "gone"},
            )
        host.clock.sleep(_POLL_S)
