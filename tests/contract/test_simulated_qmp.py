"""The QMP contract on the simulated QEMU."""

from __future__ import annotations

import pytest

from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_qmp import SimulatedQEMU
from tests.contract.qmp import VF0, VF1, QMPContract, Stand

PF = "0000:01:00.0"


@pytest.fixture
def host() -> SimulatedHost:
    host = simulated_82576()
    host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "3")
    for vf in (VF0, VF1):
        host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", vf)
        host.files.write_text(f"/sys/bus/pci/devices/{vf}/driver_override", "vfio-pci")
        host.files.write_text("/sys/bus/pci/drivers_probe", vf)
    return host


@pytest.fixture
def silent(host: SimulatedHost) -> Stand:
    return Stand(host, SimulatedQEMU(host, consent_s=None))


@pytest.fixture
def consenting(host: SimulatedHost) -> Stand:
    return Stand(host, SimulatedQEMU(host, consent_s=1.0))


class TestQMP(QMPContract):
    pass
