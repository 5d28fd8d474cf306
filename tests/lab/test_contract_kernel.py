"""The contract that the simulated host keeps, on a real kernel: the kernel is right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sriovctl.host.live import LiveHost
from tests.contract.contract import KernelContract, reset


@pytest.mark.lab("82576")
class TestKernel(KernelContract):
    @pytest.fixture
    def host(self) -> Iterator[LiveHost]:
        host = LiveHost()
        reset(host)
        yield host
        reset(host)
        host.close()
