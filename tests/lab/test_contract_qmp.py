"""The QMP contract on a real QEMU, with VFs of a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.host.live import LiveHost
from sriovctl.host.qmp import QMPConnection
from tests.contract.qmp import VF0, VF1, QMPContract, Stand
from tests.lab.bare_qemu import PORTS, BareQEMU
from tests.lab.shell import PCI

pytestmark = pytest.mark.lab("82576", services=("udev",))

PF = "0000:01:00.0"


@pytest.fixture(scope="module")
def host() -> Iterator[LiveHost]:
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    (PCI / PF / "sriov_numvfs").write_text("3")
    for vf in (VF0, VF1):
        (PCI / vf / "driver_override").write_text("vfio-pci")
        Path("/sys/bus/pci/drivers_probe").write_text(vf)
    host = LiveHost()
    yield host
    host.close()
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def stand(host: LiveHost, directory: Path, *, consents: bool) -> Iterator[Stand]:
    guest = BareQEMU(directory, *PORTS, consents=consents)
    qmp = QMPConnection(guest.socket)
    yield Stand(host, qmp)
    qmp.close()
    guest.kill()


@pytest.fixture
def silent(host: LiveHost, tmp_path: Path) -> Iterator[Stand]:
    yield from stand(host, tmp_path, consents=False)


@pytest.fixture
def consenting(host: LiveHost, tmp_path: Path) -> Iterator[Stand]:
    yield from stand(host, tmp_path, consents=True)


class TestQMP(QMPContract):
    pass
