"""The kinds of values in a state file: how each is read and written, and its JSON Schema."""

from __future__ import annotations

from sriovctl.codec.mac import parse_guid, parse_mac
from sriovctl.codec.yaml_nodes import boolean, integer, is_null, is_sequence, one_of, sequence, text
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import AUTO_MAC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from sriovctl.codec.yaml_nodes import Node

    Schema = Mapping[str, object]

MAX_VFS = 0xFFFF  # NumVFs is a 16-bit register
MAX_RATE_MBPS = 0xFFFFFFFF  # IFLA_VF_RATE holds 32 bits

_NUMBER = "(0|[1-9][0-9]{0,4})"
RANGE_PATTERN = f"^{_NUMBER}(-{_NUMBER})?$"
NAME_PATTERN = r"^\S(.{0,62}\S)?$"
_OCTET = "[0-9A-Fa-f]{2}"
# Read by hand, not by pattern: importing re takes as long as reading the keys of hundreds of VFs.
_HEX_DIGITS = "0123456789abcdef"
_MARKS_IN_DRIVERS = str.maketrans("", "", "_.-")


def _as_it_is(value: object) -> object:
    return value


class Value(NamedTuple):
    """One kind of value."""

    read: Callable[[Node], object]  # raises InputError
    schema: Schema
    write: Callable[[Any], object] = _as_it_is  # to what JSON can hold
    # Reads what is plainly right from text alone, in half of the time; None: ask ``read``.  For
    # those of which each of a thousand VFs has its own.
    quick: Callable[[str], object | None] | None = None


def whole(low: int, high: int) -> Value:
    """Make the kind of whole numbers from *low* to *high*."""

    def quick(written: str) -> int | None:
        if not written.isdigit() or written[0] == "0" or len(written) > 10:
            return None
        return number if low <= (number := int(written)) <= high else None

    return Value(
        lambda node: integer(node, low, high),
        {"type": "integer", "minimum": low, "maximum": high},
        quick=quick,
    )


def choice(words: Iterable[str]) -> Value:
    """Make the kind of a few words; what is read is what *words* holds."""
    known = {str(word): word for word in words}
    return Value(lambda node: known[one_of(node, known)], {"enum": list(known)}, str)


def _read_name(node: Node) -> str:
    written = text(node)
    if not is_name(written):
        raise node.complain(f"'{written[:40]}' is no name", hint="up to 64 characters on one line")
    return written


def is_name(written: str) -> bool:
    """Say whether *written* can name something: short, visible, on one line.  Pure."""
    return 0 < len(written) <= 64 and written.isprintable() and written == written.strip()


def _read_mac(node: Node) -> str:
    return _checked(node, parse_mac)


def _read_admin_mac(node: Node) -> str:
    return AUTO_MAC if text(node) == AUTO_MAC else _read_mac(node)


# In lower case and with colons, as sriovctl itself writes it, and for one host alone.
def _quick_mac(written: str) -> str | None:
    if len(written) != 17 or written[1] not in "02468ace":
        return None
    try:
        return written if bytes.fromhex(written.replace(":", "")).hex(":") == written else None
    except ValueError:
        return None


def _read_guid(node: Node) -> str:
    return _checked(node, parse_guid)


def _read_address(node: Node) -> str:
    return _checked(node, lambda written: str(parse_pci_address(written)))


def _checked(node: Node, parse: Callable[[str], str]) -> str:
    written = text(node)
    try:
        return parse(written)
    except InputError as error:
        raise node.complain(f"'{written[:40]}' {error.cause}", hint=error.hint) from None


def _read_hex_id(node: Node) -> str:
    written = text(node).lower().removeprefix("0x")
    if not 1 <= len(written) <= 4 or written.strip(_HEX_DIGITS):
        raise node.complain(f"'{text(node)[:40]}' is no PCI id", hint='write it as "8086"')
    return written.rjust(4, "0")


def _read_serial(node: Node) -> str:
    # A Device Serial Number as lspci writes it, in whatever case; any other is taken as it is.
    written = _read_name(node)
    octets = written.lower().replace(":", "-").split("-")
    is_number = len(octets) == 8 and all(map(_is_octet, octets))
    return "-".join(octets) if is_number else written


def _is_octet(text: str) -> bool:
    return len(text) == 2 and not text.strip(_HEX_DIGITS)


def _read_driver(node: Node) -> str | None:
    if is_null(node) or text(node) == "none":
        return None
    written = text(node)
    bare = written.translate(_MARKS_IN_DRIVERS)
    if not (1 <= len(written) <= 64 and written.isascii() and (not bare or bare.isalnum())):
        raise node.complain(
            f"'{written[:40]}' is no driver's name", hint="for example vfio-pci, or none"
        )
    return written


def read_indices(node: Node, written: str) -> range:
    """Read one VF index, or a range with both of its ends.

    :param node: where a complaint is to point at.
    :raises InputError: it is neither.
    """
    low, dash, high = written.partition("-")
    if not _is_number(low) or (dash and not _is_number(high)):
        raise node.complain(f"'{written[:40]}' is no VF index", hint="write 0, or 1-3 for a range")
    first, last = int(low), int(high or low)
    if not first <= last < MAX_VFS:
        raise node.complain(f"'{written}' is no range of VF indices", hint="write 1-3")
    return range(first, last + 1)


def _is_number(text: str) -> bool:
    plain = text.isascii() and text.isdigit() and len(text) <= 5
    return plain and (text[0] != "0" or text == "0")


def folded(indices: Iterable[int], alike: Callable[[int, int], bool]) -> Iterator[range]:
    """Gather neighbours that are *alike* into ranges.  Pure.

    :param indices: ascending.
    """
    run: range | None = None
    for index in indices:
        if run is not None and index == run.stop and alike(run.start, index):
            run = range(run.start, index + 1)
            continue
        if run is not None:
            yield run
        run = range(index, index + 1)
    if run is not None:
        yield run


def write_range(run: range) -> int | str:
    """Write one index, or a range with both of its ends.  Pure."""
    return run.start if len(run) == 1 else f"{run.start}-{run.stop - 1}"


def _write_index_list(indices: tuple[int, ...]) -> object:
    ranges = [write_range(run) for run in folded(indices, lambda *_: True)]
    return ranges[0] if len(ranges) == 1 else ranges


def _read_index_list(node: Node) -> tuple[int, ...]:
    items = list(sequence(node)) if is_sequence(node) else [node]
    found: set[int] = set()
    for item in items:
        indices = read_indices(item, text(item))
        if again := found.intersection(indices):
            raise item.complain(f"VF {min(again)} is named twice")
        found.update(indices)
    if not found:
        raise node.complain("names no VF", hint="leave it out to mean all VFs")
    return tuple(sorted(found))


def _read_labels(node: Node) -> tuple[str, ...]:
    labels: list[str] = []
    for item in sequence(node):
        if (label := text(item)) in labels:
            raise item.complain(f"'{label}' stands here twice")
        labels.append(label)
    if not labels:
        raise node.complain("names no PF")
    return tuple(labels)


def _matching(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


_WORDS_FOR_BOOLEANS = "^([Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo])$"
_INDEX_FORMS: list[Schema] = [
    {"type": "integer", "minimum": 0, "maximum": MAX_VFS - 1},
    _matching(RANGE_PATTERN),
]

# To YAML 1.2 "on" is a string and 8086 a number, and both mean here what they say.
BOOLEAN = Value(boolean, {"anyOf": [{"type": "boolean"}, _matching(_WORDS_FOR_BOOLEANS)]})
NAME = Value(_read_name, {"type": ["string", "integer"], "pattern": NAME_PATTERN})
SERIAL = Value(_read_serial, NAME.schema)
HEX_ID = Value(
    _read_hex_id,
    {
        "type": ["string", "integer"],
        "pattern": "^(0[xX])?[0-9A-Fa-f]{1,4}$",
        "minimum": 0,
        "maximum": 9999,
    },
)
ADDRESS = Value(
    _read_address, _matching("^([0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\\.[0-7]$")
)
_UNICAST_MAC = f"[0-9A-Fa-f][02468ACEace]([:-]{_OCTET}){{5}}"
MAC = Value(_read_mac, _matching(f"^{_UNICAST_MAC}$"))
ADMIN_MAC = Value(_read_admin_mac, _matching(f"^({AUTO_MAC}|{_UNICAST_MAC})$"), quick=_quick_mac)
GUID = Value(_read_guid, _matching(f"^{_OCTET}([:-]{_OCTET}){{7}}$"))
RATE = whole(0, MAX_RATE_MBPS)
DRIVER = Value(
    _read_driver,
    {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    lambda driver: "none" if driver is None else driver,
)
INDEX_LIST = Value(
    _read_index_list,
    {
        "anyOf": [
            *_INDEX_FORMS,
            {"type": "array", "items": {"anyOf": _INDEX_FORMS}, "minItems": 1},
        ]
    },
    _write_index_list,
)
LABELS = Value(
    _read_labels,
    {"type": "array", "items": NAME.schema, "minItems": 1, "uniqueItems": True},
    list,
)
