"""The keys of a state file: one record for each, by which it is read, written and documented.

A level is what one mapping may hold.  The records of a level stand in the order of the model's
fields, where there are such.
"""

from __future__ import annotations

from sriovctl.codec.state_values import (
    ADDRESS,
    ADMIN_MAC,
    BOOLEAN,
    DRIVER,
    GUID,
    HEX_ID,
    INDEX_LIST,
    LABELS,
    MAC,
    MAX_VFS,
    NAME,
    NAME_PATTERN,
    RANGE_PATTERN,
    RATE,
    SERIAL,
    Value,
    choice,
    folded,
    is_name,
    read_indices,
    whole,
    write_range,
)
from sriovctl.codec.yaml_nodes import mapping, text
from sriovctl.model.functions import VLAN, EswitchMode, LinkState, VLANProtocol
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import LENDING_POLICIES, NUMA_POLICIES, UNSET, PFMatch, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.codec.yaml_nodes import Node
    from sriovctl.model.state import WantedPF, WantedPool

    Record = WantedPF | WantedVF | WantedPool | PFMatch | VLAN

VERSION = 1


class Key(NamedTuple):
    """One key of one level."""

    name: str
    value: Value
    meaning: str  # in one line, as in the documentation and in an editor
    field: str | None = None  # of the model, where its name is another
    hint: str | None = None  # for who left it out; such a key is needed


class Level(tuple[Key, ...]):
    """The keys of one level; which names they have is looked up for each VF, and so kept."""

    names: dict[str, Key]  # in the same order
    needed: tuple[Key, ...]

    def __new__(cls, *keys: Key) -> Level:
        """Make a level of its keys, in order."""
        level = super().__new__(cls, keys)
        level.names = {key.name: key for key in keys}
        level.needed = tuple(key for key in keys if key.hint is not None)
        return level


def read_keys(node: Node, level: Level) -> dict[str, object]:
    """Read a mapping of one level: what was said, by the model's fields.

    :raises InputError: a key is unknown, missing, stands twice, or has a wrong value.
    """
    given = mapping(node, allowed=level.names)
    for key in level.needed:
        if key.name not in given:
            raise node.complain(f"has no '{key.name}'", hint=key.hint)
    return {
        key.field or key.name: key.value.read(given[key.name]) for key in level if key.name in given
    }


def write_keys(level: tuple[Key, ...], record: Record) -> dict[str, object]:
    """Write what a record of the model says, in what JSON can hold.  Pure.

    What is as the model has it when nothing is said is left out.
    """
    defaults = record._field_defaults
    said = {}
    for key in level:
        field = key.field or key.name
        value = getattr(record, field)
        if field not in defaults or value != defaults[field]:
            said[key.name] = key.value.write(value)
    return said


# --- whole levels ----------------------------------------------------------------------------


def _read_vlan(node: Node) -> VLAN:
    return VLAN(**read_keys(node, VLAN_KEYS))  # type: ignore[arg-type]  # fields by name


def _read_vf(node: Node) -> WantedVF:
    wanted = WantedVF(**read_keys(node, VF_KEYS))  # type: ignore[arg-type]
    low, high = wanted.min_tx_rate_mbps, wanted.max_tx_rate_mbps
    if low is not UNSET and high is not UNSET and 0 < high < low:
        raise node.complain(f"min_tx_rate_mbps {low} is above max_tx_rate_mbps {high}")
    return wanted


def _read_vfs(node: Node) -> tuple[tuple[int, WantedVF], ...]:
    if isinstance(made := node.tree.made, tuple):  # by state_vf_lines
        return made
    return tuple(sorted(_each_vf(node), key=lambda pair: pair[0]))


def _each_vf(node: Node) -> Iterator[tuple[int, WantedVF]]:
    seen: dict[int, str] = {}
    for key, value in mapping(node).items():
        wanted = _read_vf(value)
        for vf_index in read_indices(value, key):
            if vf_index in seen:
                raise value.complain(f"VF {vf_index} is already named by '{seen[vf_index]}'")
            seen[vf_index] = key
            yield vf_index, wanted


def _write_vfs(vfs: tuple[tuple[int, WantedVF], ...]) -> dict[str, object]:
    wanted = dict(vfs)
    runs = folded(wanted, lambda one, other: wanted[one] == wanted[other])
    return {str(write_range(run)): _write_vf(wanted[run.start]) for run in runs}


def _write_vf(wanted: WantedVF) -> dict[str, object]:
    return write_keys(VF_KEYS, wanted)


def _write_vlan(vlan: VLAN) -> dict[str, object]:
    return write_keys(VLAN_KEYS, vlan)


def _write_match(match: PFMatch) -> dict[str, object]:
    return write_keys(MATCH_KEYS, match)


def _read_match(node: Node) -> PFMatch:
    match = PFMatch(**read_keys(node, MATCH_KEYS))  # type: ignore[arg-type]
    if match._replace(all=False) == PFMatch():
        criteria = ", ".join(key.name for key in MATCH_KEYS if key.name != "all")
        raise node.complain("needs at least one criterion", hint=f"known: {criteria}")
    return match


def _read_link(node: Node) -> dict[str, object]:
    return read_keys(node, LINK_KEYS)


def _read_eswitch(node: Node) -> dict[str, object]:
    return read_keys(node, ESWITCH_KEYS)


def _read_up(node: Node) -> bool:
    return _UP_OR_DOWN.read(node) == "up"


def _read_version(node: Node) -> int:
    if text(node) != str(VERSION):
        raise node.complain(f"must be {VERSION}, the only version there is so far")
    return VERSION


def _read_labelled(node: Node) -> dict[str, Node]:
    # What the entries say is read later, with the entries of other files beside them.
    named = mapping(node)
    for (key_tree, _), name in zip(node.tree.pairs or (), named, strict=True):
        if not is_name(name):
            at_key = node._replace(tree=key_tree)
            raise at_key.complain(f"'{name[:40]}' is no name", hint="up to 64 visible characters")
    return named


def _level(name: str) -> dict[str, object]:
    return {"$ref": f"#/$defs/{name}"}


def _named(name: str) -> dict[str, object]:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": _level(name),
    }


_UP_OR_DOWN = choice(("up", "down"))

# --- the levels ------------------------------------------------------------------------------

VLAN_KEYS = Level(
    Key("id", whole(0, 4094), "VLAN id; 0 takes the VLAN away", hint="write vlan: {id: 42}"),
    Key("qos", whole(0, 7), "priority code point of the tag"),
    Key("protocol", choice(VLANProtocol), "ethertype of the tag"),
)
VF_KEYS = Level(
    Key(
        "admin_mac",
        ADMIN_MAC,
        "the MAC that the PF gives to the VF; auto: made from the PF's identity and the VF's index",
    ),
    Key(
        "vlan",
        Value(_read_vlan, _level("vlan"), _write_vlan),
        "the VLAN that the card adds and strips",
    ),
    Key(
        "spoofchk",
        BOOLEAN,
        "drop frames with another source MAC (or VLAN, as the card has it)",
    ),
    Key("trust", BOOLEAN, "let the VF do privileged things such as promiscuous mode"),
    Key(
        "link_state",
        choice(LinkState),
        "what the VF sees as its link: the PF's, always up, always down",
    ),
    Key("min_tx_rate_mbps", RATE, "guaranteed transmit rate in Mbit/s; 0: none"),
    Key("max_tx_rate_mbps", RATE, "limit of the transmit rate in Mbit/s; 0: none"),
    Key("rss_query", BOOLEAN, "let the VF read its RSS table and hash key, which may be shared"),
    Key("node_guid", GUID, "the node GUID of an InfiniBand VF"),
    Key("port_guid", GUID, "the port GUID of an InfiniBand VF"),
    Key(
        "msix_count",
        whole(0, 2048),
        "how many MSI-X vectors the VF has; 0: as the PF shares them out",
    ),
    Key("driver", DRIVER, "the driver on the host that is bound to the VF; none or null: none"),
)
MATCH_KEYS = Level(
    Key("address", ADDRESS, "the PF's PCI address"),
    Key("netdev", NAME, "the name of its (first) netdev"),
    Key("permanent_mac", MAC, "the MAC that the card was made with"),
    Key("driver", NAME, "the driver that is bound to the PF"),
    Key("vendor_id", HEX_ID, "the PCI vendor"),
    Key("device_id", HEX_ID, "the PCI device"),
    Key("serial", SERIAL, "the card's serial number"),
    Key("phys_port_name", NAME, "what the driver calls the port"),
    Key("all", BOOLEAN, "any number of PFs may fit, and each is wanted alike"),
)
LINK_KEYS = Level(
    Key(
        "state",
        Value(_read_up, _UP_OR_DOWN.schema, lambda up: "up" if up else "down"),
        "whether the PF's netdev is administratively up",
        field="link_up",
    ),
    Key("mtu", whole(68, 65535), "largest packet of the PF's netdev, in bytes"),
)
ESWITCH_KEYS = Level(
    Key(
        "mode",
        choice(EswitchMode),
        "how the switch in the card works (none there: legacy)",
        field="eswitch_mode",
    ),
)
PF_KEYS = Level(
    Key(
        "match",
        Value(_read_match, _level("match"), _write_match),
        "which PF is meant",
        hint='for example: match: {address: "0000:01:00.0"}',
    ),
    Key("num_vfs", whole(0, MAX_VFS), "how many VFs are enabled"),
    Key(
        "drivers_autoprobe",
        BOOLEAN,
        "whether the host's drivers bind to new VFs by themselves",
    ),
    Key("link", Value(_read_link, _level("link")), "the PF's netdev"),
    Key("eswitch", Value(_read_eswitch, _level("eswitch")), "the switch in the card"),
    Key("vf_default", Value(_read_vf, _level("vf"), _write_vf), "what is wanted of every VF"),
    Key(
        "vfs",
        Value(
            _read_vfs,
            {
                "type": "object",
                "patternProperties": {RANGE_PATTERN: _level("vf")},
                "additionalProperties": False,
            },
            _write_vfs,
        ),
        "what is wanted of single VFs, by index or range",
    ),
)
POOL_KEYS = Level(
    Key(
        "from",
        LABELS,
        "the PFs that lend VFs, by their names under pfs",
        field="pfs",
        hint="for example: from: [uplink]",
    ),
    Key("vfs", INDEX_LIST, "which VFs of each PF: 0, 1-3, or a list of such", field="vf_indices"),
    Key(
        "numa",
        choice(NUMA_POLICIES),
        "whether a VF must, should or need not be on the borrower's NUMA node",
    ),
    Key(
        "policy",
        choice(LENDING_POLICIES),
        "lend from all PFs in turn, or from one until it is used up",
    ),
)
STATE_KEYS = Level(
    Key(
        "version",
        Value(_read_version, {"const": VERSION}),
        "format of the file",
        hint=f"a state file starts with 'version: {VERSION}'",
    ),
    Key(
        "pfs",
        Value(_read_labelled, {**_named("pf"), "minProperties": 1}),
        "a name of your own for each PF, and what is wanted of it",
    ),
    Key(
        "pools",
        Value(_read_labelled, _named("pool")),
        "a name of your own for each pool that VFs are lent from",
    ),
)

# By the name under which the schema defines each.
LEVELS = {
    "state": STATE_KEYS,
    "pf": PF_KEYS,
    "match": MATCH_KEYS,
    "link": LINK_KEYS,
    "eswitch": ESWITCH_KEYS,
    "vf": VF_KEYS,
    "vlan": VLAN_KEYS,
    "pool": POOL_KEYS,
}
