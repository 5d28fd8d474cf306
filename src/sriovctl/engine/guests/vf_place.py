"""Read where a VF sits on the host and what stands in the way of giving it to a guest.

Source: kernel ``Documentation/ABI/testing/sysfs-bus-pci`` (physfn, virtfnN), and for the groups
``vfio_dev_viable`` in ``drivers/vfio/group.c`` and its successors.
"""

from __future__ import annotations

from sriovctl.engine.guests.iommu_group import read_group
from sriovctl.engine.inventory import NET_CLASS, PCI_DEVICES, read_netdev, read_numa_node, vf_links
from sriovctl.errors import InputError, LostError, UnsupportedError
from sriovctl.model.address import PCIAddress, is_pci_address, parse_pci_address
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.binding import GroupMember
    from sriovctl.model.functions import VFAttributes

_IFF_UP = 1  # include/uapi/linux/if.h
_CLASS_NETWORK = "0x02"
_HINT_LS = "'sriovctl ls' lists the PFs and VFs"


class VFPlace(NamedTuple):
    """One VF as the host sees it."""

    address: PCIAddress
    vf_index: int
    pf: PCIAddress
    pf_netdev: str | None
    pf_up: bool | None  # None: the PF has no netdev
    is_network: bool
    netdev: str | None
    netdev_up: bool
    netdev_uppers: tuple[str, ...]  # bridge, bond, VLAN… on top of the VF's netdev
    netdev_elsewhere: bool  # the netdev was moved into another network namespace
    iommu_group: str | None
    # Others in the group that a host driver holds, as "ADDRESS (driver)".
    group_blockers: tuple[str, ...]
    driver: str | None
    numa_node: int | None = None  # None: the host has one node, or does not say
    group_members: tuple[GroupMember, ...] = ()  # the VF among them


def read_vf_place(files: FileTree, address: PCIAddress) -> VFPlace:
    """Read where the VF *address* sits.

    :raises InputError: there is no such function, or it is no VF.
    """
    path = f"{PCI_DEVICES}/{address}"
    pf = _pf_of(files, address)
    pf_netdev = read_netdev(files, f"{PCI_DEVICES}/{pf}")
    netdev = read_netdev(files, path)
    group = read_group(files, str(address))
    members = () if group is None else group.members
    return VFPlace(
        address=address,
        vf_index=_vf_index(files, pf, address),
        pf=pf,
        pf_netdev=pf_netdev,
        pf_up=None if pf_netdev is None else _is_up(files, pf_netdev),
        is_network=(files.read_text(f"{path}/class") or "").startswith(_CLASS_NETWORK),
        netdev=netdev,
        netdev_up=netdev is not None and _is_up(files, netdev),
        netdev_uppers=() if netdev is None else _uppers(files, netdev),
        # sysfs shows a netdev only in its own namespace, but its "net" directory everywhere.
        netdev_elsewhere=netdev is None and files.exists(f"{path}/net"),
        iommu_group=files.read_link(f"{path}/iommu_group"),
        group_blockers=_group_blockers(members, address),
        driver=read_driver(files, address),
        numa_node=read_numa_node(files, path),
        group_members=members,
    )


def read_attributes(host: Host, place: VFPlace) -> VFAttributes | None:
    """What the PF's driver holds for this VF; None if it cannot be known.

    :raises PermissionDenied: the kernel refuses.
    :raises HostError: netlink failed.
    """
    if place.pf_netdev is None:
        return None
    from sriovctl.engine.link import read_link

    try:
        report = read_link(host.rtnl, place.pf_netdev)
    except LostError:  # a recording without netlink data
        return None
    return next((vf for vf in report.vfs if vf.vf_index == place.vf_index), None)


def read_vf_addresses(files: FileTree, pf: PCIAddress) -> tuple[PCIAddress, ...]:
    """Addresses of the PF's VFs, by vf_index."""
    links = vf_links(files, f"{PCI_DEVICES}/{pf}")
    return tuple(parse_pci_address(device) for device in links.values())


def find_pf(files: FileTree, name: str) -> PCIAddress:
    """Find a PF by its PCI address or its netdev.

    :raises InputError: there is no such function or netdev.
    :raises UnsupportedError: it has no SR-IOV.
    """
    device: str | None
    if is_pci_address(name):
        device = str(parse_pci_address(name))
    else:
        device = files.read_link(f"{NET_CLASS}/{name}/device")
    if device is None or not files.exists(f"{PCI_DEVICES}/{device}"):
        raise InputError("no such PF", subject=name, hint=_HINT_LS)
    if not files.exists(f"{PCI_DEVICES}/{device}/sriov_totalvfs"):
        raise UnsupportedError("has no SR-IOV", subject=name, hint=_HINT_LS)
    return parse_pci_address(device)


def is_vf(files: FileTree, address: PCIAddress) -> bool:
    """Say whether a function is a VF of this host."""
    return files.read_link(f"{PCI_DEVICES}/{address}/physfn") is not None


def is_present(files: FileTree, address: PCIAddress) -> bool:
    """Say whether this host has a function at *address*."""
    return files.exists(f"{PCI_DEVICES}/{address}")


def read_driver(files: FileTree, address: PCIAddress) -> str | None:
    """Name of the driver that is bound to a function; None without one."""
    return files.read_link(f"{PCI_DEVICES}/{address}/driver")


def is_open(files: FileTree, address: PCIAddress | str) -> bool:
    """Say whether a program has a function open through VFIO.

    VFIO enables it while it is open, and only then.
    """
    on_vfio = "vfio" in (files.read_link(f"{PCI_DEVICES}/{address}/driver") or "")
    return on_vfio and files.read_text(f"{PCI_DEVICES}/{address}/enable") not in ("0", None)


def _pf_of(files: FileTree, address: PCIAddress) -> PCIAddress:
    path = f"{PCI_DEVICES}/{address}"
    if not is_present(files, address):
        raise InputError("no such PCI function", subject=address, hint=_HINT_LS)
    physfn = files.read_link(f"{path}/physfn")
    if physfn is None:
        raise InputError("is not a VF: it has no physfn", subject=address, hint=_HINT_LS)
    return parse_pci_address(physfn)


def _vf_index(files: FileTree, pf: PCIAddress, address: PCIAddress) -> int:
    for index, device in vf_links(files, f"{PCI_DEVICES}/{pf}").items():
        if device == str(address):
            return index
    raise LostError(f"its PF {pf} does not list it as a VF", subject=address, hint=_HINT_LS)


def _is_up(files: FileTree, netdev: str) -> bool:
    flags = files.read_text(f"{NET_CLASS}/{netdev}/flags")
    return flags is not None and bool(int(flags, 16) & _IFF_UP)


def _uppers(files: FileTree, netdev: str) -> tuple[str, ...]:
    names = files.list_dir(f"{NET_CLASS}/{netdev}")
    return tuple(name.removeprefix("upper_") for name in names if name.startswith("upper_"))


def _group_blockers(members: tuple[GroupMember, ...], address: PCIAddress) -> tuple[str, ...]:
    return tuple(
        f"{member.device} ({member.driver})"
        for member in members
        if member.hinders and member.device != str(address)
    )
