"""Module options, for drivers that make VFs when they are loaded.

Which these are the planner knows (``planner/boot_parameters.py``).
"""

from __future__ import annotations

from sriovctl.model.state import UNSET
from sriovctl.model.translation import (
    DriverModule,
    Export,
    Imposed,
    LeftOut,
    OutputFile,
    said_of_match,
)
from sriovctl.render.foreign.divide import divide, leave_out_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import WhyNot

DIRECTORY = "/etc/modprobe.d"


_COUNT_ALONE = "a module option of the PF's driver knows a number of VFs alone"
REASONS = {
    "drivers_autoprobe": _COUNT_ALONE,
    "link.state": _COUNT_ALONE,
    "link.mtu": _COUNT_ALONE,
    "eswitch.mode": _COUNT_ALONE,
    "admin_mac": _COUNT_ALONE,
    "vlan": _COUNT_ALONE,
    "spoofchk": _COUNT_ALONE,
    "trust": _COUNT_ALONE,
    "link_state": _COUNT_ALONE,
    "min_tx_rate_mbps": _COUNT_ALONE,
    "max_tx_rate_mbps": _COUNT_ALONE,
    "rss_query": _COUNT_ALONE,
    "node_guid": _COUNT_ALONE,
    "port_guid": _COUNT_ALONE,
    "msix_count": _COUNT_ALONE,
    "driver": "options vfio-pci ids=… would take every VF of that kind",
    "pools": "pools are sriovctl's own",
    "match.address": "an option goes to a driver, not to a PF",
    "match.netdev": "an option goes to a driver, not to a PF",
    "match.permanent_mac": "an option goes to a driver, not to a PF",
    "match.vendor_id": "an option goes to a driver, not to a PF",
    "match.device_id": "an option goes to a driver, not to a PF",
    "match.serial": "an option goes to a driver, not to a PF",
    "match.phys_port_name": "an option goes to a driver, not to a PF",
}
SOMETIMES = {
    "num_vfs": "for drivers with a parameter for it (igb, ixgbe, mlx4_core, lpfc, …); one number "
    "for all PFs of a driver",
}

_NO_DRIVER = "the PF's driver is not known: no 'match: {driver: …}', and no such PF on this host"


def render(request: ExportRequest) -> Export:
    """Write one file with a line for each driver.  Pure."""
    lines: list[str] = []
    left_out: list[LeftOut] = []
    imposed: list[Imposed] = []
    counted: dict[str, list[ExportTarget]] = {}
    for target in request.targets:
        driver = _driver_of(target)
        if driver is None:
            left_out += leave_out_all(target, _NO_DRIVER)
            continue
        why = None if target.count_parameter else f"{driver} has no parameter for it"
        left_out += divide(target, _why_not_of(why)).left_out
        if why is None and target.wanted.num_vfs is not UNSET:
            counted.setdefault(driver, []).append(target)
    for driver, targets in counted.items():
        module = _module_of(driver, request)
        placed = [one for one in targets if module.functions is None or one.pf is not None]
        left_out += (
            LeftOut("num_vfs", one.wanted.label, _NO_PLACE) for one in targets if one not in placed
        )
        if not placed:
            continue
        value = _value(module, placed, request)
        if value is None:
            why = f"{driver} takes one number for all its PFs, and they differ"
            left_out += (LeftOut("num_vfs", one.wanted.label, why) for one in placed)
            continue
        imposed += _imposed(module, placed, request)
        lines.append(f"options {module.name} {targets[0].count_parameter}={value}\n")
    if not lines:
        return Export((), tuple(left_out), tuple(imposed))
    text = _HEAD + "".join(lines)
    file = OutputFile("sriovctl-export.conf", DIRECTORY, text)
    return Export((file,), tuple(left_out), tuple(imposed))


_HEAD = """\
# Made by sriovctl: VFs that a driver makes when it is loaded.
# A driver in the initramfs sees this only once that is made anew (update-initramfs -u, dracut -f).
"""


_NO_PLACE = (
    "the driver takes a list in the order of its functions, and which one it is, is not known"
)


# Without the host at hand a module is taken to be called like its driver, but for these.
# Source: drivers/crypto/cavium/cpt/Makefile.
_MODULES = {"thunder-cpt": "cptpf"}


def _module_of(driver: str, request: ExportRequest) -> DriverModule:
    for module in request.modules:
        if module.driver == driver:
            return module
    return DriverModule(driver, _MODULES.get(driver, driver))


def _driver_of(target: ExportTarget) -> str | None:
    return target.pf.driver if target.pf is not None else target.wanted.match.driver


def _why_not_of(why_no_count: str | None) -> WhyNot:
    def why_not(key: str, _value: object, _said: Mapping[str, object]) -> str | None:
        return why_no_count if key == "num_vfs" else REASONS.get(key)

    return why_not


def _value(module: DriverModule, targets: list[ExportTarget], request: ExportRequest) -> str | None:
    if module.functions is not None:
        return ",".join(map(str, _listed(targets, module.functions, request)))
    counts = {one.num_vfs for one in targets}
    return str(counts.pop()) if len(counts) == 1 else None


def _listed(
    targets: list[ExportTarget], functions: tuple[str, ...], request: ExportRequest
) -> Iterator[int]:
    # A function that the state does not name keeps what it has; one without SR-IOV counts too.
    now = {pf.device: pf.num_vfs or 0 for pf in request.host_pfs}
    wanted = {one.pf.device: one.num_vfs or 0 for one in targets if one.pf is not None}
    for device in functions:
        yield wanted.get(device, now.get(device, 0))


def _imposed(
    module: DriverModule, targets: list[ExportTarget], request: ExportRequest
) -> Iterator[Imposed]:
    if module.functions is not None:
        return
    ours = {one.pf.device for one in targets if one.pf is not None}
    own = [pf.device for pf in request.host_pfs if pf.driver == module.driver]
    every = f"every PF of {module.driver} makes as many VFs"
    for one in targets:
        if one.pf is None and set(said_of_match(one.wanted.match)) != {"match.driver", "match.all"}:
            yield Imposed("num_vfs", one.wanted.label, f"{every}, whichever PF 'match' means")
    if others := [device for device in own if device not in ours]:
        yield Imposed("num_vfs", ", ".join(others), every)
