"""A libvirt that hangs, and one that does not, behind the door that does not wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from sriovctl.errors import HostError, InputError, UnsupportedError
from sriovctl.host.libvirt_api import Libvirt
from sriovctl.host.patient_libvirt import THREAD, PatientLibvirt
from sriovctl.host.simulated import simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt

SHORT_S = 0.01
NETWORK = (
    "<network><name>finance</name><forward mode='hostdev'>"
    "<address type='pci' domain='0' bus='1' slot='16' function='0'/></forward></network>"
)
DEVICE = "<hostdev type='pci'><source><address bus='1' slot='16' function='0'/></source></hostdev>"


class HangingLibvirt(SimulatedLibvirt):
    """Answers nothing about guests until it is let go."""

    def __init__(self) -> None:
        super().__init__(simulated_82576().clock)
        self.go = Event()

    def names(self) -> tuple[str, ...]:
        self.go.wait()
        return super().names()


def no_thread_is_left() -> None:
    for thread in enumerate_threads():
        if thread.name == THREAD:
            thread.join(timeout=60)
            assert not thread.is_alive()


@pytest.fixture
def hanging() -> Iterator[HangingLibvirt]:
    libvirt = HangingLibvirt()
    yield libvirt
    libvirt.go.set()
    no_thread_is_left()


def test_all_questions_and_changes_go_through() -> None:
    libvirt = SimulatedLibvirt(simulated_82576().clock)
    libvirt.add("MyGuest")
    libvirt.networks.append("<network/>")
    patient = PatientLibvirt(lambda: libvirt)
    assert patient.names() == ("MyGuest",)
    assert patient.state("MyGuest") == "running"
    assert patient.is_active("MyGuest")
    assert patient.is_persistent("MyGuest")
    assert patient.network_xmls() == ("<network/>",)
    patient.attach_device("MyGuest", DEVICE, live=True, config=False)
    assert "hostdev" in patient.domain_xml("MyGuest", inactive=False)
    assert "hostdev" not in patient.domain_xml("MyGuest", inactive=True)
    patient.detach_device("MyGuest", DEVICE, live=True, config=False)
    patient.define_domain(patient.domain_xml("MyGuest", inactive=True, secure=True))
    with pytest.raises(HostError, match="no monitor"):
        patient.hmp("MyGuest", "info pci")
    patient.close()
    assert libvirt.closed


def test_networks_go_through() -> None:
    patient = PatientLibvirt(lambda: SimulatedLibvirt(simulated_82576().clock))
    patient.define_network(NETWORK)
    assert patient.network_names() == ("finance",)
    patient.start_network("finance")
    patient.autostart_network("finance")
    report = patient.network("finance")
    assert report is not None
    assert (report.live_xml is not None, report.autostart) == (True, True)
    patient.stop_network("finance")
    patient.undefine_network("finance")
    assert patient.network("finance") is None
    patient.close()


def test_errors_come_through_as_they_are() -> None:
    patient = PatientLibvirt(lambda: SimulatedLibvirt(simulated_82576().clock))
    with pytest.raises(InputError, match="no such guest"):
        patient.state("Nobody")

    def no_binding() -> Libvirt:
        raise UnsupportedError("talking to libvirt needs libvirt-python")

    with pytest.raises(UnsupportedError, match="needs libvirt-python"):
        PatientLibvirt(no_binding)
    patient.close()
    no_thread_is_left()


def test_one_that_hangs_is_given_up_at_once_from_then_on(hanging: HangingLibvirt) -> None:
    patient = PatientLibvirt(lambda: hanging, timeout_s=SHORT_S)
    for question in (patient.names, patient.network_xmls):
        with pytest.raises(HostError, match="libvirt does not answer"):
            question()
    patient.close()
    assert not hanging.closed


def test_one_that_hangs_at_connecting() -> None:
    go = Event()

    def connect() -> Libvirt:
        go.wait()
        return SimulatedLibvirt(simulated_82576().clock)

    with pytest.raises(HostError, match=r"nothing came within 0\.01 s"):
        PatientLibvirt(connect, timeout_s=SHORT_S)
    go.set()
    no_thread_is_left()
