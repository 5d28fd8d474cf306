"""A QEMU in memory, for tests and for trying things out without one.

It answers as much of QEMU's monitor as sriovctl asks, in QEMU's words and shapes, as seen of QEMU
10: objects with and without ids, ports and their buses, devices that hold a VF of the simulated
host open through VFIO, and a guest that keeps an unplugged device until its system agrees.
``tests/contract/qmp.py`` says what sriovctl relies on.
"""

from __future__ import annotations

from sriovctl.errors import BusyError, HostError, LostError, UnsupportedError
from sriovctl.host.simulated.tree import constant
from sriovctl.model.qemu import QEMUEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.host.simulated import SimulatedHost

_FIRST_PORT_SLOT = 1
_NAMED = "/machine/peripheral"
_NAMELESS = "/machine/peripheral-anon"
_HOST_BRIDGES = {"q35": ("q35-pcihost", 0x29C0), "i440fx": ("i440FX-pcihost", 0x1237)}
MEMORY_BYTES = 128 << 20


class SimulatedQEMU:
    """A :class:`sriovctl.host.qmp_api.QMP` to a QEMU with one guest.

    :param host: whose VFs it takes.
    :param ports: ids of its root ports.
    :param closed_ports: ids of further ones, which take no hot plug.
    :param nameless_ports: how many there are without an id.
    :param consent_s: how long the guest's system takes to let a device go; None: for ever.
    :param refuses: the guest's system says no to every unplug.
    :param acpi_hotplug: the guest is asked through ACPI, as q35 machines do by themselves since
        QEMU 6.1, and again as often as somebody says; else once, through the port.
    """

    def __init__(
        self,
        host: SimulatedHost,
        *,
        name: str | None = "MyGuest",
        machine: str = "q35",
        ports: tuple[str, ...] = ("port1", "port2"),
        closed_ports: tuple[str, ...] = (),
        nameless_ports: int = 0,
        consent_s: float | None = 1.0,
        refuses: bool = False,
        acpi_hotplug: bool = True,
    ) -> None:
        self.socket = "/run/qemu/MyGuest.qmp"
        self.name = name
        self.machine = machine
        self.status = "running"
        self.consent_s = consent_s
        self.refuses = refuses
        self.acpi_hotplug = acpi_hotplug
        self.commands: list[str] = []  # for tests to count
        self._host = host
        self._ports = dict.fromkeys(ports, True) | dict.fromkeys(closed_ports, False)
        self._nameless_ports = nameless_ports
        self._devices: dict[str, dict[str, object]] = {}  # path -> what device_add was given
        self._leaving: dict[str, float] = {}  # path -> when it is gone
        self._events: list[QEMUEvent] = []
        self._failures: dict[str, list[Exception]] = {}
        words = ("/usr/bin/qemu-system-x86_64", *(("-name", name) if name else ()))
        self.process = host.processes.start("qemu-system-x86", command_line=words)
        self._alive = True
        self._commands: dict[str, Callable[[Mapping[str, object]], object]] = {
            "qom-list": self._qom_list,
            "qom-get": self._qom_get,
            "query-pci": self._query_pci,
            "query-name": lambda _: {} if self.name is None else {"name": self.name},
            "query-status": lambda _: {"status": self.status, "running": self.status == "running"},
            "query-memory-size-summary": lambda _: {"base-memory": MEMORY_BYTES},
            "device_add": self._device_add,
            "device_del": self._device_del,
        }

    @property
    def pid(self) -> int | None:
        """The process that listens."""
        return self.process.pid

    # --- spoiling it, for tests ----------------------------------------------------------

    def fail(self, command: str, error: Exception) -> None:
        """Let the next use of a command fail."""
        self._failures.setdefault(command, []).append(error)

    def kill(self) -> None:
        """End QEMU: all that it held is closed."""
        self._alive = False
        self._host.processes.end(self.process)

    def limit_memlock(self, limit: str, *, capabilities: int = 0) -> None:
        """Let QEMU run as somebody who may lock only so much memory."""
        directory = f"/proc/{self.process.pid}"
        line = f"Max locked memory         {limit:<20} {limit:<20} bytes     "
        self._host.files.add(f"{directory}/limits", constant(line))
        self._host.files.add(f"{directory}/status", constant(f"CapEff:\t{capabilities:016x}"))

    # --- QMP -----------------------------------------------------------------------------

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        """Give a command; see :class:`sriovctl.host.qmp_api.QMP`."""
        self.commands.append(command)
        if not self._alive:
            raise self._gone()
        if failures := self._failures.get(command):
            raise failures.pop(0)
        self._let_go()
        if command not in self._commands:
            raise UnsupportedError(f"The command {command} has not been found", subject=self.socket)
        return self._commands[command](arguments or {})

    def next_event(self, timeout_s: float) -> QEMUEvent | None:
        """Wait for the next event; see :class:`sriovctl.host.qmp_api.QMP`."""
        self._let_go()
        if not self._events and self._alive:
            due = min(self._leaving.values(), default=float("inf"))
            self._host.clock.sleep(max(0.0, min(timeout_s, due - self._host.clock.now())))
            self._let_go()
        if not self._alive:
            raise self._gone()
        return self._events.pop(0) if self._events else None

    def close(self) -> None:
        """End the connection."""

    def _gone(self) -> LostError:
        return LostError("QEMU has closed the connection: it may have ended", subject=self.socket)

    def _refuse(self, words: str) -> HostError:
        return HostError(words, subject=self.socket)

    # --- objects -------------------------------------------------------------------------

    def _qom_list(self, arguments: Mapping[str, object]) -> object:
        path = str(arguments["path"])
        listing = self._listings().get(path)
        if listing is None:
            raise self._refuse(f"Device '{path}' not found")
        return [{"name": "type", "type": "string"}, *listing]

    def _listings(self) -> dict[str, list[dict[str, str]]]:
        kind = _HOST_BRIDGES[self.machine][0]
        listings = {
            "/machine": [_child(self.machine, kind), _child("peripheral", "container")],
            _NAMED: [_child(port, "pcie-root-port") for port in self._ports],
            _NAMELESS: [
                _child(f"device[{number}]", "pcie-root-port")
                for number in range(self._nameless_ports)
            ],
        }
        for path in self._devices:
            directory, _, name = path.rpartition("/")
            listings[directory].append(_child(name, "vfio-pci"))
        for port in self._ports:
            listings[f"{_NAMED}/{port}"] = [
                {"name": "hotplug", "type": "bool"},
                _child(port, "PCIE"),
            ]
            listings[f"{_NAMED}/{port}/{port}"] = [
                {"name": "child[0]", "type": "link<vfio-pci>"}
                for device in self._devices.values()
                if device.get("bus") == port
            ]
        return listings

    def _qom_get(self, arguments: Mapping[str, object]) -> object:
        path, name = str(arguments["path"]), str(arguments["property"])
        directory, _, last = path.rpartition("/")
        if name == "hotplug" and directory == _NAMED and last in self._ports:
            return self._ports[last]
        if path in self._devices:
            host = self._devices[path]["host"]
            known = {"host": host, "sysfsdev": f"/sys/bus/pci/devices/{host}"}
            if name in known:
                return known[name]
        raise self._refuse(f"Property '{last}.{name}' not found")

    def _query_pci(self, _: Mapping[str, object]) -> object:
        bridge = {"vendor": 0x8086, "device": _HOST_BRIDGES[self.machine][1]}
        devices: list[dict[str, object]] = [{**_place(0, 0), "qdev_id": "", "id": bridge}]
        names = [*self._ports, *[""] * self._nameless_ports]
        for slot, port in enumerate(names, _FIRST_PORT_SLOT):
            below = [
                {**_place(slot, 0), "qdev_id": path.rpartition("/")[2]}
                for path, device in self._devices.items()
                if device.get("bus") == port
            ]
            bus = {"number": 0, "secondary": slot, "subordinate": slot}
            pci_bridge = {"bus": bus, "devices": below}
            devices.append({**_place(0, slot), "qdev_id": port, "pci_bridge": pci_bridge})
        slot = _FIRST_PORT_SLOT + len(names)
        for path, device in self._devices.items():
            if device.get("bus") not in self._ports:
                name = path.rpartition("/")[2] if path.startswith(f"{_NAMED}/") else ""
                devices.append({**_place(0, slot), "qdev_id": name})
                slot += 1
        return [{"bus": 0, "devices": devices}]

    # --- plugging ------------------------------------------------------------------------

    def _device_add(self, arguments: Mapping[str, object]) -> object:
        device_id, bus = arguments.get("id"), arguments.get("bus")
        if any(path.rpartition("/")[2] == device_id for path in self._devices):
            raise self._refuse(f"Duplicate device ID '{device_id}'")
        if bus is None and self.machine == "q35":
            raise UnsupportedError("Bus 'pcie.0' does not support hotplugging", subject=self.socket)
        if bus is not None and bus not in self._ports:
            raise self._refuse(f"Bus '{bus}' not found")
        if any(device.get("bus") == bus for device in self._devices.values() if bus):
            raise self._refuse(
                "PCI: slot 0 function 0 already occupied by vfio-pci, new func vfio-pci cannot be "
                "exposed to guest"
            )
        self.plug(str(arguments["host"]), str(device_id), bus=None if bus is None else str(bus))
        return {}

    def plug(self, host: str, device_id: str | None, *, bus: str | None = None) -> None:
        """Take a VF of the host, as ``device_add`` does, or ``-device`` at the start."""
        function = self._host.kernel.find_by_name(host)
        if function is None or function.driver is None or "vfio" not in function.driver.name:
            raise self._refuse(f"vfio {host}: error getting device from group: No such device")
        try:
            self._host.processes.open_vfio_group(self.process, host)
        except OSError:
            if not self._host.processes.holds_vfio_group(self.process, host):
                raise self._busy_group(host, function.iommu_group) from None
        self._host.processes.open_vfio_device(self.process, host)
        name = f"device[{len(self._devices) + self._nameless_ports}]"
        path = f"{_NAMELESS}/{name}" if device_id is None else f"{_NAMED}/{device_id}"
        self._devices[path] = {"host": host, "bus": bus}

    def _busy_group(self, host: str, group: int | None) -> HostError:
        words = f"failed to open /dev/vfio/{group}: Device or resource busy"
        return self._refuse(f"vfio {host}: {words}")

    def _device_del(self, arguments: Mapping[str, object]) -> object:
        wanted = str(arguments["id"])
        path = wanted if wanted.startswith("/") else f"{_NAMED}/{wanted}"
        if path not in self._devices:
            raise self._refuse(f"Device '{wanted}' not found")
        if path in self._leaving:
            return self._ask_again(wanted)
        if self.refuses:
            self._tell("DEVICE_UNPLUG_GUEST_ERROR", path)
            return {}
        consent_s = float("inf") if self.consent_s is None else self.consent_s
        self._leaving[path] = self._host.clock.now() + consent_s
        return {}

    def _ask_again(self, wanted: str) -> object:
        if self.acpi_hotplug:
            return {}
        words = f"Device {wanted} is already in the process of unplug"
        raise BusyError(words, subject=self.socket)

    def _let_go(self) -> None:
        now = self._host.clock.now()
        for path in [path for path, due in self._leaving.items() if due <= now]:
            del self._leaving[path]
            device = self._devices.pop(path)
            self._host.processes.close_vfio(self.process, str(device["host"]))
            self._tell("DEVICE_DELETED", path)

    def _tell(self, name: str, path: str) -> None:
        named = {"device": path.rpartition("/")[2]} if path.startswith(f"{_NAMED}/") else {}
        self._events.append(QEMUEvent(name, {**named, "path": path}))


def _child(name: str, kind: str) -> dict[str, str]:
    return {"name": name, "type": f"child<{kind}>"}


def _place(bus: int, slot: int) -> dict[str, object]:
    return {"bus": bus, "slot": slot, "function": 0}
