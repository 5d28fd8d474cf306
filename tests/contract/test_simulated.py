from __future__ import annotations

import pytest

from sriovctl.host.simulated import SimulatedHost, simulated_82576
from tests.contract.contract import KernelContract


class TestSimulatedHost(KernelContract):
    @pytest.fixture
    def host(self) -> SimulatedHost:
        return simulated_82576()
