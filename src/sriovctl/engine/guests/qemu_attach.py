"""Plug a VF into a running QEMU that nobody else looks after, and pull it out.

Theory of operation.  On the host the VF gets its MAC and VLAN and the driver vfio-pci, as a run of
the journal; then QEMU is asked to plug it.  When that fails, the run is undone.  Out again: QEMU
asks the guest, the guest answers when it likes, and QEMU tells when the VF is gone
(DEVICE_DELETED); then the run is undone, which brings driver, MAC and VLAN back.  All checks come
before the first change, and the result is read back from QEMU and from the card.

Source: QEMU ``qapi/qdev.json`` (``device_add``, ``device_del`` and their events).
"""

from __future__ import annotations

from contextlib import suppress

from sriovctl.engine.guests import qemu_checks as checks
from sriovctl.engine.guests.attach_checks import check_isolated, check_settings_possible
from sriovctl.engine.guests.attach_settings import check_macs_of_plan
from sriovctl.engine.guests.qemu_machine import read_machine
from sriovctl.engine.guests.vf_place import read_attributes, read_driver, read_vf_place
from sriovctl.engine.runs.handover import (
    Desk,
    carry_out,
    find_handover,
    give_back,
    plan_candidate,
    read_candidate,
    refuse_owners,
    wait_until_closed,
)
from sriovctl.engine.runs.rebind import require_loaded
from sriovctl.errors import BusyError, SriovctlError, VerifyError
from sriovctl.model.binding import Binding
from sriovctl.model.qemu import QEMUAttachResult, QEMUDetachResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.engine.runs.apply import Outcome
    from sriovctl.host.qmp_api import QMP
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.qemu import HandoverSettings, QEMUFunction, QEMUMachine
    from sriovctl.model.qemu_line import DeviceOptions

DETACH_TIMEOUT_S = 30.0
_DRIVER = "vfio-pci"
_GONE = "DEVICE_DELETED"
_REFUSED = "DEVICE_UNPLUG_GUEST_ERROR"


def source_of(socket: str, vf: PCIAddress) -> str:
    """Write for the journal for whom a VF was prepared."""
    return f"{_prefix(socket)}{vf}"


def _prefix(socket: str) -> str:
    return f"qemu attach {socket} "


def attach(
    desk: Desk, qmp: QMP, *, vf: PCIAddress, settings: HandoverSettings, options: DeviceOptions
) -> QEMUAttachResult:
    """Give the VF to QEMU's guest; nothing happens if the guest has it as wanted.

    :raises InputError: there is no such VF, or another device has its id.
    :raises SafetyError: somebody uses the VF, or has the MAC.
    :raises UnsupportedError: no IOMMU, group not viable, no free port, too little memory to lock.
    :raises BusyError: the guest has the VF with other settings.
    :raises VerifyError: QEMU took it, but does not show it, or the card shows other settings.
    """
    host = desk.site.host
    since = desk.users.mark()
    machine = read_machine(qmp)
    guest = machine.name or qmp.socket
    place = read_vf_place(host.files, vf)
    if (held := machine.holding(str(vf))) is not None:
        attributes = read_attributes(host, place)
        checks.check_same_settings(place, attributes, settings)
        return _result(place, guest, held, attributes)
    candidate = read_candidate(desk, vf)
    refuse_owners(desk, candidate)
    check_settings_possible(place, mac=settings.mac, vlan=settings.vlan)
    check_isolated(place)
    checks.check_token(host.files, place, options)
    checks.check_memlock(host.files, machine, qmp.pid, guest)
    device = _device(machine, place, options, guest)
    require_loaded(host.files, _DRIVER)
    plan = plan_candidate(host, candidate, settings, Binding(_DRIVER, _DRIVER))
    check_macs_of_plan(host, vf, plan)
    outcome = carry_out(desk, plan, source=source_of(qmp.socket, vf), since=since)
    try:
        qmp.execute("device_add", device)
        after = read_machine(qmp)
        held = _require_held(after, vf, guest)
    except BaseException as error:
        # BaseException: Ctrl-C while QEMU thinks about it must not leave half of it behind either.
        _take_back(desk, vf, outcome, error)
        raise
    attributes = read_attributes(host, place)
    warnings = tuple(checks.warnings_for(place, attributes, after))
    return _result(place, guest, held, attributes, outcome=outcome, warnings=warnings)


def _device(
    machine: QEMUMachine, place: VFPlace, options: DeviceOptions, guest: str
) -> dict[str, object]:
    bus = checks.choose_bus(machine, options.bus, guest)
    wanted: dict[str, object] = {
        "driver": _DRIVER,
        "host": str(place.address),
        "id": checks.choose_device_id(machine, options, place),
        "bus": bus,
        "rombar": options.rombar,
        "vf-token": options.vf_token,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def _require_held(machine: QEMUMachine, vf: PCIAddress, guest: str) -> QEMUFunction:
    held = machine.holding(str(vf))
    if held is None:
        raise VerifyError("QEMU accepted the VF, but does not show it", subject=f"{guest}: {vf}")
    return held


def _take_back(desk: Desk, vf: PCIAddress, outcome: Outcome, error: BaseException) -> None:
    state = "as it was: nothing had been changed"
    if outcome.run_id is not None:
        state = f"as it was: run {outcome.run_id} is taken back"
        try:
            wait_until_closed(desk.site.host, str(vf))
            give_back(desk, outcome.run_id)
        except SriovctlError as second:
            state = f"still prepared by run {outcome.run_id}, taking it back failed: {second}"
    if isinstance(error, SriovctlError):
        error.evidence["the VF"] = state


def _result(
    place: VFPlace,
    guest: str,
    held: QEMUFunction,
    attributes: VFAttributes | None,
    *,
    outcome: Outcome | None = None,
    warnings: tuple[str, ...] = (),
) -> QEMUAttachResult:
    return QEMUAttachResult(
        guest=guest,
        vf=place.address,
        vf_index=place.vf_index,
        pf=place.pf_netdev or str(place.pf),
        device_id=held.device_id,
        guest_address=held.guest_address,
        mac=attributes.admin_mac if attributes else None,
        vlan=attributes.vlan_id if attributes else None,
        run_id=outcome.run_id if outcome else None,
        changed=outcome is not None,
        warnings=warnings,
    )


# --- and out again ---------------------------------------------------------------------------


def detach(
    desk: Desk, qmp: QMP, *, vf: PCIAddress, timeout_s: float = DETACH_TIMEOUT_S
) -> QEMUDetachResult:
    """Take the VF back from QEMU's guest, and make it what it was before ``attach``.

    :raises InputError: there is no such VF.
    :raises BusyError: the guest did not let go in time, or refused; the VF stays as it is.
    :raises SriovctlError: the guest let go, but the VF could not be made what it was.
    """
    host = desk.site.host
    place = read_vf_place(host.files, vf)
    machine = read_machine(qmp)
    guest = machine.name or qmp.socket
    held = machine.holding(str(vf))
    started = host.clock.now()
    if held is not None:
        _request(qmp, held)
        _wait_for_consent(desk, qmp, held, f"{guest}: {vf}", deadline=started + timeout_s)
    waited_s = host.clock.now() - started
    try:
        given_back = _give_back(desk, qmp.socket, place)
    except SriovctlError as error:
        error.evidence["the guest"] = "has let go of it" if held else "did not have it"
        raise
    return _detached(desk, place, guest, given_back, changed=held is not None, waited_s=waited_s)


def reclaim(desk: Desk, socket: str, *, vf: PCIAddress) -> QEMUDetachResult | None:
    """Make a VF what it was before ``attach``, of a QEMU that is gone; None: it had not this VF.

    :raises SafetyError: somebody uses the VF: that QEMU, after all, or another program.
    :raises SriovctlError: a step failed.
    """
    place = read_vf_place(desk.site.host.files, vf)
    given_back = _give_back(desk, socket, place)
    if given_back is None:
        return None
    return _detached(desk, place, socket, given_back, changed=False, waited_s=0.0)


def _detached(
    desk: Desk,
    place: VFPlace,
    guest: str,
    given_back: int | None,
    *,
    changed: bool,
    waited_s: float,
) -> QEMUDetachResult:
    driver = read_driver(desk.site.host.files, place.address)
    warnings: tuple[str, ...] = ()
    if given_back is None and changed:
        warnings = (
            "nobody knows what the VF was before: it keeps its driver, MAC and VLAN; "
            f"sriovctl bind {place.address} --driver original",
        )
    return QEMUDetachResult(guest, place.address, changed, waited_s, given_back, driver, warnings)


def _request(qmp: QMP, held: QEMUFunction) -> None:
    # Of a request that the guest has not answered yet, QEMU takes no second one.
    with suppress(BusyError):
        qmp.execute("device_del", {"id": held.device_id or held.path})


def _wait_for_consent(
    desk: Desk, qmp: QMP, held: QEMUFunction, subject: str, *, deadline: float
) -> None:
    clock = desk.site.host.clock
    while True:
        event = qmp.next_event(max(deadline - clock.now(), 0.0))
        if event is None:
            raise BusyError(
                "the guest has not let go of the VF; the request stays open",
                subject=subject,
                hint="the guest's system must answer it: is it up, and is the VF idle there?  Run "
                "the same command again to keep waiting, or end the guest",
                evidence={"the VF": "still in the guest, with its MAC and VLAN"},
            )
        if event.data.get("path") != held.path:
            continue
        if event.name == _GONE:
            return
        if event.name == _REFUSED:
            raise BusyError(
                "the guest's system refused to let go of the VF",
                subject=subject,
                evidence={"the VF": "still in the guest, with its MAC and VLAN"},
            )


def _give_back(desk: Desk, socket: str, place: VFPlace) -> int | None:
    run = find_handover(desk.site, _prefix(socket), str(place.pf), place.vf_index)
    if run is None:
        return None
    wait_until_closed(desk.site.host, str(place.address))
    give_back(desk, run.run_id)
    return run.run_id
