"""Strict reading of YAML: every complaint names the file, the line and the column.

PyYAML's composer gives nodes that remember where they stood; its constructor would lose that,
merge duplicate keys silently, and read ``on`` as a boolean where a name was meant.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

import yaml

from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_BOOLEANS = {"true": True, "false": False, "on": True, "off": False, "yes": True, "no": False}


class Node(NamedTuple):
    """A value in a file, and how to name it in a complaint."""

    source: str  # the file's name
    path: str  # e.g. pfs.uplink.vfs.0.vlan
    yaml: yaml.Node

    def complain(self, cause: str, *, hint: str | None = None) -> InputError:
        """Make the error that says what is wrong here."""
        mark = self.yaml.start_mark
        where = f"{self.source}:{mark.line + 1}:{mark.column + 1}"
        named = f"{self.path}: {cause}" if self.path else cause
        return InputError(named, subject=where, hint=hint)


def parse_yaml(text: str, *, source: str) -> Node:
    """Read one YAML document.

    :param source: the name of the file, for complaints.
    :raises InputError: it is not YAML, or empty.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"is not YAML: {error.problem}", subject=where) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"is not YAML: {error}", subject=source) from None
    if root is None:
        raise InputError("is empty", subject=source, hint="a state file starts with 'version: 1'")
    return Node(source, "", root)


def mapping(node: Node, *, allowed: Iterable[str] | None = None) -> dict[str, Node]:
    """Read a mapping; each key once.

    :param allowed: the only keys that may appear; None admits any.
    :raises InputError: it is no mapping, or has a wrong or repeated key.
    """
    if not isinstance(node.yaml, yaml.MappingNode):
        raise node.complain("must be a mapping of keys to values")
    found: dict[str, Node] = {}
    for key_node, value_node in node.yaml.value:
        at_key = Node(node.source, node.path, key_node)
        key = _key_text(at_key)
        if key in found:
            raise at_key.complain(f"the key '{key}' stands here twice")
        if allowed is not None and key not in (known := list(allowed)):
            raise at_key.complain(f"unknown key '{key}'", hint=_nearest(key, known))
        found[key] = Node(node.source, f"{node.path}.{key}".lstrip("."), value_node)
    return found


def _key_text(node: Node) -> str:
    if not isinstance(node.yaml, yaml.ScalarNode):
        raise node.complain("a key must be a plain word")
    return str(node.yaml.value)


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"


def text(node: Node) -> str:
    """Read a scalar as it was written.

    :raises InputError: it is a mapping or a list, or null.
    """
    if not isinstance(node.yaml, yaml.ScalarNode) or is_null(node):
        raise node.complain("must be a single value")
    return str(node.yaml.value)


def is_null(node: Node) -> bool:
    """Say whether the value was left out or written as null."""
    return node.yaml.tag == "tag:yaml.org,2002:null"


def integer(node: Node, low: int, high: int) -> int:
    """Read a decimal number from *low* to *high*.

    :raises InputError: it is something else.
    """
    written = text(node)
    # Only plain digits: YAML 1.1 would read 010 as 8 and 1:30 as 90.
    if not (written.isascii() and written.isdigit()) or not low <= int(written[:19]) <= high:
        raise node.complain(f"must be a whole number from {low} to {high}, not '{written[:40]}'")
    return int(written)


def boolean(node: Node) -> bool:
    """Read true or false.

    :raises InputError: it is something else.
    """
    written = text(node)
    if written.lower() not in _BOOLEANS:
        raise node.complain(f"must be true or false, not '{written}'")
    return _BOOLEANS[written.lower()]


def one_of(node: Node, words: Iterable[str]) -> str:
    """Read one of a few words.

    :raises InputError: it is something else.
    """
    written, known = text(node), [str(word) for word in words]
    if written not in known:
        raise node.complain(f"must be one of {', '.join(known)}, not '{written}'")
    return written
