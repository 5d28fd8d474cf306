"""A host in memory with the kernel's semantics, for tests and for trying things out.

The contract suite in ``tests/contract`` runs on it and on a real kernel alike; where they differ,
the kernel is right.
"""

from __future__ import annotations

from sriovctl.host.simulated.cards import (
    BROADCOM_57416,
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_82599,
    INTEL_E810,
    INTEL_X710,
    QEMU_NVME,
    Card,
    CardModel,
    MachineSpec,
    Place,
)
from sriovctl.host.simulated.host import SimulatedHost, simulate, simulated_82576

__all__ = [
    "BROADCOM_57416",
    "CONNECTX_6_DX",
    "INTEL_82576",
    "INTEL_82599",
    "INTEL_E810",
    "INTEL_X710",
    "QEMU_NVME",
    "Card",
    "CardModel",
    "MachineSpec",
    "Place",
    "SimulatedHost",
    "simulate",
    "simulated_82576",
]
