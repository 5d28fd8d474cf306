"""``.link`` files of systemd-udevd, and ``.network`` files of systemd-networkd.

Source: systemd.link(5), systemd.network(5); systemd src/shared/netif-sriov.c.
"""

from __future__ import annotations

import re

from sriovctl.codec.foreign.ini import Section, parse_ini, read_entry
from sriovctl.codec.foreign.sources import (
    MAX_MTU,
    MAX_VFS,
    MIN_MTU,
    NO_PATTERNS,
    NO_SRIOV,
    NO_SUCH,
    import_each,
    is_literal,
    label_for,
    match_of,
    pci_path,
    vfs_said,
    whole_number,
)
from sriovctl.codec.mac import parse_mac
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN, LinkState, VLANProtocol
from sriovctl.model.state import UNSET, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import LeftOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sriovctl.codec.foreign.ini import Entry
    from sriovctl.codec.foreign.sources import ImportRequest, Source
    from sriovctl.model.state import Unset
    from sriovctl.model.translation import Import

_BOOLEANS = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True),
    **dict.fromkeys(("0", "no", "n", "false", "f", "off"), False),
}
_PROTOCOLS = {"802.1q": VLANProtocol.DOT1Q, "802.1ad": VLANProtocol.DOT1AD}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20}


def parse(request: ImportRequest) -> Import:
    """Read what the files say of SR-IOV.

    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    return import_each(request, _read_file)


def _read_file(source: Source, used: Sequence[str]) -> tuple[WantedPF | None, list[LeftOut]]:
    sections = parse_ini(source.text, source=source.name, joins_lines=True)
    whole = LeftOut(source.name, f"{source.name}:1:1", NO_SRIOV)
    if not any(_is_of_sriov(section) for section in sections):
        return None, [whole]
    match, left_out = _match(sections)
    if match == PFMatch():
        return None, [*left_out, whole._replace(why="nothing in [Match] says which PF is meant")]
    link, without = _link(sections)
    left_out += without
    num_vfs = link.get("SR-IOVVirtualFunctions", UNSET)
    vfs, without = _vfs(sections, num_vfs)
    left_out += without
    if num_vfs is UNSET and vfs and not source.name.endswith(".network"):
        num_vfs = max(vfs) + 1  # so many are made where there are fewer
    wanted = WantedPF(
        label=label_for(_stem(source.name), used),
        match=match,
        num_vfs=num_vfs,
        mtu=link.get("MTUBytes", UNSET),
        vfs=vfs_said(vfs),
    )
    return wanted, left_out


def _is_of_sriov(section: Section) -> bool:
    return section.name == "SR-IOV" or any(
        entry.key == "SR-IOVVirtualFunctions" for entry in section.entries
    )


def _stem(name: str) -> str:
    stem = name.rpartition("/")[2].rpartition(".")[0]
    return re.sub(r"^\d+-", "", stem)


def _named(sections: Sequence[Section], name: str) -> Iterator[Entry]:
    for section in sections:
        if section.name == name:
            yield from section.entries


def _match(sections: Sequence[Section]) -> tuple[PFMatch, list[LeftOut]]:
    found: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for entry in _named(sections, "Match"):
        said, why = _criterion(entry)
        found |= said
        if why is not None:
            left_out.append(LeftOut(f"Match.{entry.key}", entry.where, why))
    return match_of(found), left_out


def _criterion(entry: Entry) -> tuple[dict[str, str], str | None]:
    if entry.key == "Property":
        return _properties(entry)
    if entry.key not in _CRITERIA:
        return {}, "a state cannot match by it"
    if not is_literal(entry.value):
        return {}, NO_PATTERNS
    return _CRITERIA[entry.key](entry)


def _path(entry: Entry) -> tuple[dict[str, str], str | None]:
    address = pci_path(entry.value)
    if address is None:
        return {}, "is no path of a PCI device"
    return {"address": address}, None


def _mac(entry: Entry) -> tuple[dict[str, str], str | None]:
    changed = "is the MAC of the moment there; read as the permanent one"
    why = None if entry.key == "PermanentMACAddress" else changed
    return {"permanent_mac": read_entry(entry, parse_mac)}, why


def _properties(entry: Entry) -> tuple[dict[str, str], str | None]:
    keys = {"ID_VENDOR_ID": "vendor_id", "ID_MODEL_ID": "device_id"}
    found: dict[str, str] = {}
    for word in entry.value.split():
        name, _, value = word.partition("=")
        if name not in keys or re.fullmatch(r"0x[0-9a-fA-F]{1,4}", value) is None:
            return {}, "a state matches by no property but ID_VENDOR_ID and ID_MODEL_ID"
        found[keys[name]] = value[2:].lower().rjust(4, "0")
    return found, None


_CRITERIA: dict[str, Callable[[Entry], tuple[dict[str, str], str | None]]] = {
    "Path": _path,
    "PermanentMACAddress": _mac,
    "MACAddress": _mac,
    "Driver": lambda entry: ({"driver": entry.value}, None),
    "OriginalName": lambda entry: (
        {"netdev": entry.value},
        "is the kernel's first name for it there; read as the one of now",
    ),
    "Name": lambda entry: ({"netdev": entry.value}, None),
}


def _link(sections: Sequence[Section]) -> tuple[dict[str, int], list[LeftOut]]:
    readers: dict[str, Callable[[str], int]] = {
        "SR-IOVVirtualFunctions": lambda text: whole_number(text, 0, MAX_VFS),
        "MTUBytes": _size,
    }
    found: dict[str, int] = {}
    left_out: list[LeftOut] = []
    for entry in _named(sections, "Link"):
        if entry.key not in readers:
            left_out.append(LeftOut(f"Link.{entry.key}", entry.where, NO_SUCH))
        elif entry.value:
            found[entry.key] = read_entry(entry, readers[entry.key])
        else:
            found.pop(entry.key, None)
    known = ("Match", "Link", "SR-IOV")
    others = [section for section in sections if section.name not in known]
    left_out += (LeftOut(f"[{one.name}]", one.where, NO_SUCH) for one in others)
    return found, left_out


def _size(text: str) -> int:
    suffix = text[-1:] if text[-1:] in ("K", "M") else ""
    number = whole_number(text.removesuffix(suffix), 0, MAX_MTU) * _SIZES[suffix]
    return whole_number(str(number), MIN_MTU, MAX_MTU)


def _vfs(
    sections: Sequence[Section], num_vfs: int | Unset
) -> tuple[dict[int, WantedVF], list[LeftOut]]:
    vfs: dict[int, WantedVF] = {}
    left_out: list[LeftOut] = []
    for section in (one for one in sections if one.name == "SR-IOV"):
        index = section.last("VirtualFunction")
        if index is None:
            left_out.append(LeftOut("[SR-IOV]", section.where, "names no VirtualFunction="))
            continue
        vf_index = read_entry(index, lambda text: whole_number(text, 0, MAX_VFS - 1))
        if num_vfs is not UNSET and vf_index >= num_vfs:
            why = f"VF {vf_index} is not below SR-IOVVirtualFunctions={num_vfs}"
            left_out.append(LeftOut("[SR-IOV]", section.where, why))
            continue
        if vf_index in vfs:
            why = f"VF {vf_index} was named before; systemd takes the last section"
            left_out.append(LeftOut("[SR-IOV]", section.where, why))
        vfs[vf_index], without = _vf(section)
        left_out += without
    return vfs, left_out


def _vf(section: Section) -> tuple[WantedVF, list[LeftOut]]:
    last = {entry.key: entry for entry in section.entries}
    said = {key: entry for key, entry in last.items() if entry.value}
    left_out = [
        LeftOut(f"SR-IOV.{entry.key}", entry.where, NO_SUCH)
        for entry in said.values()
        if entry.key not in (*_VF_READERS, *_VLAN_KEYS, "VirtualFunction")
    ]
    values = {
        field: read_entry(said[key], reader)
        for key, (field, reader) in _VF_READERS.items()
        if key in said
    }
    if "VLANId" in said:
        values["vlan"] = _vlan(said)
    else:
        without = [said[key] for key in _VLAN_KEYS if key in said]
        why = "counts only with VLANId="
        left_out += (LeftOut(f"SR-IOV.{one.key}", one.where, why) for one in without)
    return WantedVF(**values), left_out  # type: ignore[arg-type]  # the readers are keyed by field


def _vlan(said: Mapping[str, Entry]) -> VLAN:
    qos, protocol = said.get("QualityOfService"), said.get("VLANProtocol")
    return VLAN(
        read_entry(said["VLANId"], lambda text: whole_number(text, 1, 4094)),
        0 if qos is None else read_entry(qos, lambda text: whole_number(text, 0, 7)),
        VLANProtocol.DOT1Q if protocol is None else read_entry(protocol, _protocol),
    )


def _protocol(text: str) -> VLANProtocol:
    if text.lower() not in _PROTOCOLS:
        raise InputError(f"must be 802.1Q or 802.1ad, not '{text[:40]}'")
    return _PROTOCOLS[text.lower()]


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise InputError(f"must be yes or no, not '{text[:40]}'")
    return _BOOLEANS[text.lower()]


def _link_state(text: str) -> LinkState:
    if text == "auto":
        return LinkState.AUTO
    return LinkState.ENABLE if _boolean(text) else LinkState.DISABLE


_VLAN_KEYS = ("VLANId", "QualityOfService", "VLANProtocol")
_VF_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "MACAddress": ("admin_mac", parse_mac),
    "MACSpoofCheck": ("spoofchk", _boolean),
    "Trust": ("trust", _boolean),
    "LinkState": ("link_state", _link_state),
    "QueryReceiveSideScaling": ("rss_query", _boolean),
}
