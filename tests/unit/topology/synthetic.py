"""Machines made up function by function, for the rules that no recorded machine shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sriovctl.codec.pciconfig import decode_config
from sriovctl.codec.pciconfig_build import build_config
from sriovctl.model.address import PCIAddress, parse_pci_address, vf_address
from sriovctl.model.capabilities import SRIOVCapability
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind
from sriovctl.topology.groups import Prediction, predict_groups

REQUIRED = 0x1D
NIC, BRIDGE, USB = 0x020000, 0x060400, 0x0C0330


@dataclass(kw_only=True)
class Machine:
    """Functions by their addresses; what is not said is an ordinary PCIe machine."""

    source: SourceKind = SourceKind.HEX_DUMP
    functions: dict[PCIAddress, FunctionSnapshot] = field(default_factory=dict)

    def add(
        self,
        address: str,
        ids: str = "1234:5678",
        *,
        kind: int | None = 0,
        acs: int | None = None,
        control: int = 0,
        bridge: int | tuple[int, int] | None = None,
        multifunction: bool = False,
        class_code: int = NIC,
        word_at_8: int | None = None,
        cut_at: int | None = None,
        sriov: SRIOVCapability | None = None,
        ari_forwarding: bool = False,
        **facts: object,
    ) -> Machine:
        """Add one function.

        :param bridge: secondary bus, or secondary and subordinate.
        :param cut_at: bytes of config space that can be seen.
        """
        place = parse_pci_address(address)
        buses = (bridge, bridge) if isinstance(bridge, int) else bridge
        vendor_id, device_id = (int(word, 16) for word in ids.split(":"))
        data = bytearray(
            build_config(
                vendor_id=vendor_id,
                device_id=device_id,
                class_code=BRIDGE if buses else class_code,
                multifunction=multifunction,
                express_type=kind,
                acs_capabilities=acs,
                acs_control=control,
                bridge=(place.bus, *buses) if buses else None,
                sriov=sriov,
                ari_forwarding_supported=ari_forwarding,
                ari_forwarding_enable=ari_forwarding,
            )
        )
        if word_at_8 is not None:
            data[0x108:0x10C] = word_at_8.to_bytes(4, "little")
        function = FunctionSnapshot(
            place,
            decode_config(bytes(data[:cut_at])),
            vendor_id=vendor_id,
            device_id=device_id,
            class_code=BRIDGE if buses else class_code,
        )
        self.functions[place] = function._replace(**cast("dict[str, Any]", facts))
        return self

    def port(
        self, address: str, secondary: int, ids: str = "1234:0001", **options: object
    ) -> Machine:
        """Add a root port that keeps traffic apart, unless the options say otherwise."""
        given: dict[str, Any] = {
            "kind": 4,
            "acs": REQUIRED,
            "control": REQUIRED,
            "bridge": secondary,
        } | options
        return self.add(address, ids, **given)

    def vfs(self, pf: str, count: int, *, offset: int, stride: int) -> Machine:
        """Add the VFs of a PF as a dump shows them: with ids that read ffff."""
        for index in range(count):
            address = vf_address(
                parse_pci_address(pf), index, first_vf_offset=offset, vf_stride=stride
            )
            self.add(str(address), "ffff:ffff", vendor_id=None, device_id=None)
        return self

    def snapshot(self, **facts: object) -> HostSnapshot:
        """Return the whole."""
        functions = tuple(self.functions[address] for address in sorted(self.functions))
        snapshot = HostSnapshot(self.source, "made up", functions)
        return snapshot._replace(**cast("dict[str, Any]", facts))

    def predict(self, *, iommu_on: bool = False, **facts: object) -> Prediction:
        """Predict its groups."""
        return predict_groups(self.snapshot(**facts), iommu_on=iommu_on)

    def partition(self, *, iommu_on: bool = False, **facts: object) -> set[frozenset[str]]:
        """Predict its groups, as sets of short addresses."""
        return partition(predict_groups(self.snapshot(**facts), iommu_on=iommu_on))


def pf_capability(count: int, *, offset: int, stride: int, device_id: int) -> SRIOVCapability:
    """Make the capability of a PF whose VFs are on."""
    return SRIOVCapability(
        total_vfs=count,
        initial_vfs=count,
        num_vfs=count,
        first_vf_offset=offset,
        vf_stride=stride,
        vf_device_id=device_id,
        vf_enable=True,
    )


def partition(prediction: Prediction) -> set[frozenset[str]]:
    """Return the groups as sets of addresses, domain 0 left out."""
    return {
        frozenset(str(member).removeprefix("0000:") for member in group.members)
        for group in prediction.groups
    }


def sets(*groups: str) -> set[frozenset[str]]:
    """Write a partition down: one string per group."""
    return {frozenset(group.split()) for group in groups}
