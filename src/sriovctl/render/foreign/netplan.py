"""netplan's YAML.

Source: netplan doc/netplan-yaml.md, netplan_cli/cli/sriov.py.
"""

from __future__ import annotations

import re

from sriovctl.model.functions import VLAN, VLANProtocol
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.model.translation import Imposed, LeftOut, OutputFile
from sriovctl.render.foreign.divide import (
    Divided,
    criteria_of,
    divide,
    export_of,
    is_plain_word,
    leave_out_all,
    written_of,
)
from sriovctl.render.foreign.heads import yaml_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Part, WhyNot

DIRECTORY = "/etc/netplan"
MAX_VFS = 256  # netplan refuses more

REASONS = {
    "match.address": "netplan finds a netdev by its name, its MAC or its driver",
    "match.vendor_id": "netplan finds a netdev by its name, its MAC or its driver",
    "match.device_id": "netplan finds a netdev by its name, its MAC or its driver",
    "match.serial": "netplan finds a netdev by its name, its MAC or its driver",
    "match.phys_port_name": "netplan finds a netdev by its name, its MAC or its driver",
    "match.all": "netplan makes VFs of one PF for each entry",
    "drivers_autoprobe": "no setting for it",
    "spoofchk": "no setting for it",
    "trust": "no setting for it",
    "link_state": "no setting for it",
    "min_tx_rate_mbps": "no setting for it",
    "max_tx_rate_mbps": "no setting for it",
    "rss_query": "no setting for it",
    "node_guid": "no setting for it",
    "port_guid": "no setting for it",
    "msix_count": "no setting for it",
    "driver": "no setting for it",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {
    "eswitch.mode": "beside a number of VFs, of the state or of this host",
    "num_vfs": "1 to 256: netplan takes no VFs away",
    "link.state": "with the renderer networkd",
    "admin_mac": "as the MAC of the VF's netdev: only for a VF that stays on the host, under a "
    "name that is known",
    "vlan": "without qos and 802.1ad; only for a VF whose netdev has a name that is known",
}

_ALL = "netplan makes VFs of one PF for each entry, and which PFs there are is not known"
_NO_NAME = "netplan names a VF by its netdev, and what that is called is not known"
_NO_NETDEV = "netplan gives the MAC to the VF's netdev, and it has none"
_NO_COUNT = "netplan makes as many VFs as it names, and how many there are to be is not known"
# udev calls a VF's netdev after that of its PF where that has a name of udev's own; see
# systemd.net-naming-scheme(7), v239.
_PREDICTABLE = re.compile(r"en[a-zA-Z]\w*")


class _VF(NamedTuple):
    vf_index: int
    netdev: str
    said: dict[str, object]


class _Entries(NamedTuple):
    name: str
    pf: dict[str, object]
    vfs: dict[str, dict[str, object]]  # by netdev; without their link
    vlans: dict[str, object]


def render(request: ExportRequest) -> Export:
    """Write one file for all PFs.  Pure."""
    parts = [_part(target) for target in request.targets]
    entries = written_of(parts)
    if not entries:
        return export_of((), parts)
    vlans = {name: vlan for one in entries for name, vlan in one.vlans.items()}
    network = {
        "version": 2,
        "ethernets": _ethernets(entries),
        **({"vlans": vlans} if vlans else {}),
    }
    text = yaml_text({"network": network})
    return export_of([OutputFile("60-sriovctl.yaml", DIRECTORY, text, mode=0o600)], parts)


def _part(target: ExportTarget) -> Part[_Entries]:
    known = ("permanent_mac", "netdev", "driver")
    criteria = criteria_of(target, tool="netplan", known=known, for_netdevs=True)
    if not criteria.values or (target.wanted.match.all and target.pf is None):
        return leave_out_all(target, _ALL if criteria.values else criteria.why_none)
    names = _vf_names(target, criteria.values)
    divided = _divide(target, names)
    vfs = [_VF(n, names[n], said) for n, said in divided.vfs.items()]
    entries = _Entries(
        name=_name_of(target, criteria.values),
        pf=_pf_entry(target, criteria.values, divided),
        vfs={vf.netdev: _vf_entry(vf) for vf in vfs},
        vlans={name: vlan for vf in vfs for name, vlan in _vlan_entry(vf).items()},
    )
    return entries, divided.left_out, (*criteria.imposed, *_imposed(target, divided))


def _ethernets(entries: Sequence[_Entries]) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in entries:
        # A name of ours may be that of a netdev, which cannot be called otherwise.
        name = one.name if one.name not in found else f"sriovctl-{one.name}"
        found[name] = one.pf
        found |= {netdev: {"link": name, **vf} for netdev, vf in one.vfs.items()}
    return found


def _vf_names(target: ExportTarget, match: Mapping[str, str]) -> dict[int, str]:
    # What the host calls the netdevs of VFs that are there, and what udev will call others.
    pf_netdev = match.get("netdev") or (target.pf.netdev if target.pf else None)
    names: dict[int, str] = {}
    if pf_netdev is not None and _PREDICTABLE.fullmatch(pf_netdev):
        names = {vf_index: f"{pf_netdev}v{vf_index}" for vf_index, _ in target.vfs}
    known = {vf.vf_index: vf.netdev for vf in target.pf.vfs if vf.netdev} if target.pf else {}
    return {**names, **{n: name for n, name in known.items() if is_plain_word(name)}}


def _divide(target: ExportTarget, names: Mapping[int, str]) -> Divided:
    first = divide(target, _why_not_of(target))
    nameless = tuple(n for n in first.vfs if n not in names)
    if not nameless:
        return first
    keys = sorted({key for n in nameless for key in first.vfs[n]})
    unnamed = tuple(
        LeftOut(
            key, target.wanted.label, _NO_NAME, tuple(n for n in nameless if key in first.vfs[n])
        )
        for key in keys
    )
    vfs = {n: said for n, said in first.vfs.items() if n in names}
    return Divided(first.pf, vfs, (*first.left_out, *unnamed))


def _why_not_of(target: ExportTarget) -> WhyNot:
    probed = target.wanted.drivers_autoprobe is not False

    def why_not(key: str, value: object, said: Mapping[str, object]) -> str | None:
        if key in ("admin_mac", "vlan") and not (_can_count(target) and target.num_vfs):
            return _NO_COUNT
        if key == "eswitch.mode" and not _can_count(target):
            return "netplan takes it only beside a number of VFs, up to 256"
        if key == "admin_mac":
            has_netdev = _is_hosts_own(said["driver"]) if "driver" in said else probed
            return None if has_netdev else _NO_NETDEV
        return _why_not(key, value)

    return why_not


def _is_hosts_own(driver: object) -> bool:
    return driver is not None and not any(word in str(driver) for word in ("vfio", "uio"))


def _can_count(target: ExportTarget) -> bool:
    return target.num_vfs is not None and target.num_vfs <= MAX_VFS


def _why_not(key: str, value: object) -> str | None:
    if key == "num_vfs" and value == 0:
        return "netplan takes no VFs away"
    if key == "num_vfs" and isinstance(value, int) and value > MAX_VFS:
        return f"netplan makes at most {MAX_VFS} VFs of one PF"
    if isinstance(value, VLAN) and (value.qos or value.protocol != VLANProtocol.DOT1Q):
        return "netplan sets an id alone"
    return REASONS.get(key)


def _imposed(target: ExportTarget, divided: Divided) -> Iterator[Imposed]:
    label = target.wanted.label
    if target.wanted.link_up is UNSET:
        yield Imposed("link.state", label, "netplan takes up what it names")
    if _needs_count(divided) and target.wanted.num_vfs is UNSET:
        why = f"netplan must be told; {target.num_vfs} is what the host has now"
        yield Imposed("num_vfs", label, why)
    if macs := tuple(n for n, said in divided.vfs.items() if "admin_mac" in said):
        why = "netplan gives it to the VF's netdev on this host, not to the VF through its PF"
        yield Imposed("admin_mac", label, why, macs)


def _needs_count(divided: Divided) -> bool:
    # Without one netplan 0.106 says of an eswitch mode: "This is not a SR-IOV PF".
    return bool(divided.vfs) or "eswitch.mode" in divided.pf


def _pf_entry(
    target: ExportTarget, match: Mapping[str, str], divided: Divided
) -> dict[str, object]:
    entry: dict[str, object] = {}
    words = {"permanent_mac": "macaddress", "netdev": "name", "driver": "driver"}
    if match.keys() != {"netdev"}:
        entry["match"] = {words[key]: value for key, value in match.items()}
    if "link.mtu" in divided.pf:
        entry["mtu"] = divided.pf["link.mtu"]
    if divided.pf.get("link.state") is False:
        entry["activation-mode"] = "off"
    if "num_vfs" in divided.pf or _needs_count(divided):
        entry["virtual-function-count"] = target.num_vfs
    if "eswitch.mode" in divided.pf:
        entry["embedded-switch-mode"] = str(divided.pf["eswitch.mode"])
    return entry


def _name_of(target: ExportTarget, match: Mapping[str, str]) -> str:
    return match["netdev"] if match.keys() == {"netdev"} else target.name


def _vf_entry(vf: _VF) -> dict[str, object]:
    return {"macaddress": vf.said["admin_mac"]} if "admin_mac" in vf.said else {}


def _vlan_entry(vf: _VF) -> dict[str, object]:
    vlan = vf.said.get("vlan")
    if not isinstance(vlan, VLAN):
        return {}
    return {f"{vf.netdev}.{vlan.id}": {"id": vlan.id, "link": vf.netdev, "renderer": "sriov"}}
