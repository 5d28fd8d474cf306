"""Module parameters that make VFs where the driver has no other way.  Pure.

A parameter is one of two kinds, and a wrong guess keeps the module from loading at all:

- One number for all PFs of the driver: mlx4_core ``num_vfs`` (whose list is one of ports, not of
  PFs), lpfc ``lpfc_sriov_nr_virtfn``, the kernel's own igb and ixgbe ``max_vfs``.
- A list with a number for each function, in the order in which the driver meets them, which is
  that of their addresses: ``max_vfs`` of the igb and ixgbe that Intel publishes beside the kernel.

The module itself says which (``modinfo -F parmtype``).  Source: drivers/net/ethernet/mellanox/mlx4/
main.c, drivers/scsi/lpfc/lpfc_attr.c, drivers/net/ethernet/intel/igb/igb_main.c; igb_param.c and
ixgbe_param.c of Intel's own.
"""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.persistence import ModuleOption
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.planner.drivers import rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.state import WantedPF

# Whose VFs may be made by a parameter although sysfs can do it too, when the user says so.
ON_REQUEST = {"igb": "max_vfs", "ixgbe": "max_vfs"}
# Their lists are not one of PFs, whatever the type.
_ALIKE_FOR_ALL_PFS = frozenset({"mlx4_core", "lpfc"})
_LONGEST_LIST = 32  # IGB_MAX_NIC, IXGBE_MAX_NIC


class DriverFacts(NamedTuple):
    """What is known of a driver on this host."""

    parameter_type: str | None  # as modinfo has it: uint, array of int; None: not known
    functions: tuple[str, ...]  # that it holds, VFs left out, in address order
    module: str | None = None  # where its name is not that of the driver


def check_on_request(drivers: Collection[str]) -> None:
    """Make sure that the user asked for parameters of drivers that have one.

    :raises InputError: one of them has none.
    """
    for driver in drivers:
        if parameter_of(driver, drivers) is None:
            raise InputError(
                f"{driver} has no parameter that sets the number of VFs",
                subject="--by-parameter",
                hint=f"known: {', '.join(ON_REQUEST)}; others need none, or take it by themselves",
            )


def parameter_of(driver: str | None, on_request: Collection[str]) -> str | None:
    """Name the parameter by which a driver's VFs are to be made; None: through sysfs."""
    if driver is None:
        return None
    if driver in on_request and driver in ON_REQUEST:
        return ON_REQUEST[driver]
    return rules_of(driver).vf_count_parameter


def count_by_parameter(wanted: WantedPF, pf: PF, on_request: Collection[str]) -> bool:
    """Say whether the number of VFs of a PF is to come from a module parameter."""
    return wanted.num_vfs is not UNSET and parameter_of(pf.driver, on_request) is not None


def plan_parameters(
    pairs: Sequence[tuple[WantedPF, PF]],
    pfs: Sequence[PF],
    facts: Mapping[str, DriverFacts],
    *,
    on_request: Collection[str] = (),
) -> tuple[ModuleOption, ...]:
    """Work out the parameters that give the PFs of *pairs* their VFs when the driver is loaded.

    :param pfs: all PFs of the host, also those that the state does not name.
    :param facts: by driver, of those in question.
    :raises UnsupportedError: the parameter cannot say what is wanted.
    """
    counts: dict[str, dict[str, int]] = {}
    for wanted, pf in pairs:
        if pf.driver is not None and count_by_parameter(wanted, pf, on_request):
            assert wanted.num_vfs is not UNSET
            counts.setdefault(pf.driver, {})[pf.device] = wanted.num_vfs
    return tuple(
        _option(driver, counts[driver], pfs, facts[driver], parameter_of(driver, on_request) or "")
        for driver in sorted(counts)
    )


def _option(
    driver: str, counts: Mapping[str, int], pfs: Sequence[PF], facts: DriverFacts, parameter: str
) -> ModuleOption:
    own = [pf for pf in pfs if pf.driver == driver]
    module = facts.module or driver
    if driver not in _ALIKE_FOR_ALL_PFS and facts.parameter_type is None:
        raise UnsupportedError(
            f"whether {parameter} takes one number or a list is not known, and a wrong one keeps "
            "the driver from loading",
            subject=driver,
            hint=f"see 'modinfo -p {module}', and write the line into /etc/modprobe.d yourself",
        )
    if driver in _ALIKE_FOR_ALL_PFS or not (facts.parameter_type or "").startswith("array"):
        return _one_number(module, parameter, counts, own)
    return _list(module, parameter, counts, own, facts.functions)


def _one_number(
    module: str, parameter: str, counts: Mapping[str, int], own: Sequence[PF]
) -> ModuleOption:
    numbers = set(counts.values())
    if len(numbers) > 1:
        told = ", ".join(f"{device} {count}" for device, count in sorted(counts.items()))
        raise UnsupportedError(
            f"{parameter} is one number for all PFs of the driver, and the state wants several",
            subject=module,
            evidence={"wanted": told},
            hint="want the same num_vfs of all of them",
        )
    (number,) = numbers
    if others := [pf.device for pf in own if pf.device not in counts]:
        raise UnsupportedError(
            f"{parameter} is one number for all PFs of the driver, and would also give "
            f"{number} VFs to PFs that the state does not name",
            subject=module,
            evidence={"not named": ", ".join(others)},
            hint="name them with the same num_vfs",
        )
    reason = f"{number} VFs for each PF of the driver: {', '.join(sorted(counts))}"
    return ModuleOption(module, parameter, str(number), reason)


def _list(
    module: str,
    parameter: str,
    counts: Mapping[str, int],
    own: Sequence[PF],
    functions: Sequence[str],
) -> ModuleOption:
    # A function that the state does not name keeps what it has; one without SR-IOV counts too.
    now = {pf.device: pf.num_vfs or 0 for pf in own} | dict(counts)
    if len(functions) > _LONGEST_LIST:
        raise UnsupportedError(
            f"{parameter} is a list of at most {_LONGEST_LIST} functions, and the driver has "
            f"{len(functions)}",
            subject=module,
        )
    value = ",".join(str(now.get(device, 0)) for device in functions)
    reason = f"VFs of each function of the driver, in this order: {', '.join(functions)}"
    return ModuleOption(module, parameter, value, reason)
