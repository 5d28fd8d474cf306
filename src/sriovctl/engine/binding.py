"""Give functions to drivers, and read who has them.

``driver_override`` and ``drivers_probe`` bind one function alone.  A plain write to a driver's
``bind`` fails with ENODEV while the PF's ``sriov_drivers_autoprobe`` is 0, and ``new_id`` would
catch every function with the same ids.

Many functions take three rounds, not three for each: all that binds them is written, then all is
looked at, then what was left in ``driver_override`` is put right.

Source: kernel ``drivers/pci/pci-driver.c`` (``pci_device_can_probe()``, ``pci_match_device()``),
``drivers/pci/pci-sysfs.c`` (``driver_override_store()``).
"""

from __future__ import annotations

from contextlib import suppress

from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.engine.locate import vf_devices
from sriovctl.errors import HostError, SriovctlError, WedgedError
from sriovctl.model.binding import Binding
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.planner.binding import OVERRIDE
from sriovctl.planner.drivers import VFIO_DRIVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.plan import Step
    from sriovctl.model.state import Unset

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


class _Move(NamedTuple):
    # One function on its way to a driver.
    device: str
    now: str | None
    driver: str | None
    override: str | Unset | None  # what is to stay in driver_override; UNSET: what there is

    @property
    def moves(self) -> bool:
        return self.now != self.driver


def bind_drivers(host: Host, steps: Sequence[Step]) -> None:
    """Carry out steps that bind VFs of one PF; those that name an override leave just that behind.

    :raises LostError: a VF is gone.
    :raises HostError: a driver did not take its VF.
    """
    files = host.files
    devices = vf_devices(files, steps)
    moves = [_move(files, device, step) for device, step in zip(devices, steps, strict=True)]
    try:
        files.write_each([write for one in moves if one.moves for write in _writes(one)])
        _require_bound(files, moves)
    except WedgedError:  # nobody is to touch these VFs any more
        raise
    except SriovctlError:
        with suppress(SriovctlError):
            files.write_each(list(_forgotten(files, moves)))
        raise
    files.write_each(list(_settled(files, moves)))


def _move(files: FileTree, device: str, step: Step) -> _Move:
    driver, now = _text(step.after["driver"]), _driver_of(files, device)
    if OVERRIDE in step.after:
        return _Move(device, now, driver, _text(step.after[OVERRIDE]))
    if now == driver:
        return _Move(device, now, driver, UNSET)
    # The kernel would choose any other driver by itself: leave no override behind.
    return _Move(device, now, driver, driver if driver in VFIO_DRIVERS else None)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _driver_of(files: FileTree, device: str) -> str | None:
    return files.read_link(f"{PCI_DEVICES}/{device}/driver")


def _writes(one: _Move) -> Iterator[tuple[str, str]]:
    if one.now is not None:
        yield f"{PCI_DEVICES}/{one.device}/driver/unbind", one.device
    yield _override(one.device, one.driver)
    if one.driver is not None:
        yield DRIVERS_PROBE, one.device


def _override(device: str, driver: str | None) -> tuple[str, str]:
    return f"{PCI_DEVICES}/{device}/driver_override", "\n" if driver is None else driver


def _require_bound(files: FileTree, moves: Sequence[_Move]) -> None:
    for one in moves:
        if one.moves and one.driver is not None and _driver_of(files, one.device) != one.driver:
            raise HostError(
                f"the driver {one.driver} did not take it",
                subject=one.device,
                hint=_why_not(files, one.driver),
            )


def _why_not(files: FileTree, driver: str) -> str:
    if not files.exists(f"/sys/bus/pci/drivers/{driver}"):
        return f"it is not loaded: run 'modprobe {driver}'"
    return "the kernel log says why: run 'dmesg | tail'"


def _settled(files: FileTree, moves: Sequence[_Move]) -> Iterator[tuple[str, str]]:
    for one in moves:
        if one.override is UNSET:
            continue
        there = one.driver if one.moves else read_binding(files, one.device).override
        if there != one.override:
            yield _override(one.device, one.override)


# After a failure: some were bound, some were not, and some were not come to.
def _forgotten(files: FileTree, moves: Sequence[_Move]) -> Iterator[tuple[str, str]]:
    for one in moves:
        binding = read_binding(files, one.device)
        is_ours = one.moves and binding.override == one.driver
        if is_ours and not (binding.driver == one.driver == one.override):
            yield _override(one.device, None)


def see_bindings(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Read, for each step on VFs of one PF, how its VF is bound now, as far as the step says.

    :raises LostError: a VF is gone.
    """
    devices = vf_devices(host.files, steps)
    return [_seen(host.files, one, step) for one, step in zip(devices, steps, strict=True)]


def _seen(files: FileTree, device: str, step: Step) -> dict[str, object]:
    if OVERRIDE not in step.after:  # of a thousand VFs, a read less for each
        return {"driver": _driver_of(files, device)}
    binding = read_binding(files, device)
    return {"driver": binding.driver, OVERRIDE: binding.override}
