"""A machine with a card without an eswitch, and with two that have one."""

from __future__ import annotations

from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_E810,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
)

IGB, MLX5, ICE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def three_cards(*, num_vfs: int = 0) -> SimulatedHost:
    """Plug the cards in; those with an eswitch get VFs without drivers."""
    cards = (Card(INTEL_82576), Card(CONNECTX_6_DX), Card(INTEL_E810))
    host = simulate(MachineSpec(cards=cards))
    for device in (MLX5, ICE):
        host.files.write_text(f"/sys/bus/pci/devices/{device}/sriov_drivers_autoprobe", "0")
        host.files.write_text(f"/sys/bus/pci/devices/{device}/sriov_numvfs", str(num_vfs))
    return host
