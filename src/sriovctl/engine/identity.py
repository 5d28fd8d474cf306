"""What tells a PF from others wherever it is plugged in: its serial number.

Read only where a state needs it: configuration space beyond the first 64 bytes is for root, and
reading it wakes a device that sleeps.
"""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.errors import PermissionDenied
from sriovctl.model.state import AUTO_MAC
from sriovctl.planner.match import fits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState, PFMatch, WantedPF

_SHOWN_TO_ALL = 64  # bytes of config space; kernel drivers/pci/pci-sysfs.c, pci_read_config()


def with_identities(host: Host, pfs: Iterable[PF], state: DesiredState) -> tuple[PF, ...]:
    """Fill in the serial numbers that *state* needs, and leave the other PFs as they are.

    Needed it is to match by it, and for an automatic MAC where there is no permanent one.

    :raises PermissionDenied: a serial is needed that only root may read.
    :raises HostError: the kernel refused a read.
    """
    return tuple(
        pf._replace(serial=read_serial(host.files, pf)) if _needs_serial(pf, state) else pf
        for pf in pfs
    )


def _needs_serial(pf: PF, state: DesiredState) -> bool:
    return any(
        _fits_otherwise(pf, wanted.match)
        and (wanted.match.serial is not None or (pf.permanent_mac is None and _wants_auto(wanted)))
        for wanted in state.pfs
    )


def _fits_otherwise(pf: PF, match: PFMatch) -> bool:
    return fits(pf, match._replace(serial=None))


def _wants_auto(wanted: WantedPF) -> bool:
    vfs = (wanted.vf_default, *(vf for _, vf in wanted.vfs))
    return any(vf.admin_mac == AUTO_MAC for vf in vfs)


def read_serial(files: FileTree, pf: PF) -> str | None:
    """Read the serial number of a PF: what its NVMe controller says, or what config space does.

    None if it has none, or is no PCI function.

    :raises PermissionDenied: only root may read it.
    :raises HostError: the kernel refused a read.
    """
    if pf.address is None:
        return None
    directory = f"{PCI_DEVICES}/{pf.device}"
    for controller in files.list_dir(f"{directory}/nvme"):
        # Padded with spaces to 20 characters: NVMe Base Specification, Identify Controller, SN.
        serial = (files.read_text(f"{directory}/nvme/{controller}/serial") or "").strip()
        if serial:
            return serial
    return _device_serial_number(files.read_bytes(f"{directory}/config"), pf)


def _device_serial_number(config: bytes | None, pf: PF) -> str | None:
    if config is None:
        return None
    if len(config) <= _SHOWN_TO_ALL:
        raise PermissionDenied(
            "its serial number can be read by root alone",
            subject=pf.device,
            evidence={"path": f"{PCI_DEVICES}/{pf.device}/config", "bytes": len(config)},
            hint="run as root, or record the host as root",
        )
    from sriovctl.codec.pciconfig import decode_config

    return decode_config(config).serial_number
