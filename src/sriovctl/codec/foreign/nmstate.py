"""nmstate's desired state.

Source: nmstate rust/src/lib/ifaces/sriov.rs (SrIovConfig, SrIovVfConfig), ifaces/base.rs,
deserializer.rs (numbers and booleans may be quoted).
"""

from __future__ import annotations

from sriovctl.codec.foreign.sources import (
    MAX_MTU,
    MAX_RATE_MBPS,
    MAX_VFS,
    MIN_MTU,
    NO_SRIOV,
    NO_SUCH,
    is_literal,
    label_for,
    vfs_said,
)
from sriovctl.codec.foreign.yaml_values import mac
from sriovctl.codec.yaml_nodes import boolean, integer, mapping, one_of, sequence, text
from sriovctl.codec.yaml_text import parse_yaml
from sriovctl.model.functions import VLAN, VLANProtocol
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import Import, LeftOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sriovctl.codec.foreign.sources import ImportRequest
    from sriovctl.codec.yaml_nodes import Node
    from sriovctl.model.state import Unset

_OWN_KEYS = ("name", "type", "state", "identifier", "mac-address", "mtu", "ethernet")
_STATES: dict[str, bool | Unset] = {"up": True, "down": False, "ignore": UNSET, "absent": UNSET}
_VLAN_KEYS = ("vlan-id", "qos", "vlan-proto")


def parse(request: ImportRequest) -> Import:
    """Read what the files say of SR-IOV.

    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    pfs: list[WantedPF] = []
    left_out: list[LeftOut] = []
    for source in request.sources:
        root = parse_yaml(source.text, source=source.name)
        for key, node in mapping(root).items():
            if key != "interfaces":
                left_out.append(LeftOut(key, node.where, NO_SUCH))
                continue
            for entry in sequence(node):
                pf, without = _interface(entry, [one.label for one in pfs])
                pfs += [] if pf is None else [pf]
                left_out += without
    return Import(DesiredState(tuple(pfs)), tuple(left_out))


def _interface(node: Node, used: Sequence[str]) -> tuple[WantedPF | None, list[LeftOut]]:
    keys = mapping(node)
    if "name" not in keys:
        raise node.complain("has no 'name'")
    name = text(keys["name"])
    ethernet = mapping(keys["ethernet"]) if "ethernet" in keys else {}
    if "sr-iov" not in ethernet:
        return None, [LeftOut(name, node.where, NO_SRIOV)]
    if not is_literal(name):
        return None, [LeftOut(name, keys["name"].where, "is no netdev's name")]
    others = {key: one for key, one in keys.items() if key not in _OWN_KEYS}
    others |= {f"ethernet.{key}": one for key, one in ethernet.items() if key != "sr-iov"}
    left_out = [LeftOut(f"{name}.{key}", one.where, NO_SUCH) for key, one in others.items()]
    by_mac = "identifier" in keys and text(keys["identifier"]) == "mac-address"
    if "mac-address" in keys and not by_mac:
        why = "sriovctl leaves the MAC of a PF alone"
        left_out.append(LeftOut(f"{name}.mac-address", keys["mac-address"].where, why))
    said, without = _sr_iov(ethernet["sr-iov"], name)
    wanted = WantedPF(
        label=label_for(name, used),
        match=_match(node, keys, name, by_mac=by_mac),
        link_up=_STATES[one_of(keys["state"], _STATES)] if "state" in keys else True,
        mtu=integer(keys["mtu"], MIN_MTU, MAX_MTU) if "mtu" in keys else UNSET,
        **said,  # type: ignore[arg-type]  # keyed by field
    )
    return wanted, [*left_out, *without]


def _match(node: Node, keys: Mapping[str, Node], name: str, *, by_mac: bool) -> PFMatch:
    if not by_mac:
        return PFMatch(netdev=name)
    if "mac-address" not in keys:
        raise node.complain("has no 'mac-address', and is to be found by it")
    return PFMatch(permanent_mac=mac(keys["mac-address"]))


def _sr_iov(node: Node, name: str) -> tuple[dict[str, object], list[LeftOut]]:
    keys = mapping(node)
    said: dict[str, object] = {}
    if "total-vfs" in keys:
        said["num_vfs"] = integer(keys["total-vfs"], 0, MAX_VFS)
    if "drivers-autoprobe" in keys:
        said["drivers_autoprobe"] = boolean(keys["drivers-autoprobe"])
    left_out = [
        LeftOut(f"{name}.ethernet.sr-iov.{key}", one.where, NO_SUCH)
        for key, one in keys.items()
        if key not in ("total-vfs", "drivers-autoprobe", "vfs")
    ]
    if "vfs" not in keys:
        return said, left_out
    vfs: dict[int, WantedVF] = {}
    for entry in sequence(keys["vfs"]):
        vf_index, vf, without = _vf(entry, name)
        _check_index(entry, vf_index, vfs, said.get("num_vfs"))
        vfs[vf_index] = vf
        left_out += without
    said["vfs"] = vfs_said(vfs)
    return said, left_out


def _check_index(node: Node, vf_index: int, seen: Mapping[int, object], num_vfs: object) -> None:
    if vf_index in seen:
        raise node.complain(f"VF {vf_index} stands here twice")
    if isinstance(num_vfs, int) and vf_index >= num_vfs:
        raise node.complain(f"VF {vf_index} is out of range with total-vfs {num_vfs}")


def _vf(node: Node, name: str) -> tuple[int, WantedVF, list[LeftOut]]:
    keys = mapping(node)
    if "id" not in keys:
        raise node.complain("has no 'id'")
    vf_index = integer(keys["id"], 0, MAX_VFS - 1)
    values = {
        field: reader(keys[key]) for key, (field, reader) in _VF_READERS.items() if key in keys
    }
    if "vlan-id" in keys:
        values["vlan"] = _vlan(keys)
    wanted = WantedVF(**values)  # type: ignore[arg-type]  # the readers are keyed by field
    low, high = wanted.min_tx_rate_mbps, wanted.max_tx_rate_mbps
    if low is not UNSET and high is not UNSET and 0 < high < low:
        raise node.complain(f"min-tx-rate {low} is above max-tx-rate {high}")
    return vf_index, wanted, [*_unread(keys, f"{name}.ethernet.sr-iov.vfs.{vf_index}")]


def _unread(keys: Mapping[str, Node], path: str) -> Iterator[LeftOut]:
    for key, node in keys.items():
        if key in _VLAN_KEYS and "vlan-id" not in keys:
            yield LeftOut(f"{path}.{key}", node.where, "counts only with vlan-id")
        elif key not in ("id", *_VF_READERS, *_VLAN_KEYS):
            yield LeftOut(f"{path}.{key}", node.where, NO_SUCH)


def _vlan(keys: Mapping[str, Node]) -> VLAN:
    protocol = VLANProtocol.DOT1Q
    if "vlan-proto" in keys:
        protocol = VLANProtocol(one_of(keys["vlan-proto"], VLANProtocol))
    qos = integer(keys["qos"], 0, 7) if "qos" in keys else 0
    return VLAN(integer(keys["vlan-id"], 0, 4094), qos, protocol)


def _rate(node: Node) -> int:
    return integer(node, 0, MAX_RATE_MBPS)


_VF_READERS: dict[str, tuple[str, Callable[[Node], object]]] = {
    "mac-address": ("admin_mac", mac),
    "spoof-check": ("spoofchk", boolean),
    "trust": ("trust", boolean),
    "min-tx-rate": ("min_tx_rate_mbps", _rate),
    "max-tx-rate": ("max_tx_rate_mbps", _rate),
}
