from __future__ import annotations

from collections.abc import Iterator

import pytest

from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.host.simulated.events import SimulatedEvents
from tests.contract.contract import KernelContract
from tests.contract.counters import CountersContract
from tests.contract.eswitch import EswitchContract, Switch
from tests.contract.events import EventContract
from tests.contract.namespaces import Maker, NamespacesContract
from tests.contract.probes import ProbesContract


class TestSimulatedHost(KernelContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()


class TestSimulatedProbes(ProbesContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()


class TestSimulatedNamespaces(NamespacesContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()

    @pytest.fixture
    def maker(self, host: SimulatedHost) -> Maker:
        return host.namespaces


class TestSimulatedCounters(CountersContract):
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


class TestSimulatedEvents(EventContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()

    @pytest.fixture
    def events(self, host: SimulatedHost) -> Iterator[SimulatedEvents]:
        events = SimulatedEvents(host.kernel)
        yield events
        events.close()
        assert host.kernel.listeners == []
