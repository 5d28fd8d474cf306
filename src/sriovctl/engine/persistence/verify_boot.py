"""Check, after a boot, that it brought back what was persisted."""

from __future__ import annotations

from sriovctl.engine.inventory import NET_CLASS, PCI_DRIVERS
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import SriovctlError
from sriovctl.model.persistence import (
    APPLY_UNIT,
    MODPROBE_FILE,
    MODULES_LOAD_FILE,
    Check,
    EntryKind,
    SettingKind,
)
from sriovctl.model.plan import Action
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.planner.boot_conflicts import Surroundings, find_conflicts
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drivers import VFIO_DRIVERS
from sriovctl.planner.match import match_pfs
from sriovctl.planner.persist import is_mask
from sriovctl.planner.readiness import find_lacks, without_lacking
from sriovctl.render.plan import format_plain
from sriovctl.render.units import USERS_OF_VFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sriovctl.host.api import Host
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.model.functions import PF
    from sriovctl.model.persistence import BootSetting, Manifest
    from sriovctl.model.plan import Plan, Step
    from sriovctl.model.state import DesiredState, WantedPF

    Shown = Mapping[str, str]

PERSIST_AGAIN = "run 'sriovctl persist FILE' again"
SETTLE = "'sriovctl plan' with the persisted file shows the steps, 'sriovctl apply' takes them"
MAYBE_A_GUEST = f"a guest may have it and have changed it: 'sriovctl owners'; else {SETTLE}"
SHOW_JOURNAL = f"run 'journalctl -b -u {APPLY_UNIT}'"
_STARTED = "ExecMainStartTimestampMonotonic"
_ENDED = "ExecMainExitTimestampMonotonic"
_ACTIVE = "ActiveEnterTimestampMonotonic"
_PROPERTIES = (
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "Result",
    "ExecMainStatus",
    "ConditionResult",
    _STARTED,
    _ENDED,
    _ACTIVE,
)


class Facts(NamedTuple):
    """What a check of a boot starts from."""

    host: Host
    doors: BootDoors
    manifest: Manifest
    state: DesiredState
    pfs: tuple[PF, ...]
    settings: tuple[BootSetting, ...]  # of others
    boot_id: str | None


def verify_boot(facts: Facts) -> tuple[Check, ...]:
    """Check everything; a check that fails does not end the others."""
    return (
        *_check_files(facts),
        *_check_units(facts),
        *_check_state(facts),
        *_check_modules(facts),
        *_check_others(facts),
    )


def _check_files(facts: Facts) -> Iterator[Check]:
    for path in facts.manifest.digests:
        entry = facts.doors.files.look(path)
        if entry is None:
            yield Check("file", False, path, "is gone", PERSIST_AGAIN)
        elif is_mask(entry):
            unit = path.rpartition("/")[2]
            yield Check("file", False, path, "is masked", f"run 'systemctl unmask {unit}'")
        elif not facts.manifest.owns(entry):
            yield Check("file", True, path, "was edited since it was persisted", PERSIST_AGAIN)
        else:
            yield Check("file", True, path, "is as it was written")


def _check_units(facts: Facts) -> Iterator[Check]:
    if not facts.doors.systemd.is_running:
        yield Check(
            "systemd",
            None,
            "init system",
            "systemd is not PID 1 here: whether the state was applied before the network and the "
            "guests cannot be seen",
            "have your init system run what the unit's ExecStart says, before the network",
        )
        return
    try:
        units = facts.manifest.units
        shown = facts.doors.systemd.show((*units, *USERS_OF_VFS), _PROPERTIES)
    except SriovctlError as error:
        yield Check("systemd", None, "init system", str(error))
        return
    of = dict(zip((*units, *USERS_OF_VFS), shown, strict=True))
    for unit in units:
        yield _check_enabled(unit, of[unit])
    yield _check_run(facts, of[APPLY_UNIT])
    yield from _check_order(of)


def _check_enabled(unit: str, shown: Shown) -> Check:
    state = shown.get("UnitFileState") or shown.get("LoadState") or "unknown"
    if state == "enabled":
        return Check("unit-enabled", True, unit, "enabled")
    return Check("unit-enabled", False, unit, state, f"run 'systemctl enable {unit}'")


def _check_run(facts: Facts, shown: Shown) -> Check:
    state, result = shown.get("ActiveState"), shown.get("Result")
    if not _time(shown, _STARTED):
        late = facts.manifest.boot_id == facts.boot_id and facts.boot_id is not None
        why = "did not run in this boot" + (", which began before it was installed" if late else "")
        if shown.get("ConditionResult") == "no" and not late:
            why += ": what it was to apply was not there"
        hint = f"reboot, or run 'systemctl start {APPLY_UNIT}'"
        return Check("unit-ran", False, APPLY_UNIT, why, hint)
    if state == "activating":
        return Check("unit-ran", False, APPLY_UNIT, "is still at work", "try again later")
    if state == "active" and result == "success":
        return Check("unit-ran", True, APPLY_UNIT, f"ran from {_span(shown)} after the start")
    status = shown.get("ExecMainStatus", "")
    evidence = f"failed ({result}, exit status {status}), from {_span(shown)} after the start"
    return Check("unit-ran", False, APPLY_UNIT, evidence, SHOW_JOURNAL)


def _check_order(of: Mapping[str, Shown]) -> Iterator[Check]:
    ended = _time(of[APPLY_UNIT], _ENDED)
    for unit in USERS_OF_VFS if ended else ():
        # A service's start, or where it has none (a target, a socket) when it became active.
        began = _time(of[unit], _STARTED) or _time(of[unit], _ACTIVE)
        if not began:
            continue
        evidence = f"began at {_seconds(began)}, {APPLY_UNIT} ended at {_seconds(ended)}"
        if began >= ended:
            yield Check("order", True, unit, evidence)
            continue
        hint = (
            "it was started by hand since then, or systemd broke a circle of orders: reboot, "
            "and see 'journalctl -b | grep -i cycle'"
        )
        yield Check("order", False, unit, evidence, hint)


def _time(shown: Shown, key: str) -> int:
    value = shown.get(key, "")
    return int(value) if value.isdigit() else 0


def _span(shown: Shown) -> str:
    return f"{_seconds(_time(shown, _STARTED))} to {_seconds(_time(shown, _ENDED))}"


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1e6:.3f} s"


def _check_state(facts: Facts) -> Iterator[Check]:
    lacks = find_lacks(facts.state, facts.pfs)
    for lack in lacks:
        hint = "is the card there, and its driver loaded? 'sriovctl ls', 'dmesg'"
        yield Check("pf", False, lack.label, lack.what, hint)
    state = without_lacking(facts.state, lacks)
    try:
        pfs = with_wanted_details(facts.host, facts.pfs, state)
        pairs = match_pfs(state.pfs, pfs)
        plan = plan_state(state, pfs)
    except SriovctlError as error:
        yield Check("state", False, error.subject or "state", error.cause, error.hint)
        return
    for wanted, pf in pairs:
        yield Check("pf", True, wanted.label, f"is {pf.device}" + _of_netdev(pf))
        if not any(step.device == pf.device for step in plan.steps):
            yield Check("state", True, pf.device, f"as wanted, with {pf.num_vfs} VFs")
        yield from _bound(wanted, pf, plan)
    yield from _pending(plan, pfs)


def _bound(wanted: WantedPF, pf: PF, plan: Plan) -> Iterator[Check]:
    if any(step.device == pf.device and step.action is Action.BIND_DRIVER for step in plan.steps):
        return
    drivers = {vf.vf_index: vf.driver for vf in pf.vfs}
    named = [index for index in drivers if wanted.wanted_vf(index).driver is not UNSET]
    if named:
        told = ", ".join(f"VF {index} {drivers[index] or 'none'}" for index in named)
        yield Check("vf-driver", True, pf.device, told)


def _of_netdev(pf: PF) -> str:
    return f" ({pf.netdev})" if pf.netdev else ""


def _pending(plan: Plan, pfs: Sequence[PF]) -> Iterator[Check]:
    counts = {pf.device: pf.num_vfs for pf in pfs}
    # N -> 0 and 0 -> M are one difference, and without its VFs a PF's other steps say nothing new.
    resized = {step.device: step for step in plan.steps if step.action is Action.SET_NUM_VFS}
    for device, step in resized.items():
        evidence = f"has {counts[device]} VFs, wanted {step.after['num_vfs']}"
        yield Check("state", False, device, evidence, SETTLE)
    drivers = {(pf.device, vf.vf_index): vf.driver for pf in pfs for vf in pf.vfs}
    for step in plan.steps:
        if step.device in resized:
            continue
        id_ = "vf-driver" if step.action is Action.BIND_DRIVER else "state"
        evidence = ", ".join(_difference(step, key) for key in step.after)
        holder = None if step.vf_index is None else drivers.get((step.device, step.vf_index))
        hint = MAYBE_A_GUEST if holder in VFIO_DRIVERS else SETTLE
        yield Check(id_, False, step.subject, evidence, hint)


def _difference(step: Step, key: str) -> str:
    found, wanted = step.before.get(key), step.after[key]
    return f"{key} is {format_plain(found)}, wanted {format_plain(wanted)}"


def _check_modules(facts: Facts) -> Iterator[Check]:
    for module, parameter, value in _options(_text_of(facts, MODPROBE_FILE)):
        yield _check_parameter(facts, module, parameter, value)
    for line in _text_of(facts, MODULES_LOAD_FILE).splitlines():
        if line and not line.startswith("#"):
            name = line.replace("-", "_")
            loaded = facts.host.files.exists(f"/sys/module/{name}")
            loaded = loaded or facts.host.files.exists(f"{PCI_DRIVERS}/{line}")
            evidence = "loaded" if loaded else "not loaded"
            hint = None if loaded else f"run 'modprobe {line}'; why: 'dmesg'"
            yield Check("module-loaded", loaded, line, evidence, hint)


def _text_of(facts: Facts, path: str) -> str:
    if path not in facts.manifest.digests:
        return ""
    entry = facts.doors.files.look(path)
    return entry.text if entry is not None and entry.kind is EntryKind.FILE else ""


def _options(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["options"]:
            for word in words[2:]:
                parameter, _, value = word.partition("=")
                yield words[1], parameter, value


def _check_parameter(facts: Facts, module: str, parameter: str, value: str) -> Check:
    directory = f"/sys/module/{module.replace('-', '_')}"
    subject = f"{module} {parameter}={value}"
    if not facts.host.files.exists(directory):
        hint = f"run 'modprobe {module}'; why: 'dmesg'"
        return Check("module-parameter", False, subject, "the module is not loaded", hint)
    found = facts.host.files.read_text(f"{directory}/parameters/{parameter}")
    if found is None:
        evidence = "the kernel does not show this parameter; the number of VFs tells"
        return Check("module-parameter", None, subject, evidence)
    if found == value:
        return Check("module-parameter", True, subject, f"in effect: {found}")
    hint = "the module was loaded with another value: is it in an initramfs that was not rebuilt?"
    return Check("module-parameter", False, subject, f"reads {found}", hint)


def _check_others(facts: Facts) -> Iterator[Check]:
    state = without_lacking(facts.state, find_lacks(facts.state, facts.pfs))
    try:
        pairs = match_pfs(state.pfs, facts.pfs)
    except SriovctlError:  # said already
        return
    netdevs = frozenset(facts.host.files.list_dir(NET_CLASS))
    conflicts = find_conflicts(facts.settings, Surroundings(pairs, netdevs))
    for setting, device in conflicts:
        subject = f"{setting.path}:{setting.line}"
        if setting.kind is SettingKind.GROUP_NUMBER:
            hint = "name a PCI address: group numbers are given anew at each boot"
            evidence = f"names an IOMMU group by its number: {setting.text}"
            yield Check("group-number", False, subject, evidence, hint)
        else:
            evidence = f"{setting.setter} sets it too, of {device or 'which PF it does not say'}"
            hint = "let one of the two do it"
            yield Check("other-setter", True, subject, f"{evidence}: {setting.text}", hint)
    if not any(one.setting.kind is SettingKind.GROUP_NUMBER for one in conflicts):
        evidence = "no rule, script or unit names a group by its number"
        yield Check("group-number", True, "IOMMU groups", evidence)
