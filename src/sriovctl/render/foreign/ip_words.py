"""VF attributes in the words of ``ip link set … vf N``."""

from __future__ import annotations

from sriovctl.model.functions import VLAN, VLANProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WORDS = {
    "admin_mac": "mac",
    "vlan": "vlan",
    "spoofchk": "spoofchk",
    "trust": "trust",
    "link_state": "state",
    "rss_query": "query_rss",
    "node_guid": "node_guid",
    "port_guid": "port_guid",
    "min_tx_rate_mbps": "min_tx_rate",
    "max_tx_rate_mbps": "max_tx_rate",
}
NO_MSIX_DEFAULT = "not 0: a new VF has its default, and whether another has cannot be read"
RATES = ("min_tx_rate_mbps", "max_tx_rate_mbps")


def vf_words(said: Mapping[str, object]) -> str:
    """Say all attributes but the rates; empty when there is none.  Pure."""
    return _join({key: value for key, value in said.items() if key in _WORDS and key not in RATES})


def rate_words(said: Mapping[str, object]) -> str:
    """Say the rates, which some drivers refuse while others go through; empty without any."""
    return _join({key: said[key] for key in RATES if key in said})


def _join(said: Mapping[str, object]) -> str:
    return " ".join(f"{_WORDS[key]} {_value(value)}" for key, value in said.items())


def _value(value: object) -> str:
    if isinstance(value, VLAN):
        qos = f" qos {value.qos}" if value.qos else ""
        protocol = "" if value.protocol == VLANProtocol.DOT1Q else f" proto {value.protocol}"
        return f"{value.id}{qos}{protocol}"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def grouped(words: Mapping[int, str]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Take VFs together of which the same is said; without those of which nothing is.  Pure."""
    groups: dict[str, list[int]] = {}
    for vf_index, said in words.items():
        if said:
            groups.setdefault(said, []).append(vf_index)
    for said, vfs in groups.items():
        yield tuple(vfs), said


def shell_list(vfs: Sequence[int]) -> str:
    """Say VF indices as the words of a shell's ``for``.  Pure."""
    if len(vfs) > 4 and vfs[-1] - vfs[0] == len(vfs) - 1:
        return f"$(seq {vfs[0]} {vfs[-1]})"
    return " ".join(map(str, vfs))
