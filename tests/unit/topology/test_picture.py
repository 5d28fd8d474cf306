"""What the picture is made of, from the simulated host and from made machines."""

from __future__ import annotations

import pytest

from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    Card,
    MachineSpec,
    Place,
    simulate,
    simulated_82576,
)
from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import CapabilityEntry
from sriovctl.model.picture import ACSState, CellState, GroupSource, NodeKind, PictureNode
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, RootBus, SourceKind
from sriovctl.topology.device_classes import class_name_of
from sriovctl.topology.picture import picture_of
from tests.unit.topology.made import PF, machine, sriov


def nodes(root: PictureNode) -> dict[str, PictureNode]:
    found = {root.label: root}
    for child in root.children:
        found |= nodes(child)
    return found


def nodes_of_82576(*, vfs: int = 0) -> dict[str, PictureNode]:
    host = simulated_82576()
    host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", str(vfs))
    (root,) = picture_of(read_snapshot(host), name_of=lambda v, d: f"{v}:{d}").roots
    return nodes(root)


def test_everything_is_in_its_place() -> None:
    found = nodes_of_82576()
    assert [child.label for child in found["0000:00"].children] == [
        "0000:00:00.0", "0000:00:06.0", "0000:00:07.0", "0000:00:08.0",
        "0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3",
    ]  # fmt: skip
    kinds = {label: node.kind for label, node in found.items()}
    assert kinds["0000:00"] == NodeKind.HOST_BRIDGE
    assert kinds["0000:00:07.0"] == NodeKind.ROOT_PORT
    assert kinds["0000:02:00.0"] == NodeKind.UPSTREAM_PORT
    assert kinds["0000:03:00.0"] == NodeKind.DOWNSTREAM_PORT
    assert kinds["0000:04:00.0"] == NodeKind.PF
    assert kinds["0000:00:1f.0"] == NodeKind.DEVICE
    assert found["0000:00:07.0"].buses == (2, 4)
    assert found["0000:04:00.0"].name == "8086:10c9"


def test_ports_say_whether_they_keep_apart() -> None:
    found = nodes_of_82576()
    assert found["0000:00:07.0"].acs == ACSState.ON
    assert found["0000:02:00.0"].acs == ACSState.NOT_NEEDED
    assert found["0000:03:00.0"].acs == ACSState.ABSENT


def test_a_pf_has_a_cell_for_each_vf_that_it_offers() -> None:
    pf = nodes_of_82576(vfs=3)["0000:01:00.0"]
    assert (pf.num_vfs, pf.total_vfs, pf.max_usable_vfs, pf.limit) == (3, 7, 7, "sriov-totalvfs")
    on, off = CellState.ON, CellState.OFF
    assert [cell.state for cell in pf.vfs] == [on] * 3 + [off] * 4
    assert [str(cell.address) for cell in pf.vfs[2:4]] == ["0000:01:10.4", "0000:01:10.6"]
    assert pf.vfs[0].driver == "igbvf"
    assert pf.vfs[0].group is not None
    assert pf.children == ()


def test_groups_are_counted() -> None:
    picture = picture_of(read_snapshot(simulated_82576()))
    assert picture.group_source == GroupSource.KERNEL
    assert len(picture.shared_groups) == 2
    assert picture.roots[0].children[0].name is None


def test_without_an_iommu_there_are_no_groups() -> None:
    picture = picture_of(read_snapshot(simulate(MachineSpec(iommu=False))))
    assert (picture.group_source, picture.group_sizes) == (GroupSource.NONE, {})


def test_predicted_groups_take_the_kernels_place() -> None:
    picture = picture_of(read_snapshot(simulated_82576()), predicted_groups={PF: 5})
    assert (picture.group_source, picture.group_sizes) == (GroupSource.PREDICTED, {5: 1})


def test_the_numa_node_of_most_is_the_host_bridges() -> None:
    cards = (
        Card(INTEL_82576, numa_node=1),
        Card(CONNECTX_6_DX, numa_node=1, place=Place.SWITCH),
        Card(INTEL_82576, numa_node=0),
    )
    (root,) = picture_of(read_snapshot(simulate(MachineSpec(cards=cards)))).roots
    assert root.numa_node == 1


def test_host_bridges_stand_by_numa_node() -> None:
    functions = tuple(
        FunctionSnapshot(parse_pci_address(f"{bus}:00.0"), None, numa_node=node, path=())
        for bus, node in (("00", 1), ("40", None), ("80", 0))
    )
    buses = (RootBus(0, 0, 0x3F), RootBus(0, 0x40), RootBus(0, 0x80))
    host = HostSnapshot(SourceKind.HOST, "three sockets", functions, root_buses=buses)
    picture = picture_of(host)
    assert [root.label for root in picture.roots] == ["0000:80", "0000:00", "0000:40"]
    assert picture.roots[1].buses == (0, 0x3F)


def test_domains_are_shown_only_where_there_are_several() -> None:
    assert picture_of(machine(sriov())).short(PF) == "03:00.0"
    far = PF._replace(pci_domain=0x10000)
    functions = (FunctionSnapshot(far, None, path=()),)
    picture = picture_of(HostSnapshot(SourceKind.HOST, "VMD", functions))
    assert picture.short(far) == "10000:03:00.0"


def test_a_dump_does_not_promise_what_it_cannot_see() -> None:
    picture = picture_of(machine(sriov(8), source=SourceKind.HEX_DUMP))
    pf = nodes(picture.roots[0])[str(PF)]
    assert (pf.max_usable_vfs, pf.at_most_vfs) == (None, 8)
    assert {cell.state for cell in pf.vfs} == {CellState.OFF}
    assert picture.group_source == GroupSource.NONE


def test_a_vf_without_its_pf_is_a_device() -> None:
    vf = FunctionSnapshot(parse_pci_address("03:10.0"), None, pf_address=PF, is_vf=True, path=())
    port = FunctionSnapshot(parse_pci_address("03:00.1"), None, path=())
    (root,) = picture_of(HostSnapshot(SourceKind.HOST, "a part", (port, vf))).roots
    assert [child.kind for child in root.children] == [NodeKind.DEVICE, NodeKind.DEVICE]


def test_a_port_that_cannot_be_read_is_unknown() -> None:
    snapshot = machine(sriov())
    port = snapshot.functions[0]
    assert port.config is not None
    cut = port._replace(config=port.config._replace(truncated_at=256, acs=None))
    picture = picture_of(snapshot._replace(functions=(cut, snapshot.functions[1])))
    assert picture.roots[0].children[0].acs == ACSState.UNKNOWN


def test_bits_that_are_not_shown_are_marked_as_assumed() -> None:
    snapshot = machine(sriov(), source=SourceKind.LISTING)
    port, pf = snapshot.functions
    assert port.config is not None
    capability = CapabilityEntry(0x0D, 0x150, extended=True, version=1, name="ACS")
    hidden = port.config._replace(acs=None, capabilities=(capability,))
    shown = snapshot._replace(functions=(port._replace(config=hidden), pf))
    assert picture_of(shown).roots[0].children[0].acs == ACSState.ASSUMED
    off = shown._replace(cmdline="pci=disable_acs_redir=00:1c.0")
    assert picture_of(off).roots[0].children[0].acs == ACSState.OFF


@pytest.mark.parametrize(
    ("code", "name"),
    [(0x020000, "Ethernet"), (0x028100, "network"), (0xFF0000, None), (None, None)],
)
def test_a_class_has_a_word(code: int | None, name: str | None) -> None:
    assert class_name_of(code) == name
