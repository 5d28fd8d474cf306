"""A :class:`~sriovctl.model.state.DesiredState` as the text of a state file."""

from __future__ import annotations

import re

from sriovctl.codec.state_keys import (
    ESWITCH_KEYS,
    LINK_KEYS,
    PF_KEYS,
    POOL_KEYS,
    VERSION,
    write_keys,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.model.state import DesiredState, WantedPF

_WIDTH = 100
# What no version of YAML takes for a number, a boolean, null or a date; all else is quoted.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|[0-9]+-[0-9]+|802\.1(?:q|ad)")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def format_state(state: DesiredState) -> str:
    """Write a state file that reads back as *state*.  Pure.

    VFs of one PF that are wanted alike and stand side by side become a range.

    :param state: one that a file can say: at least one PF, values as :func:`parse_state` reads.
    """
    tree = state_as_tree(state)
    lines = [f"version: {tree['version']}", "pfs:"]
    for label, said in _entries(tree["pfs"]):
        lines += [f"  {_scalar(label)}:", *_pf_lines(said)]
    if "pools" in tree:
        lines.append("pools:")
        for name, said in _entries(tree["pools"]):
            lines += _entry(name, said, indent=2)
    return "\n".join(lines) + "\n"


def state_as_tree(state: DesiredState) -> dict[str, object]:
    """Say it in mappings, lists, text, numbers and booleans, as JSON can hold.  Pure."""
    tree: dict[str, object] = {"version": VERSION}
    tree["pfs"] = {wanted.label: _pf_as_tree(wanted) for wanted in state.pfs}
    if state.pools:
        tree["pools"] = {pool.name: write_keys(POOL_KEYS, pool) for pool in state.pools}
    return tree


def _pf_as_tree(wanted: WantedPF) -> dict[str, object]:
    # The model has the keys of 'link' and 'eswitch' among its own.
    below = {"link": LINK_KEYS, "eswitch": ESWITCH_KEYS}
    own = tuple(key for key in PF_KEYS if key.name not in below)
    said = write_keys(own, wanted)
    said.update({name: write_keys(keys, wanted) for name, keys in below.items()})
    return {key.name: said[key.name] for key in PF_KEYS if said.get(key.name) not in (None, {})}


# --- text ------------------------------------------------------------------------------------


def _entries(tree: object) -> Iterable[tuple[str, object]]:
    assert isinstance(tree, dict)
    return tree.items()


def _pf_lines(tree: object) -> Iterator[str]:
    for key, value in _entries(tree):
        if key != "vfs":
            yield from _entry(key, value, indent=4)
            continue
        yield "    vfs:"
        for indices, vf in _entries(value):
            yield from _entry(indices, vf, indent=6)


def _entry(key: str, value: object, *, indent: int) -> Iterator[str]:
    line = f"{' ' * indent}{_key(key)}: {_flow(value)}"
    if len(line) <= _WIDTH or not value or not isinstance(value, dict | list):
        yield line
        return
    yield f"{' ' * indent}{_key(key)}:"
    if isinstance(value, list):
        yield from (f"{' ' * indent}  - {_flow(item)}" for item in value)
        return
    for inner_key, inner in value.items():
        yield from _entry(inner_key, inner, indent=indent + 2)


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _scalar(value) if isinstance(value, str) else str(value)


def _key(key: str) -> str:
    return key if key.isdigit() else _scalar(key)  # an index


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    escaped = "".join(map(_escaped, text))
    return f'"{escaped}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
