"""Functions whose DMA may carry another function's requester ID.

Source: kernel ``drivers/pci/search.c`` (``pci_for_each_dma_alias``), ``drivers/pci/quirks.c``
(``quirk_dma_func0_alias`` and its like), ``drivers/iommu/amd/iommu.c`` (``setup_aliases``).
"""

from __future__ import annotations

from sriovctl.topology.quirks import MMIO_ALIAS_CLASS, AliasKind, AliasQuirk, alias_quirk_of
from sriovctl.topology.tree import (
    DOWNSTREAM_PORT,
    PCI_TO_PCIE,
    PCIE_TO_PCI,
    ROOT_PORT,
    UPSTREAM_PORT,
    class_and_subclass,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.address import PCIAddress
    from sriovctl.topology.surroundings import Surroundings
    from sriovctl.topology.tree import Bus, PCITree, TreeFunction

SUBSYSTEM_NOT_SHOWN = (
    "with some subsystem ids, which are not known here, it also uses the requester ID of 01.0 on "
    "its bus; it is taken not to"
)
MMIO_NOT_SHOWN = (
    "it may use more requester IDs, which stand in its own registers and cannot be seen here"
)


class Aliases:
    """Who shares requester IDs with whom, on one host."""

    def __init__(
        self,
        tree: PCITree,
        surroundings: Surroundings,
        *,
        firmware: Mapping[PCIAddress, int],
    ) -> None:
        """Look the functions up.

        :param firmware: devfns that the firmware's IVRS table says are aliases, by function.
        """
        self._around = surroundings
        self._devfns: dict[PCIAddress, frozenset[int]] = {}
        self._buses: set[Bus] = set()  # where anybody has an alias
        self.assumptions: dict[PCIAddress, str] = {}
        for function in tree.functions.values():
            devfns = self._find(function)
            if function.address in firmware:
                devfns |= {firmware[function.address]}
            if devfns:
                self._devfns[function.address] = devfns
                self._buses.add(function.bus)

    def sharers(self, tree: PCITree, function: TreeFunction) -> Iterator[TreeFunction]:
        """Give the functions of the same bus that share a requester ID with this one."""
        if function.bus not in self._buses:
            return
        own = self._devfns.get(function.address, frozenset())
        for other in tree.buses[function.bus]:
            if other is function:
                continue
            theirs = self._devfns.get(other.address, frozenset())
            if other.devfn in own or function.devfn in theirs:
                yield other

    def stops_at(self, bridge: TreeFunction) -> bool:
        """Say whether a bridge translates requester IDs, so that none passes it."""
        return self._kind(bridge) is AliasKind.TRANSLATION_ROOT

    def takes_over(self, bridge: TreeFunction) -> bool | None:
        """Say whether what is behind a bridge does DMA under the bridge's requester ID.

        ``None``: the bridge's capabilities cannot be seen.
        """
        if not bridge.knows_type:
            return None
        if bridge.port_type in (ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT):
            return False
        if bridge.port_type == PCIE_TO_PCI:
            return self._kind(bridge) is not AliasKind.KEEPS_IDS
        # Other PCIe types lead to no bus; a bridge without the capability is conventional.
        return bridge.port_type in (None, PCI_TO_PCIE)

    def _find(self, function: TreeFunction) -> frozenset[int]:
        quirk = self._quirk(function)
        if quirk is None:
            return frozenset()
        if quirk.kind in (AliasKind.FUNCTION_0, AliasKind.FUNCTION_1):
            number = 0 if quirk.kind is AliasKind.FUNCTION_0 else 1
            devfn = (function.devfn & ~7) | number
            return frozenset() if devfn == function.devfn else frozenset((devfn,))
        if quirk.kind is AliasKind.FIXED_SUBSYSTEM:
            self.assumptions[function.address] = SUBSYSTEM_NOT_SHOWN
        elif quirk.kind is AliasKind.MMIO and _is_ntb(function):
            self.assumptions[function.address] = MMIO_NOT_SHOWN
        return quirk.devfns if quirk.kind is AliasKind.LIST else frozenset()

    def _quirk(self, function: TreeFunction) -> AliasQuirk | None:
        quirk = alias_quirk_of(function.vendor_id, function.device_id)
        if quirk is not None and quirk.since and self._around.is_older_than(quirk.since):
            return None
        return quirk

    def _kind(self, function: TreeFunction) -> AliasKind | None:
        quirk = self._quirk(function)
        return quirk.kind if quirk else None


def _is_ntb(function: TreeFunction) -> bool:
    return class_and_subclass(function.snapshot) == MMIO_ALIAS_CLASS
