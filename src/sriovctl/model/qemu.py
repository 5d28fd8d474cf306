"""A running QEMU, as far as giving VFs to its guest goes."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.address import PCIAddress


class QEMUPort(NamedTuple):
    """A PCIe port that takes one function each."""

    port_id: str  # and the name of its bus
    occupied: bool
    hotplug: bool  # False: it was made without


class QEMUFunction(NamedTuple):
    """A function of the host in the guest."""

    path: str  # in QEMU's object model, which is an id as well
    device_id: str | None  # None: it was given none
    source: str  # its PCI address on the host, or another name in sysfs (mediated devices)
    guest_address: PCIAddress | None  # None: QEMU tells it of devices with an id alone


class QEMUMachine(NamedTuple):
    """One QEMU and its guest."""

    name: str | None  # as -name says
    status: str  # running, paused, prelaunch, …
    memory_bytes: int | None  # None: QEMU is older than 2.11
    device_ids: frozenset[str]
    ports: tuple[QEMUPort, ...]
    nameless_ports: int  # without an id nobody can name their bus
    free_slots: int | None  # of a conventional root bus (pc machines); None: it has none
    functions: tuple[QEMUFunction, ...]

    def holding(self, source: str) -> QEMUFunction | None:
        """Return what a function of the host is in this guest; None: the guest has it not."""
        return next((each for each in self.functions if each.source == source), None)

    @property
    def free_ports(self) -> tuple[QEMUPort, ...]:
        """Ports that take a hot-plugged function."""
        return tuple(port for port in self.ports if port.hotplug and not port.occupied)


class QEMUEvent(NamedTuple):
    """Something that QEMU tells unasked."""

    name: str  # DEVICE_DELETED
    data: dict[str, object]


class HandoverSettings(NamedTuple):
    """What is set on a VF through its PF before somebody else gets it; None: as it is."""

    mac: str | None = None  # or AUTO_MAC
    vlan: int | None = None  # 0: none
    spoofchk: bool | None = None
    trust: bool | None = None


class QEMUAttachResult(NamedTuple):
    """What ``qemu attach`` did, re-read from QEMU and the card."""

    guest: str
    vf: PCIAddress
    vf_index: int
    pf: str
    device_id: str | None
    guest_address: PCIAddress | None
    mac: str | None
    vlan: int | None
    run_id: int | None  # of the changes on the host; None: it needed none
    changed: bool  # False: the guest had it already
    warnings: tuple[str, ...] = ()


class QEMUDetachResult(NamedTuple):
    """What ``qemu detach`` did."""

    guest: str
    vf: PCIAddress
    changed: bool  # False: the guest did not have it
    waited_s: float  # until the guest let go
    given_back: int | None  # the run that was undone; None: none, so the VF is as the guest had it
    host_driver: str | None
    warnings: tuple[str, ...] = ()
