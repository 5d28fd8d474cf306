"""What is read of VFs without a tree is what PyYAML's tree says, and complaints are the tree's."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.codec.states import pfs, wanted_vfs

from sriovctl.codec.state_file import parse_state, read_states
from sriovctl.codec.state_keys import VF_KEYS, VLAN_KEYS, Key
from sriovctl.codec.state_text import format_state
from sriovctl.codec.state_vf_lines import read_vf_lines
from sriovctl.codec.yaml_composer import compose
from sriovctl.codec.yaml_nodes import Node, Tree
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF

HEAD = "version: 1\npfs:\n  a:\n    match: {netdev: eth0}\n"
RIGHT = {
    "admin_mac": ('"52:54:00:6d:90:02"', "'52-54-00-6D-90-04'", "52:54:00:6d:90:06", "auto"),
    "vlan": ("{id: 2}", "{id: 2, qos: 3}", "{id: 4, protocol: 802.1ad}"),
    "node_guid": ('"00:11:22:33:44:55:66:77"', "00-11-22-33-44-55-66-78"),
    "driver": ("none", "null", "~", "vfio-pci"),
    "link_state": ("auto", "enable"),
    "min_tx_rate_mbps": ("0", "5"),
    "max_tx_rate_mbps": ("0", "9", "3"),
    "trust": ("true", "off", '"true"'),
}
ODD = ("{qos: 3}", "{ id: 2}", "{id: 2,qos: 1}", "{id: {a: 1}}", "{id: 4, id: 4}", "{}", "2", '"x"',
       "{id: 2 # c}", "{id: '2'}",
       "'a''b'", '"{"', '"a, b"', "[a]", '"}"', "010", "-1", "4294967296",
       "yes # c", "#", " true", "")  # fmt: skip


@st.composite
def pairs(draw: st.DrawFn, key: str) -> str:
    is_odd = draw(st.integers(0, 15)) == 0
    return f"{key}: {draw(st.sampled_from(ODD if is_odd else RIGHT[key]))}"


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """What somebody may have written below ``vfs``: mostly right."""
    lines = []
    for index in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from((*(str(index),) * 9, "1-2", f'"{index}"')))
        keys = draw(st.lists(st.sampled_from(tuple(RIGHT)), min_size=1, max_size=4, unique=True))
        said = [draw(pairs(one)) for one in keys]
        if draw(st.booleans()):
            lines.append(f"      {key}: {{{', '.join(said)}}}")
            continue
        indent = draw(st.sampled_from((*(8,) * 18, 10, 6)))
        lines += [f"      {key}:", *(" " * indent + one for one in said)]
        lines += draw(st.sampled_from(([], [], ["", "# c"], ["        # c"], ["    num_vfs: 9"])))
    text = "\n".join(lines)
    if draw(st.integers(0, 2)):
        return text
    place, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 2))
    return text[:place] + draw(st.sampled_from(" \n:#',}{\\")) + text[place + cut :]


def outcome(text: str, *, by_tree: bool) -> DesiredState | str:
    try:
        if by_tree:
            return read_states([Node("f", "", compose(text, source="f"))])
        return parse_state(text, source="f")
    except InputError as error:
        return str(error)


@given(blocks())
@example("      0:{trust: true}")
@example("      0\n        trust: true")
@example("      0:\n        trust: true\n        trust: true")
@example("      0: {trust: true}\n        driver: none")
@example("      0:\n        trust: true\n      1: {trust: true}\n        trust: true")
@example("      0:\n        trust: true\n      1:\n          trust: true\n          driver: none")
@example("      0:\n      1:\n        trust: true")
@example('      0: {driver: "{", trust: true}')
@example("      0:\n        trust: true\n       1: {}")
@example("      1:\n        trust: true\n      0-1:\n        trust: true")
def test_both_ways_come_to_the_same(block: str) -> None:
    text = f"{HEAD}    vfs:\n{block}\n"
    assert outcome(text, by_tree=False) == outcome(text, by_tree=True)


@given(pfs(number=1, label="a"))
def test_of_what_sriovctl_writes_too(wanted: WantedPF) -> None:
    text = format_state(DesiredState((wanted,)))
    assert outcome(text, by_tree=False) == outcome(text, by_tree=True)


VLANS = VLAN(1), VLAN(2, 3), VLAN(4094, 7, "802.1ad")


@given(st.lists(wanted_vfs(st.just("02:00:00:00:00:01")), min_size=1, max_size=3))
def test_what_sriovctl_writes_needs_no_tree(vfs: list[WantedVF]) -> None:
    said = [
        (index, wanted._replace(vlan=VLANS[index], trust=True)) for index, wanted in enumerate(vfs)
    ]
    wanted = WantedPF("a", PFMatch(netdev="eth0"), vfs=tuple(said))
    lines = format_state(DesiredState((wanted,))).split("\n")
    start = lines.index("    vfs:") + 1
    assert read_vf_lines(lines, start, 4) == (tuple(said), len(lines))


def test_what_follows_the_vfs_is_read_on() -> None:
    text = (
        f"{HEAD}    vfs:\n      1:\n        trust: true\n\n    num_vfs: 2\n  b:\n    match: {{}}\n"
    )
    assert "f:11:12: pfs.b.match" in str(outcome(text, by_tree=False))
    (pf,) = parse_state(text.partition("  b:")[0], source="f").pfs
    assert (pf.num_vfs, pf.vfs) == (2, ((1, WantedVF(trust=True)),))


@pytest.mark.parametrize("key", [key.name for key in VF_KEYS])
def test_every_key_of_a_vf_is_known(key: str) -> None:
    written = {"vlan": "{id: 1}", "link_state": "auto", "driver": "x", "msix_count": "1"}
    guid = '"00:11:22:33:44:55:66:77"'
    value = written.get(key, guid if "guid" in key else "auto" if "mac" in key else "1")
    value = "on" if key in ("spoofchk", "trust", "rss_query") else value
    found = read_vf_lines(["  0:", f"    {key}: {value}"], 0, 0)
    assert found is not None
    (((index, wanted),), end) = found
    assert (index, end) == (0, 2)
    assert getattr(wanted, key) is not UNSET


TEXTS = st.one_of(
    st.text(alphabet="0123456789abcdefABCDEF:-x", max_size=20),
    st.integers(0, 2**64).map(str),
    st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":")),
    st.just("auto"),
)


@given(TEXTS, st.sampled_from([key for key in (*VF_KEYS, *VLAN_KEYS) if key.value.quick]))
def test_what_is_read_from_text_alone_is_what_the_tree_says(text: str, key: Key) -> None:
    assert key.value.quick is not None
    found = key.value.quick(text)
    if found is not None:
        assert found == key.value.read(Node("", "", Tree(0, 0, text)))


def test_values_of_which_each_vf_has_its_own_are_read_from_text_alone() -> None:
    said = {"admin_mac": "52:54:00:6d:90:02", "max_tx_rate_mbps": "4294967295"}
    for name, text in said.items():
        quick = VF_KEYS.names[name].value.quick
        assert quick is not None
        assert str(quick(text)) == text
