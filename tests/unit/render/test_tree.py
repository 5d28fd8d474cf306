"""The picture, drawn with characters and as SVG."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    Card,
    MachineSpec,
    Place,
    simulate,
    simulated_82576,
)
from sriovctl.model.address import parse_pci_address
from sriovctl.model.picture import (
    ACSState,
    CellState,
    GroupSource,
    NodeKind,
    Picture,
    PictureNode,
    VFCell,
)
from sriovctl.render.tree import ASCII, UNICODE, format_tree, tree_as_json
from sriovctl.render.tree_layout import Box, lay_out
from sriovctl.render.tree_svg import tree_as_svg
from sriovctl.render.tree_words import (
    ASSUMED_ACS,
    cell_title,
    group_names,
    group_range,
    limit_text,
    node_title,
    summary_of,
)
from sriovctl.topology.picture import picture_of

SVG = "{http://www.w3.org/2000/svg}"
ADDRESS = parse_pci_address("01:00.0")


def picture(*, igb: int = 3, on_switch: int = 4) -> Picture:
    host = simulated_82576()
    for address, vfs in (("0000:01:00.0", igb), ("0000:04:00.0", on_switch)):
        if vfs:
            host.files.write_text(f"/sys/bus/pci/devices/{address}/sriov_numvfs", str(vfs))
    return picture_of(read_snapshot(host), name_of=lambda v, d: f"card {v}:{d}")


def big_picture() -> Picture:
    cards = tuple(
        Card(
            CONNECTX_6_DX,
            total_vfs=64,
            numa_node=number // 4,
            place=Place.PLAIN_PORT if number == 2 else Place.ACS_PORT,
        )
        for number in range(8)
    )
    host = simulate(MachineSpec(cards=cards))
    for bus in range(1, 9):
        host.files.write_text(f"/sys/bus/pci/devices/0000:{bus:02x}:00.0/sriov_numvfs", "64")
    return picture_of(read_snapshot(host))


def pf(**changes: object) -> PictureNode:
    node = PictureNode(NodeKind.PF, ADDRESS, str(ADDRESS), total_vfs=2, num_vfs=0, max_usable_vfs=2)
    return node._replace(**changes)  # type: ignore[arg-type]  # fields of the node


def picture_with(*children: PictureNode, **changes: object) -> Picture:
    root = PictureNode(NodeKind.HOST_BRIDGE, None, "0000:00", children=children)
    made = Picture("made", (root,), GroupSource.NONE, {}, has_domains=False)
    return made._replace(**changes)  # type: ignore[arg-type]  # fields of the picture


# --- characters ----------------------------------------------------------------------------

DRAWN = """\
a simulated host
3 PFs, 7 of 18 VFs on, 12 IOMMU groups, 2 of them shared

host bridge 0000:00
|- 00:00.0  host bridge card 8086:29c0                      group 0
|- 00:06.0  root port, bus 01                    ACS        group 2
|  `- 01:00.0  PF eth0 igb card 8086:10c9                   group 3     3 of 7 VFs on
|        ###....
|        up to 7 will work here (sriov-totalvfs); VFs in groups 9-11
|- 00:07.0  root port, buses 02-04               ACS        group 4
|  `- 02:00.0  upstream port, buses 03-04                   group 5
|     `- 03:00.0  downstream port, bus 04        no ACS     group 6
|        `- 04:00.0  PF eth1 igb card 8086:10c9             group 6     4 of 7 VFs on
|              %%%%...
|              up to 7 will work here (sriov-totalvfs); VFs in group 6
|- 00:08.0  root port, bus 05                    ACS        group 7
|  `- 05:00.0  PF nvme card 1b36:0010                       group 8     0 of 4 VFs on
|        ....
|        up to 4 will work here (total-vfs)
|- 00:1f.0  ISA bridge card 8086:2918                       group 1
|- 00:1f.2  SATA card 8086:2922                             group 1
`- 00:1f.3  SMBus card 8086:2930                            group 1

% VF that shares its group   # VF alone in its group   . VF that could be switched on
group 1: 3 functions, inseparable
group 6: 6 functions, inseparable"""


def test_the_tree_in_ascii() -> None:
    assert format_tree(picture(), glyphs=ASCII) == DRAWN


def test_ascii_is_ascii() -> None:
    assert format_tree(big_picture(), glyphs=ASCII).isascii()


def test_unicode_differs_in_glyphs_only() -> None:
    drawn = format_tree(picture(), glyphs=UNICODE).replace(" · ", ", ")
    for glyph, plain in zip(UNICODE, ASCII, strict=True):
        drawn = drawn.replace(glyph, plain)
    assert drawn == DRAWN


def test_colour_adds_nothing_but_codes() -> None:
    plain = format_tree(picture(), color=False)
    coloured = format_tree(picture(), color=True)
    assert "\x1b[32m■" in coloured
    stripped = re.sub(r"\x1b\[\d+m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_many_vfs_are_wrapped_and_numa_nodes_named() -> None:
    cells = tuple(VFCell(index, None, CellState.OFF) for index in range(130))
    node = pf(vfs=cells, total_vfs=130)
    root = PictureNode(NodeKind.HOST_BRIDGE, None, "0000:00", numa_node=1, children=(node,),
                       buses=(0, 0x3F))  # fmt: skip
    drawn = format_tree(picture_with(roots=(root,)), glyphs=ASCII)
    assert [line.strip() for line in drawn.splitlines() if set(line.strip()) == {"."}] == [
        "." * 64, "." * 64, "..",
    ]  # fmt: skip
    assert "NUMA node 1\n\nhost bridge 0000:00  buses 00-3f" in drawn


def test_without_an_iommu_vfs_have_no_group() -> None:
    node = pf(vfs=(VFCell(0, ADDRESS, CellState.ON),), num_vfs=None)
    drawn = format_tree(picture_with(node), glyphs=ASCII)
    assert "no IOMMU groups" in drawn
    assert "* VF without a group" in drawn
    assert "? of 2 VFs on" in drawn


def test_a_bridge_above_a_pf_keeps_its_line() -> None:
    bridge = PictureNode(NodeKind.BRIDGE, ADDRESS, str(ADDRESS), children=(pf(),), acs=ACSState.OFF)
    drawn = format_tree(picture_with(bridge), glyphs=ASCII)
    assert "`- 01:00.0  bridge" in drawn


# --- JSON ----------------------------------------------------------------------------------


def test_json_has_everything_that_is_drawn() -> None:
    shaped = json.loads(json.dumps(tree_as_json(picture())))
    assert shaped["group_source"] == "kernel"
    assert shaped["shared_groups"] == [1, 6]
    (root,) = shaped["roots"]
    port = root["children"][1]
    assert (port["kind"], port["acs"], port["buses"]) == ("root port", "ACS", ["01", "01"])
    card = port["children"][0]
    assert (card["address"], card["num_vfs"], card["max_usable_vfs"]) == ("0000:01:00.0", 3, 7)
    assert card["vfs"][0] == {
        "vf_index": 0,
        "address": "0000:01:10.0",
        "state": "on",
        "iommu_group": 9,
        "driver": "igbvf",
        "netdev": "eth2",
    }
    assert tree_as_json(picture_with())["group_source"] is None


# --- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_usable_vfs": 7, "limit": "mmio"}, "up to 7 will work here (mmio)"),
        ({"max_usable_vfs": 0, "limit": "driver"}, "no VF will work here (driver)"),
        ({"max_usable_vfs": None}, "how many will work cannot be told from here"),
        (
            {"max_usable_vfs": None, "at_most_vfs": 8, "limit": "total-vfs"},
            "at most 8 (total-vfs); other limits cannot be seen from here",
        ),
    ],
)
def test_the_limit_in_words(changes: dict[str, object], words: str) -> None:
    assert limit_text(pf(**changes)) == words


def test_a_function_tells_all_that_is_known() -> None:
    node = pf(
        name="card", class_name="Ethernet", driver="igb", netdev="eth0", numa_node=1, group=4,
        acs=ACSState.ON, buses=(1, 2),
    )  # fmt: skip
    assert node_title(node, {}) == (
        "0000:01:00.0  card\nPF (Ethernet)\nbuses 01-02\nACS: ACS\ndriver igb\nnetdev eth0\n"
        "NUMA node 1\nIOMMU group 4"
    )


def test_a_vf_tells_all_that_is_known() -> None:
    on = VFCell(1, ADDRESS, CellState.ON, 4, "vfio-pci", "eth1")
    assert cell_title(on, {}) == ("VF 1  0000:01:00.0\ndriver vfio-pci\nnetdev eth1\nIOMMU group 4")
    assert cell_title(VFCell(2, ADDRESS, CellState.OFF), {}) == "VF 2  0000:01:00.0 (forecast)\noff"
    assert cell_title(VFCell(3, None, CellState.BEYOND), {}) == "VF 3\nbeyond the limit"


def test_assumed_acs_is_marked_and_the_mark_explained() -> None:
    port = PictureNode(NodeKind.ROOT_PORT, ADDRESS, str(ADDRESS), acs=ACSState.ASSUMED)
    drawn = format_tree(picture_with(port), glyphs=ASCII)
    assert "ACS on?\n" in drawn
    assert drawn.endswith("ACS on?  " + ASSUMED_ACS)
    words = texts(parse(tree_as_svg(picture_with(port))))
    assert words.count("ACS on?") == 2
    assert ASSUMED_ACS in words
    assert ASSUMED_ACS not in format_tree(picture())


def test_a_cell_beyond_the_limit_is_crossed_out() -> None:
    node = pf(vfs=(VFCell(0, None, CellState.OFF), VFCell(1, None, CellState.BEYOND)))
    drawn = format_tree(picture_with(node), glyphs=ASCII)
    assert ".x\n" in drawn
    assert "x VF beyond what works here" in drawn
    root = parse(tree_as_svg(picture_with(node)))
    assert "VF beyond what works here" in texts(root)


def test_long_series_of_groups_are_shortened() -> None:
    cells = tuple(VFCell(n, None, CellState.ON, group) for n, group in enumerate(range(1, 20, 2)))
    assert group_range(pf(vfs=cells), {}) == "VFs in groups 1, 3, 5, 7, …"
    assert group_range(pf(vfs=()), {}) is None


def predicted_picture(shared: int = 2) -> Picture:
    sizes = dict.fromkeys(range(10, 10 + shared), 2) | {1: 1}
    ports = [PictureNode(NodeKind.ROOT_PORT, ADDRESS, str(ADDRESS), group=group) for group in sizes]
    return picture_with(*ports, group_source=GroupSource.PREDICTED, group_sizes=sizes)


def test_predicted_groups_have_no_numbers() -> None:
    names = group_names(predicted_picture(28))
    assert [names[group] for group in (10, 11, 35, 36, 37, 1)] == [
        "group A", "group B", "group Z", "group AA", "group AB", "own group",
    ]  # fmt: skip
    assert group_names(picture())[6] == "group 6"
    for drawn in (format_tree(predicted_picture()), tree_as_svg(predicted_picture())):
        assert "group A: 2 functions, inseparable" in drawn
        assert "group 1" not in drawn
    assert "own group" in format_tree(predicted_picture())
    cell = VFCell(0, None, CellState.ON, group=1)
    assert cell_title(cell, names).endswith("own IOMMU group")


def test_predicted_groups_of_vfs() -> None:
    names = group_names(predicted_picture(8))

    def of(*groups: int) -> str | None:
        cells = tuple(VFCell(n, None, CellState.ON, group) for n, group in enumerate(groups))
        return group_range(pf(vfs=cells), names)

    assert of(1) == "each VF in a group of its own"
    assert of(10) == "VFs in group A"
    assert of(1, 10, 11) == "VFs in groups A, B, others in groups of their own"
    assert of(*range(10, 16)) == "VFs in groups A, B, C, D, …"


def test_the_legend_names_each_shared_group() -> None:
    words = texts(parse(tree_as_svg(picture())))
    assert "group 1: 3 functions, inseparable" in words
    assert "group 6: 6 functions, inseparable" in words
    root = parse(tree_as_svg(predicted_picture(11)))
    named = [one for one in texts(root) if one.endswith("inseparable")]
    assert len(named) == 8
    assert "and 3 more shared groups" in texts(root)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for text in root.iter(f"{SVG}text"):
        assert float(text.get("x", 0)) < width
        assert float(text.get("y", 0)) < height


def test_the_frame_of_a_switch_has_room() -> None:
    boxes = {box.node.label: box for box in lay_out(picture()).boxes}
    above, switch = boxes["0000:01:00.0"], boxes["0000:02:00.0"]
    assert switch.y - 23 - above.bottom >= 15
    assert switch.y == boxes["0000:00:07.0"].y


def test_one_pf_is_no_plural() -> None:
    assert summary_of(picture_with(pf())) == "1 PF · 0 of 2 VFs on · no IOMMU groups"
    predicted = picture_with(group_source=GroupSource.PREDICTED, group_sizes={1: 2, 2: 1})
    assert summary_of(predicted).endswith("2 predicted IOMMU groups, 1 of them shared")
    alone = picture_with(group_source=GroupSource.PREDICTED, group_sizes={1: 2})
    assert summary_of(alone).endswith("1 predicted IOMMU group, 1 of them shared")


def test_a_pf_without_numbers_is_still_a_pf() -> None:
    unknown = PictureNode(NodeKind.PF, ADDRESS, str(ADDRESS), driver="igb")
    assert "1 PF · ? of ? VFs on" in summary_of(picture_with(unknown))
    assert "2 PFs · 0 of 2 VFs on, 1 PF not known" in summary_of(picture_with(pf(), unknown))
    drawn = format_tree(picture_with(unknown), glyphs=ASCII)
    assert "PF igb" in drawn
    assert "? of ? VFs on" in drawn
    assert "? of ? VFs" in texts(parse(tree_as_svg(picture_with(unknown))))


def test_without_a_legend_the_tree_ends_with_its_last_line() -> None:
    device = PictureNode(NodeKind.DEVICE, ADDRESS, str(ADDRESS), class_name="network")
    assert not format_tree(picture_with(device)).endswith("\n")


# --- SVG -----------------------------------------------------------------------------------


def parse(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("made", [picture(), big_picture(), picture_with(), picture_with(pf())])
def test_the_drawing_stands_alone(made: Picture) -> None:
    drawing = tree_as_svg(made)
    root = parse(drawing)
    assert root.tag == f"{SVG}svg"
    for words in ("href", "url(", "@import", "<script", "<image"):
        assert words not in drawing
    assert drawing.count("http") == 1  # the name of the namespace
    assert "prefers-color-scheme:dark" in drawing


def test_each_vf_has_a_cell_with_a_title() -> None:
    root = parse(tree_as_svg(big_picture()))
    cells = [element for element in root.iter(f"{SVG}g") if "data-vf" in element.attrib]
    assert len(cells) == 8 * 64
    assert len({cell.get("data-address") for cell in cells}) == 8 * 64
    for cell in cells:
        title = cell.find(f"{SVG}title")
        assert title is not None
        assert (title.text or "").startswith(f"VF {cell.get('data-vf')}  ")


def test_shared_groups_have_an_area_each() -> None:
    root = parse(tree_as_svg(picture()))
    areas = [e for e in root.iter(f"{SVG}g") if "t-hull" in e.get("class", "")]
    assert [title.text for area in areas for title in area.iter(f"{SVG}title")] == [
        "group 1: 3 functions, inseparable",
        "group 6: 6 functions, inseparable",
    ]


def test_the_drawing_says_what_the_terminal_says() -> None:
    words = texts(parse(tree_as_svg(picture())))
    for expected in (
        "a simulated host", "3 of 7 VFs", "up to 7 will work here (sriov-totalvfs)", "no ACS",
        "switch", "group 6",
    ):  # fmt: skip
        assert expected in words


def test_names_cannot_break_the_drawing() -> None:
    evil = pf(name='<script>"&', netdev="<b>", vfs=(VFCell(0, None, CellState.ON, None, "<x>"),))
    root = parse(tree_as_svg(picture_with(evil, description="<&>")))
    assert "<&>" in texts(root)
    assert '<script>"&' in texts(root)


def test_a_pf_on_another_numa_node_says_so() -> None:
    words = texts(parse(tree_as_svg(big_picture())))
    assert "NUMA node 0" in words
    assert words.count("on NUMA node 1") == 4


def test_vfs_given_away_are_marked() -> None:
    cells = tuple(VFCell(n, None, CellState.ON, n, "vfio-pci") for n in range(40))
    few = parse(tree_as_svg(picture_with(pf(vfs=cells[:4], total_vfs=4))))
    many = parse(tree_as_svg(picture_with(pf(vfs=cells, total_vfs=40))))
    # One more in the legend.
    assert (len(list(few.iter(f"{SVG}circle"))), len(list(many.iter(f"{SVG}circle")))) == (5, 41)


def test_no_box_covers_another() -> None:
    for made in (picture(), big_picture()):
        boxes = list(lay_out(made).boxes)
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                assert not overlap(one, other)


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.right
        and other.x < one.right
        and one.y < other.bottom
        and other.y < one.bottom
    )


def test_everything_lies_on_the_page() -> None:
    layout = lay_out(big_picture())
    assert all(box.right < layout.width and box.bottom < layout.height for box in layout.boxes)


def test_numa_nodes_have_an_area_each() -> None:
    roots = tuple(
        PictureNode(NodeKind.HOST_BRIDGE, None, f"0000:{bus}", numa_node=node)
        for bus, node in (("00", 0), ("40", 0), ("80", 1))
    )
    layout = lay_out(picture_with(roots=roots))
    assert [(panel.numa_node, len(panel.slabs)) for panel in layout.panels] == [(0, 2), (1, 1)]
