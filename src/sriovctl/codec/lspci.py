"""Read what ``lspci`` printed on some host: hex dumps, verbose text, lists, or a mixture.

Bytes (``-x`` to ``-xxxx``) are believed before text; text adds what bytes do not hold (driver, NUMA
node, IOMMU group, sizes of BARs) and what was cut from them (``lspci -vvvxxx`` shows extended
capabilities in words, but only 256 bytes).  What is only in words is marked by the model's own
means: a capability that is listed without its values is in ``ConfigSpace.capabilities`` while its
own attribute is ``None``; config space that the writer was not allowed to see has ``truncated_at``.

The multifunction bit is printed in no text; "another function sits in the same slot" stands in
for it.
"""

from __future__ import annotations

import re
from collections import Counter

from sriovctl.codec.kernel_log import parse_kernel_log, with_kernel_log
from sriovctl.codec.lspci_blocks import Block, cut_into_blocks
from sriovctl.codec.lspci_head import Head, parse_head
from sriovctl.codec.lspci_text import read_function_text, with_head
from sriovctl.codec.pciconfig import decode_config, with_bar_sizes
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.capabilities import CapabilityEntry, ConfigSpace, SRIOVCapability
from sriovctl.model.record import NamedTuple
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.codec.lspci_head import IDsOf

_SRIOV, _ACS, _EXPRESS = 0x10, 0x0D, 0x10
_NORMAL_SIZE = 256
_MOST_VFS = 1 << 16
_HINT = "save what this prints as root: lspci -vvvxxxx"
# What people send in its place, by how it begins or a word in it.
_OTHERS = (
    (re.compile(r"-\[[0-9a-f:-]{2,12}\]"), "it is the tree of lspci -t, which tells no details"),
    (re.compile(r"Bus \d{3} Device \d{3}: ID "), "it lists USB devices"),
    (re.compile(r"\s{2,8}\*-"), "it is the output of lshw"),
    (re.compile(r"\[ {0,6}\d{1,6}\.\d{6}\] |.{0,64} kernel: "), "it is a kernel log: use --dmesg"),
    (
        re.compile(r"[0-9a-f]{2,3}: (?:[0-9a-f]{2} ){4}"),
        "it has bytes, but no line that says whose",
    ),
    (re.compile(r"\s{0,16}Capabilities: \["), "it has capabilities, but no line that says whose"),
)


class _Found(NamedTuple):
    # One function, and what to say about how it was shown.
    function: FunctionSnapshot
    has_bytes: bool
    is_denied: bool
    has_hole: bool
    by_name: bool


def parse_lspci(text: str, *, source: str, ids_of: IDsOf | None = None) -> HostSnapshot:
    """Read a dump.  Pure; in time linear to its length.

    :param source: its name, for headings and errors.
    :param ids_of: vendor and device id of a name, for listings without numbers (``-nn``).
    :raises InputError: no function is in it.
    """
    cut = cut_into_blocks(text)
    if not cut.blocks:
        raise _no_dump(text, source)
    found = _without_repetitions([_read_block(block, ids_of) for block in cut.blocks])
    found = _with_reach(found)
    vfs_by_pf = _vfs_by_pf(found)
    vfs = {vf: (pf, n) for pf, all_vfs in vfs_by_pf.items() for n, vf in enumerate(all_vfs)}
    functions = _with_relations(_with_multifunction(found, vfs), vfs_by_pf, vfs)
    snapshot = HostSnapshot(
        source=SourceKind.HEX_DUMP if any(f.has_bytes for f in found) else SourceKind.LISTING,
        description=source,
        functions=functions,
        groups_known=any(function.iommu_group is not None for function in functions),
        privileged=_privileged(found, functions),
        notes=tuple(_notes(found, functions, repeated=len(cut.blocks) - len(found))),
    )
    log = parse_kernel_log("\n".join(cut.log_lines))
    return with_kernel_log(snapshot, log) if log else snapshot


def _no_dump(text: str, source: str) -> InputError:
    if not text.strip():
        return InputError("is empty", subject=source, hint=_HINT)
    for line in text[:65536].splitlines():
        for pattern, words in _OTHERS:
            if pattern.match(line):
                return InputError(f"is no dump of lspci: {words}", subject=source, hint=_HINT)
    return InputError("is no dump of lspci: no function is in it", subject=source, hint=_HINT)


# --- one function ----------------------------------------------------------------------------


def _read_block(block: Block, ids_of: IDsOf | None) -> _Found:
    text = read_function_text(block.lines)
    head = parse_head(text.class_text or block.head, ids_of=ids_of)
    shown = None if text.config is None else with_head(text.config, head)
    config = _combine(decode_config(block.data) if block.data else None, shown)
    function = FunctionSnapshot(
        address=block.address,
        config=config,
        driver=text.driver,
        numa_node=text.numa_node,
        iommu_group=block.group if text.iommu_group is None else text.iommu_group,
    )
    return _Found(
        function=_with_ids(function, head, from_bytes=bool(block.data)),
        has_bytes=bool(block.data),
        is_denied=text.is_denied and len(block.data) <= _NORMAL_SIZE // 4,
        has_hole=block.has_hole,
        by_name=head.by_name and not block.data,
    )


def _with_ids(function: FunctionSnapshot, head: Head, *, from_bytes: bool) -> FunctionSnapshot:
    # The first line says of a VF what the kernel says, for its own bytes read ff.
    header = function.config.header if function.config is not None and from_bytes else None
    is_nameless = head.vendor_id == 0xFFFF  # a VF, where lspci could not ask the kernel
    vendor_id = None if is_nameless else head.vendor_id
    device_id = None if is_nameless else head.device_id
    class_code = head.class_code
    if header is not None:
        class_code = header.class_code
        if header.vendor_id != 0xFFFF:
            vendor_id, device_id = header.vendor_id, header.device_id
    return function._replace(vendor_id=vendor_id, device_id=device_id, class_code=class_code)


def _combine(decoded: ConfigSpace | None, shown: ConfigSpace | None) -> ConfigSpace | None:
    if decoded is None or shown is None:
        return decoded if shown is None else shown
    if decoded.header is None:
        return decoded if decoded.is_gone else shown
    if shown.header is None:  # the words say that it was asleep; the bytes were read later
        return decoded
    sizes: list[int | None] = [None] * 6
    for bar in shown.header.bars:
        if bar.bar_index < len(sizes):
            sizes[bar.bar_index] = bar.size
    bars = with_bar_sizes(decoded.header.bars, sizes)
    decoded = decoded._replace(header=decoded.header._replace(bars=bars))
    at = decoded.truncated_at
    if at is None or at >= 4096 or shown.truncated_at is not None:
        return decoded
    return _extend(decoded, shown, at)


def _extend(decoded: ConfigSpace, shown: ConfigSpace, at: int) -> ConfigSpace:
    # The bytes end before the words do: words for what begins behind them.
    more = tuple(entry for entry in shown.capabilities if entry.offset >= at)
    if not more:
        return decoded
    missing = {
        name: getattr(shown, name)
        for name in ("express", "msi", "msix", "acs", "ari", "ats", "pri", "pasid", "sriov",
                     "vf_resizable_bars")
        if getattr(decoded, name) is None
    }  # fmt: skip
    return decoded._replace(
        capabilities=decoded.capabilities + more,
        truncated_at=None,
        problems=tuple(p for p in decoded.problems if "runs out of" not in p),
        **missing,
    )


# --- functions together ----------------------------------------------------------------------


def _without_repetitions(found: list[_Found]) -> list[_Found]:
    # A file may hold `lspci -nn` and `lspci -vvv` of the same machine: each adds what it knows.
    by_address: dict[PCIAddress, _Found] = {}
    for one in found:
        known = by_address.get(one.function.address)
        by_address[one.function.address] = one if known is None else _merge(known, one)
    return [by_address[address] for address in sorted(by_address)]


def _merge(one: _Found, other: _Found) -> _Found:
    better, lesser = (one, other) if _knowledge(one) >= _knowledge(other) else (other, one)
    known = {name: value for name, value in lesser.function._asdict().items() if value is not None}
    known |= {name: value for name, value in better.function._asdict().items() if value is not None}
    function = better.function._replace(**known)
    by_name = one.by_name and other.by_name
    if better.by_name and not lesser.by_name and lesser.function.device_id is not None:
        # A name may stand for several devices, a number for one.
        ids = lesser.function
        function = function._replace(vendor_id=ids.vendor_id, device_id=ids.device_id)
    elif better.by_name:
        by_name = True
    is_denied = one.is_denied and other.is_denied
    return better._replace(function=function, is_denied=is_denied, by_name=by_name)


def _knowledge(one: _Found) -> tuple[bool, int, bool]:
    config = one.function.config
    if config is None:
        return False, 0, False
    reach = 4096 if config.truncated_at is None else config.truncated_at
    return config.header is not None, reach, one.has_bytes


def _with_reach(found: list[_Found]) -> list[_Found]:
    # Whether the kernel could reach extended space, text says only by showing some of it.
    if any(e.extended for one in found for e in _capabilities(one.function)):
        return found
    return [one if one.has_bytes else _cut_to_normal(one) for one in found]


def _capabilities(function: FunctionSnapshot) -> tuple[CapabilityEntry, ...]:
    return () if function.config is None else function.config.capabilities


def _cut_to_normal(one: _Found) -> _Found:
    config = one.function.config
    if config is None or config.truncated_at is not None:
        return one
    if not any(entry.id == _EXPRESS for entry in config.capabilities):
        return one
    cut = config._replace(truncated_at=_NORMAL_SIZE)
    return one._replace(function=one.function._replace(config=cut))


def _with_multifunction(
    found: list[_Found], vfs: dict[PCIAddress, tuple[PCIAddress, int]]
) -> list[FunctionSnapshot]:
    # VFs may sit in the slot of their PF, and make it no multifunction device.
    slots = Counter(one.function.address[:3] for one in found if one.function.address not in vfs)
    return [
        one.function
        if one.has_bytes or slots[one.function.address[:3]] < 2
        else _mark_multifunction(one.function)
        for one in found
    ]


def _mark_multifunction(function: FunctionSnapshot) -> FunctionSnapshot:
    config = function.config
    if config is None or config.header is None:
        return function
    header = config.header._replace(multifunction=True)
    return function._replace(config=config._replace(header=header))


def _vfs_by_pf(found: list[_Found]) -> dict[PCIAddress, tuple[PCIAddress, ...]]:
    # A broken dump may promise 65 535 VFs on every function: a domain has room for them once.
    left = _MOST_VFS
    vfs = {}
    for one in found:
        config = one.function.config
        if config is None or config.sriov is None or config.sriov.num_vfs > left:
            continue
        vfs[one.function.address] = _vf_addresses(one.function.address, config.sriov)
        left -= len(vfs[one.function.address])
    return vfs


def _vf_addresses(pf: PCIAddress, sriov: SRIOVCapability) -> tuple[PCIAddress, ...]:
    if not sriov.vf_enable:
        return ()
    place = {"first_vf_offset": sriov.first_vf_offset, "vf_stride": sriov.vf_stride}
    try:
        return tuple(vf_address(pf, n, **place) for n in range(sriov.num_vfs))
    except UnsupportedError:  # numbers that cannot be
        return ()


def _with_relations(
    functions: list[FunctionSnapshot],
    vfs_by_pf: dict[PCIAddress, tuple[PCIAddress, ...]],
    vfs: dict[PCIAddress, tuple[PCIAddress, int]],
) -> tuple[FunctionSnapshot, ...]:
    by_address = {function.address: function for function in functions}
    # Where a PF is listed without its numbers, any function may be a VF of it.
    all_known = not any(_hides_vfs(function) for function in functions)
    return tuple(
        _relate(function, vfs_by_pf, vfs, by_address, all_known=all_known) for function in functions
    )


def _hides_vfs(function: FunctionSnapshot) -> bool:
    config = function.config
    if config is None or not config.knows_extended:
        return True
    return config.names_sriov_only


def _relate(
    function: FunctionSnapshot,
    vfs_by_pf: dict[PCIAddress, tuple[PCIAddress, ...]],
    vfs: dict[PCIAddress, tuple[PCIAddress, int]],
    by_address: dict[PCIAddress, FunctionSnapshot],
    *,
    all_known: bool,
) -> FunctionSnapshot:
    place = vfs.get(function.address)
    if place is None:
        sriov = function.config.sriov if function.config is not None else None
        return function._replace(
            is_vf=_is_vf(function, all_known=all_known),
            sriov_num_vfs=None if sriov is None else sriov.num_vfs if sriov.vf_enable else 0,
            virtfn_addresses=vfs_by_pf.get(function.address, ()),
        )
    pf = by_address[place[0]]
    assert pf.config is not None
    assert pf.config.sriov is not None
    return function._replace(
        is_vf=True,
        pf_address=place[0],
        vf_index=place[1],
        vendor_id=pf.vendor_id if function.vendor_id is None else function.vendor_id,
        device_id=pf.config.sriov.vf_device_id
        if function.device_id is None
        else function.device_id,
    )


def _is_vf(function: FunctionSnapshot, *, all_known: bool) -> bool | None:
    header = function.config.header if function.config is not None else None
    if header is not None and header.vendor_id == 0xFFFF:  # only VFs read so and yet answer
        return True
    if all_known or (header is not None and header.header_type != 0):
        return False
    is_conventional = (
        function.config is not None
        and function.config.knows_capabilities
        and function.config.express is None
    )
    has_sriov = any(entry.id == _SRIOV and entry.extended for entry in _capabilities(function))
    return False if has_sriov or is_conventional else None


# --- what is missing -------------------------------------------------------------------------


def _privileged(found: list[_Found], functions: Iterable[FunctionSnapshot]) -> bool | None:
    if any(function.config and function.config.knows_extended and function.config.capabilities
           for function in functions):  # fmt: skip
        return True
    return False if any(one.is_denied for one in found) else None


def _notes(
    found: list[_Found], functions: Iterable[FunctionSnapshot], *, repeated: int
) -> Iterator[str]:
    if repeated:
        yield f"{_is_or_are(repeated)} listed more than once: what each place tells was joined"
    if denied := sum(one.is_denied for one in found):
        yield f"capabilities of {_functions(denied)} are hidden, for lspci ran without root"
    if holes := sum(one.has_hole for one in found):
        yield f"bytes of {_functions(holes)} are incomplete: only those before the first hole count"
    if named := sum(one.by_name for one in found):
        yield (
            f"{_is_or_are(named)} listed without ids: these were looked up by name, which several "
            "devices may share (lspci -nn shows ids)"
        )
    configs = [function.config for function in functions]
    if bare := sum(config is None for config in configs):
        yield f"{_is_or_are(bare)} known only by name and place: nothing of config space"
    known = [config for config in configs if config is not None]
    if cut := sum(config.knows_capabilities and not config.knows_extended for config in known):
        yield f"{_is_or_are(cut)} shown without extended config space: SR-IOV and ACS not known"
    if names := sum(_names_acs_only(config) for config in known):
        yield f"ACS of {_functions(names)} is listed without its bits: lspci -vv shows them"
    if names := sum(config.names_sriov_only for config in known):
        yield f"SR-IOV of {_functions(names)} is listed without its numbers: lspci -vv shows them"


def _functions(count: int) -> str:
    return f"{count} function" if count == 1 else f"{count} functions"


def _is_or_are(count: int) -> str:
    return f"{_functions(count)} {'is' if count == 1 else 'are'}"


def _names_acs_only(config: ConfigSpace) -> bool:
    return config.acs is None and any(
        entry.extended and entry.id == _ACS for entry in config.capabilities
    )
