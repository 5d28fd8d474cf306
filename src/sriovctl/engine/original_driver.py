"""Which driver the kernel gives a function by itself: the original one.

The kernel offers a function to each loaded driver, and the first whose table of ids fits takes
it.  Which tables fit is written down by depmod, module by module, and sysfs says which driver
came from which module.  Where there is no such file (in a container, say) what is known of the
PF's driver stands in for it.

Source: kernel ``drivers/pci/pci-driver.c``, ``pci_match_device()``; ``depmod.d(5)``.
"""

from __future__ import annotations

from sriovctl.codec.module_aliases import modules_claiming
from sriovctl.engine.inventory import PCI_DEVICES, PCI_DRIVERS
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.planner.drivers import rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.host.api import FileTree

_NAME_IT = "name it: --driver NAME"


def read_original_driver(files: FileTree, device: str, *, pf_driver: str | None) -> str | None:
    """Find the driver that the kernel would choose for a VF; None if none claims it.

    :raises UnsupportedError: it is not known, or its module is not loaded.
    :raises InputError: several claim it.
    """
    usual = rules_of(pf_driver).vf_driver
    modules = _read_modules(files, device)
    if modules is None:
        if usual is None:
            raise UnsupportedError(
                "which driver the kernel gives it is not known here", subject=device, hint=_NAME_IT
            )
        return usual
    if not modules:
        return None
    loaded = [name for name, module in _drivers(files) if module in modules]
    if usual in loaded:
        return usual
    if not loaded:
        raise UnsupportedError(
            f"belongs to the module {modules[0]}, which is not loaded",
            subject=device,
            hint=f"run 'modprobe {modules[0]}'",
        )
    if len(loaded) > 1:
        raise InputError(
            f"is claimed by several drivers: {', '.join(loaded)}", subject=device, hint=_NAME_IT
        )
    return loaded[0]


def original_driver_of(files: FileTree) -> Callable[[str, str | None], str | None]:
    """Make a lookup that finds the answer for each kind of function once."""
    known: dict[tuple[str | None, str | None], str | None] = {}

    def look(device: str, pf_driver: str | None) -> str | None:
        key = (files.read_text(f"{PCI_DEVICES}/{device}/modalias"), pf_driver)
        if key not in known:
            known[key] = read_original_driver(files, device, pf_driver=pf_driver)
        return known[key]

    return look


# None: depmod's files are not here.
def _read_modules(files: FileTree, device: str) -> tuple[str, ...] | None:
    release = files.read_text("/proc/sys/kernel/osrelease")
    modalias = files.read_text(f"{PCI_DEVICES}/{device}/modalias")
    directory = f"/lib/modules/{release}"
    aliases = files.read_text(f"{directory}/modules.alias")
    if release is None or modalias is None or aliases is None:
        return None
    builtin = files.read_bytes(f"{directory}/modules.builtin.modinfo") or b""
    return tuple(_plain(name) for name in modules_claiming(modalias, aliases, builtin))


def _drivers(files: FileTree) -> list[tuple[str, str]]:
    # A driver without a module of its own is part of the kernel, and named as it is.
    return [
        (name, _plain(files.read_link(f"{PCI_DRIVERS}/{name}/module") or name))
        for name in files.list_dir(PCI_DRIVERS)
    ]


def _plain(module: str) -> str:
    # depmod writes names as the files have them, sysfs with underscores alone.
    return module.replace("-", "_")
