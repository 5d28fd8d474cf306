"""The contract that the simulated host keeps, on a real kernel: the kernel is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.host.events import KernelEvents
from sriovctl.host.live import LiveHost
from tests.contract.contract import KernelContract
from tests.contract.counters import CountersContract
from tests.contract.events import EventContract
from tests.contract.machine import reset
from tests.contract.namespaces import BOX, Maker, NamespacesContract
from tests.contract.probes import ProbesContract
from tests.lab.shell import ip


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


class NamedNamespaces:
    def add(self, path: str) -> None:
        ip("netns", "add", Path(path).name)

    def delete(self, path: str) -> None:
        ip("netns", "delete", Path(path).name)


@pytest.mark.lab("82576")
class TestKernelNamespaces(NamespacesContract):
    @pytest.fixture
    def maker(self, host: LiveHost) -> Iterator[Maker]:
        yield NamedNamespaces()
        host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0")
        if Path(BOX).exists():
            ip("netns", "delete", Path(BOX).name)


@pytest.mark.lab("82576")
class TestKernelCounters(CountersContract):
    pass
