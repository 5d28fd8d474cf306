"""``.link`` files, which systemd-udevd applies to a PF's netdev when it appears.

Source: systemd.link(5), [SR-IOV] since version 251; systemd src/shared/netif-sriov.c.
"""

from __future__ import annotations

from sriovctl.model.functions import NO_MAC, VLAN
from sriovctl.model.translation import Imposed, OutputFile
from sriovctl.render.foreign.divide import (
    criteria_of,
    divide,
    export_of,
    leave_out_all,
    written_of,
)
from sriovctl.render.foreign.heads import head_of_pf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Divided, Part

DIRECTORY = "/etc/systemd/network"
# Before 99-default.link: udevd applies the first file that matches, and no other.
PREFIX = "70-sriovctl-"

REASONS = {
    "match.netdev": "matched when the netdev appears, under the kernel's name for it",
    "match.serial": "cannot be matched",
    "match.phys_port_name": "cannot be matched",
    "drivers_autoprobe": "no setting for it",
    "link.state": "udevd sets no link; ActivationPolicy= of a .network file does",
    "eswitch.mode": "no setting for it",
    "min_tx_rate_mbps": "no setting for it",
    "max_tx_rate_mbps": "no setting for it",
    "node_guid": "no setting for it",
    "port_guid": "no setting for it",
    "msix_count": "no setting for it",
    "driver": "no setting for it",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {
    "admin_mac": "not all zeros, which systemd takes as not said",
    "vlan": "not id 0: systemd takes no VLAN away",
}

_MATCHES = {
    "address": "Path=pci-{}",
    "permanent_mac": "PermanentMACAddress={}",
    "driver": "Driver={}",
    # udev's 75-net-description.rules give every netdev these properties of its PCI device.
    "vendor_id": "Property=ID_VENDOR_ID=0x{}",
    "device_id": "Property=ID_MODEL_ID=0x{}",
}
_NAMING = """\
# What 99-default.link says; it no longer applies to a netdev that this file matches.
NamePolicy=keep kernel database onboard slot path
AlternativeNamesPolicy=database onboard slot path
MACAddressPolicy=persistent
"""
_LINK_STATES = {"auto": "auto", "enable": "yes", "disable": "no"}


def render(request: ExportRequest) -> Export:
    """Write one ``.link`` file for each PF.  Pure."""
    parts = [_part(target) for target in request.targets]
    return export_of(written_of(parts), parts)


def _part(target: ExportTarget) -> Part[OutputFile]:
    criteria = criteria_of(target, tool="a .link file", known=tuple(_MATCHES), for_netdevs=True)
    if not criteria.values:
        return leave_out_all(target, criteria.why_none)
    divided = divide(target, _why_not)
    text = "".join(_lines(target, criteria.values, divided))
    file = OutputFile(f"{PREFIX}{target.name}.link", DIRECTORY, text)
    return file, divided.left_out, (*criteria.imposed, *_imposed(target, divided))


def _why_not(key: str, value: object, _said: Mapping[str, object]) -> str | None:
    if key == "admin_mac" and value == NO_MAC:
        return "systemd takes a MAC of all zeros as not said"
    if isinstance(value, VLAN) and value.id == 0:
        return "systemd takes no VLAN away (a new VF has none)"
    return REASONS.get(key)


def _imposed(target: ExportTarget, divided: Divided) -> Iterator[Imposed]:
    if divided.vfs and "num_vfs" not in divided.pf:
        count = max(divided.vfs) + 1
        yield Imposed(
            "num_vfs", target.wanted.label, f"systemd makes {count} VFs where there are fewer"
        )


def _lines(target: ExportTarget, match: Mapping[str, str], divided: Divided) -> Iterator[str]:
    yield head_of_pf(target)
    yield "\n[Match]\n"
    yield from (f"{_MATCHES[key].format(value)}\n" for key, value in match.items())
    yield f"\n[Link]\n{_NAMING}"
    if "link.mtu" in divided.pf:
        yield f"MTUBytes={divided.pf['link.mtu']}\n"
    if "num_vfs" in divided.pf:
        yield f"SR-IOVVirtualFunctions={divided.pf['num_vfs']}\n"
    for vf_index, said in divided.vfs.items():
        yield f"\n[SR-IOV]\nVirtualFunction={vf_index}\n"
        yield from (line for key, value in said.items() for line in _vf_lines(key, value))


def _vf_lines(key: str, value: object) -> Iterator[str]:
    if isinstance(value, VLAN):
        yield f"VLANId={value.id}\n"
        if value.qos:
            yield f"QualityOfService={value.qos}\n"
        yield f"VLANProtocol={value.protocol.replace('q', 'Q')}\n"
    elif key == "admin_mac":
        yield f"MACAddress={value}\n"
    elif key == "link_state":
        yield f"LinkState={_LINK_STATES[str(value)]}\n"
    else:
        yield f"{_SWITCHES[key]}={'yes' if value else 'no'}\n"


_SWITCHES = {
    "spoofchk": "MACSpoofCheck",
    "trust": "Trust",
    "rss_query": "QueryReceiveSideScaling",
}
