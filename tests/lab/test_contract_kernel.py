"""The contract that the simulated host keeps, on a real kernel: the kernel is right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sriovctl.host.events import KernelEvents
from sriovctl.host.live import LiveHost
from tests.contract.contract import KernelContract, reset
from tests.contract.events import EventContract
from tests.contract.probes import ProbesContract


@pytest.fixture
def host() -> Iterator[LiveHost]:
    host = LiveHost()
    reset(host)
    yield host
    reset(host)
    host.close()


@pytest.mark.lab("82576")
class TestKernel(KernelContract):
    pass


@pytest.mark.lab("82576")
class TestKernelProbes(ProbesContract):
    pass


@pytest.mark.lab("82576")
class TestKernelEvents(EventContract):
    @pytest.fixture
    def events(self, host: LiveHost) -> Iterator[KernelEvents]:  # noqa: ARG002  (reset first)
        events = KernelEvents()
        yield events
        events.close()
