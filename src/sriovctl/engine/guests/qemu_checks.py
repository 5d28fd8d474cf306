"""Everything that must hold before a VF is plugged into a running QEMU.

QEMU finds some of it out itself, but halfway, and in the words of an ioctl.
"""

from __future__ import annotations

from sriovctl.engine.guests.attach_checks import doubts_about_link
from sriovctl.engine.guests.vf_place import read_driver
from sriovctl.errors import BusyError, InputError, UnsupportedError
from sriovctl.model.functions import NO_MAC
from sriovctl.model.qemu_line import qemu_id_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import FileTree
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.qemu import HandoverSettings, QEMUMachine
    from sriovctl.model.qemu_line import DeviceOptions

_CAP_IPC_LOCK = 14  # include/uapi/linux/capability.h
_MIB = 1 << 20


def choose_device_id(machine: QEMUMachine, options: DeviceOptions, place: VFPlace) -> str:
    """Choose the id under which the VF will be known in QEMU.

    :raises InputError: another device has it.
    """
    device_id = options.device_id or qemu_id_of(place.address)
    if device_id in machine.device_ids:
        raise InputError(
            "is the id of another device of this guest", subject=device_id, hint="name one: --id"
        )
    return device_id


def choose_bus(machine: QEMUMachine, wanted: str | None, guest: str) -> str | None:
    """Choose the bus to plug into; None: QEMU finds a slot by itself.

    :raises UnsupportedError: there is no room, or not there.
    """
    if wanted is not None:
        _refuse_taken_port(machine, wanted)
        return wanted
    if machine.free_ports:
        return machine.free_ports[0].port_id
    if machine.free_slots:
        return None
    raise _no_room(machine, guest)


def _refuse_taken_port(machine: QEMUMachine, wanted: str) -> None:
    port = next((port for port in machine.ports if port.port_id == wanted), None)
    if port is not None and (port.occupied or not port.hotplug):
        raise UnsupportedError(
            "is taken" if port.occupied else "takes no hot plug (hotplug=off)",
            subject=wanted,
            hint="'sriovctl qemu list SOCKET' shows the ports that are free",
        )


def _no_room(machine: QEMUMachine, guest: str) -> UnsupportedError:
    total = len(machine.ports)
    hint = (
        "start QEMU with more: -device pcie-root-port,id=port1,chassis=1,slot=1 (with another id "
        "and chassis each)"
    )
    if machine.free_slots is not None and not total:
        return UnsupportedError("has no free slot for a hot plug", subject=guest)
    if not total and machine.nameless_ports:
        return UnsupportedError("has root ports without an id only", subject=guest, hint=hint)
    what = f"all {total} are taken or without hot plug" if total else "it has none"
    return UnsupportedError(
        f"has no free root port for a hot plug: {what}", subject=guest, hint=hint
    )


def check_token(files: FileTree, place: VFPlace, options: DeviceOptions) -> None:
    """Make sure that a VF whose PF is in user space comes with the token that both share.

    Source: kernel ``drivers/vfio/pci/vfio_pci_core.c``, ``vfio_pci_validate_vf_token()``.

    :raises UnsupportedError: there is none, or one that nobody asks for.
    """
    driver = read_driver(files, place.pf) or ""
    if "vfio" in driver and options.vf_token is None:
        raise UnsupportedError(
            f"its PF {place.pf} is driven by a program through {driver}, and VFIO wants the token "
            "that this program has set",
            subject=place.address,
            hint="--vf-token UUID",
        )
    if "vfio" not in driver and options.vf_token is not None:
        raise UnsupportedError(
            f"needs no token, and VFIO refuses one: {driver or 'no driver'} has its PF {place.pf}",
            subject=place.address,
            hint="leave --vf-token out",
        )


def check_memlock(files: FileTree, machine: QEMUMachine, pid: int | None, guest: str) -> None:
    """Make sure that QEMU may lock the guest's memory, all of which the VF can reach.

    Source: kernel ``drivers/vfio/vfio_iommu_type1.c``, ``vfio_lock_acct()``.

    :raises UnsupportedError: its limit is lower.
    """
    if pid is None or machine.memory_bytes is None or not _is_qemu(files, pid):
        return
    if may_lock_all(files, pid):
        return
    limit = _memlock_limit(files, pid)
    if limit is not None and limit < machine.memory_bytes:
        raise UnsupportedError(
            f"may lock {limit // _MIB} MiB of memory, and the guest has "
            f"{machine.memory_bytes // _MIB}, all of which a VF can reach",
            subject=guest,
            hint=f"prlimit --pid {pid} --memlock=unlimited; for later ones 'ulimit -l unlimited', "
            "or LimitMEMLOCK=infinity in their unit",
            evidence={f"/proc/{pid}/limits": f"Max locked memory {limit}"},
        )


# The socket may have been made by whoever started QEMU.
def _is_qemu(files: FileTree, pid: int) -> bool:
    program = (files.read_bytes(f"/proc/{pid}/cmdline") or b"").split(b"\0")[0].rpartition(b"/")[2]
    return b"qemu" in program or program == b"kvm"


def may_lock_all(files: FileTree, pid: int) -> bool:
    """Say whether a process may lock memory beyond its limit: it has CAP_IPC_LOCK."""
    for line in (files.read_text(f"/proc/{pid}/status") or "").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_IPC_LOCK & 1)
    return False


# None: no limit, or none that can be read.
def _memlock_limit(files: FileTree, pid: int) -> int | None:
    for line in (files.read_text(f"/proc/{pid}/limits") or "").splitlines():
        if line.startswith("Max locked memory"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None


def check_same_settings(
    place: VFPlace, attributes: VFAttributes | None, settings: HandoverSettings
) -> None:
    """Refuse to plug a VF again with other settings than it has in this guest.

    :raises BusyError: naming the settings it has.
    """
    if attributes is None or (settings.mac is None and settings.vlan is None):
        return
    vlan = attributes.vlan_id or 0
    same_mac = settings.mac in (None, "auto", attributes.admin_mac)
    if not (same_mac and settings.vlan in (None, vlan)):
        raise BusyError(
            f"is already in this guest, with MAC {attributes.admin_mac or 'none'} and VLAN "
            f"{vlan or 'none'}",
            subject=place.address,
            hint="detach it first",
        )


def warnings_for(
    place: VFPlace, attributes: VFAttributes | None, machine: QEMUMachine | None = None
) -> Iterator[str]:
    """What does not forbid to plug a VF, but will surprise.

    :param machine: None: it does not run yet.
    """
    yield from doubts_about_link(place)
    if attributes is not None and attributes.admin_mac in (None, NO_MAC):
        remedy = "" if machine is None else "; --mac auto gives it one that stays"
        yield (
            f"{place.address} has no MAC of its own: the guest's driver makes one up each time"
            f"{remedy}"
        )
    if machine is not None and machine.status != "running":
        yield f"the guest is {machine.status}, and sees the VF once it runs"
