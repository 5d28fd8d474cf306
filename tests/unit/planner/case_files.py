"""The files of a case: a host in a few lines, and plans as YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.owner import Owner, OwnerKind, OwnerMap
from sriovctl.model.plan import Plan, Step
from tests.unit.planner.model_host import fresh_vf

# What a card has unless the file says otherwise: vendor and device id, PCI class.
CARDS = {
    "igb": ("8086:10c9", "020000"),
    "ixgbe": ("8086:10fb", "020000"),
    "i40e": ("8086:1572", "020000"),
    "ice": ("8086:1592", "020000"),
    "mlx5_core": ("15b3:101d", "020000"),
    "mlx4_core": ("15b3:1007", "020000"),
    "bnxt_en": ("14e4:16d8", "020000"),
    "ena": ("1d0f:ec20", "020000"),
    "gve": ("1ae0:0042", "020000"),
    "nvme": ("1b36:0010", "010802"),
    "c6xx": ("8086:37c8", "0b4000"),
}
WITHOUT_NETDEV = ("nvme", "c6xx", "vfio-pci", "pci-pf-stub")
PF_KEYS = {"class", "ids", "netdev", "total_vfs", "autoprobe", "up", "mtu", "mac", "eswitch"}
VF_KEYS = {"driver", "msix_count"}


def read_current(path: Path) -> tuple[tuple[PF, ...], OwnerMap | None]:
    """Read a host; ``owners: null`` means that nobody looked for users.

    Addresses and MACs are quoted there: YAML takes them for numbers in base 60.
    """
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    pfs = tuple(_pf(n, device, keys) for n, (device, keys) in enumerate(said["pfs"].items()))
    owners = said.get("owners", {})
    return pfs, None if owners is None else {k: tuple(map(_owner, v)) for k, v in owners.items()}


def _owner(token: str) -> Owner:
    kind, _, name = token.partition(":")
    return Owner(OwnerKind(kind), name)


def _pf(number: int, device: str, keys: dict[str, Any]) -> PF:
    driver = keys.pop("driver")
    vfs = keys.pop("vfs", 0)
    ids, pci_class = CARDS.get(driver or "", ("1234:5678", "020000"))
    address = parse_pci_address(device) if is_pci_address(device) else None
    vendor_id, _, device_id = str(keys.get("ids", ids)).partition(":")
    has_netdev = driver not in WITHOUT_NETDEV and keys.get("netdev", "") is not None
    assert keys.keys() <= PF_KEYS, keys
    pf = PF(
        device=device,
        address=address,
        vendor_id=vendor_id if address else None,
        device_id=device_id if address else None,
        name=None,
        pci_class=str(keys.get("class", pci_class)) if address else None,
        driver=driver,
        netdev=keys.get("netdev", f"eth{number}") if has_netdev else None,
        numa_node=None,
        iommu_group=None,
        num_vfs=0,
        total_vfs=keys.get("total_vfs", 8) if address else None,
        drivers_autoprobe=keys.get("autoprobe", True) if address else None,
        up=keys.get("up", True) if has_netdev else None,
        permanent_mac=keys.get("mac", f"52:54:00:00:0{number}:00") if has_netdev else None,
        mtu=keys.get("mtu", 1500) if has_netdev else None,
        eswitch_mode=keys.get("eswitch"),
    )
    made = tuple(_vf(pf, vf_index, said) for vf_index, said in _vfs(vfs))
    return pf._replace(num_vfs=len(made), vfs=made)


def _vfs(said: int | dict[Any, dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(said, int):
        yield from ((vf_index, {}) for vf_index in range(said))
        return
    for indices, keys in said.items():
        first, _, last = str(indices).partition("-")
        yield from (
            (vf_index, dict(keys)) for vf_index in range(int(first), int(last or first) + 1)
        )


def _vf(pf: PF, vf_index: int, said: dict[str, Any]) -> VF:
    vf = fresh_vf(pf, vf_index)
    vf = vf._replace(**{key: said.pop(key) for key in VF_KEYS & said.keys()})
    if isinstance(said.get("vlan"), int):
        said["vlan"] = VLAN(said["vlan"])
    elif "vlan" in said:
        said["vlan"] = VLAN(**said["vlan"])
    if said:
        assert vf.attributes is not None
        vf = vf._replace(attributes=vf.attributes._replace(**said))
    return vf


# --- plans -------------------------------------------------------------------------------------


def format_steps(plan: Plan, *, short: bool) -> str:
    """Write a plan: in full, or only what changes to what."""
    steps = [_short(step) if short else _full(step) for step in plan.steps]
    return _dump({"steps": steps})


def format_error(error: Exception) -> str:
    return _dump({"error": type(error).__name__, "message": str(error)})


def _short(step: Step) -> dict[str, object]:
    return {"subject": step.subject, "before": step.before, "after": step.after}


def _full(step: Step) -> dict[str, object]:
    told: dict[str, object] = {"action": str(step.action), **_short(step)}
    told |= {"disruption": str(step.disruption)} if step.disruption != "none" else {}
    told |= {"affected": list(step.affected)} if step.affected else {}
    return told | {"reason": step.reason, "commands": list(step.commands)}


def _dump(document: dict[str, object]) -> str:
    plain = _plain(document)
    text: str = yaml.dump(
        plain, Dumper=_Dumper, default_flow_style=None, sort_keys=False, width=1000, indent=2
    )
    return text


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: what is there twice is written twice."""

    def ignore_aliases(self, _: object) -> bool:
        return True
