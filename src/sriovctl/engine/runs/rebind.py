"""What it takes to give VFs to other drivers: read how they are bound, and plan."""

from __future__ import annotations

from sriovctl.engine.binding import read_binding
from sriovctl.engine.inventory import PCI_DEVICES, PCI_DRIVERS
from sriovctl.engine.original_driver import original_driver_of
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.binding import Binding, Rebinding
from sriovctl.planner.binding import plan_bindings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.host.api import FileTree
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.plan import Plan

    Chosen = Sequence[tuple[PF, VF]]

ORIGINAL = "original"  # the driver that the kernel would choose by itself
NONE = "none"
_NO_IOMMU_MODE = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def plan_rebinding(files: FileTree, chosen: Chosen, driver: str) -> Plan:
    """Plan to give VFs to *driver*; empty when all are bound so.  Changes nothing.

    :param driver: a driver's name, ``ORIGINAL`` or ``NONE``.
    :raises UnsupportedError: the driver is not loaded, or cannot have a VF here.
    :raises InputError: several drivers claim a VF whose original one is wanted.
    """
    if driver not in (ORIGINAL, NONE):
        require_loaded(files, driver)
    original = original_driver_of(files)
    return plan_bindings(
        [
            Rebinding(pf, vf, read_binding(files, str(vf.address)), wanted)
            for pf, vf in chosen
            if (wanted := _wanted(files, pf, vf, driver, original))
        ]
    )


def _wanted(
    files: FileTree,
    pf: PF,
    vf: VF,
    driver: str,
    original: Callable[[str, str | None], str | None],
) -> Binding:
    if driver == NONE:
        return Binding(None, None)
    device = str(vf.address)
    if driver == ORIGINAL:
        chosen = original(device, pf.driver)
        if chosen is not None:
            require_loaded(files, chosen)
        return Binding(chosen, None)
    _refuse_vfio_without_iommu(files, device, driver)
    return Binding(driver, None if _is_original(original, device, pf, driver) else driver)


# Then no override is needed to keep the VF with its driver; where it is not known, one does no
# harm.
def _is_original(
    original: Callable[[str, str | None], str | None], device: str, pf: PF, driver: str
) -> bool:
    try:
        return original(device, pf.driver) == driver
    except (InputError, UnsupportedError):
        return False


def require_loaded(files: FileTree, driver: str) -> None:
    """Make sure that a driver is there before anything is taken from another.

    :raises UnsupportedError: it is not loaded.
    """
    if not files.exists(f"{PCI_DRIVERS}/{driver}"):
        raise UnsupportedError(
            "no PCI driver of that name is loaded", subject=driver, hint=f"run 'modprobe {driver}'"
        )


def _refuse_vfio_without_iommu(files: FileTree, device: str, driver: str) -> None:
    if "vfio" not in driver or files.read_link(f"{PCI_DEVICES}/{device}/iommu_group"):
        return
    if files.read_text(_NO_IOMMU_MODE) in ("Y", "1"):
        return
    raise UnsupportedError(
        f"is in no IOMMU group, so {driver} does not take it",
        subject=device,
        hint="'sriovctl doctor' says what keeps the IOMMU from working",
    )
