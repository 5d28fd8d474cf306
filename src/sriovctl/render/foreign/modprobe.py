"""Module options, for drivers that make VFs when they are loaded.

Which these are the planner knows (``planner/boot_parameters.py``).
"""

from __future__ import annotations

from sriovctl.model.state import UNSET
from sriovctl.model.translation import (
    DriverModule,
    Imposed,
    LeftOut,
    OutputFile,
    said_of_match,
)
from sriovctl.render.foreign.divide import divide, export_of, leave_out_all, written_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Part, WhyNot

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
    pfs = [_part(target) for target in request.targets]
    by_driver: dict[str, list[ExportTarget]] = {}
    for driver, target in written_of(pfs):
        by_driver.setdefault(driver, []).append(target)
    drivers = [_line(driver, targets, request) for driver, targets in by_driver.items()]
    lines = written_of(drivers)
    file = OutputFile("sriovctl-export.conf", DIRECTORY, _HEAD + "".join(lines))
    parts: list[Part[object]] = [*pfs, *drivers]
    return export_of([file] if lines else [], parts)


def _part(target: ExportTarget) -> Part[tuple[str, ExportTarget]]:
    driver = _driver_of(target)
    if driver is None:
        return leave_out_all(target, _NO_DRIVER)
    why = None if target.count_parameter else f"{driver} has no parameter for it"
    counts = why is None and target.wanted.num_vfs is not UNSET
    left_out = divide(target, _why_not_of(why)).left_out
    return (driver, target) if counts else None, left_out, ()


def _line(driver: str, targets: list[ExportTarget], request: ExportRequest) -> Part[str]:
    module = _module_of(driver, request)
    placed = [one for one in targets if module.functions is None or one.pf is not None]
    lost = [LeftOut("num_vfs", one.wanted.label, _NO_PLACE) for one in targets if one not in placed]
    value = _value(module, placed, request) if placed else None
    if value is None:
        why = f"{driver} takes one number for all its PFs, and they differ"
        lost += (LeftOut("num_vfs", one.wanted.label, why) for one in placed)
        return None, tuple(lost), ()
    text = f"options {module.name} {placed[0].count_parameter}={value}\n"
    return text, tuple(lost), tuple(_imposed(module, placed, request))


_HEAD = """\
# Made by sriovctl: VFs that a driver makes when it is loaded.
# A driver in the initramfs sees this only once that is made anew (update-initramfs -u, dracut -f).
"""


_NO_PLACE = (
    "the driver takes a list in the order of its functions, and which one it is, is not known"
)


def _module_of(driver: str, request: ExportRequest) -> DriverModule:
    for module in request.modules:
        if module.driver == driver:
            return module
    return DriverModule(driver, driver)  # it is called like its driver with all that have one


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
