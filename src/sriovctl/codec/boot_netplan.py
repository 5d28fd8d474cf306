"""Netplan's ways to make VFs: a count, and entries that are VFs of another one (``link``)."""

from __future__ import annotations

from sriovctl.codec.boot_lines import SettingReader, macs_of, words_of
from sriovctl.codec.yaml_nodes import Node, is_null, mapping
from sriovctl.codec.yaml_text import parse_yaml
from sriovctl.errors import InputError
from sriovctl.model.persistence import Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.persistence import BootSetting

    Nodes = Mapping[str, Node]

_COUNT, _LINK = "virtual-function-count", "link"


def parse_netplan_file(path: str, text: str) -> Iterator[BootSetting]:
    """Read a file; one that is broken says nothing."""
    try:
        entries = _below(_below({"": parse_yaml(text, source=path)}, "", "network"), "ethernets")
        for name, node in entries.items():
            yield from _read_entry(path, name, mapping(node), entries)
    except InputError:
        return


def _read_entry(path: str, name: str, keys: Nodes, entries: Nodes) -> Iterator[BootSetting]:
    key = next((one for one in (_COUNT, _LINK) if one in keys), None)
    if key is None:
        return
    pf = _word(keys, _LINK) if key == _LINK else name
    selector = _selector(pf, _below(entries, pf, "match"))
    said = f"{key}: {_word(keys, key)}"
    yield SettingReader("netplan", path).vf_count(keys[key].tree.line + 1, said, selector)


def _selector(name: str, match: Nodes) -> Selector:
    # Without a match the entry's name is that of the netdev.
    named = _word(match, "name") if match else name
    return Selector(
        netdevs=(named,) if named else (),
        macs=macs_of(_word(match, "macaddress")),
        drivers=words_of(_word(match, "driver")),
    )


def _below(nodes: Nodes, *keys: str) -> Nodes:
    for key in keys:
        if key not in nodes or is_null(nodes[key]):
            return {}
        nodes = mapping(nodes[key])
    return nodes


def _word(nodes: Nodes, key: str) -> str:
    # A driver may be a list of patterns; a mapping is no word.
    if key not in nodes:
        return ""
    tree = nodes[key].tree
    items = [tree] if tree.items is None else tree.items
    return " ".join(one.scalar for one in items if one.scalar is not None)
