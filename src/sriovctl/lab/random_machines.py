"""Machines made up at random, for tests of what the kernel makes of a PCI tree.  Pure.

What is avoided is what QEMU 10.0 cannot do: VFs whose numbers are those of another function.
On a root bus an igb's VFs have numbers 16 slots further on, so there is one at most; an NVMe
controller's VFs have the numbers that follow its own, so it is the last function of its slot.
"""

from __future__ import annotations

from random import Random

from sriovctl.lab.machines import (
    CONVENTIONAL,
    IGB,
    IOMMU,
    BelowPort,
    Bridge,
    BridgeModel,
    HostBridge,
    Machine,
    MultiFunction,
    NVMe,
    Plain,
    PlainModel,
    RootBusDevice,
    RootPort,
    Switch,
)

_MOST_PFS = 3  # each costs a second of boot under emulation
_MOST_SLOTS = 8  # of the root bus: an igb's VFs must end before slot 1f
_DEEPEST = 3  # ports and bridges above a device


def random_machine(seed: int) -> Machine:
    """Make a small machine up; the same seed makes the same one.  Pure."""
    maker = _Maker(seed)
    return Machine(
        name=f"random-{seed}",
        summary="made up at random",
        iommu=maker.choice((IOMMU.INTEL, IOMMU.AMD)),
        root_bus=maker.root_bus(),
        memory_mib=512,
        modules=("igb", "nvme"),
    )


class _Maker:
    # Counts down how many functions the machine may still get.

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.choice = self._random.choice
        self._left = self._random.randint(4, 14)
        self._pfs = 0
        self._has_integrated_igb = False

    def root_bus(self) -> tuple[RootBusDevice, ...]:
        devices: list[RootBusDevice] = []
        while self._left > 0 and len(devices) < _MOST_SLOTS - 1:
            is_bridge = self._chance(one_in=12)
            devices.append(self._host_bridge() if is_bridge else self._on_root_bus())
        if not self._pfs:
            devices.append(RootPort(self._pf(), acs=self._chance()))
        return tuple(devices)

    def _on_root_bus(self) -> RootPort | IGB | NVMe | Plain | MultiFunction | Bridge:
        match self.choice(
            ("port",) * 5 + ("ports",) * 3 + ("integrated", "functions", "bridge") * 2
        ):
            case "port":
                return self._root_port()
            case "ports":
                return self._root_ports()
            case "integrated":
                return self._integrated()
            case "functions":
                return self._functions()
            case _:
                return self._bridge(self.choice(tuple(BridgeModel)), depth=1)

    def _host_bridge(self) -> HostBridge:
        self._left -= 1
        devices: list[MultiFunction | Bridge] = [self._root_ports()]
        if self._chance(one_in=3):
            devices.append(self._bridge(self.choice(tuple(BridgeModel)), depth=1))
        return HostBridge(tuple(devices))

    def _root_ports(self) -> MultiFunction:
        return MultiFunction(tuple(self._root_port() for _ in self._some(1, 3)))

    def _root_port(self) -> RootPort:
        self._left -= 1
        return RootPort(self._below_port(depth=1), acs=self._chance())

    def _below_port(self, depth: int) -> BelowPort:
        if depth > _DEEPEST:
            return self._endpoint()
        match self.choice(("one",) * 4 + ("switch",) * 3 + ("functions",) * 2 + ("bridge", "none")):
            case "one":
                return self._endpoint()
            case "switch":
                return self._switch(depth)
            case "functions":
                return self._functions(depth)
            case "bridge":
                return self._bridge(BridgeModel.PCIE_TO_PCI, depth)
            case _:
                return None

    def _switch(self, depth: int) -> Switch:
        self._left -= 1
        below = []
        for _ in self._some(1, 3):
            self._left -= 1
            below.append(self._below_port(depth + 1))
        return Switch(tuple(below), one_slot=self._chance(one_in=4))

    def _bridge(self, model: BridgeModel, depth: int) -> Bridge:
        self._left -= 1
        below: list[Plain | Bridge] = [self._plain(CONVENTIONAL) for _ in self._some(1, 2)]
        if depth < _DEEPEST and self._chance(one_in=3):
            below.append(self._bridge(BridgeModel.PCI_TO_PCI, depth + 1))
        return Bridge(model, tuple(below))

    def _functions(self, depth: int | None = None) -> MultiFunction:
        # The last may be a PF, and function 0 below a port the upstream port of a switch.
        functions: list[IGB | NVMe | Plain | Switch] = [self._plain() for _ in self._some(0, 2)]
        if depth is not None and self._chance(one_in=4):
            functions.insert(0, self._switch(depth))
        elif depth is not None or not functions:
            functions.append(self._endpoint() if depth is not None else self._plain())
        return MultiFunction(tuple(functions))

    def _integrated(self) -> IGB | NVMe | Plain:
        device = self._endpoint()
        if isinstance(device, IGB):
            if self._has_integrated_igb:
                return self._plain()
            self._has_integrated_igb = True
        return device

    def _endpoint(self) -> IGB | NVMe | Plain:
        return self._pf() if self._pfs < _MOST_PFS and self._chance() else self._plain()

    def _pf(self) -> IGB | NVMe:
        self._left -= 1
        self._pfs += 1
        # Seven functions at most share a slot with an NVMe controller.
        return IGB() if self._chance() else NVMe(total_vfs=self._random.randint(1, 4))

    def _plain(self, models: tuple[PlainModel, ...] = tuple(PlainModel)) -> Plain:
        self._left -= 1
        return Plain(self.choice(models))

    def _some(self, least: int, most: int) -> range:
        return range(max(least, min(self._random.randint(least, most), self._left)))

    def _chance(self, *, one_in: int = 2) -> bool:
        return self._random.randrange(one_in) == 0
