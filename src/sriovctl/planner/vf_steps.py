"""The steps about single VFs: attributes, MSI-X counts, and their drivers."""

from __future__ import annotations

from operator import attrgetter

from sriovctl.errors import UnsupportedError
from sriovctl.model.functions import NO_MAC
from sriovctl.model.plan import Action, Disruption
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import ATTRIBUTES, RATES, UNSET, WantedVF, overlay
from sriovctl.planner.abilities import (
    FRESH,
    refuse_attributes,
    refuse_msix_count,
    restorable,
    settable,
)
from sriovctl.planner.case import vf_step
from sriovctl.planner.commands import bind, device_directory, ip_link_vf, set_msix_count
from sriovctl.planner.drivers import (
    READ_AT_PROBE,
    VFIO_DRIVERS,
    Effect,
    Stage,
    harmless,
    works_for_host,
)
from sriovctl.planner.pf_steps import NOT_PLAIN, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.model.functions import VF
    from sriovctl.model.plan import Step
    from sriovctl.model.state import Unset
    from sriovctl.planner.case import Case


_NOT_HELD = harmless("no driver holds the VF")


class _Way(NamedTuple):
    # One VF on its way.
    vf_index: int
    now: VF | None  # None: it is yet to be made
    aim: WantedVF
    changed: dict[str, object]  # its attributes that are to change, and what they are to be
    unbind: str | None  # why it must have no driver in between
    driver: str | Unset | None  # in the end; UNSET: as it is, or as the kernel chooses


def steps_of_vfs(case: Case, macs: dict[int, str]) -> Iterator[tuple[Stage, Step]]:
    """Work out the steps about the VFs, each with its stage.

    :param macs: by vf_index, what ``admin_mac: auto`` comes to.
    :raises UnsupportedError: the PF cannot do it.
    """
    for way in _ways(case, macs):
        if way.unbind is not None:
            yield Stage.UNBIND, _driver_step(case, way, None, way.unbind)
        if way.aim.msix_count is not UNSET:
            yield from _msix(case, way)
        if way.changed and (step := _attributes(case, way)) is not None:
            yield Stage.ATTRIBUTES, step
        if way.driver is not UNSET:
            yield from _bind(case, way, way.driver)


def _ways(case: Case, macs: dict[int, str]) -> Iterator[_Way]:
    existing = {vf.vf_index: vf for vf in case.pf.vfs}
    odd_counts = _odd_msix_counts(case)
    stay = not case.recreated and not case.changes_eswitch
    default = _Comparison(case.wanted.vf_default)
    for vf_index, aim in enumerate(case.aims):
        old = existing.get(vf_index)
        if stay and aim is default.aim and old is not None and default.holds(old):
            continue
        if vf_index in macs:
            aim = aim._replace(admin_mac=macs[vf_index])
        now = None if case.recreated else old
        if old is not None and now is None:  # a VF that comes again keeps what it had
            aim = overlay(_as_it_was(case, old, odd_counts.get(vf_index)), aim)
        changed = _changes(aim, now)
        if stay and now is not None and not changed and _holds_beside(aim, now):
            continue
        why = _why_unbind(case, now, aim)
        driver: str | Unset | None = UNSET
        if why is not None or aim.driver is not UNSET:
            driver = _driver_in_the_end(case, vf_index, now, aim, why)
        yield _Way(vf_index, now, aim, changed, why, driver)


class _Comparison:
    # Of one wish with many VFs: nearly all of a thousand are as they should be, and share it.

    def __init__(self, aim: WantedVF) -> None:
        self.aim = aim
        wanted = _changes(aim, None)
        self._show = attrgetter(*wanted) if wanted else None
        values = tuple(wanted.values())
        self._values = values[0] if len(values) == 1 else values

    def holds(self, vf: VF) -> bool:
        """Say whether there is nothing to do about a VF that stays."""
        if not _holds_beside(self.aim, vf):
            return False
        if self._show is None:
            return True
        known = vf.attributes
        return known is not None and bool(self._show(known) == self._values)


# What is wanted and not so; by place, as both records have the attributes in one order.
def _changes(aim: WantedVF, now: VF | None) -> dict[str, object]:
    if now is None or now.attributes is None:
        said = zip(ATTRIBUTES, aim, strict=False)
        return {key: value for key, value in said if value is not UNSET}
    beside = zip(ATTRIBUTES, aim, now.attributes[1:], strict=False)
    return {key: value for key, value, has in beside if value is not UNSET and value != has}


# Whether nothing else is to do about a VF that stays.
def _holds_beside(aim: WantedVF, now: VF) -> bool:
    return aim.msix_count is UNSET and aim.driver in (UNSET, now.driver)


def _as_it_was(case: Case, vf: VF, odd_msix_count: int | None) -> WantedVF:
    had = restorable(case.card, vf.attributes, eswitch_mode=case.eswitch_after)
    values = {key: value for key, value in had.items() if value != FRESH.get(key, ...)}
    if odd_msix_count is not None:
        values["msix_count"] = odd_msix_count
    # The host's own drivers come back by themselves, unless autoprobe keeps them away; but then
    # they have come before the MAC.
    if vf.driver is not None and (
        vf.driver in VFIO_DRIVERS or not case.autoprobe or "admin_mac" in values
    ):
        values["driver"] = vf.driver
    return WantedVF(**values)  # type: ignore[arg-type]  # keys are its fields


# A PF shares its vectors out alike: what differs from most others was set by somebody.
def _odd_msix_counts(case: Case) -> dict[int, int]:
    counts = {vf.vf_index: vf.msix_count for vf in case.pf.vfs if vf.msix_count is not None}
    if not counts:
        return {}
    from collections import Counter

    ((usual, _),) = Counter(counts.values()).most_common(1)
    return {vf_index: count for vf_index, count in counts.items() if count != usual}


# --- drivers -----------------------------------------------------------------------------------


def _why_unbind(case: Case, now: VF | None, aim: WantedVF) -> str | None:
    if now is None and not case.autoprobe:
        return None  # nobody takes it
    if now is not None and now.driver is None:
        return None
    if now is None and aim.admin_mac is not UNSET and _reads_mac_once(case, aim):
        return f"drivers_autoprobe gave it to {aim.driver}, which reads its MAC when it binds"
    if case.changes_eswitch and case.rules.unbind_for_eswitch:
        return "no driver may have a VF while the eswitch mode changes"
    if _changes_msix(now, aim):
        return "the kernel changes a VF's MSI-X count only while no driver has it"
    return None


def _reads_mac_once(case: Case, aim: WantedVF) -> bool:
    # Only where the state names the driver: whether the host has it loaded is not known.
    named = aim.driver is not UNSET and aim.driver == case.rules.vf_driver
    return named and case.rules.new_mac == READ_AT_PROBE


def _driver_in_the_end(
    case: Case, vf_index: int, now: VF | None, aim: WantedVF, unbound: str | None
) -> str | Unset | None:
    if unbound is None:
        same = now is not None and now.driver == aim.driver
        return UNSET if same else aim.driver
    if aim.driver is not UNSET:
        return aim.driver
    if now is not None:
        return now.driver
    if case.rules.vf_driver is None:
        raise UnsupportedError(
            f"{unbound}, and which driver the kernel would give VF {vf_index} is not known",
            subject=case.pf.device,
            hint="name the VF's driver ('none' for no driver), or set drivers_autoprobe: false",
        )
    return case.rules.vf_driver


def _bind(case: Case, way: _Way, driver: str | None) -> Iterator[tuple[Stage, Step]]:
    if way.unbind is not None and driver is None:
        return
    if case.pf.address is None:
        raise UnsupportedError("has VFs that are no PCI functions", subject=case.pf.device)
    reason = "by driver_override, which binds this VF alone (new_id would catch others)"
    if driver is None:
        reason = "the state wants no driver on it"
    elif way.unbind is not None and way.aim.driver is UNSET:
        reason = f"gives the VF back to {driver}"
    yield Stage.BIND, _driver_step(case, way, driver, reason)


def _driver_step(case: Case, way: _Way, driver: str | None, reason: str) -> Step:
    taken = way.unbind is not None and driver is not None  # by the step before
    before = None if way.now is None or taken else way.now.driver
    disruption = Disruption.NONE if taken else _disruption_of_change(way.now)
    return vf_step(
        case,
        Action.BIND_DRIVER,
        way.vf_index,
        ({"driver": before}, {"driver": driver}),
        effect=Effect(disruption, reason),
        commands=_at_vf(case, way, lambda address: bind(address, driver)),
    )


def _at_vf(case: Case, way: _Way, commands: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    if way.now is not None:
        return commands(str(way.now.address))
    # The address of a VF that is yet to be made is known once it is there.
    link = f"{device_directory(case.pf)}/virtfn{way.vf_index}"
    return (f"vf=$(basename $(readlink {link}))", *commands("$vf"))


def _disruption_of_change(now: VF | None) -> Disruption:
    if now is None or not works_for_host(now.driver):
        return Disruption.NONE  # who uses a VF through VFIO is known from its owners
    return Disruption.LINK_FLAP


# --- MSI-X -------------------------------------------------------------------------------------


def _changes_msix(now: VF | None, aim: WantedVF) -> bool:
    # 0 stands for the share that the PF gives to a new VF.
    if aim.msix_count is UNSET or aim.msix_count == 0:
        return False
    return now is None or now.msix_count != aim.msix_count


def _msix(case: Case, way: _Way) -> Iterator[tuple[Stage, Step]]:
    refuse_msix_count(case.card, way.vf_index)
    if not _changes_msix(way.now, way.aim):
        return
    count = way.aim.msix_count
    yield (
        Stage.MSIX,
        vf_step(
            case,
            Action.SET_MSIX,
            way.vf_index,
            ({"msix_count": way.now.msix_count if way.now else None}, {"msix_count": count}),
            effect=harmless("set while no driver has the VF, which reads it once"),
            commands=_at_vf(case, way, lambda address: set_msix_count(address, count)),
        ),
    )


# --- attributes --------------------------------------------------------------------------------


def _attributes(case: Case, way: _Way) -> Step | None:
    known = way.now.attributes if way.now else None
    changed = way.changed
    if changed.get("admin_mac") == NO_MAC and _chose_its_mac(way):
        del changed["admin_mac"]
    if not changed.keys() <= case.unquestioned:
        changed = settable(case.card, changed, known=known, eswitch_mode=case.eswitch_after)
        refuse_attributes(case.card, way.vf_index, changed, eswitch_mode=case.eswitch_after)
    if not changed:
        return None
    if case.up is False:
        _refuse_rates_without_link(case, way.vf_index, changed)
    before = {key: getattr(known, key, None) for key in changed}
    after = _plainly(changed)
    return vf_step(
        case,
        Action.SET_VF,
        way.vf_index,
        (_plainly(before), after),
        effect=_effect_of_attributes(case, way, after),
        commands=(ip_link_vf(case.pf, way.vf_index, after),),
    )


# No admin MAC leaves the choice to the VF's own driver, and once that is bound, some PF drivers
# report its choice in the place of one (igb_set_vf_mac_addr()): nothing to be set right.
def _chose_its_mac(way: _Way) -> bool:
    return works_for_host(way.now.driver if way.now else None)


def _plainly(values: dict[str, object]) -> dict[str, object]:
    for key in NOT_PLAIN:
        if key in values:
            values[key] = plain(values[key])
    return values


def _refuse_rates_without_link(case: Case, vf_index: int, changed: dict[str, object]) -> None:
    if case.rules.rates_need_link and any(key in changed for key in RATES):
        raise UnsupportedError(
            f"cannot set the rate of VF {vf_index}: {case.rules.driver} refuses any while the PF "
            "is down",
            subject=case.pf.device,
            hint="add 'link: {state: up}'",
        )


def _effect_of_attributes(case: Case, way: _Way, after: dict[str, object]) -> Effect:
    if way.unbind is not None or (way.now is None and not case.autoprobe):
        return harmless("set before a driver binds, which reads it once")
    if way.now is None:
        return harmless(_why_new(case, way, after))
    if way.now.driver is None:
        return _NOT_HELD
    if "admin_mac" in after:
        reason = f"{way.now.driver} holds the VF: {case.rules.new_mac}"
    else:
        reason = f"{way.now.driver} holds the VF, which the change may reset"
    return Effect(_disruption_of_change(way.now), reason)


def _why_new(case: Case, way: _Way, after: dict[str, object]) -> str:
    driver = case.rules.vf_driver
    if way.driver is not UNSET and way.driver not in (None, driver):
        return f"set before {way.driver} takes the VF"
    if driver is None or "admin_mac" not in after or case.rules.new_mac != READ_AT_PROBE:
        return "the VF is new: nobody uses it yet"
    return (
        f"drivers_autoprobe is on: where {driver} has taken the VF by now, it goes on with another "
        f"MAC until it binds again ('driver: {driver}' in the state sees to that)"
    )
