"""The eswitch of simulated PFs: its mode, and the representors of VFs.

Source: kernel ``drivers/net/ethernet/mellanox/mlx5/core/eswitch_offloads.c``,
``mlx5_devlink_eswitch_mode_set()``; ``drivers/net/ethernet/intel/ice/ice_eswitch.c``.  With both,
the mode outlives the VFs: new ones get representors at once.
"""

from __future__ import annotations

import errno

from sriovctl.host.devlink_messages import CMD_ESWITCH_GET, CMD_ESWITCH_SET, CMD_PORT_GET, Refused
from sriovctl.model.functions import EswitchMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from sriovctl.host.simulated.functions import Function, Netdev
    from sriovctl.host.simulated.kernel import SimulatedKernel

_MODES = (EswitchMode.LEGACY, EswitchMode.SWITCHDEV)
_PHYSICAL, _PCI_VF = 0, 4
_FIRST_VF_PORT = 1  # devlink leaves the numbers to the driver


class SimulatedDevlinkMessages:
    """A :class:`sriovctl.host.devlink_messages.DevlinkMessages` of the simulated kernel."""

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel

    def __enter__(self) -> SimulatedDevlinkMessages:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def ask(self, command: int, attributes: Mapping[str, object]) -> list[dict[str, object]]:
        """Answer one request; see :class:`sriovctl.host.devlink_messages.DevlinkMessages`."""
        pf = self._find(attributes)
        if command == CMD_ESWITCH_GET:
            assert pf.sriov is not None
            return [{**_handle(pf), "ESWITCH_MODE": _MODES.index(pf.sriov.eswitch_mode)}]
        if command == CMD_ESWITCH_SET:
            number = attributes["ESWITCH_MODE"]
            assert isinstance(number, int)
            set_mode(self._kernel, pf, _MODES[number])
            return []
        raise Refused(errno.EOPNOTSUPP)

    def dump(self, command: int) -> list[dict[str, object]]:
        """Answer a dump; see :class:`sriovctl.host.devlink_messages.DevlinkMessages`."""
        if command != CMD_PORT_GET:
            raise Refused(errno.EOPNOTSUPP)
        return [port for pf in self._kernel.functions.values() for port in _ports(pf)]

    def _find(self, attributes: Mapping[str, object]) -> Function:
        function = self._kernel.find_by_name(str(attributes["DEV_NAME"]))
        if attributes["BUS_NAME"] != "pci" or function is None or not has_eswitch(function):
            raise Refused(errno.ENODEV)
        return function


def has_eswitch(function: Function) -> bool:
    """Whether a function is a PF whose driver offers its eswitch."""
    return function.sriov is not None and bool(function.driver and function.driver.eswitch)


def set_mode(kernel: SimulatedKernel, pf: Function, mode: EswitchMode) -> None:
    """Set the mode; representors come or go.

    :raises Refused: as the driver refuses.
    """
    assert pf.sriov is not None
    assert pf.driver is not None
    assert pf.driver.eswitch is not None
    if mode == pf.sriov.eswitch_mode:
        return
    if pf.sriov.vfs and pf.driver.eswitch.refuses_with_vfs is not None:
        raise Refused(errno.EOPNOTSUPP, pf.driver.eswitch.refuses_with_vfs)
    pf.sriov.eswitch_mode = mode
    remove_representors(kernel, pf)
    if mode is EswitchMode.SWITCHDEV:
        add_representors(kernel, pf, len(pf.sriov.vfs))


def add_representors(kernel: SimulatedKernel, pf: Function, num_vfs: int) -> None:
    """Make a representor for each VF, in mode switchdev; in mode legacy nothing."""
    assert pf.sriov is not None
    if pf.sriov.eswitch_mode is not EswitchMode.SWITCHDEV:
        return
    number = pf.address.function
    for vf_index in range(num_vfs):
        port_name = f"pf{number}vf{vf_index}"
        netdev = kernel.add_netdev(pf, port_name=port_name, represents=vf_index)
        pf.sriov.representors.append(netdev)


def remove_representors(kernel: SimulatedKernel, pf: Function) -> None:
    """Take the representors away, if there are any."""
    assert pf.sriov is not None
    for netdev in pf.sriov.representors:
        kernel.remove_netdev(netdev)
    pf.sriov.representors.clear()


def _ports(pf: Function) -> Iterator[dict[str, object]]:
    if not has_eswitch(pf) or pf.sriov is None:
        return
    if pf.netdev is not None:
        yield {**_port(pf, pf.netdev, 0), "PORT_FLAVOUR": _PHYSICAL}
    for netdev in pf.sriov.representors:
        assert netdev.represents is not None
        yield {
            **_port(pf, netdev, _FIRST_VF_PORT + netdev.represents),
            "PORT_FLAVOUR": _PCI_VF,
            "PORT_PCI_PF_NUMBER": pf.address.function,
            "PORT_PCI_VF_NUMBER": netdev.represents,
            "PORT_EXTERNAL": 0,
        }


def _port(pf: Function, netdev: Netdev, index: int) -> dict[str, object]:
    return {**_handle(pf), "PORT_INDEX": index, "PORT_NETDEV_NAME": netdev.name}


def _handle(pf: Function) -> dict[str, object]:
    return {"BUS_NAME": "pci", "DEV_NAME": pf.name}
