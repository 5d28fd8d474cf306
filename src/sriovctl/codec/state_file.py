"""The state file: YAML text to :class:`~sriovctl.model.state.DesiredState`.

Strict: an unknown key is an error that names the nearest right one, since a mistyped ``vlna``
that is silently ignored puts a guest into the wrong network.
"""

from __future__ import annotations

import re

from sriovctl.codec.mac import parse_mac
from sriovctl.codec.yaml_nodes import (
    Node,
    boolean,
    integer,
    is_null,
    mapping,
    one_of,
    parse_yaml,
    text,
)
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import VLAN, LinkState, VLANProtocol
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = 1
MAX_VFS = 0xFFFF  # NumVFs is a 16-bit register
MAX_RATE_MBPS = 0xFFFFFFFF  # IFLA_VF_RATE holds 32 bits

STATE_KEYS = ("version", "pfs")
PF_KEYS = ("match", "num_vfs", "drivers_autoprobe", "link", "vf_default", "vfs")
VLAN_KEYS = ("id", "qos", "protocol")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def parse_state(content: str, *, source: str) -> DesiredState:
    """Read a state file.

    :param source: the file's name, for complaints.
    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    root = parse_yaml(content, source=source)
    keys = mapping(root, allowed=STATE_KEYS)
    for needed in STATE_KEYS:
        if needed not in keys:
            raise root.complain(f"the key '{needed}' is missing")
    integer(keys["version"], VERSION, VERSION)
    pfs = tuple(_pf(label, node) for label, node in mapping(keys["pfs"]).items())
    if not pfs:
        raise keys["pfs"].complain("names no PF")
    return DesiredState(pfs)


def _pf(label: str, node: Node) -> WantedPF:
    keys = mapping(node, allowed=PF_KEYS)
    if "match" not in keys:
        raise node.complain("has no 'match'", hint='for example: match: {address: "0000:01:00.0"}')
    num_vfs = integer(keys["num_vfs"], 0, MAX_VFS) if "num_vfs" in keys else UNSET
    vfs = tuple(sorted(_vfs(keys["vfs"]))) if "vfs" in keys else ()
    if num_vfs is not UNSET and vfs and vfs[-1][0] >= num_vfs:
        raise keys["vfs"].complain(
            f"VF {vfs[-1][0]} is out of range with num_vfs {num_vfs}",
            hint=f"indices go from 0 to {num_vfs - 1}" if num_vfs else "num_vfs 0 leaves no VF",
        )
    return WantedPF(
        label=label,
        match=_match(keys["match"]),
        num_vfs=num_vfs,
        drivers_autoprobe=(
            boolean(keys["drivers_autoprobe"]) if "drivers_autoprobe" in keys else UNSET
        ),
        link_up=_link_up(keys["link"]) if "link" in keys else UNSET,
        vf_default=_vf(keys["vf_default"]) if "vf_default" in keys else WantedVF(),
        vfs=vfs,
    )


def _link_up(node: Node) -> bool | Unset:
    keys = mapping(node, allowed=("state",))
    return one_of(keys["state"], ("up", "down")) == "up" if "state" in keys else UNSET


def _match(node: Node) -> PFMatch:
    keys = mapping(node, allowed=MATCH_READERS)
    if not keys:
        raise node.complain(
            "needs at least one criterion", hint=f"known: {', '.join(MATCH_READERS)}"
        )
    values = {key: MATCH_READERS[key](value) for key, value in keys.items()}
    return PFMatch(**values)  # type: ignore[arg-type]  # the readers are keyed by field


def _vfs(node: Node) -> Iterator[tuple[int, WantedVF]]:
    seen: dict[int, str] = {}
    for key, value in mapping(node).items():
        wanted = _vf(value)
        for vf_index in _indices(key, value):
            if vf_index in seen:
                raise value.complain(f"VF {vf_index} is already named by '{seen[vf_index]}'")
            seen[vf_index] = key
            yield vf_index, wanted


def _indices(key: str, node: Node) -> range:
    match = _RANGE.fullmatch(key)
    if match is None:
        raise node.complain(f"'{key}' is no VF index", hint="write 0, or 1-3 for a range")
    first, last = int(match[1][:9]), int((match[2] or match[1])[:9])
    if not first <= last < MAX_VFS:
        raise node.complain(f"'{key}' is no range of VF indices", hint="write 1-3")
    return range(first, last + 1)


def _vf(node: Node) -> WantedVF:
    keys = mapping(node, allowed=VF_READERS)
    values = {key: VF_READERS[key](value) for key, value in keys.items()}
    wanted = WantedVF(**values)  # type: ignore[arg-type]
    low, high = wanted.min_tx_rate_mbps, wanted.max_tx_rate_mbps
    if low is not UNSET and high is not UNSET and 0 < high < low:
        raise node.complain(f"min_tx_rate_mbps {low} is above max_tx_rate_mbps {high}")
    return wanted


def _mac(node: Node) -> str:
    written = text(node)
    try:
        return parse_mac(written)
    except InputError as error:
        raise node.complain(f"'{written}' {error.cause}", hint=error.hint) from None


def _address(node: Node) -> str:
    try:
        return str(parse_pci_address(text(node)))
    except InputError as error:
        raise node.complain(f"'{text(node)}' {error.cause}", hint=error.hint) from None


def _vlan(node: Node) -> VLAN:
    keys = mapping(node, allowed=VLAN_KEYS)
    if "id" not in keys:
        raise node.complain("has no 'id'", hint="write vlan: {id: 42}; id 0 takes the VLAN away")
    qos = integer(keys["qos"], 0, 7) if "qos" in keys else 0
    protocol = VLANProtocol.DOT1Q
    if "protocol" in keys:
        protocol = VLANProtocol(one_of(keys["protocol"], VLANProtocol))
    return VLAN(integer(keys["id"], 0, 4094), qos, protocol)


def _hex_id(node: Node) -> str:
    written = text(node).lower().removeprefix("0x")
    if re.fullmatch(r"[0-9a-f]{1,4}", written) is None:
        raise node.complain(f"'{text(node)}' is no PCI id", hint='write it as "8086"')
    return written.rjust(4, "0")


def _rate(node: Node) -> int:
    return integer(node, 0, MAX_RATE_MBPS)


def _driver(node: Node) -> str | None:
    if is_null(node) or text(node) == "none":
        return None
    written = text(node)
    if re.fullmatch(r"[\w.-]{1,64}", written) is None:
        raise node.complain(
            f"'{written}' is no driver's name", hint="for example vfio-pci, or none"
        )
    return written


MATCH_READERS: dict[str, Callable[[Node], str]] = {
    "address": _address,
    "netdev": text,
    "permanent_mac": _mac,
    "driver": text,
    "vendor_id": _hex_id,
    "device_id": _hex_id,
}

VF_READERS: dict[str, Callable[[Node], object]] = {
    "admin_mac": _mac,
    "vlan": _vlan,
    "spoofchk": boolean,
    "trust": boolean,
    "link_state": lambda node: LinkState(one_of(node, LinkState)),
    "min_tx_rate_mbps": _rate,
    "max_tx_rate_mbps": _rate,
    "driver": _driver,
}

if TYPE_CHECKING:
    from sriovctl.model.state import Unset
