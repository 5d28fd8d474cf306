"""What the simulated kernel shows in sysfs, and where."""

from __future__ import annotations

import errno
from contextlib import contextmanager

from sriovctl.host.simulated.drivers import Driver
from sriovctl.host.simulated.events import announce_function, announce_netdev
from sriovctl.host.simulated.functions import Function, Netdev
from sriovctl.host.simulated.msix import set_vectors, total_vectors
from sriovctl.host.simulated.tree import Attribute, Link, command, constant, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.host.simulated.kernel import SimulatedKernel

BUS = "/sys/bus/pci"
GROUPS = "/sys/kernel/iommu_groups"
NET_CLASS = "/sys/class/net"
RELEASE = "6.12.117+deb12-amd64"

_NOT_WHILE_DOWN = ("carrier", "duplex", "speed")


def publish_bus(kernel: SimulatedKernel) -> None:
    """Make what is there before any device."""
    tree = kernel.tree
    tree.add(f"{BUS}/drivers_probe", command(kernel.drivers_probe))
    tree.add_directory(f"{BUS}/devices")
    tree.add_directory(f"{BUS}/slots")
    tree.add_directory(GROUPS)
    tree.add_directory("/sys/class/iommu")
    for driver in kernel.drivers.values():
        _publish_driver_directory(kernel, driver)
    _publish_modules(kernel)
    _publish_loopback(kernel)
    if kernel.has_iommu:
        tree.add_directory("/sys/devices/virtual/iommu/dmar0")
        tree.add("/sys/class/iommu/dmar0", Link("/sys/devices/virtual/iommu/dmar0"))


def _publish_driver_directory(kernel: SimulatedKernel, driver: Driver) -> None:
    directory = f"{BUS}/drivers/{driver.name}"
    kernel.tree.add(f"{directory}/bind", command(lambda name: kernel.bind(driver, name)))
    kernel.tree.add(f"{directory}/unbind", command(lambda name: kernel.unbind(driver, name)))
    module = f"/sys/module/{_module_of(driver)}"
    kernel.tree.add_directory(module)
    kernel.tree.add(f"{directory}/module", Link(module))
    if not driver.is_built_in:
        kernel.tree.add(f"{module}/initstate", constant("live"))
    for name, value in driver.parameters.items():
        kernel.tree.add(f"{module}/parameters/{name}", constant(value))


def _publish_modules(kernel: SimulatedKernel) -> None:
    # What depmod has written down of the modules.
    kernel.tree.add("/proc/sys/kernel/osrelease", constant(RELEASE))
    aliases = [
        f"alias pci:v{vendor_id:08X}d{device_id:08X}sv*sd*bc*sc*i* {_module_of(driver)}"
        for driver in kernel.drivers.values()
        for vendor_id, device_id in sorted(driver.ids)
        if not driver.is_built_in
    ]
    kernel.tree.add(f"/lib/modules/{RELEASE}/modules.alias", constant("\n".join(aliases)))


def _module_of(driver: Driver) -> str:
    return driver.module or driver.name.replace("-", "_")


def _publish_loopback(kernel: SimulatedKernel) -> None:
    shown = {"operstate": "unknown", "mtu": "65536", "type": "772", "flags": "0x9"}
    _publish_virtual(kernel, "lo", {"address": "00:00:00:00:00:00", "ifindex": "1", **shown})


def publish_virtual_netdev(kernel: SimulatedKernel, name: str, ifindex: int) -> None:
    """Show a netdev without a card: a bridge, a VLAN."""
    shown = {"operstate": "up", "mtu": "1500", "type": "1", "flags": "0x1003"}
    _publish_virtual(kernel, name, {"ifindex": str(ifindex), **shown})


def _publish_virtual(kernel: SimulatedKernel, netdev: str, shown: dict[str, str]) -> None:
    directory = f"/sys/devices/virtual/net/{netdev}"
    for name, value in shown.items():
        kernel.tree.add(f"{directory}/{name}", constant(value))
    kernel.tree.add(f"{NET_CLASS}/{netdev}", Link(directory))


# --- functions ---------------------------------------------------------------------------


def publish_function(kernel: SimulatedKernel, function: Function) -> None:
    """Show a function, its place on the bus and its IOMMU group."""
    tree, path = kernel.tree, function.path
    for name, show in _shown(function).items():
        tree.add(f"{path}/{name}", Attribute(show))
    tree.add(f"{path}/subsystem", Link(BUS))
    tree.add(
        f"{path}/driver_override",
        Attribute(
            lambda: function.driver_override or "(null)",
            lambda text: _set_driver_override(function, text),
        ),
    )
    tree.add(f"{BUS}/devices/{function.name}", Link(path))
    if function.sriov is not None:
        _publish_sriov(kernel, function)
    if function.iommu_group is not None:
        group = f"{GROUPS}/{function.iommu_group}"
        tree.add(f"{path}/iommu_group", Link(group))
        tree.add(f"{group}/devices/{function.name}", Link(path))
        tree.add(f"{group}/type", constant("identity"))
        tree.add(f"{group}/reserved_regions", constant("0x00000000fee00000 0x00000000feefffff msi"))
    announce_function(kernel, "add", function)


def _shown(function: Function) -> dict[str, Callable[[], str | bytes]]:
    shown: dict[str, Callable[[], str | bytes]] = {
        "vendor": lambda: f"0x{function.vendor_id:04x}",
        "device": lambda: f"0x{function.device_id:04x}",
        "class": lambda: f"0x{function.class_code:06x}",
        "revision": lambda: f"0x{function.revision:02x}",
        "subsystem_vendor": lambda: f"0x{function.subsystem[0]:04x}",
        "subsystem_device": lambda: f"0x{function.subsystem[1]:04x}",
        "numa_node": lambda: str(function.numa_node),
        "modalias": lambda: _modalias(function),
        "uevent": lambda: _uevent(function),
        "resource": lambda: _resource(function),
        "config": function.read_config,
        "ari_enabled": lambda: str(int(bool(function.config_options.get("ari_forwarding_enable")))),
        "enable": lambda: str(function.enable_count),
        "msi_bus": lambda: "1",
        "power_state": lambda: "D0" if function.driver else "unknown",
    }
    if function.buses is not None:
        secondary, subordinate = function.buses
        shown["secondary_bus_number"] = lambda: str(secondary)
        shown["subordinate_bus_number"] = lambda: str(subordinate)
    return shown


def _modalias(function: Function) -> str:
    code = function.class_code
    return (
        f"pci:v{function.vendor_id:08X}d{function.device_id:08X}"
        f"sv{function.subsystem[0]:08X}sd{function.subsystem[1]:08X}"
        f"bc{code >> 16:02X}sc{code >> 8 & 0xFF:02X}i{code & 0xFF:02X}"
    )


def _uevent(function: Function) -> str:
    driver = [f"DRIVER={function.driver.name}"] if function.driver else []
    return "\n".join(
        [
            *driver,
            f"PCI_CLASS={function.class_code:X}",
            f"PCI_ID={function.vendor_id:04X}:{function.device_id:04X}",
            f"PCI_SUBSYS_ID={function.subsystem[0]:04X}:{function.subsystem[1]:04X}",
            f"PCI_SLOT_NAME={function.name}",
            f"MODALIAS={_modalias(function)}",
        ]
    )


def _resource(function: Function) -> str:
    lines = (f"0x{a:016x} 0x{b:016x} 0x{flags:016x}" for a, b, flags in function.resources)
    return "\n".join(lines)


def _set_driver_override(function: Function, text: str) -> None:
    # driver_set_override(): up to the first newline; empty clears.
    function.driver_override = text.split("\n", 1)[0] or None


def _publish_sriov(kernel: SimulatedKernel, pf: Function) -> None:
    state = pf.sriov
    assert state is not None
    for name, show in (
        ("sriov_totalvfs", lambda: str(state.total_vfs)),
        ("sriov_offset", lambda: str(state.capability.first_vf_offset)),
        ("sriov_stride", lambda: str(state.capability.vf_stride)),
        ("sriov_vf_device", lambda: f"{state.capability.vf_device_id:x}"),
        ("sriov_vf_total_msix", lambda: str(total_vectors(pf))),
    ):
        kernel.tree.add(f"{pf.path}/{name}", Attribute(show))
    kernel.tree.add(
        f"{pf.path}/sriov_numvfs",
        Attribute(lambda: str(state.capability.num_vfs), lambda text: kernel.set_num_vfs(pf, text)),
    )

    def set_autoprobe(text: str) -> None:
        state.drivers_autoprobe = _parse_bool(text)

    kernel.tree.add(
        f"{pf.path}/sriov_drivers_autoprobe",
        Attribute(lambda: str(int(state.drivers_autoprobe)), set_autoprobe),
    )


def _parse_bool(text: str) -> bool:
    # kstrtobool(), lib/kstrtox.c: the first one or two letters decide.
    word = text.lower()
    if word[:1] in ("y", "t", "1") or word[:2] == "on":
        return True
    if word[:1] in ("n", "f", "0") or word[:2] == "of":
        return False
    raise refuse(errno.EINVAL)


def withdraw_function(kernel: SimulatedKernel, function: Function) -> None:
    """Take a function out of sysfs; an empty IOMMU group goes too."""
    tree = kernel.tree
    tree.remove(f"{BUS}/devices/{function.name}")
    if function.iommu_group is not None:
        group = f"{GROUPS}/{function.iommu_group}"
        tree.remove(f"{group}/devices/{function.name}")
        if not tree.list_dir(f"{group}/devices"):
            tree.remove(group)
    tree.remove(function.path)
    announce_function(kernel, "remove", function)


def publish_vf_links(kernel: SimulatedKernel, vf: Function) -> None:
    """Show which PF a VF belongs to, and which VFs a PF has."""
    assert vf.physfn is not None
    kernel.tree.add(f"{vf.path}/sriov_vf_msix_count", command(lambda text: set_vectors(vf, text)))
    kernel.tree.add(f"{vf.path}/physfn", Link(vf.physfn.path))
    kernel.tree.add(f"{vf.physfn.path}/virtfn{vf.vf_index}", Link(vf.path))


def withdraw_vf_links(kernel: SimulatedKernel, vf: Function) -> None:
    """Take the links between a VF and its PF away."""
    assert vf.physfn is not None
    kernel.tree.remove(f"{vf.physfn.path}/virtfn{vf.vf_index}")
    kernel.tree.remove(f"{vf.path}/physfn")


def publish_driver(kernel: SimulatedKernel, function: Function) -> None:
    """Link a function and its driver."""
    assert function.driver is not None
    directory = f"{BUS}/drivers/{function.driver.name}"
    kernel.tree.add(f"{function.path}/driver", Link(directory))
    kernel.tree.add(f"{directory}/{function.name}", Link(function.path))
    announce_function(kernel, "bind", function)


def withdraw_driver(kernel: SimulatedKernel, function: Function) -> None:
    """Unlink a function and its driver."""
    assert function.driver is not None
    kernel.tree.remove(f"{function.path}/driver")
    kernel.tree.remove(f"{BUS}/drivers/{function.driver.name}/{function.name}")
    announce_function(kernel, "unbind", function)


# --- netdevs -----------------------------------------------------------------------------


def publish_netdev(kernel: SimulatedKernel, netdev: Netdev) -> None:
    """Show a netdev below its function and in its class."""
    _show_netdev(kernel, netdev)
    announce_netdev(kernel, "add", netdev)


def _show_netdev(kernel: SimulatedKernel, netdev: Netdev) -> None:
    path = f"{netdev.function.path}/net/{netdev.name}"
    shown: dict[str, Callable[[], str]] = {
        "address": lambda: netdev.mac,
        "addr_assign_type": lambda: str(int(netdev.random_mac)),
        "ifindex": lambda: str(netdev.ifindex),
        "iflink": lambda: str(netdev.ifindex),
        "operstate": lambda: "up" if kernel.has_carrier(netdev) else "down",
        "carrier": lambda: str(int(kernel.has_carrier(netdev))),
        "speed": lambda: _speed(kernel, netdev),
        "duplex": lambda: "full" if kernel.has_carrier(netdev) else "unknown",
        "flags": lambda: f"0x{0x1002 | netdev.is_up:x}",
        "mtu": lambda: str(netdev.mtu),
        "type": lambda: "1",
        "dev_id": lambda: "0x0",
        "dev_port": lambda: "0",
        "phys_port_id": _not_supported,
        "phys_port_name": lambda: netdev.port_name or _not_supported(),
        "phys_switch_id": lambda: _switch_id(netdev),
        "uevent": lambda: f"INTERFACE={netdev.name}\nIFINDEX={netdev.ifindex}",
    }
    for name, show in shown.items():
        needs_up = name in _NOT_WHILE_DOWN
        kernel.tree.add(f"{path}/{name}", Attribute(_while_up(netdev, show) if needs_up else show))
    kernel.tree.add(f"{path}/device", Link(netdev.function.path))
    kernel.tree.add(f"{path}/subsystem", Link(NET_CLASS))
    kernel.tree.add(f"{NET_CLASS}/{netdev.name}", Link(path))


def _switch_id(netdev: Netdev) -> str:
    # Of all ports of one eswitch, in either mode: the PF's MAC, padded to 8 octets.
    if netdev.port_name is None:
        return _not_supported()
    return (netdev.function.mac or "").replace(":", "").rjust(16, "0")


def _not_supported() -> str:
    raise refuse(errno.EOPNOTSUPP)


def _while_up(netdev: Netdev, show: Callable[[], str]) -> Callable[[], str]:
    # netif_running() guards these in net/core/net-sysfs.c.
    def guarded() -> str:
        if not netdev.is_up:
            raise refuse(errno.EINVAL)
        return show()

    return guarded


def _speed(kernel: SimulatedKernel, netdev: Netdev) -> str:
    if not kernel.has_carrier(netdev):
        return "-1"
    driver = netdev.function.driver
    support = driver.vfs if driver else None
    return str(support.link_speed_mbps if support else 1000)


def publish_controller(kernel: SimulatedKernel, function: Function) -> None:
    """Show an NVMe controller below its function."""
    path = f"{function.path}/nvme/{function.controller}"
    # As the controller has it, padded to 20 characters: serial_show(), drivers/nvme/host/core.c.
    kernel.tree.add(f"{path}/serial", constant(f"{function.serial or '':<20}"))
    kernel.tree.add(f"{path}/state", constant("live"))


def withdraw_controller(kernel: SimulatedKernel, function: Function) -> None:
    """Take an NVMe controller out of sysfs."""
    kernel.tree.remove(f"{function.path}/nvme")


# Its function's ``net`` directory stays.
def _hide_netdev(kernel: SimulatedKernel, netdev: Netdev) -> None:
    kernel.tree.remove(f"{NET_CLASS}/{netdev.name}")
    kernel.tree.remove(f"{netdev.function.path}/net/{netdev.name}")


def rename_netdev(kernel: SimulatedKernel, netdev: Netdev, name: str) -> None:
    """Show a netdev, in whatever namespace, by another name."""
    is_here = netdev.namespace is None
    if is_here:
        _hide_netdev(kernel, netdev)
    netdev.name = name
    if is_here:
        _show_netdev(kernel, netdev)
        announce_netdev(kernel, "move", netdev)


@contextmanager
def out_of_sight(kernel: SimulatedKernel, netdev: Netdev) -> Iterator[None]:
    """Show a netdev again as it is afterwards, if it is in the host's namespace then."""
    if netdev.namespace is None:
        _hide_netdev(kernel, netdev)
        announce_netdev(kernel, "remove", netdev)
    yield
    if netdev.namespace is None:
        publish_netdev(kernel, netdev)


def withdraw_netdev(kernel: SimulatedKernel, netdev: Netdev) -> None:
    """Take a netdev out of sysfs."""
    directory = f"{netdev.function.path}/net"
    if netdev.namespace is None:
        _hide_netdev(kernel, netdev)
        announce_netdev(kernel, "remove", netdev)
    if not kernel.tree.list_dir(directory):
        kernel.tree.remove(directory)
