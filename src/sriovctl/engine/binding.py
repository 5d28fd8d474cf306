"""Give functions to drivers, and read who has them.

``driver_override`` and ``drivers_probe`` bind one function alone.  A plain write to a driver's
``bind`` fails with ENODEV while the PF's ``sriov_drivers_autoprobe`` is 0, and ``new_id`` would
catch every function with the same ids.

Source: kernel ``drivers/pci/pci-driver.c`` (``pci_device_can_probe()``, ``pci_match_device()``),
``drivers/pci/pci-sysfs.c`` (``driver_override_store()``).
"""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.engine.locate import vf_device
from sriovctl.errors import HostError
from sriovctl.model.binding import Binding
from sriovctl.planner.binding import OVERRIDE
from sriovctl.planner.drivers import VFIO_DRIVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.plan import Step

DRIVERS_PROBE = "/sys/bus/pci/drivers_probe"
_NOT_SET = ("", "(null)")  # the kernel prints a null pointer with %s


def read_binding(files: FileTree, device: str) -> Binding:
    """Read which driver has a PCI function, and which one alone may take it."""
    directory = f"{PCI_DEVICES}/{device}"
    override = files.read_text(f"{directory}/driver_override") or ""
    return Binding(
        driver=files.read_link(f"{directory}/driver"),
        override=None if override in _NOT_SET else override,
    )


def bind_driver(files: FileTree, device: str, driver: str | None) -> None:
    """Give a PCI function to *driver*, or to none.

    :raises HostError: there is no such driver, or it does not take the function.
    """
    directory = f"{PCI_DEVICES}/{device}"
    if files.read_link(f"{directory}/driver") == driver:
        return
    if files.exists(f"{directory}/driver"):
        files.write_text(f"{directory}/driver/unbind", device)
    if driver is None:
        _override(files, device, None)
        return
    _override(files, device, driver)
    files.write_text(DRIVERS_PROBE, device)
    if files.read_link(f"{directory}/driver") != driver:
        _override(files, device, None)
        raise HostError(
            f"the driver {driver} did not take it", subject=device, hint=_why_not(files, driver)
        )
    if driver not in VFIO_DRIVERS:
        # The kernel would choose this driver by itself: leave no override behind.
        _override(files, device, None)


def _override(files: FileTree, device: str, driver: str | None) -> None:
    files.write_text(f"{PCI_DEVICES}/{device}/driver_override", "\n" if driver is None else driver)


def _why_not(files: FileTree, driver: str) -> str:
    if not files.exists(f"/sys/bus/pci/drivers/{driver}"):
        return f"it is not loaded: run 'modprobe {driver}'"
    return "the kernel log says why: run 'dmesg | tail'"


def bind_drivers(host: Host, steps: Sequence[Step]) -> None:
    """Carry out steps that bind VFs; those that name an override leave just that behind.

    :raises LostError: a VF is gone.
    :raises HostError: a driver did not take its VF.
    """
    for step in steps:
        device = vf_device(host.files, step)
        bind_driver(host.files, device, _text(step.after["driver"]))
        wanted = _text(step.after.get(OVERRIDE))
        if OVERRIDE in step.after and read_binding(host.files, device).override != wanted:
            _override(host.files, device, wanted)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def see_bindings(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Read, for each step, how its VF is bound now, as far as the step says.

    :raises LostError: a VF is gone.
    """
    return [_seen(host.files, step) for step in steps]


def _seen(files: FileTree, step: Step) -> dict[str, object]:
    device = vf_device(files, step)
    if OVERRIDE not in step.after:  # of a thousand VFs, a read less for each
        return {"driver": files.read_link(f"{PCI_DEVICES}/{device}/driver")}
    binding = read_binding(files, device)
    return {"driver": binding.driver, OVERRIDE: binding.override}
