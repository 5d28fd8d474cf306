"""The contract of an eswitch that the simulated host keeps, on a real kernel with netdevsim."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.host.live import LiveHost
from tests.contract.eswitch import EswitchContract, Switch

BUS = Path("/sys/bus/netdevsim")
ID = 51


@pytest.mark.lab("netdevsim")
class TestKernelEswitch(EswitchContract):
    @pytest.fixture
    def switch(self) -> Iterator[Switch]:
        host, device = LiveHost(), f"netdevsim{ID}"
        (BUS / "new_device").write_text(f"{ID} 1")
        (netdev,) = os.listdir(BUS / "devices" / device / "net")
        yield Switch(host, "netdevsim", device, netdev)
        (BUS / "del_device").write_text(str(ID))
        host.close()
