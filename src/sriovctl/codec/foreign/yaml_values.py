"""Values that foreign YAML files have in common."""

from __future__ import annotations

from sriovctl.codec.mac import parse_mac
from sriovctl.codec.yaml_nodes import text
from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.codec.yaml_nodes import Node


def mac(node: Node) -> str:
    """Read a MAC address.

    :raises InputError: with file, line and column: it is none.
    """
    written = text(node)
    try:
        return parse_mac(written)
    except InputError as error:
        raise node.complain(f"'{written}' {error.cause}", hint=error.hint) from None
