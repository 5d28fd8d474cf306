"""Read all that a host tells about one PCI function."""

from __future__ import annotations

from sriovctl.codec.pciconfig import (
    bar_sizes_from_resource,
    decode_config,
    vf_bar_sizes_from_resource,
    with_bar_sizes,
)
from sriovctl.engine.inventory import (
    NET_CLASS,
    PCI_DEVICES,
    read_count,
    read_hex,
    read_iommu_group,
    read_netdev,
    read_numa_node,
    vf_links,
)
from sriovctl.errors import InputError, LostError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.description import FunctionDescription

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capabilities import ConfigSpace

    NameLookup = Callable[[str, str], str | None]


def resolve_target(host: Host, text: str) -> PCIAddress:
    """Find the function that the user means: a PCI address, or the netdev that it drives.

    :raises InputError: there is no such function or netdev, or it is not on the PCI bus.
    """
    if is_pci_address(text):
        address = parse_pci_address(text)
        if not host.files.exists(f"{PCI_DEVICES}/{address}"):
            raise InputError(
                "no such PCI device",
                subject=address,
                hint=_nearest(str(address), host.files.list_dir(PCI_DEVICES)),
            )
        return address
    if text not in host.files.list_dir(NET_CLASS):
        raise _no_such_netdev(host.files, text)
    return _function_of_netdev(host.files, text)


def _function_of_netdev(files: FileTree, netdev: str) -> PCIAddress:
    path = files.resolve(f"{NET_CLASS}/{netdev}/device")
    parts = [] if path is None else path.split("/")
    # virtio stands between its netdev and its PCI function.
    if parts and parts[-1].startswith("virtio"):
        parts.pop()
    if not parts or not is_pci_address(parts[-1]):
        above = next((part for part in reversed(parts) if is_pci_address(part)), None)
        raise InputError(
            "is a netdev, but not of a PCI function",
            subject=netdev,
            hint=f"it hangs below {above}" if above else "'sriovctl ls' lists the PFs",
        )
    return parse_pci_address(parts[-1])


def _no_such_netdev(files: FileTree, text: str) -> InputError:
    names = (*files.list_dir(NET_CLASS), *files.list_dir(PCI_DEVICES))
    near = _nearest(text, names) or "'sriovctl ls' lists the PFs"
    return InputError("is neither a netdev here nor a PCI address", subject=text, hint=near)


def _nearest(text: str, names: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(text, list(names), n=3, cutoff=0.6)
    return f"near to it: {', '.join(near)}" if near else None


def read_function(
    host: Host, address: PCIAddress, *, name_of: NameLookup | None = None
) -> FunctionDescription:
    """Read one function.

    :param name_of: the name of a vendor and device id pair (four hex digits each).
    :raises LostError: no function is at that address, it went away while it was read, or it does
        not answer.
    :raises HostError: the kernel refused a read.
    """
    files = host.files
    directory = f"{PCI_DEVICES}/{address}"
    if not files.exists(directory):
        raise LostError("no such PCI device", subject=address)
    resource = files.read_text(f"{directory}/resource")
    config = _with_sizes(read_config(files, address), resource)
    vendor_id = read_hex(files, f"{directory}/vendor", digits=4)
    device_id = read_hex(files, f"{directory}/device", digits=4)
    found = FunctionDescription(
        address=address,
        vendor_id=vendor_id,
        device_id=device_id,
        name=name_of(vendor_id, device_id) if name_of and vendor_id and device_id else None,
        pci_class=read_hex(files, f"{directory}/class", digits=6),
        driver=files.read_link(f"{directory}/driver"),
        netdev=read_netdev(files, directory),
        numa_node=read_numa_node(files, directory),
        iommu_group=read_iommu_group(files, directory),
        config=config,
    )
    found = _with_relations(files, directory, found, resource)
    if not files.exists(directory):
        raise LostError("went away while it was read", subject=address)
    return found


def _with_relations(
    files: FileTree, directory: str, found: FunctionDescription, resource: str | None
) -> FunctionDescription:
    pf_address, vf_index = _place_among_vfs(files, directory)
    bridge = _bridge_above(files, directory)
    total_vfs = read_count(files, f"{directory}/sriov_totalvfs")
    return found._replace(
        pf_address=pf_address,
        vf_index=vf_index,
        sriov_total_vfs=total_vfs,
        bridge_above=bridge,
        bridge_forwards_ari=_forwards_ari(files, bridge),
        notes=(*_notes(found.config), *_sriov_notes(found.config, resource, total_vfs=total_vfs)),
    )


def read_config(files: FileTree, address: PCIAddress) -> ConfigSpace:
    """Read and decode the configuration space of one function; without BAR sizes.

    :raises LostError: it is not there, or does not answer.
    :raises HostError: the kernel refused the read.
    """
    path = f"{PCI_DEVICES}/{address}/config"
    data = files.read_bytes(path)
    if data is None:
        raise LostError("its config space cannot be found", subject=address)
    config = decode_config(data)
    if config.is_gone:
        raise LostError(
            "does not answer",
            subject=address,
            hint="it was unplugged, is without power, or hangs; the kernel log may say more",
            evidence={path: "every byte is ff"},
        )
    return config


def _with_sizes(config: ConfigSpace, resource: str | None) -> ConfigSpace:
    if resource is None or config.header is None:
        return config
    sizes = bar_sizes_from_resource(resource)
    config = config._replace(
        header=config.header._replace(bars=with_bar_sizes(config.header.bars, sizes))
    )
    if config.sriov is None:
        return config
    # The capability's TotalVFs, not sriov_totalvfs: the kernel reserves for all that the card has.
    vf_sizes = vf_bar_sizes_from_resource(resource, total_vfs=config.sriov.total_vfs)
    vf_bars = with_bar_sizes(config.sriov.vf_bars, vf_sizes)
    return config._replace(sriov=config.sriov._replace(vf_bars=vf_bars))


def _place_among_vfs(files: FileTree, directory: str) -> tuple[PCIAddress | None, int | None]:
    pf = files.read_link(f"{directory}/physfn")
    if pf is None or not is_pci_address(pf):
        return None, None
    own = directory.rpartition("/")[2]
    links = vf_links(files, f"{PCI_DEVICES}/{pf}")
    return parse_pci_address(pf), next((n for n, name in links.items() if name == own), None)


def _bridge_above(files: FileTree, directory: str) -> PCIAddress | None:
    path = files.resolve(directory)
    parent = path.split("/")[-2] if path else ""
    return parse_pci_address(parent) if is_pci_address(parent) else None


def _forwards_ari(files: FileTree, bridge: PCIAddress | None) -> bool | None:
    if bridge is None:
        return None
    data = files.read_bytes(f"{PCI_DEVICES}/{bridge}/config")
    express = decode_config(data).express if data is not None else None
    return None if express is None else express.ari_forwarding_enable


def _notes(config: ConfigSpace) -> list[str]:
    notes = []
    if not config.knows_capabilities:
        notes.append(
            f"config space was cut to {config.truncated_at} bytes, so nothing is known of its "
            "capabilities; run as root to see them"
        )
    elif not config.knows_extended:
        notes.append(
            f"config space ends at {config.truncated_at} bytes: SR-IOV, ACS, ARI, ATS, PRI and "
            "PASID are not known (run as root; under a hypervisor, give the machine PCIe "
            "config access, e.g. q35)"
        )
    notes += [f"config space contradicts itself: {problem}" for problem in config.problems]
    return notes


def _sriov_notes(
    config: ConfigSpace, resource: str | None, *, total_vfs: int | None
) -> Iterator[str]:
    if config.sriov is None:
        return
    if total_vfs is None:
        yield (
            "the kernel does not use this SR-IOV capability: no sriov_totalvfs in sysfs "
            "(TotalVFs 0, an unusable page size or VF offset, or a kernel without CONFIG_PCI_IOV)"
        )
    elif resource is not None:
        # An all-zero line of "resource" for a VF BAR that exists: the kernel found no space.
        for bar in config.sriov.vf_bars:
            if bar.size is None:
                yield (
                    f"VF BAR {bar.bar_index} got no MMIO space from the kernel, so enabling VFs "
                    "fails with ENOMEM; 'Above 4G Decoding' in the firmware or pci=realloc on the "
                    "kernel's command line may help"
                )
