"""The classic commands that do what a step does, so that a plan also teaches."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.model.binding import Binding
    from sriovctl.model.functions import PF
    from sriovctl.model.netns import Namespace, NetdevPlace

_WORDS = {
    "admin_mac": "mac",
    "vlan": "vlan",
    "spoofchk": "spoofchk",
    "trust": "trust",
    "link_state": "state",
    "min_tx_rate_mbps": "min_tx_rate",
    "max_tx_rate_mbps": "max_tx_rate",
    "rss_query": "query_rss",
    "node_guid": "node_guid",
    "port_guid": "port_guid",
}
_AS_THEY_ARE = (int, str)


def device_directory(pf: PF) -> str:
    """Return the sysfs directory of a PF, as somebody would type it."""
    if pf.address is not None:
        return f"/sys/bus/pci/devices/{pf.device}"
    return f"/sys/class/net/{pf.netdev}/device"


def echo(value: object, path: str) -> str:
    """Write a value to a file in the shell's words."""
    return f"echo {value} > {path}"


def ip_link_up(pf: PF, *, up: bool) -> str:
    """Set a PF's link in iproute2's words."""
    return f"ip link set dev {pf.netdev} {'up' if up else 'down'}"


def ip_link_mtu(pf: PF, mtu: int) -> str:
    """Set a PF's MTU in iproute2's words."""
    return f"ip link set dev {pf.netdev} mtu {mtu}"


def devlink_eswitch(pf: PF, mode: str) -> str:
    """Set a PF's eswitch mode in iproute2's words."""
    bus = "netdevsim" if pf.address is None else "pci"
    return f"devlink dev eswitch set {bus}/{pf.device} mode {mode}"


def set_msix_count(address: str, count: object) -> tuple[str, ...]:
    """Set a VF's number of MSI-X vectors in the shell's words."""
    return (echo(count, f"/sys/bus/pci/devices/{address}/sriov_vf_msix_count"),)


def ip_link_vf(pf: PF, vf_index: int, after: Mapping[str, object]) -> str:
    """Set a VF's attributes in iproute2's words."""
    words = [f"ip link set dev {pf.netdev} vf {vf_index}"]
    words += [
        f"{_WORDS[key]} {value if type(value) in _AS_THEY_ARE else _word(value)}"
        for key, value in after.items()
    ]
    return " ".join(words)


def _vlan_words(value: dict[str, object]) -> str:
    qos = f" qos {value['qos']}" if value["qos"] else ""
    protocol = "" if value["protocol"] == "802.1q" else f" proto {value['protocol']}"
    return f"{value['id']}{qos}{protocol}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return _vlan_words(value) if isinstance(value, dict) else str(value)


def bind(address: str, driver: str | None) -> tuple[str, ...]:
    """Give a function to a driver, in the shell's words."""
    directory = f"/sys/bus/pci/devices/{address}"
    unbind = f"[ ! -e {directory}/driver ] || echo {address} > {directory}/driver/unbind"
    if driver is None:
        return (unbind,)
    return (
        unbind,
        echo(driver, f"{directory}/driver_override"),
        echo(address, "/sys/bus/pci/drivers_probe"),
    )


def rebind(address: str, wanted: Binding) -> tuple[str, ...]:
    """Give a function to a driver and set what may take it later, in the shell's words."""
    override = f"/sys/bus/pci/devices/{address}/driver_override"
    commands = bind(address, wanted.driver)
    if wanted.override == wanted.driver and wanted.driver is not None:
        return commands
    return (*commands, echo("" if wanted.override is None else wanted.override, override))


def send_netdev(
    address: str, now: NetdevPlace | None, target: Namespace, name: str | None, *, up: bool
) -> tuple[str, ...]:
    """Move a VF's netdev into a namespace in iproute2's words.

    :param now: None: the one that its driver makes.
    """
    netdev = now.ifname if now else f"$(ls /sys/bus/pci/devices/{address}/net)"
    renamed = f" name {name}" if name and name != netdev else ""
    return (f"ip link set dev {netdev} netns {_for_ip(target)}{renamed}{' up' if up else ''}",)


def bring_netdev_home(netdev: str, source: Namespace) -> tuple[str, ...]:
    """Move a netdev into the host's namespace in the shell's words."""
    return (f"nsenter --net={source.path} ip link set dev {netdev} netns 1",)


def _for_ip(namespace: Namespace) -> str:
    return namespace.path.removeprefix("/run/netns/")
