"""The contract of an eswitch that the simulated host keeps, on a real kernel with netdevsim."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sriovctl.host.live import LiveHost
from tests.contract.eswitch import EswitchContract, Switch
from tests.lab.netdevsim import new_netdevsim

ID = 51


@pytest.mark.lab("netdevsim")
class TestKernelEswitch(EswitchContract):
    @pytest.fixture
    def switch(self) -> Iterator[Switch]:
        host, device = LiveHost(), f"netdevsim{ID}"
        with new_netdevsim(ID) as netdev:
            yield Switch(host, "netdevsim", device, netdev)
        host.close()
