"""Hold a state that is to be persisted against the host: what it needs, and who is in the way.

What a driver makes by a module parameter is taken to be there already, as it is after a boot.
"""

from __future__ import annotations

from sriovctl.engine.inventory import NET_CLASS, PCI_DEVICES, PCI_DRIVERS
from sriovctl.engine.persistence.boot_settings import KERNEL_COMMAND_LINE, read_boot_settings
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.planner.boot_conflicts import Surroundings, find_conflicts
from sriovctl.planner.boot_modules import drivers_named
from sriovctl.planner.boot_parameters import (
    DriverFacts,
    check_on_request,
    count_by_parameter,
    parameter_of,
    plan_parameters,
)
from sriovctl.planner.diff import plan_state
from sriovctl.planner.match import match_pfs
from sriovctl.render.persist import format_conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sriovctl.host.api import FileTree, Host
    from sriovctl.host.boot_api import BootDoors, Modules
    from sriovctl.model.functions import PF
    from sriovctl.model.persistence import ModuleOption
    from sriovctl.model.state import DesiredState, WantedPF

    Pairs = Sequence[tuple[WantedPF, PF]]


class Checked(NamedTuple):
    """What a state needs on a host beyond the unit that applies it."""

    options: tuple[ModuleOption, ...]
    modules: tuple[str, ...]
    pending: int  # steps between the host as it is and the state
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def check_on_host(
    host: Host,
    doors: BootDoors,
    state: DesiredState,
    pfs: Sequence[PF],
    *,
    on_request: Collection[str],
) -> Checked:
    """Plan the state on the host for its refusals, and look for what else a boot needs.

    :param on_request: drivers whose VFs are to be made by a module parameter although sysfs can.
    :raises InputError: the state means no PF or several, or a driver has no such parameter.
    :raises UnsupportedError: a PF cannot do it, or a parameter cannot say it.
    """
    check_on_request(on_request)
    pairs = match_pfs(state.pfs, pfs)
    options = plan_parameters(
        pairs, pfs, _facts(host.files, doors.modules, pairs, on_request), on_request=on_request
    )
    plan = plan_state(state, _as_after_boot(pairs, pfs, on_request))
    modules, missing = _modules(host.files, doors.modules, state)
    settings = read_boot_settings(
        doors.files, command_line=host.files.read_text(KERNEL_COMMAND_LINE)
    )
    netdevs = frozenset(host.files.list_dir(NET_CLASS))
    conflicts = find_conflicts(settings, Surroundings(tuple(pairs), netdevs))
    return Checked(
        options,
        modules,
        len(plan.steps),
        (*missing, *map(format_conflict, conflicts)),
        tuple(_notes(options, doors.modules)),
    )


def _as_after_boot(pairs: Pairs, pfs: Sequence[PF], on_request: Collection[str]) -> tuple[PF, ...]:
    counts = {
        pf.device: wanted.num_vfs
        for wanted, pf in pairs
        if wanted.num_vfs is not UNSET and count_by_parameter(wanted, pf, on_request)
    }
    return tuple(
        pf._replace(num_vfs=counts[pf.device]) if pf.device in counts else pf for pf in pfs
    )


def _facts(
    files: FileTree, modules: Modules, pairs: Pairs, on_request: Collection[str]
) -> dict[str, DriverFacts]:
    facts: dict[str, DriverFacts] = {}
    for wanted, pf in pairs:
        parameter = parameter_of(pf.driver, on_request)
        if pf.driver is not None and parameter and count_by_parameter(wanted, pf, on_request):
            module = files.read_link(f"{PCI_DRIVERS}/{pf.driver}/module") or pf.driver
            facts[pf.driver] = DriverFacts(
                modules.parameter_type(module, parameter),
                tuple(functions_of(files, pf.driver)),
                module,
            )
    return facts


def functions_of(files: FileTree, driver: str) -> Iterator[str]:
    """List the functions that a driver holds, VFs left out, in address order."""
    names = [name for name in files.list_dir(f"{PCI_DRIVERS}/{driver}") if ":" in name]
    for name in sorted(names, key=lambda one: (len(one), one)):
        if not files.exists(f"{PCI_DEVICES}/{name}/physfn"):
            yield name


def _modules(
    files: FileTree, installed: Modules, state: DesiredState
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found: list[str] = []
    warnings: list[str] = []
    for driver in drivers_named(state):
        directory = f"{PCI_DRIVERS}/{driver}"
        if files.exists(directory):
            module = files.read_link(f"{directory}/module")
            if module is not None and files.exists(f"/sys/module/{module}/initstate"):
                found.append(module)  # else it is built into the kernel
            continue
        found.append(driver)
        if installed.is_installed(driver) is False:
            warnings.append(
                f"the driver {driver} is not loaded, and the running kernel has no module of "
                "that name: VFs cannot be given to it"
            )
    return tuple(dict.fromkeys(found)), tuple(warnings)


def _notes(options: Sequence[ModuleOption], modules: Modules) -> Iterator[str]:
    for option in options:
        name = option.module
        yield f"{name} takes {option.parameter}={option.value} when it is loaded next"
        held = modules.is_in_initramfs(name)
        command = modules.rebuild_command or "your distribution's tool"
        if held:
            yield f"the initramfs holds {name} and must be made anew: {command}"
        elif held is None:
            yield f"if an initramfs holds {name}, it must be made anew: {command}"
