"""Where the PFs and VFs that steps name are in sysfs."""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.errors import LostError
from sriovctl.model.address import is_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.host.api import FileTree
    from sriovctl.model.plan import Step


def find_directory(files: FileTree, device: str) -> str:
    """Find the sysfs directory of a PF by its device name.

    :raises LostError: there is none.
    """
    if is_pci_address(device):
        directory = f"{PCI_DEVICES}/{device}"
        if files.exists(directory):
            return directory
    for netdev in files.list_dir("/sys/class/net"):
        target = files.resolve(f"/sys/class/net/{netdev}/device")
        if target is not None and target.endswith(f"/{device}"):
            return target
    raise LostError("the PF is gone", subject=device, hint="'sriovctl ls' shows what is there")


def driver_of(files: FileTree, device: str) -> str | None:
    """Read which driver a PF has; None without one, or without the PF."""
    try:
        return files.read_link(f"{find_directory(files, device)}/driver")
    except LostError:
        return None


def vf_index_of(step: Step) -> int:
    """Return the index of the VF that a step is about."""
    assert step.vf_index is not None, "a step on VFs names one"
    return step.vf_index


def vf_devices(files: FileTree, steps: Sequence[Step]) -> list[str]:
    """Find the sysfs device names of the VFs that steps on one PF are about.

    :raises LostError: a VF is not there.
    """
    directory = find_directory(files, steps[0].device)
    return [_vf_device(files, directory, step) for step in steps]


def _vf_device(files: FileTree, directory: str, step: Step) -> str:
    name = files.read_link(f"{directory}/virtfn{vf_index_of(step)}")
    if name is None:
        raise LostError("the VF is gone", subject=step.subject)
    return name
