"""Counters of PFs and VFs: from whom they come, and what they cost."""

from __future__ import annotations

import pytest

from sriovctl.codec.netlink import NLM_F_DUMP, decode_header
from sriovctl.engine.counters import OSRELEASE, read_traffic, read_wedged
from sriovctl.errors import HostError, PermissionDenied
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_82599,
    QEMU_NVME,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.host.simulated.tree import constant
from sriovctl.model.counters import NOTHING, CounterSource, PFTraffic, Traffic, VFTraffic
from sriovctl.model.functions import EswitchMode

PCI = "/sys/bus/pci/devices"


def host_with(card: CardModel, num_vfs: int, *, autoprobe: bool = True) -> SimulatedHost:
    host = simulate(MachineSpec(cards=(Card(card),)))
    (function,) = (f for f in host.kernel.functions.values() if f.sriov is not None)
    host.files.write_text(f"{PCI}/{function.name}/sriov_drivers_autoprobe", str(int(autoprobe)))
    host.files.write_text(f"{PCI}/{function.name}/sriov_numvfs", str(num_vfs))
    return host


def traffic(host: SimulatedHost) -> PFTraffic:
    (one,) = read_traffic(host, name_of=lambda *_: None)
    return one


def address(vf: VFTraffic) -> str:
    return str(vf.vf.address)


def test_a_driver_that_counts_for_its_vfs_is_the_source_wherever_they_are() -> None:
    host = host_with(INTEL_82599, 2, autoprobe=False)
    first, second = traffic(host).vfs
    host.traffic.pass_vf(address(first), rx_packets=3, rx_bytes=180, multicast=1, rx_dropped=9)
    first, second = traffic(host).vfs
    assert first.source is second.source is CounterSource.PF_DRIVER
    # ixgbe says nothing of broadcast and of what was dropped, and the kernel shows 0 for that.
    assert first.counters == Traffic(
        rx_packets=3, tx_packets=0, rx_bytes=180, tx_bytes=0, rx_multicast=1
    )
    assert second.counters == Traffic(0, 0, 0, 0, rx_multicast=0)
    assert (first.up, first.carrier) == (None, None)


def test_zeros_of_an_old_kernel_are_unknown_until_one_counts() -> None:
    host = host_with(INTEL_82599, 2, autoprobe=False)
    host.files.add(OSRELEASE, constant("5.14.0"))
    assert [vf.source for vf in traffic(host).vfs] == [None, None]
    host.traffic.pass_vf(address(traffic(host).vfs[1]), tx_packets=1)
    assert [vf.counters.tx_packets for vf in traffic(host).vfs] == [0, 1]


def test_a_driver_that_does_not_count_leaves_it_to_the_vfs_own_netdev() -> None:
    host = host_with(INTEL_82576, 2)
    taken, here = traffic(host).vfs
    host.files.write_text(f"{PCI}/{address(taken)}/driver_override", "vfio-pci")
    host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", address(taken))
    for vf in (taken, here):
        host.traffic.pass_vf(address(vf), rx_packets=2, tx_packets=1, rx_bytes=120, multicast=1)
    taken, here = traffic(host).vfs
    assert taken == VFTraffic(taken.vf)
    assert taken.counters is NOTHING
    assert here.source is CounterSource.VF_NETDEV
    assert here.counters == Traffic(2, 1, 120, 0, 0, 0, 0, 0, rx_multicast=1, rx_missed=0)
    assert (here.up, here.carrier) == (False, False)


def test_in_switchdev_representors_stand_in_where_the_driver_does_not_count() -> None:
    host = host_with(CONNECTX_6_DX, 2, autoprobe=False)
    (pf,) = (f for f in host.kernel.functions.values() if f.sriov is not None)
    host.devlink.write_eswitch("pci", pf.name, EswitchMode.SWITCHDEV)
    host.files.add(OSRELEASE, constant("5.14.0"))
    # As on a kernel where mlx5 has representors, and nothing for IFLA_VF_STATS.
    first = traffic(host).vfs[0]
    assert pf.sriov is not None
    representor = pf.sriov.representors[0]
    host.traffic.pass_netdev(representor.name, rx_packets=5, rx_bytes=300, tx_packets=2)
    first = traffic(host).vfs[0]
    assert first.source is CounterSource.REPRESENTOR
    assert first.counters == Traffic(rx_packets=2, tx_packets=5, rx_bytes=0, tx_bytes=300)
    # As soon as it does, that is better.
    host.traffic.pass_vf(address(first), rx_packets=7)
    first = traffic(host).vfs[0]
    assert (first.source, first.counters.rx_packets) == (CounterSource.PF_DRIVER, 7)


def test_a_pf_has_the_counters_of_its_netdev() -> None:
    host = host_with(INTEL_82576, 0)
    host.traffic.pass_netdev("eth0", rx_packets=4, rx_missed=1, multicast=2)
    one = traffic(host)
    assert one.counters == Traffic(4, 0, 0, 0, 0, 0, 0, 0, rx_multicast=2, rx_missed=1)
    assert (one.pf.up, one.carrier, one.at_s) == (False, False, host.clock.now())


def test_a_pf_without_a_netdev_has_none() -> None:
    one = traffic(host_with(QEMU_NVME, 2))
    assert (one.counters, one.carrier, len(one.vfs)) == (NOTHING, None, 2)
    assert all(vf == VFTraffic(vf.vf) for vf in one.vfs)


def test_attributes_come_along() -> None:
    one = traffic(host_with(INTEL_82576, 2))
    attributes = [vf.vf.attributes for vf in one.vfs]
    assert attributes == [vf.attributes for vf in one.pf.vfs]
    assert all(each is not None and each.counters is not None for each in attributes)


@pytest.mark.parametrize("num_vfs", [2, 60])
def test_the_kernel_is_asked_as_often_for_many_vfs_as_for_few(num_vfs: int) -> None:
    host = host_with(INTEL_82599, num_vfs, autoprobe=False)
    host.rtnl.requests.clear()
    assert len(traffic(host).vfs) == num_vfs
    assert len(host.rtnl.requests) == 1
    with_netdevs = host_with(INTEL_82599, num_vfs)
    with_netdevs.rtnl.requests.clear()
    assert len(traffic(with_netdevs).vfs) == num_vfs
    flags = [decode_header(one).flags & NLM_F_DUMP for one in with_netdevs.rtnl.requests]
    assert flags == [NLM_F_DUMP, 0]


def test_a_dump_that_is_refused_is_an_error_with_its_errno() -> None:
    host = host_with(INTEL_82576, 1)
    host.rtnl.fail(105)
    with pytest.raises(HostError, match=r"did not list its netdevs .errno ENOBUFS"):
        traffic(host)


def test_what_hangs_is_written_in_where_one_may_know(monkeypatch: pytest.MonkeyPatch) -> None:
    pfs = (traffic(host_with(INTEL_82576, 0)),)
    journal = SQLiteJournal(None)
    assert [one.wedged for one in read_wedged(journal, pfs)] == [False]
    monkeypatch.setattr(journal, "wedged", lambda devices: frozenset(devices))
    assert [one.wedged for one in read_wedged(journal, pfs)] == [True]

    def refuse(_: object) -> frozenset[str]:
        raise PermissionDenied("no")

    monkeypatch.setattr(journal, "wedged", refuse)
    assert [one.wedged for one in read_wedged(journal, pfs)] == [None]
