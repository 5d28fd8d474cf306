"""The tree itself: buses, bridges, VFs and ids."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.topology.tree import PCITree, build_tree, class_and_subclass, derive_vfs, vendor_of

from .synthetic import Machine, pf_capability


def above(tree: PCITree, address: str) -> list[str]:
    return [str(b.address) for b in tree.bridges_above(parse_pci_address(address))]


def test_bridges_by_number_in_each_domain() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 3)).add("01:00.0", kind=5, bridge=(2, 3))
    machine.port("02:00.0", 3, kind=6).add("03:00.0").add("80:00.0", kind=9)
    machine.port("0001:00:01.0", 1).add("0001:01:00.0").add("10000:00:00.0", kind=9)
    tree = build_tree(machine.snapshot())
    assert above(tree, "03:00.0") == ["0000:02:00.0", "0000:01:00.0", "0000:00:01.0"]
    assert above(tree, "0001:01:00.0") == ["0001:00:01.0"]
    assert above(tree, "80:00.0") == []
    assert tree.root_buses == ((0, 0), (0, 0x80), (1, 0), (0x10000, 0))


def test_paths_win_over_numbers() -> None:
    # The dump's numbers say 00:01.0; sysfs knows better.
    machine = Machine().port("00:01.0", 1).port("00:02.0", 1).add("01:00.0")
    for address, path in (("00:01.0", ()), ("00:02.0", ()), ("01:00.0", ("00:01.0",))):
        place = parse_pci_address(address)
        known = tuple(map(parse_pci_address, path))
        machine.functions[place] = machine.functions[place]._replace(path=known)
    assert above(build_tree(machine.snapshot()), "01:00.0") == ["0000:00:01.0"]


def test_a_path_through_what_is_not_there_or_loops() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0").port("03:00.0", 2).add("02:00.0")
    for address, path in (("01:00.0", "00:09.0"), ("02:00.0", "03:00.0")):
        place = parse_pci_address(address)
        known = (parse_pci_address(path),)
        machine.functions[place] = machine.functions[place]._replace(path=known)
    tree = build_tree(machine.snapshot())
    assert above(tree, "01:00.0") == above(tree, "02:00.0") == []


def test_a_vf_on_a_bus_that_exists_anyway_belongs_there() -> None:
    sriov = pf_capability(1, offset=256, stride=0, device_id=1)
    machine = Machine().port("00:01.0", 1).port("00:02.0", 2).add("01:00.0", sriov=sriov)
    machine.add("02:00.0", "ffff:ffff", vendor_id=None, device_id=None)
    tree = build_tree(machine.snapshot())
    assert tree.functions[PCIAddress(0, 2, 0, 0)].is_vf
    assert above(tree, "02:00.0") == ["0000:00:02.0"]


def test_vfs_beyond_the_last_bus_are_left_out() -> None:
    sriov = pf_capability(3, offset=254, stride=1, device_id=1)
    machine = Machine().add("ff:00.0", kind=9, sriov=sriov).vfs("ff:00.0", 2, offset=254, stride=1)
    assert [str(vf) for vf in derive_vfs(machine.snapshot())] == ["0000:ff:1f.6", "0000:ff:1f.7"]


def test_a_vf_whose_pf_is_not_there() -> None:
    machine = Machine().add("01:00.1", "ffff:ffff", pf_address=PCIAddress(0, 1, 0, 0))
    (vf,) = build_tree(machine.snapshot()).functions.values()
    assert vf.is_vf
    assert (vf.bridge, vf.vendor_id) == (None, 0xFFFF)


def test_ids_come_from_the_header_where_nothing_else_tells() -> None:
    machine = Machine().add("00:01.0", "8086:1521", vendor_id=None, device_id=None, class_code=3)
    (function,) = machine.functions.values()
    assert vendor_of(function) == 0x8086
    assert class_and_subclass(function._replace(class_code=None)) == 0
    (placed,) = build_tree(machine.snapshot()).functions.values()
    assert (placed.vendor_id, placed.device_id) == (0x8086, 0x1521)
    (bare,) = Machine().add("00:01.0", vendor_id=None, config=None).functions.values()
    assert vendor_of(bare) is None
    assert class_and_subclass(bare._replace(class_code=None)) is None
