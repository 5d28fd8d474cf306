"""Who else on this host may set VFs, as far as it can be seen."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import FileTree

# What each of them has below /run while it runs.
_TRACES = (
    ("/run/NetworkManager", "NetworkManager"),
    ("/run/systemd/netif", "systemd-networkd"),
    ("/run/libvirt/libvirt-sock", "libvirtd"),
    ("/run/libvirt/virtqemud-sock", "virtqemud"),
    ("/run/openvswitch", "Open vSwitch"),
    ("/run/containerd", "containerd (CNI plugins)"),
    ("/run/crio", "CRI-O (CNI plugins)"),
)


def other_managers(files: FileTree) -> tuple[str, ...]:
    """Name those that run here and may set VFs."""
    return tuple(name for path, name in _TRACES if files.exists(path))
