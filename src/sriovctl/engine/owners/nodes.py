"""Device nodes that stand for a PF or VF: who has one open uses the function.

- ``/dev/vfio/N`` stands for all functions of IOMMU group N that a VFIO driver holds.  The kernel
  lets one process open a group, and a function's own file keeps the group's file open.
- ``/dev/vfio/devices/vfioX``, ``/dev/uioX``, ``/dev/infiniband/uverbsX`` and the nodes of graphics
  cards, accelerators and NVMe controllers stand for one function.
- What a host driver makes of a function for guests has nodes of its own: a mediated device the one
  of its IOMMU group, a vDPA device ``/dev/vhost-vdpa-X``.
- A block device, such as ``/dev/nvme0n1``, may be a guest's disk, or that of a database.

Source: kernel ``drivers/vfio/group.c`` (``vfio_group_fops_open()``, ``vfio_group_fops_release()``),
``drivers/vhost/vdpa.c``, ``Documentation/driver-api/vfio-mediated-device.rst``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sriovctl.engine.owners.ledger import Function, Ledger
    from sriovctl.engine.owners.storage import Disks
    from sriovctl.host.api import FileTree

    Nodes = Mapping[str, tuple[str, ...]]  # path below /dev -> the functions behind it

# Class of sysfs -> where its device nodes are.
_CLASSES = {
    "vfio-dev": "vfio/devices/",
    "uio": "",
    "infiniband_verbs": "infiniband/",
    "drm": "dri/",
    "accel": "accel/",
    "nvme": "",
}
_BLOCK_CLASS = "/sys/class/block"


def find_nodes(files: FileTree, ledger: Ledger, disks: Disks) -> Nodes:
    """Find the device nodes of all functions that have any."""
    return {
        **_disk_nodes(files, disks),
        **_class_nodes(files, ledger),
        **dict(_nodes_for_guests(files, ledger)),
        **_group_nodes(ledger.functions.values()),
    }


def _group_nodes(functions: Iterable[Function]) -> Nodes:
    groups: dict[int, list[str]] = {}
    for function in functions:
        if function.is_on_vfio and function.iommu_group is not None:
            groups.setdefault(function.iommu_group, []).append(function.device)
    return {
        f"vfio/{prefix}{number}": tuple(devices)
        for number, devices in groups.items()
        for prefix in ("", "noiommu-")
    }


def _class_nodes(files: FileTree, ledger: Ledger) -> Nodes:
    found = {}
    for name, place in _CLASSES.items():
        for entry in files.list_dir(f"/sys/class/{name}"):
            device = files.read_link(f"/sys/class/{name}/{entry}/device")
            if device in ledger.functions:
                found[place + entry] = (device,)
    return found


def _nodes_for_guests(files: FileTree, ledger: Ledger) -> Iterator[tuple[str, tuple[str, ...]]]:
    for directory, device in _made_of_functions(files, ledger, "mdev"):
        group = files.read_link(f"{directory}/iommu_group")
        if group is not None:
            yield f"vfio/{group}", (device,)
    for directory, device in _made_of_functions(files, ledger, "vdpa"):
        for entry in files.list_dir(directory):
            if entry.startswith("vhost-vdpa-"):
                yield entry, (device,)


def _made_of_functions(files: FileTree, ledger: Ledger, bus: str) -> Iterator[tuple[str, str]]:
    for name in files.list_dir(f"/sys/bus/{bus}/devices"):
        directory = f"/sys/bus/{bus}/devices/{name}"
        device = ledger.function_in(files.resolve(directory) or "")
        if device is not None:
            yield directory, device


def _disk_nodes(files: FileTree, disks: Disks) -> Nodes:
    nodes = {}
    for name, found in disks.items():
        devices = tuple(dict.fromkeys(disk.device for disk in found))
        nodes[name] = devices
        mapped = files.read_text(f"{_BLOCK_CLASS}/{name}/dm/name")
        if mapped:
            nodes[f"mapper/{mapped}"] = devices
    return nodes
