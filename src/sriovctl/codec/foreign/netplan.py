"""netplan's YAML.

A VF is an entry of its own there, named by its netdev.  Which VF that is the host at hand says, or
else the name itself: udev calls the netdev of VF 3 of ens1f0 ens1f0v3
(systemd.net-naming-scheme(7), v239).

Source: netplan doc/netplan-yaml.md, netplan_cli/cli/sriov.py.
"""

from __future__ import annotations

from sriovctl.codec.foreign.sources import (
    MAX_MTU,
    MAX_VFS,
    MIN_MTU,
    NO_PATTERNS,
    NO_SRIOV,
    NO_SUCH,
    NOBODY_MEANT,
    is_literal,
    label_for,
    vfs_said,
)
from sriovctl.codec.foreign.yaml_values import mac
from sriovctl.codec.yaml_nodes import (
    integer,
    is_sequence,
    mapping,
    one_of,
    sequence,
    text,
)
from sriovctl.codec.yaml_text import parse_yaml
from sriovctl.model.functions import VLAN, EswitchMode
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF, overlay
from sriovctl.model.translation import Import, LeftOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.codec.foreign.sources import ImportRequest
    from sriovctl.codec.yaml_nodes import Node
    from sriovctl.model.state import Unset

    Keys = dict[str, Node]

_PF_KEYS = ("match", "mtu", "activation-mode", "virtual-function-count", "embedded-switch-mode")
_OF_A_PF = ("virtual-function-count", "embedded-switch-mode", "delay-virtual-functions-rebind")
_VF_KEYS = ("link", "match", "macaddress")
_VLAN_KEYS = ("id", "link", "renderer")


class _Network(NamedTuple):
    # All files taken together, as netplan does; what is said later goes over what was before.
    ethernets: dict[str, Keys]
    vlans: dict[str, Keys]
    where: dict[str, str]
    left_out: list[LeftOut]


def parse(request: ImportRequest) -> Import:
    """Read what the files say of SR-IOV.

    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    network = _Network({}, {}, {}, [])
    for source in request.sources:
        _collect(parse_yaml(source.text, source=source.name), network)
    pfs = {text(keys["link"]) for keys in network.ethernets.values() if "link" in keys}
    pfs |= {name for name, keys in network.ethernets.items() if keys.keys() & set(_OF_A_PF)}
    left_out = [*network.left_out]
    wanted: list[WantedPF] = []
    for name in (one for one in network.ethernets if one in pfs):
        pf, without = _pf(name, network, request.vf_netdevs)
        wanted += [] if pf is None else [pf]
        left_out += without
    left_out += _rest(network, pfs)
    labels: list[str] = []
    for one in wanted:
        labels.append(label_for(one.label, labels))
    named = (pf._replace(label=label) for pf, label in zip(wanted, labels, strict=True))
    return Import(DesiredState(tuple(named)), tuple(left_out))


def _collect(root: Node, network: _Network) -> None:
    keys = mapping(root)
    if "network" not in keys:
        raise root.complain("has no 'network'")
    others = {key: node for key, node in keys.items() if key != "network"}
    network.left_out.extend(LeftOut(key, node.where, NO_SUCH) for key, node in others.items())
    for key, node in mapping(keys["network"]).items():
        if key == "ethernets":
            _add(node, network.ethernets, network.where)
        elif key == "vlans":
            _add(node, network.vlans, network.where)
        elif key == "version":
            integer(node, 2, 2)
        else:
            network.left_out.append(LeftOut(key, node.where, NO_SUCH))


def _add(node: Node, entries: dict[str, Keys], where: dict[str, str]) -> None:
    for name, entry in mapping(node).items():
        entries.setdefault(name, {}).update(mapping(entry))
        where[name] = entry.where


def _rest(network: _Network, pfs: set[str]) -> Iterator[LeftOut]:
    for name, keys in network.ethernets.items():
        if name not in pfs and "link" not in keys:
            yield LeftOut(name, network.where[name], NO_SRIOV)
        elif "link" in keys and text(keys["link"]) not in network.ethernets:
            yield LeftOut(name, network.where[name], "its PF is not in these files")
    vfs = {name for name, keys in network.ethernets.items() if "link" in keys}
    for name, keys in network.vlans.items():
        is_filter = "renderer" in keys and text(keys["renderer"]) == "sriov"
        if not is_filter:
            yield LeftOut(name, network.where[name], "is a VLAN netdev, not one of a VF")
        elif "link" not in keys or text(keys["link"]) not in vfs:
            yield LeftOut(name, network.where[name], "is no VLAN of a VF in these files")


def _pf(
    name: str, network: _Network, vf_netdevs: Mapping[str, int]
) -> tuple[WantedPF | None, list[LeftOut]]:
    keys = network.ethernets[name]
    match, left_out = _match(name, keys)
    if match == PFMatch():
        return None, [*left_out, LeftOut(name, network.where[name], NOBODY_MEANT)]
    left_out += (
        LeftOut(f"{name}.{key}", node.where, NO_SUCH)
        for key, node in keys.items()
        if key not in _PF_KEYS
    )
    names = [one for one, vf in network.ethernets.items() if _is_vf_of(vf, name)]
    count = _count(keys, names)
    vfs, without = _vfs(names, match.netdev, network, vf_netdevs, count)
    link_up, more = _link_up(name, keys)
    mode: str | Unset = UNSET
    if "embedded-switch-mode" in keys:
        mode = EswitchMode(one_of(keys["embedded-switch-mode"], EswitchMode))
    wanted = WantedPF(
        label=name,
        match=match,
        num_vfs=count or UNSET,  # netplan takes no VFs away
        link_up=link_up,
        mtu=integer(keys["mtu"], MIN_MTU, MAX_MTU) if "mtu" in keys else UNSET,
        eswitch_mode=mode,
        vfs=vfs_said(vfs),
    )
    return wanted, [*left_out, *without, *more]


def _is_vf_of(keys: Keys, pf: str) -> bool:
    return "link" in keys and text(keys["link"]) == pf


def _count(keys: Keys, vfs: list[str]) -> int:
    if "virtual-function-count" in keys:
        return integer(keys["virtual-function-count"], 0, MAX_VFS)
    return len(vfs)


def _link_up(name: str, keys: Keys) -> tuple[bool | Unset, list[LeftOut]]:
    if "activation-mode" not in keys:
        return True, []  # netplan takes up what it names
    node = keys["activation-mode"]
    if one_of(node, ("off", "manual")) == "off":
        return False, []
    return UNSET, [LeftOut(f"{name}.activation-mode", node.where, "somebody else sets the link")]


def _match(name: str, keys: Keys) -> tuple[PFMatch, list[LeftOut]]:
    if "match" not in keys:
        return PFMatch(netdev=name if is_literal(name) else None), []
    found: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for key, node in mapping(keys["match"]).items():
        value = _criterion(key, node)
        if value is None:
            left_out.append(LeftOut(f"{name}.match.{key}", node.where, NO_PATTERNS))
        else:
            found[{"macaddress": "permanent_mac", "name": "netdev"}.get(key, key)] = value
    return PFMatch(**found), left_out  # type: ignore[arg-type]  # keyed by field


def _criterion(key: str, node: Node) -> str | None:
    if key == "macaddress":
        return mac(node)
    if key not in ("name", "driver"):
        return None
    nodes = [*sequence(node)] if is_sequence(node) else [node]
    if len(nodes) != 1 or not is_literal(text(nodes[0])):
        return None
    return text(nodes[0])


def _vfs(
    names: list[str],
    pf_netdev: str | None,
    network: _Network,
    vf_netdevs: Mapping[str, int],
    count: int,
) -> tuple[dict[int, WantedVF], list[LeftOut]]:
    vfs: dict[int, WantedVF] = {}
    left_out: list[LeftOut] = []
    for name in names:
        said, without = _vf(name, network)
        left_out += without
        vf_index = _index_of(_netdev_of(name, network.ethernets[name]), pf_netdev, vf_netdevs)
        if vf_index is None or vf_index >= count:
            why = (
                "which VF has that netdev is not known"
                if vf_index is None
                else f"VF {vf_index} is not among the {count} that netplan makes"
            )
            left_out.append(LeftOut(name, network.where[name], why))
            continue
        vfs[vf_index] = overlay(vfs.get(vf_index, WantedVF()), said)
    return vfs, left_out


def _netdev_of(name: str, keys: Keys) -> str:
    match = mapping(keys["match"]) if "match" in keys else {}
    return text(match["name"]) if "name" in match else name


def _index_of(netdev: str, pf_netdev: str | None, vf_netdevs: Mapping[str, int]) -> int | None:
    if netdev in vf_netdevs:
        return vf_netdevs[netdev]
    head, _, digits = netdev.rpartition("v")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return None
    return int(digits) if head and pf_netdev in (head, None) and head.startswith("en") else None


def _vf(name: str, network: _Network) -> tuple[WantedVF, list[LeftOut]]:
    keys = network.ethernets[name]
    left_out = [
        LeftOut(f"{name}.{key}", node.where, NO_SUCH)
        for key, node in keys.items()
        if key not in _VF_KEYS
    ]
    wanted = WantedVF()
    if "macaddress" in keys:
        wanted = wanted._replace(admin_mac=mac(keys["macaddress"]))
        why = "is given to the VF's netdev there; read as the MAC that the PF gives to the VF"
        left_out.append(LeftOut(f"{name}.macaddress", keys["macaddress"].where, why))
    for vlan_name, vlan in network.vlans.items():
        if _is_filter_of(vlan, name):
            wanted = wanted._replace(vlan=VLAN(integer(vlan["id"], 0, 4094)))
            left_out += (
                LeftOut(f"{vlan_name}.{key}", node.where, NO_SUCH)
                for key, node in vlan.items()
                if key not in _VLAN_KEYS
            )
    return wanted, left_out


def _is_filter_of(keys: Keys, vf: str) -> bool:
    return (
        {"id", "link", "renderer"} <= keys.keys()
        and text(keys["renderer"]) == "sriov"
        and text(keys["link"]) == vf
    )
