"""NetworkManager's keyfiles.

Source: nm-settings-keyfile(5), nm-settings-nmcli(5) "sriov setting"; NetworkManager
src/libnm-core-impl/nm-setting-sriov.c, src/libnm-platform/nm-linux-platform.c
(link_set_sriov_params_async, link_set_sriov_vfs).
"""

from __future__ import annotations

from sriovctl.model.functions import VLAN, VLANProtocol
from sriovctl.model.state import UNSET
from sriovctl.model.translation import Imposed, OutputFile
from sriovctl.render.foreign.divide import (
    Divided,
    criteria_of,
    divide,
    export_of,
    leave_out_all,
    vfs_without,
    written_of,
)
from sriovctl.render.foreign.heads import head_of_pf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Part

DIRECTORY = "/etc/NetworkManager/system-connections"

REASONS = {
    "match.vendor_id": "cannot be matched",
    "match.device_id": "cannot be matched",
    "match.serial": "cannot be matched",
    "match.phys_port_name": "cannot be matched",
    "link_state": "no setting for it",
    "rss_query": "no setting for it",
    "node_guid": "no setting for it",
    "port_guid": "no setting for it",
    "msix_count": "no setting for it",
    "driver": "no setting for it",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {
    "drivers_autoprobe": "not with num_vfs 0",
    "link.state": "not down: an active profile's netdev is up",
    "eswitch.mode": "since NetworkManager 1.46; older ones pass over it",
    "min_tx_rate_mbps": "not above the limit; not 0 without one, which is taken as not said; not "
    "with igb and ixgbe, for which the activation would fail",
    "max_tx_rate_mbps": "not 0 without a guarantee, which is taken as not said; not with igb and "
    "ixgbe, for which the activation would fail",
}

# Seen with NetworkManager 1.42 on a 82576: "Failed to configure SR-IOV parameters".
NO_RATES = (
    "its driver refuses rates while the link is down, as it is when NetworkManager has just made "
    "the VFs; the profile could not be activated"
)
_KNOWN = ("address", "permanent_mac", "netdev", "driver")
_NEEDS_COUNT = "NetworkManager sets the number of VFs with all else of them, and it is not known"
_RATES = ("min_tx_rate_mbps", "max_tx_rate_mbps")
_OF_THE_COUNT = ("drivers_autoprobe", "eswitch.mode")
_ESWITCH_MODES = {"legacy": 0, "switchdev": 1}
_WORDS = {
    "admin_mac": "mac",
    "spoofchk": "spoof-check",
    "trust": "trust",
    "min_tx_rate_mbps": "min-tx-rate",
    "max_tx_rate_mbps": "max-tx-rate",
}


def render(request: ExportRequest) -> Export:
    """Write one profile for each PF.  Pure."""
    parts = [_part(target) for target in request.targets]
    return export_of(written_of(parts), parts)


def _part(target: ExportTarget) -> Part[OutputFile]:
    criteria = criteria_of(target, tool="a profile", known=_KNOWN, for_netdevs=True)
    if not criteria.values:
        return leave_out_all(target, criteria.why_none)
    divided = _divide(target)
    text = "\n".join(_sections(target, criteria.values, divided))
    # NetworkManager refuses a profile that others may read.
    file = OutputFile(f"sriovctl-{target.name}.nmconnection", DIRECTORY, text, mode=0o600)
    return file, divided.left_out, (*criteria.imposed, *_imposed(target, divided))


def _divide(target: ExportTarget) -> Divided:
    def why_not(key: str, value: object, said: Mapping[str, object]) -> str | None:
        if target.num_vfs is None and key not in ("link.state", "link.mtu"):
            return REASONS.get(key, _NEEDS_COUNT)
        if key == "drivers_autoprobe" and target.num_vfs == 0:
            return "NetworkManager sets it only where it makes VFs"
        if key in _RATES and target.rates_need_link and _has_rate(said):
            return NO_RATES
        return _why_not(key, value, said)

    return divide(target, why_not)


def _has_rate(said: Mapping[str, object]) -> bool:
    return any(said.get(key) for key in _RATES)


def _why_not(key: str, value: object, said: Mapping[str, object]) -> str | None:
    if key == "link.state" and not value:
        return "the netdev of an active profile is up"
    if key in _RATES:
        return _why_not_rate(said.get(_RATES[0]), said.get(_RATES[1]))
    return REASONS.get(key)


def _why_not_rate(low: object, high: object) -> str | None:
    if not (low or high):
        return "NetworkManager takes 0 as not said (a new VF has no rate)"
    if isinstance(low, int) and isinstance(high, int) and 0 < high < low:
        return "the guarantee is above the limit"
    return None


def _imposed(target: ExportTarget, divided: Divided) -> Iterator[Imposed]:
    label = target.wanted.label
    if target.wanted.link_up is UNSET:
        yield Imposed("link.state", label, "an active profile takes its netdev up")
    if not _has_sriov(divided):
        return
    if target.wanted.num_vfs is UNSET:
        why = f"NetworkManager always sets it; {target.num_vfs} is what the host has now"
        yield Imposed("num_vfs", label, why)
    if vfs := vfs_without(target, divided, "vlan"):
        yield Imposed("vlan", label, "a VF that is named without a VLAN is given none", vfs)
    for key, other in (_RATES, _RATES[::-1]):
        without = vfs_without(target, divided, key)
        if vfs := tuple(n for n in without if divided.vfs[n].get(other)):
            yield Imposed(key, label, "both rates are set together; what is not said is 0", vfs)


def _has_sriov(divided: Divided) -> bool:
    return bool(divided.vfs) or any(key in divided.pf for key in ("num_vfs", *_OF_THE_COUNT))


def _sections(target: ExportTarget, match: Mapping[str, str], divided: Divided) -> Iterator[str]:
    yield head_of_pf(target)
    yield "".join(_connection(target, match))
    yield "".join(_ethernet(match, divided))
    if "address" in match or "driver" in match:
        yield "".join(_match(match))
    if _has_sriov(divided):
        yield "".join(_sriov(target, divided))
    # The profile is for the card alone: no address, no DHCP.
    yield "[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n"


def _connection(target: ExportTarget, match: Mapping[str, str]) -> Iterator[str]:
    yield f"[connection]\nid=sriovctl-{target.name}\nuuid={_uuid(target, match)}\ntype=ethernet\n"
    if "netdev" in match:
        yield f"interface-name={match['netdev']}\n"
    if target.wanted.match.all and target.pf is None:
        yield "# For several netdevs at once.\nmulti-connect=3\n"


def _uuid(target: ExportTarget, match: Mapping[str, str]) -> str:
    # The same each time, so that a profile that is written again is the same profile.
    from uuid import NAMESPACE_URL, uuid5

    found_by = " ".join(f"{key}={value}" for key, value in match.items())
    return str(uuid5(NAMESPACE_URL, f"sriovctl:{target.name} {found_by}"))


def _ethernet(match: Mapping[str, str], divided: Divided) -> Iterator[str]:
    yield "[ethernet]\n"
    if "permanent_mac" in match:
        yield f"mac-address={match['permanent_mac']}\n"
    if "link.mtu" in divided.pf:
        yield f"mtu={divided.pf['link.mtu']}\n"


def _match(match: Mapping[str, str]) -> Iterator[str]:
    yield "[match]\n"
    if "address" in match:
        yield f"path=pci-{match['address']};\n"
    if "driver" in match:
        yield f"driver={match['driver']};\n"


def _sriov(target: ExportTarget, divided: Divided) -> Iterator[str]:
    yield f"[sriov]\ntotal-vfs={target.num_vfs}\n"
    if "drivers_autoprobe" in divided.pf:
        yield f"autoprobe-drivers={int(bool(divided.pf['drivers_autoprobe']))}\n"
    if "eswitch.mode" in divided.pf:
        mode = str(divided.pf["eswitch.mode"])
        yield f"# {mode}; needs NetworkManager 1.46\neswitch-mode={_ESWITCH_MODES[mode]}\n"
    for vf_index, said in divided.vfs.items():
        yield f"vf.{vf_index}={' '.join(_vf_words(said))}\n"


def _vf_words(said: Mapping[str, object]) -> Iterator[str]:
    for key, value in said.items():
        if isinstance(value, VLAN):
            yield f"vlans={_vlan(value)}"
        elif value == 0 and key == "max_tx_rate_mbps":
            continue  # with a guarantee; NetworkManager refuses a limit below it, even 0 for none
        else:
            yield f"{_WORDS[key]}={_word(value)}"


def _vlan(vlan: VLAN) -> str:
    if vlan.protocol == VLANProtocol.DOT1AD:
        return f"{vlan.id}.{vlan.qos}.ad"
    return f"{vlan.id}.{vlan.qos}" if vlan.qos else f"{vlan.id}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
