"""nmstate's desired state.

Source: nmstate rust/src/lib/ifaces/sriov.rs (SrIovConfig, SrIovVfConfig), ifaces/base.rs.
"""

from __future__ import annotations

from sriovctl.model.functions import VLAN, VLANProtocol
from sriovctl.model.translation import Imposed, OutputFile, said_of_pf
from sriovctl.render.foreign.divide import (
    criteria_of,
    divide,
    export_of,
    leave_out_all,
    written_of,
)
from sriovctl.render.foreign.heads import yaml_text
from sriovctl.render.foreign.networkmanager import NO_RATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Divided, Part, WhyNot

DIRECTORY = "/etc/nmstate"

REASONS = {
    "match.address": "nmstate finds a netdev by its name or its MAC",
    "match.driver": "nmstate finds a netdev by its name or its MAC",
    "match.vendor_id": "nmstate finds a netdev by its name or its MAC",
    "match.device_id": "nmstate finds a netdev by its name or its MAC",
    "match.serial": "nmstate finds a netdev by its name or its MAC",
    "match.phys_port_name": "nmstate finds a netdev by its name or its MAC",
    "match.all": "one entry is one netdev",
    "eswitch.mode": "no setting for it",
    "link_state": "no setting for it",
    "rss_query": "no setting for it",
    "node_guid": "no setting for it",
    "port_guid": "no setting for it",
    "msix_count": "no setting for it",
    "driver": "no setting for it",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {
    "link.state": "down only where nothing is said of VFs: they go with the profile",
    "vlan": "not id 0 with qos 0 and protocol 802.1ad",
    "min_tx_rate_mbps": "not above the limit; only 0 with igb and ixgbe, as in a profile",
    "max_tx_rate_mbps": "not 0 beside a guarantee, which NetworkManager refuses; only 0 with igb "
    "and ixgbe, as in a profile",
}

_ALL = "one entry is one netdev, and which PFs there are is not known"
_WORDS = {
    "admin_mac": "mac-address",
    "spoofchk": "spoof-check",
    "trust": "trust",
    "min_tx_rate_mbps": "min-tx-rate",
    "max_tx_rate_mbps": "max-tx-rate",
}


def render(request: ExportRequest) -> Export:
    """Write one file with an entry for each PF.  Pure."""
    parts = [_part(target) for target in request.targets]
    entries = written_of(parts)
    if not entries:
        return export_of((), parts)
    text = yaml_text({"interfaces": entries})
    return export_of([OutputFile("sriovctl.yml", DIRECTORY, text)], parts)


def _part(target: ExportTarget) -> Part[dict[str, object]]:
    criteria = criteria_of(
        target,
        tool="nmstate",
        known=("netdev", "permanent_mac"),
        for_netdevs=True,
        fits=lambda said: len(said) == 1,
    )
    if not criteria.values or (target.wanted.match.all and target.pf is None):
        return leave_out_all(target, _ALL if criteria.values else criteria.why_none)
    divided = divide(target, _why_not_of(target))
    entry = _interface(target, criteria.values, divided)
    return entry, divided.left_out, (*criteria.imposed, *_imposed(target, divided))


def _why_not_of(target: ExportTarget) -> WhyNot:
    of_pf = said_of_pf(target.wanted)
    says_of_vfs = bool(target.vfs or of_pf.keys() & {"num_vfs", "drivers_autoprobe"})

    def why_not(key: str, value: object, said: Mapping[str, object]) -> str | None:
        if key == "link.state" and not value and says_of_vfs:
            return "a netdev that is down has no profile, and so no VFs"
        if key.endswith("_tx_rate_mbps") and value and target.rates_need_link:
            return NO_RATES
        return _why_not(key, value, said)

    return why_not


def _why_not(key: str, value: object, said: Mapping[str, object]) -> str | None:
    if isinstance(value, VLAN) and value == VLAN(0, 0, VLANProtocol.DOT1AD):
        return "nmstate refuses 802.1ad without an id or a priority"
    if key == "max_tx_rate_mbps" and value == 0 and said.get("min_tx_rate_mbps"):
        return "NetworkManager refuses a guarantee above the limit, also above 0 for none"
    low, high = said.get("min_tx_rate_mbps"), said.get("max_tx_rate_mbps")
    if key == "min_tx_rate_mbps" and isinstance(low, int) and isinstance(high, int):
        return "the guarantee is above the limit" if 0 < high < low else None
    return REASONS.get(key)


def _imposed(target: ExportTarget, divided: Divided) -> Iterator[Imposed]:
    label = target.wanted.label
    if divided.pf.get("link.state") is None:
        yield Imposed("link.state", label, "an entry without 'state: down' takes its netdev up")
    if divided.vfs and "num_vfs" not in divided.pf and target.num_vfs is None:
        why = f"nmstate makes {max(divided.vfs) + 1} VFs where there are none"
        yield Imposed("num_vfs", label, why)


def _interface(
    target: ExportTarget, match: Mapping[str, str], divided: Divided
) -> dict[str, object]:
    entry: dict[str, object] = {"name": match.get("netdev", target.name), "type": "ethernet"}
    entry["state"] = "up" if divided.pf.get("link.state", True) else "down"
    if "permanent_mac" in match:
        entry |= {"identifier": "mac-address", "mac-address": match["permanent_mac"]}
    if "link.mtu" in divided.pf:
        entry["mtu"] = divided.pf["link.mtu"]
    if sr_iov := _sr_iov(divided):
        entry["ethernet"] = {"sr-iov": sr_iov}
    return entry


def _sr_iov(divided: Divided) -> dict[str, object]:
    found: dict[str, object] = {}
    if "drivers_autoprobe" in divided.pf:
        found["drivers-autoprobe"] = divided.pf["drivers_autoprobe"]
    if "num_vfs" in divided.pf:
        found["total-vfs"] = divided.pf["num_vfs"]
    if divided.vfs:
        found["vfs"] = [{"id": n, **dict(_vf_words(said))} for n, said in divided.vfs.items()]
    return found


def _vf_words(said: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in said.items():
        if not isinstance(value, VLAN):
            yield _WORDS[key], value
            continue
        yield "vlan-id", value.id
        yield "qos", value.qos
        if value.protocol != VLANProtocol.DOT1Q:
            yield "vlan-proto", str(value.protocol)
