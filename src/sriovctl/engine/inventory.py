"""Read which PFs and VFs a host has.

``ls`` on a host with a thousand VFs is a measured promise, so this reads as little as it can:
one existence check per function that is no PF, and of each VF only its four attributes.
"""

from __future__ import annotations

from itertools import repeat

from sriovctl.errors import HostError, LostError
from sriovctl.model.address import is_pci_address, parse_pci_address, parse_pci_addresses
from sriovctl.model.functions import PF, VF, IOMMUGroup
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sriovctl.codec.rtnl_vf_list import KnownVFs
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.link import LinkReport

    NameLookup = Callable[[str, str], str | None]

MOST_VFS = 0xFFFF  # TotalVFs has 16 bits
PCI_DEVICES = "/sys/bus/pci/devices"
NET_CLASS = "/sys/class/net"
IOMMU_GROUPS = "/sys/kernel/iommu_groups"
PCI_DRIVERS = "/sys/bus/pci/drivers"
NODES_ONLINE = "/sys/devices/system/node/online"
_VIRTIO = "virtio-pci"
# More VFs than a host has drivers: to list what one has takes about as long as the link of one VF.
_MANY = 100


def read_inventory(host: Host, *, name_of: NameLookup, with_links: bool = True) -> tuple[PF, ...]:
    """Read all PFs of a host, in address order, those of other buses last.

    :param with_links: ask route netlink of each PF; without, what it tells is None.
    :param name_of: the name of a vendor and device id pair (four hex digits each).
    :raises LostError: a PF went away while it was read.
    :raises HostError: the kernel refused a read.
    """
    survey = _survey(host.files)._replace(links=with_links)
    return (
        *_pfs_on_pci(host, survey, name_of=name_of),
        *(
            _read_pf(host, one, survey, name_of=name_of)
            for one in _pfs_elsewhere(host.files, survey.netdevs or {})
        ),
    )


def read_pf(
    host: Host, device: str, *, known: KnownVFs | None = None, former: PF | None = None
) -> PF | None:
    """Read one PF with its VFs, and nothing else of the host; None if there is no such PF.

    :param device: its name in sysfs.
    :param former: the very device as it was read before: what it is born with is not read again.
    :param known: see :func:`sriovctl.codec.rtnl.decode_link`.
    :raises LostError: it went away while it was read.
    :raises HostError: the kernel refused a read.
    """
    directory: str | None = f"{PCI_DEVICES}/{device}"
    if not host.files.exists(f"{directory}/sriov_totalvfs"):
        directory = None if is_pci_address(device) else _pf_elsewhere(host.files, device)
    if directory is None:
        return None
    survey = _survey(host.files, of_all=False, group=read_iommu_group(host.files, directory))
    survey = survey._replace(known=known, former=former)
    return _read_pf(host, directory, survey, name_of=lambda *_: None)


class _Survey(NamedTuple):
    # What is asked once, to spare a read per VF.
    grouped: bool  # the host has IOMMU groups at all
    numa: bool  # the host has several NUMA nodes; with one, a VF's is that of its PF
    drivers: Mapping[str, str]  # sysfs device name -> driver; empty when it cannot be told so
    netdevs: Mapping[str, list[str]] | None  # sysfs device name -> netdevs; None: look at each
    vfs: set[str]  # sysfs device names of those that were read so far
    links: bool = True  # ask route netlink
    known: KnownVFs | None = None
    former: PF | None = None  # of one PF, what it was


def _survey(files: FileTree, *, of_all: bool = True, group: int | None = None) -> _Survey:
    online = files.read_text(NODES_ONLINE)
    return _Survey(
        # A recording may lack the directory, and still have the links of its devices.
        grouped=group is not None
        or bool(files.list_dir(IOMMU_GROUPS))
        or not files.exists(IOMMU_GROUPS),
        numa=online is None or not online.isdigit(),
        # Listing drivers and netdevs pays for many VFs only: then it spares looking at each.
        drivers=_drivers_by_device(files, files.list_dir(PCI_DRIVERS)) if of_all else {},
        netdevs=_netdevs_by_device(files) if of_all else None,
        vfs=set(),
    )


def _drivers_by_device(files: FileTree, drivers: Sequence[str]) -> dict[str, str]:
    return {
        device: driver
        for driver in drivers
        for device in files.list_dir(f"{PCI_DRIVERS}/{driver}")
        if ":" in device
    }


# Below its device a netdev costs four calls to find, and eight to miss; here it costs one.
def _netdevs_by_device(files: FileTree) -> dict[str, list[str]] | None:
    if not files.exists(NET_CLASS):  # an old recording
        return None
    found: dict[str, list[str]] = {}
    for netdev in files.list_dir(NET_CLASS):
        # …/0000:01:10.0/net/eth1, or …/0000:01:10.0/virtio3/net/eth1
        above = (files.read_target(f"{NET_CLASS}/{netdev}") or "").split("/")[:-2]
        if above and above[-1].startswith("virtio"):
            above.pop()
        if above:
            found.setdefault(above[-1], []).append(netdev)
    return found


def _pfs_on_pci(host: Host, survey: _Survey, *, name_of: NameLookup) -> Iterator[PF]:
    for name in sorted(host.files.list_dir(PCI_DEVICES), key=len):  # as _address_order() does
        # A VF is never a PF; knowing them saves asking a thousand times.
        if name in survey.vfs or not host.files.exists(f"{PCI_DEVICES}/{name}/sriov_totalvfs"):
            continue
        directory = f"{PCI_DEVICES}/{name}"
        yield _read_pf(host, directory, survey, name_of=name_of)


def _pfs_elsewhere(files: FileTree, netdevs: Mapping[str, list[str]]) -> Iterator[str]:
    # netdevsim has sriov_numvfs, but is not on the PCI bus: its netdevs lead to it, one or several.
    for device, (netdev, *_) in netdevs.items():
        directory = f"{NET_CLASS}/{netdev}/device"
        if is_pci_address(device) or not files.exists(f"{directory}/sriov_numvfs"):
            continue
        target = files.resolve(directory)
        if target is not None:
            yield target


def _pf_elsewhere(files: FileTree, device: str) -> str | None:
    netdevs = (_netdevs_by_device(files) or {}).get(device)
    return next(_pfs_elsewhere(files, {device: netdevs}), None) if netdevs else None


def _address_order(name: str) -> tuple[int, str]:
    # The digits are lower-case hex of fixed width, but for domains beyond ffff, which are longer.
    return len(name), name


def vf_links(files: FileTree, pf_directory: str, *, num_vfs: int | None = None) -> dict[int, str]:
    """Read the links ``virtfnN`` of a PF: vf_index -> sysfs device name, by ascending index.

    Not by listing its directory, which takes half as long as to read them: the kernel numbers them
    from 0 (``pci_iov_sysfs_link()`` in ``drivers/pci/iov.c``).  Other buses have none.

    :param num_vfs: how many there are, where it is known already.
    """
    if not is_pci_address(pf_directory.rpartition("/")[2]):
        return {}
    if num_vfs is None:
        num_vfs = read_count(files, f"{pf_directory}/sriov_numvfs") or 0
    targets = files.read_links(pf_directory, [f"virtfn{index}" for index in range(num_vfs)])
    return {index: target for index, target in enumerate(targets) if target is not None}


def _read_pf(host: Host, directory: str, survey: _Survey, *, name_of: NameLookup) -> PF:
    files = host.files
    device = directory.rpartition("/")[2]
    num_vfs = read_count(files, f"{directory}/sriov_numvfs")
    if num_vfs is None:
        raise LostError("the PF went away while it was read", subject=device, hint="run again")
    vendor_id, device_id, pci_class = _read_ids(files, directory, survey.former)
    netdev = _netdev_of(files, directory, survey)
    link = _read_link(host, netdev, survey.known) if survey.links else None
    return PF(
        device=device,
        address=parse_pci_address(device) if is_pci_address(device) else None,
        vendor_id=vendor_id,
        device_id=device_id,
        name=name_of(vendor_id, device_id) if vendor_id and device_id else None,
        pci_class=pci_class,
        driver=files.read_link(f"{directory}/driver"),
        netdev=netdev,
        numa_node=(node := read_numa_node(files, directory)),
        iommu_group=read_iommu_group(files, directory),
        num_vfs=num_vfs,
        total_vfs=read_count(files, f"{directory}/sriov_totalvfs"),
        drivers_autoprobe=read_bool(files, f"{directory}/sriov_drivers_autoprobe"),
        vfs=_read_vfs(files, directory, link, survey, num_vfs=num_vfs, pf_node=node),
        up=link.up if link else None,
        permanent_mac=link.permanent_mac if link else None,
        mtu=link.mtu if link else None,
        phys_port_name=link.phys_port_name if link else None,
    )


def _read_ids(
    files: FileTree, directory: str, former: PF | None
) -> tuple[str | None, str | None, str | None]:
    if former is not None:
        return former.vendor_id, former.device_id, former.pci_class
    vendor_id = read_hex(files, f"{directory}/vendor", digits=4)
    device_id = read_hex(files, f"{directory}/device", digits=4)
    return vendor_id, device_id, read_hex(files, f"{directory}/class", digits=6)


def _read_vfs(
    files: FileTree,
    directory: str,
    link: LinkReport | None,
    survey: _Survey,
    *,
    num_vfs: int,
    pf_node: int | None,
) -> tuple[VF, ...]:
    if num_vfs == 0:
        return ()
    attributes = {vf.vf_index: vf for vf in link.vfs} if link else {}
    links = vf_links(files, directory, num_vfs=num_vfs)
    if links:
        return _read_functions(files, links, attributes, survey, pf_node=pf_node)
    # VFs of another bus have no functions of their own, only attributes.
    nothing, indices = (None,) * num_vfs, range(num_vfs)
    columns = (indices, *(nothing,) * 5, map(attributes.get, indices), *(nothing,) * 2)
    return tuple(map(tuple.__new__, repeat(VF), zip(*columns, strict=True)))


# Column by column: a thousand calls less for a thousand VFs.
def _read_functions(
    files: FileTree,
    links: dict[int, str],
    attributes: dict[int, VFAttributes],
    survey: _Survey,
    *,
    pf_node: int | None,
) -> tuple[VF, ...]:
    names = list(links.values())
    survey.vfs.update(names)
    drivers = _drivers_of(files, names, survey)
    nothing = (None,) * len(names)
    columns = (
        links,
        parse_pci_addresses(names),
        drivers,
        _netdevs_of(files, names, drivers, survey),
        _groups_of(files, names, survey),
        _nodes_of(files, names, survey, pf_node),
        map(attributes.get, links) if attributes else nothing,
        *(nothing, nothing),  # owner, msix_count: not asked
    )
    return tuple(map(tuple.__new__, repeat(VF), zip(*columns, strict=True)))


# Only a driver makes a netdev: without one there is nothing to look for.
def _netdevs_of(
    files: FileTree, names: list[str], drivers: Sequence[str | None], survey: _Survey
) -> Iterator[str | None]:
    for name, driver in zip(names, drivers, strict=True):
        yield _netdev_of(files, f"{PCI_DEVICES}/{name}", survey, driver) if driver else None


def _netdev_of(
    files: FileTree, directory: str, survey: _Survey, driver: str | None = None
) -> str | None:
    if survey.netdevs is None:
        return read_netdev(files, directory, driver=driver)
    known = survey.netdevs.get(directory.rpartition("/")[2], ())
    if len(known) > 1:
        return read_netdev(files, directory)
    return known[0] if known else None


def _nodes_of(
    files: FileTree, names: list[str], survey: _Survey, pf_node: int | None
) -> Iterator[int | None]:
    for name in names:
        yield read_numa_node(files, f"{PCI_DEVICES}/{name}") if survey.numa else pf_node


def _drivers_of(files: FileTree, names: list[str], survey: _Survey) -> Sequence[str | None]:
    bound = survey.drivers
    if not bound and len(names) > _MANY:
        bound = _drivers_by_device(files, files.list_dir(PCI_DRIVERS))
    if bound:
        return [bound.get(name) for name in names]
    return files.read_links(PCI_DEVICES, [f"{name}/driver" for name in names])


def _groups_of(files: FileTree, names: list[str], survey: _Survey) -> list[int | None]:
    if not survey.grouped:
        return [None] * len(names)
    numbers = files.read_links(PCI_DEVICES, [f"{name}/iommu_group" for name in names])
    return [int(one) if one is not None and one.isdigit() else None for one in numbers]


def _read_link(host: Host, netdev: str | None, known: KnownVFs | None) -> LinkReport | None:
    # None when it cannot be known: no netdev, one in another network namespace, or a recording
    # without netlink data.
    if netdev is None:
        return None
    from sriovctl.engine.link import read_link

    try:
        return read_link(host.rtnl, netdev, known=known)
    except LostError:
        return None


def read_iommu_groups(files: FileTree) -> tuple[IOMMUGroup, ...]:
    """Read the kernel's IOMMU groups, by ascending number."""
    if not files.exists(IOMMU_GROUPS):
        return _groups_from_links(files)
    numbers = sorted(int(name) for name in files.list_dir(IOMMU_GROUPS) if name.isdigit())
    return tuple(IOMMUGroup(number, _members(files, number)) for number in numbers)


def _groups_from_links(files: FileTree) -> tuple[IOMMUGroup, ...]:
    members: dict[int, list[str]] = {}
    for name in sorted(files.list_dir(PCI_DEVICES), key=_address_order):
        group = read_iommu_group(files, f"{PCI_DEVICES}/{name}")
        if group is not None:
            members.setdefault(group, []).append(name)
    return tuple(IOMMUGroup(number, tuple(members[number])) for number in sorted(members))


def _members(files: FileTree, number: int) -> tuple[str, ...]:
    names = files.list_dir(f"{IOMMU_GROUPS}/{number}/devices")
    return tuple(sorted(names, key=_address_order))


def read_netdev(files: FileTree, directory: str, *, driver: str | None = None) -> str | None:
    """Name of the first netdev of a device, also when virtio stands between; None without one.

    :param driver: of the device, where it is known: but for virtio's, none puts something between,
        so that the device's directory, with some fifty names, need not be listed.
    """
    netdevs = files.list_dir(f"{directory}/net")
    if netdevs:
        return _first_own(files, f"{directory}/net", netdevs)
    if driver not in (None, _VIRTIO):
        return None
    for child in files.list_dir(directory):
        if child.startswith("virtio") and (below := files.list_dir(f"{directory}/{child}/net")):
            return below[0]
    return None


def _first_own(files: FileTree, directory: str, netdevs: tuple[str, ...]) -> str | None:
    # In mode switchdev the representors of a PF's VFs are netdevs of the PF too, often with names
    # that come before its own.
    if len(netdevs) == 1:  # nearly always: nothing to choose, so nothing to read
        return netdevs[0]
    from sriovctl.model.eswitch import is_representor

    were_renamed = False
    for netdev in sorted(netdevs, key=lambda name: (len(name), name)):
        port_name = files.read_text(f"{directory}/{netdev}/phys_port_name")
        if port_name is None and not files.exists(f"{directory}/{netdev}"):
            were_renamed = True
        elif not is_representor(port_name):
            return netdev
    # As udev does with representors that have just come, and perhaps with the PF's own netdev.
    others = tuple(name for name in files.list_dir(directory) if name not in netdevs)
    return _first_own(files, directory, others) if were_renamed and others else None


def read_iommu_group(files: FileTree, directory: str) -> int | None:
    """Return the number of a device's IOMMU group."""
    name = files.read_link(f"{directory}/iommu_group")
    return int(name) if name is not None and name.isdigit() else None


def read_numa_node(files: FileTree, directory: str) -> int | None:
    """Return the NUMA node of a device; the kernel's -1 means that it does not know."""
    node = read_int(files, f"{directory}/numa_node")
    return None if node is None or node < 0 else node


def read_int(files: FileTree, path: str) -> int | None:
    """Read a decimal attribute.

    :raises HostError: it holds something else.
    """
    text = files.read_text(path)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise HostError("is not a number", subject=path, evidence={"value": text[:40]}) from None


def read_count(files: FileTree, path: str) -> int | None:
    """Read how many VFs there are, or may be.

    :raises HostError: it holds something else, or a number that no PF can have: a driver's error
        code that was printed as it is, or a damaged recording.
    """
    number = read_int(files, path)
    if number is not None and not 0 <= number <= MOST_VFS:
        raise HostError("is no number of VFs", subject=path, evidence={"value": str(number)})
    return number


def read_bool(files: FileTree, path: str) -> bool | None:
    """Read an attribute that is 0 or 1."""
    number = read_int(files, path)
    return None if number is None else bool(number)


def read_hex(files: FileTree, path: str, *, digits: int) -> str | None:
    """Read an attribute such as ``0x8086`` as lower-case digits without the prefix."""
    text = files.read_text(path)
    return None if text is None else text.removeprefix("0x").lower().rjust(digits, "0")
