"""NetworkManager's keyfiles.

What a profile does not say has a meaning there: no ``total-vfs`` is 0, a VF that is named without a
VLAN has none, and of two rates the one that is not said is 0.  A state says so.

Source: nm-settings-keyfile(5); NetworkManager src/libnm-core-impl/nm-keyfile.c, nm-utils.c
(_nm_sriov_vf_parse_vlans), nm-setting-sriov.c, src/libnm-platform/nm-linux-platform.c.
"""

from __future__ import annotations

import re

from sriovctl.codec.foreign.ini import Entry, Section, parse_ini, read_entry
from sriovctl.codec.foreign.sources import (
    MAX_MTU,
    MAX_RATE_MBPS,
    MAX_VFS,
    MIN_MTU,
    NO_PATTERNS,
    NO_SRIOV,
    NO_SUCH,
    NOBODY_MEANT,
    import_each,
    is_literal,
    label_for,
    match_of,
    pci_path,
    vfs_said,
    whole_number,
)
from sriovctl.codec.mac import parse_mac
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN, EswitchMode, VLANProtocol
from sriovctl.model.state import UNSET, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import LeftOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sriovctl.codec.foreign.sources import ImportRequest, Source
    from sriovctl.model.state import Unset
    from sriovctl.model.translation import Import

_ETHERNET = ("ethernet", "802-3-ethernet")
_SRIOV_KEYS = ("total-vfs", "autoprobe-drivers", "eswitch-mode")
_RATES = ("min_tx_rate_mbps", "max_tx_rate_mbps")
_VF_KEY = re.compile(r"vf\.([0-9]+)")
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_NO_IP = "sriovctl sets no addresses, routes or names"


def parse(request: ImportRequest) -> Import:
    """Read what the profiles say of SR-IOV.

    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    return import_each(request, _read_file)


def _read_file(source: Source, used: Sequence[str]) -> tuple[WantedPF | None, list[LeftOut]]:
    sections = _merged(parse_ini(source.text, source=source.name, joins_lines=False))
    whole = LeftOut(source.name, f"{source.name}:1:1", NO_SRIOV)
    sriov, connection = sections.get("sriov"), sections.get("connection")
    if sriov is None:
        return None, [whole]
    kind = connection.last("type") if connection else None
    if kind is None or kind.value not in _ETHERNET:
        return None, [whole._replace(why="is no profile of an Ethernet card")]
    match, left_out = _match(sections)
    if match == PFMatch():
        return None, [*left_out, whole._replace(why=NOBODY_MEANT)]
    said, without = _sriov(sriov)
    mtu, more = _mtu(sections.get("ethernet"))
    name = connection.last("id") if connection else None
    wanted = WantedPF(
        label=label_for(name.value if name else "", used),
        match=match,
        link_up=True,  # as the netdev of an active profile is
        mtu=mtu,
        **said,  # type: ignore[arg-type]  # keyed by field
    )
    return wanted, [*left_out, *without, *more, *_others(sections)]


def _merged(sections: Sequence[Section]) -> dict[str, Section]:
    # GLib takes sections of one name together.
    found: dict[str, Section] = {}
    for section in sections:
        had = found.get(section.name, Section(section.where, section.name, ()))
        found[section.name] = had._replace(entries=(*had.entries, *section.entries))
    return found


def _match(sections: Mapping[str, Section]) -> tuple[PFMatch, list[LeftOut]]:
    found: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for (name, key), (field, reader) in _CRITERIA.items():
        section = sections.get(name)
        entry = section.last(key) if section else None
        if entry is None or not entry.value:
            continue
        value = read_entry(entry, reader)
        if value is None:
            left_out.append(LeftOut(f"{name}.{key}", entry.where, NO_PATTERNS))
        else:
            found[field] = value
    return match_of(found), left_out


def _single(text: str) -> str | None:
    value = text.removesuffix(";")
    return value if is_literal(value) else None


_CRITERIA: dict[tuple[str, str], tuple[str, Callable[[str], str | None]]] = {
    ("match", "path"): ("address", lambda text: pci_path(text.removesuffix(";"))),
    ("ethernet", "mac-address"): ("permanent_mac", parse_mac),
    ("connection", "interface-name"): ("netdev", _single),
    ("match", "interface-name"): ("netdev", _single),
    ("match", "driver"): ("driver", _single),
}


def _mtu(section: Section | None) -> tuple[int | Unset, list[LeftOut]]:
    mtu: int | Unset = UNSET
    left_out: list[LeftOut] = []
    for entry in section.entries if section else ():
        if entry.key == "mtu":
            mtu = read_entry(entry, _mtu_of)
        elif ("ethernet", entry.key) not in _CRITERIA:
            left_out.append(LeftOut(f"ethernet.{entry.key}", entry.where, NO_SUCH))
    return mtu, left_out


def _mtu_of(text: str) -> int | Unset:
    return UNSET if text in ("", "0") else whole_number(text, MIN_MTU, MAX_MTU)


def _sriov(section: Section) -> tuple[dict[str, object], list[LeftOut]]:
    last = {entry.key: entry for entry in section.entries}
    total = last.get("total-vfs")
    num_vfs = read_entry(total, lambda text: whole_number(text, 0, MAX_VFS)) if total else 0
    said: dict[str, object] = {"num_vfs": num_vfs}
    left_out: list[LeftOut] = []
    if autoprobe := last.get("autoprobe-drivers"):
        value = read_entry(autoprobe, _ternary)
        if value is not UNSET and num_vfs:
            said["drivers_autoprobe"] = value
        elif value is not UNSET:
            why = "NetworkManager sets it only where it makes VFs"
            left_out.append(LeftOut("sriov.autoprobe-drivers", autoprobe.where, why))
    if mode := last.get("eswitch-mode"):
        said["eswitch_mode"] = read_entry(mode, _eswitch_mode)
    vfs: dict[int, WantedVF] = {}
    for key, entry in last.items():
        if found := _VF_KEY.fullmatch(key):
            vf_index = _vf_index(entry, found[1], num_vfs)
            vfs[vf_index], without = _vf(entry)
            left_out += without
        elif key not in _SRIOV_KEYS:
            left_out.append(LeftOut(f"sriov.{key}", entry.where, NO_SUCH))
    said["vfs"] = vfs_said(vfs)
    return said, left_out


def _ternary(text: str) -> bool | Unset:
    known: dict[str, bool | Unset] = {"-1": UNSET, "0": False, "1": True}
    words = {"false": False, "no": False, "true": True, "yes": True}
    if text not in known and text not in words:
        raise InputError(f"must be -1, 0 or 1, not '{text[:40]}'")
    return words[text] if text in words else known[text]


def _eswitch_mode(text: str) -> str | Unset:
    known: dict[str, str | Unset] = {
        **dict.fromkeys(("-1", "preserve"), UNSET),
        **dict.fromkeys(("0", "legacy"), EswitchMode.LEGACY),
        **dict.fromkeys(("1", "switchdev"), EswitchMode.SWITCHDEV),
    }
    if text not in known:
        raise InputError(f"must be -1, 0 or 1, not '{text[:40]}'")
    return known[text]


def _vf_index(entry: Entry, digits: str, num_vfs: int) -> int:
    vf_index = int(digits[:9])
    if vf_index >= num_vfs:
        raise entry.complain(
            f"is out of range with total-vfs {num_vfs}", hint="NetworkManager refuses it as well"
        )
    return vf_index


def _vf(entry: Entry) -> tuple[WantedVF, list[LeftOut]]:
    values: dict[str, object] = {"vlan": VLAN(0)}  # which NetworkManager sets where none is said
    left_out: list[LeftOut] = []
    for word in _unescaped(entry.value).split():
        name, _, text = word.partition("=")
        if name not in _VF_READERS:
            left_out.append(LeftOut(f"{entry.key} {name}", entry.where, NO_SUCH))
            continue
        field, reader = _VF_READERS[name]
        try:
            values[field] = reader(text)
        except InputError as error:
            raise entry.complain(f"{name} {error.cause}", hint=error.hint) from None
    left_out += _level_rates(entry, values)
    return WantedVF(**values), left_out  # type: ignore[arg-type]  # the readers are keyed by field


def _level_rates(entry: Entry, values: dict[str, object]) -> Iterator[LeftOut]:
    said = [key for key in _RATES if key in values]
    low, high = (values.get(key) for key in _RATES)
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise entry.complain(
            f"min-tx-rate {low} is above max-tx-rate {high}", hint="NetworkManager refuses it"
        )
    if any(values[key] for key in said):
        values |= {key: values.get(key, 0) for key in _RATES}
        return
    for key in said:
        del values[key]
        yield LeftOut(f"{entry.key} {key}", entry.where, "NetworkManager takes 0 as not said")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


def _vlan(text: str) -> VLAN:
    if ";" in text.rstrip(";"):
        raise InputError(
            "names several VLANs, and the kernel sets one", hint="NetworkManager refuses them"
        )
    vlan_id, _, rest = text.rstrip(";").partition(".")
    qos, _, protocol = rest.partition(".")
    protocols = {"": VLANProtocol.DOT1Q, "q": VLANProtocol.DOT1Q, "ad": VLANProtocol.DOT1AD}
    if protocol not in protocols:
        raise InputError(f"has the protocol q or ad, not '{protocol[:40]}'")
    return VLAN(whole_number(vlan_id, 0, 4094), whole_number(qos or "0", 0, 7), protocols[protocol])


def _switch(text: str) -> bool:
    if text not in ("true", "false", "yes", "no", "1", "0"):
        raise InputError(f"must be true or false, not '{text[:40]}'")
    return text in ("true", "yes", "1")


def _rate(text: str) -> int:
    return whole_number(text, 0, MAX_RATE_MBPS)


_VF_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "mac": ("admin_mac", parse_mac),
    "spoof-check": ("spoofchk", _switch),
    "trust": ("trust", _switch),
    "min-tx-rate": ("min_tx_rate_mbps", _rate),
    "max-tx-rate": ("max_tx_rate_mbps", _rate),
    "vlans": ("vlan", _vlan),
}


def _others(sections: Mapping[str, Section]) -> Iterator[LeftOut]:
    of_profile = ("id", "uuid", "type", "interface-name")
    for name, section in sections.items():
        if name in ("sriov", "ethernet"):
            continue
        if name in ("ipv4", "ipv6"):
            if _has_addresses(section):
                yield LeftOut(f"[{name}]", section.where, _NO_IP)
            continue
        for entry in section.entries:
            if (name, entry.key) not in _CRITERIA and (
                name != "connection" or entry.key not in of_profile
            ):
                yield LeftOut(f"{name}.{entry.key}", entry.where, NO_SUCH)


def _has_addresses(section: Section) -> bool:
    method = section.last("method")
    return method is None or method.value not in ("disabled", "ignore")
