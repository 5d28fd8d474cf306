"""Traffic on the simulated host: who counts what."""

from __future__ import annotations

import errno

from sriovctl.host.simulated.functions import Function, Netdev, VFRecord
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.tree import refuse
from sriovctl.model.link import NetdevCounters

_DIRECTIONS = {"rx": "tx", "tx": "rx"}


class SimulatedTraffic:
    """Lets functions send and receive.

    :param kernel: whose netdevs and drivers count it.
    """

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel

    def pass_netdev(self, name: str, **counts: int) -> None:
        """Add to the counters of a netdev, named as the fields of ``NetdevCounters``.

        :raises OSError: ENODEV, there is none.
        """
        for netdev in self._kernel.netdevs_here():
            if netdev.name == name:
                _add(netdev, counts)
                return
        raise refuse(errno.ENODEV)

    def pass_vf(self, vf: str, **counts: int) -> None:
        """Let a VF send and receive, by its PCI address: all count it that can see it.

        :param counts: named as the fields of ``VFCounters``.
        :raises OSError: ENODEV, there is none.
        """
        function = self._kernel.find_by_name(vf)
        pf = function.physfn if function else None
        if function is None or pf is None or pf.sriov is None or function.vf_index is None:
            raise refuse(errno.ENODEV)
        _let_driver_count(pf, pf.sriov.records[function.vf_index], counts)
        basic = {name: n for name, n in counts.items() if name in NetdevCounters._fields}
        if function.netdev is not None:
            _add(function.netdev, basic)
        for representor in pf.sriov.representors:
            if representor.represents == function.vf_index:
                _add(representor, _turned(basic))


def _let_driver_count(pf: Function, record: VFRecord, counts: dict[str, int]) -> None:
    support = pf.driver.vfs if pf.driver else None
    if support is None:
        return
    added = {
        name: (getattr(record.counters, name) or 0) + n
        for name, n in counts.items()
        if name in support.counts
    }
    record.counters = record.counters._replace(**added)


def _add(netdev: Netdev, counts: dict[str, int]) -> None:
    added = {name: getattr(netdev.counters, name) + n for name, n in counts.items()}
    netdev.counters = netdev.counters._replace(**added)


# What a representor receives its VF has sent.
def _turned(counts: dict[str, int]) -> dict[str, int]:
    return {
        f"{_DIRECTIONS[name[:2]]}{name[2:]}": n
        for name, n in counts.items()
        if name[:2] in _DIRECTIONS
    }
