"""VFs in network namespaces: as text and as JSON."""

from __future__ import annotations

from sriovctl.model.functions import NO_MAC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.netns import NetnsAttachResult, NetnsDetachResult


def netns_attach_as_json(result: NetnsAttachResult) -> dict[str, object]:
    """Shape what ``netns attach`` did."""
    return {
        "vf": str(result.vf),
        "vf_index": result.vf_index,
        "pf": result.pf,
        "namespace": {
            "name": result.namespace.name,
            "path": result.namespace.path,
            "handle": result.namespace.handle,
        },
        "netdev": result.netdev,
        "up": result.up,
        "mac": result.mac,
        "vlan": _vlan_as_json(result.vlan),
        "run": result.run_id,
        "changed": result.run_id is not None,
        "warnings": list(result.warnings),
    }


def _vlan_as_json(vlan: int | None) -> dict[str, int] | None:
    return None if vlan is None else {"id": vlan}


def format_netns_attach(result: NetnsAttachResult) -> str:
    """Tell a person what ``netns attach`` did."""
    where = "is in" if result.run_id is not None else "is already in"
    parts = [
        f"{result.vf} (VF {result.vf_index} of {result.pf}) {where} {result.namespace.name}",
        f"as {result.netdev}, {'up' if result.up else 'down'}",
        *([f"MAC {result.mac}"] if result.mac else []),
        *([f"VLAN {result.vlan}"] if result.vlan else []),
    ]
    return "\n".join([", ".join(parts), *_warnings(result.warnings)])


def netns_detach_as_json(result: NetnsDetachResult) -> dict[str, object]:
    """Shape what ``netns detach`` did."""
    return {
        "vf": str(result.vf),
        "vf_index": result.vf_index,
        "pf": result.pf,
        "namespace": result.namespace,
        "netdev": result.netdev,
        "driver": result.driver,
        "mac": result.mac,
        "vlan": _vlan_as_json(result.vlan),
        "given_back": result.given_back,
        "run": result.run_id,
        "changed": result.given_back is not None or result.run_id is not None,
        "warnings": list(result.warnings),
    }


def format_netns_detach(result: NetnsDetachResult) -> str:
    """Tell a person what ``netns detach`` did."""
    parts = [f"{result.vf} (VF {result.vf_index} of {result.pf}) {_came(result)}"]
    if result.given_back is not None:
        parts.append(f"it is as before run {result.given_back}")
    parts.append(f"driver {result.driver or 'none'}")
    parts.append(f"netdev {result.netdev or 'none'}")
    mac = None if result.mac == NO_MAC else result.mac
    parts.append(f"MAC {mac or 'none'}, VLAN {result.vlan or 'none'} on the PF")
    return "\n".join(["; ".join(parts), *_warnings(result.warnings)])


def _came(result: NetnsDetachResult) -> str:
    if result.namespace is not None:
        return f"is back from {result.namespace}"
    if result.given_back is not None:
        return "had come back by itself"
    return "is in no other network namespace"


def _warnings(warnings: tuple[str, ...]) -> list[str]:
    return [f"  warning: {warning}" for warning in warnings]
