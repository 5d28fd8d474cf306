from __future__ import annotations

import pytest

from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from tests.contract.contract import KernelContract
from tests.contract.eswitch import EswitchContract, Switch
from tests.contract.probes import ProbesContract


class TestSimulatedHost(KernelContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()


class TestSimulatedProbes(ProbesContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()


class TestSimulatedEswitch(EswitchContract):
    @pytest.fixture
    def switch(self) -> Switch:
        host = simulate(MachineSpec(cards=(Card(CONNECTX_6_DX),)))
        # A VF's own netdev is another matter.
        host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "0")
        return Switch(host, "pci", "0000:01:00.0", "eth0")
