"""What sriovctl relies on of a QEMU, as tests that run on the real one and on the simulated one.

A module that binds it gives the fixtures ``silent`` and ``consenting``: QEMUs with the ports
``port1`` and ``port2``, whose guests never answer an unplug, and always do.  Two VFs of their host
are bound to vfio-pci, a third one to a driver of the host.
"""

from __future__ import annotations

import pytest

from sriovctl.engine.guests.qemu_machine import read_machine
from sriovctl.engine.runs.handover import wait_until_closed
from sriovctl.errors import HostError, UnsupportedError
from sriovctl.host.api import Host
from sriovctl.host.qmp_api import QMP
from sriovctl.model.qemu import QEMUEvent
from sriovctl.model.record import NamedTuple

VF0, VF1, NOT_ON_VFIO = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
_PATIENCE_S = 60.0


class Stand(NamedTuple):
    """A QEMU and the host whose VFs it takes."""

    host: Host
    qmp: QMP

    def plug(self, vf: str, device_id: str, bus: str | None) -> None:
        arguments = {"driver": "vfio-pci", "host": vf, "id": device_id, "bus": bus}
        said = {key: value for key, value in arguments.items() if value is not None}
        self.qmp.execute("device_add", said)

    def wait_for(self, name: str) -> QEMUEvent | None:
        """Wait for an event of that name, and pass over others."""
        deadline = self.host.clock.now() + _PATIENCE_S
        while (left := deadline - self.host.clock.now()) > 0:
            event = self.qmp.next_event(left)
            if event is None or event.name == name:
                return event
        return None

    def enabled(self, vf: str) -> str | None:
        return self.host.files.read_text(f"/sys/bus/pci/devices/{vf}/enable")


class QMPContract:
    def test_what_it_says_of_itself(self, silent: Stand) -> None:
        machine = read_machine(silent.qmp)
        assert (machine.status, machine.functions) == ("running", ())
        assert machine.memory_bytes is not None
        assert machine.memory_bytes % (1 << 20) == 0
        assert {"port1", "port2"} <= machine.device_ids
        assert [port.port_id for port in machine.free_ports] == ["port1", "port2"]
        assert machine.free_slots is None

    def test_a_function_that_is_plugged_in(self, silent: Stand) -> None:
        silent.plug(VF0, "a", "port2")
        machine = read_machine(silent.qmp)
        held = machine.holding(VF0)
        assert held is not None
        assert (held.device_id, held.path) == ("a", "/machine/peripheral/a")
        assert [port.port_id for port in machine.free_ports] == ["port1"]
        assert silent.enabled(VF0) == "1"
        silent.plug(VF1, "b", "port1")
        assert read_machine(silent.qmp).free_ports == ()

    @pytest.mark.parametrize(
        ("vf", "device_id", "bus", "words"),
        [
            (VF1, "a", "port2", "Duplicate device ID"),
            (VF1, "b", "port1", "already occupied"),
            (VF1, "b", "nowhere", "not found"),
            (NOT_ON_VFIO, "b", "port2", NOT_ON_VFIO),
        ],
    )
    def test_what_cannot_be_plugged_in(
        self, silent: Stand, vf: str, device_id: str, bus: str, words: str
    ) -> None:
        silent.plug(VF0, "a", "port1")
        with pytest.raises(HostError, match=words):
            silent.plug(vf, device_id, bus)
        assert read_machine(silent.qmp).holding(vf) is None

    def test_no_hot_plug_into_the_root_bus_of_a_pcie_machine(self, silent: Stand) -> None:
        with pytest.raises(UnsupportedError, match="does not support hotplug"):
            silent.plug(VF0, "a", None)

    def test_commands_and_devices_that_are_not_there(self, silent: Stand) -> None:
        with pytest.raises(UnsupportedError):
            silent.qmp.execute("no-such-command")
        with pytest.raises(HostError, match="not found"):
            silent.qmp.execute("device_del", {"id": "nobody"})

    def test_a_guest_that_does_not_answer_keeps_it_and_can_be_asked_again(
        self, silent: Stand
    ) -> None:
        silent.plug(VF0, "a", "port1")
        for _ in range(2):
            silent.qmp.execute("device_del", {"id": "a"})
            assert silent.qmp.next_event(1.0) is None
        assert read_machine(silent.qmp).holding(VF0) is not None

    def test_a_guest_that_answers_lets_it_go(self, consenting: Stand) -> None:
        consenting.plug(VF0, "a", "port1")
        consenting.qmp.execute("device_del", {"id": "a"})
        event = consenting.wait_for("DEVICE_DELETED")
        assert event is not None
        assert event.data["path"] == "/machine/peripheral/a"
        wait_until_closed(consenting.host, VF0)
        assert consenting.enabled(VF0) == "0"
        machine = read_machine(consenting.qmp)
        assert machine.holding(VF0) is None
        assert len(machine.free_ports) == 2
        consenting.plug(VF0, "a", "port1")
