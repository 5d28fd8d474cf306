"""How many VFs will work, as text and as JSON."""

from __future__ import annotations

from collections import Counter

from sriovctl.model.capacity import LimitKind
from sriovctl.render.table import format_table
from sriovctl.render.wrap import wrap_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capacity import Capacity, Evidence, Limit, Placement

_INDENT = "   "
_COUNTS = (LimitKind.TOTAL_VFS, LimitKind.SRIOV_TOTALVFS)  # numbers that card and driver name
_MIB = 1 << 20
_KIB = 1 << 10


def capacity_as_json(capacity: Capacity) -> dict[str, object]:
    """Shape one PF's capacity as ``capacity --json`` promises it.  Pure."""
    shaped: dict[str, object] = {
        "address": str(capacity.address),
        "total_vfs": capacity.total_vfs,
        "num_vfs": capacity.num_vfs,
        "max_usable_vfs": capacity.max_usable_vfs,
        "at_most_vfs": capacity.at_most_vfs,
        "is_forecast": capacity.is_forecast,
        "limits": [_limit_as_json(limit) for limit in capacity.limits],
        "notes": list(capacity.notes),
    }
    if capacity.placement is not None:
        shaped |= _placement_as_json(capacity.placement)
    return shaped


def _limit_as_json(limit: Limit) -> dict[str, object]:
    return {
        "kind": str(limit.kind),
        "max_vfs": limit.max_vfs,
        "evidence": [one._asdict() for one in limit.evidence],
        "remedy": limit.remedy,
        "max_vfs_after": limit.max_vfs_after,
        "refusal": limit.refusal,
    }


def _placement_as_json(placement: Placement) -> dict[str, object]:
    return {
        "vfs": placement.vfs,
        "addresses": [str(address) for address in placement.addresses],
        "buses": [f"{bus:02x}" for bus in placement.buses],
        "memory_bytes": placement.memory_bytes,
        "first_limit": None if placement.first_limit is None else str(placement.first_limit),
    }


def format_capacities(capacities: Sequence[Capacity]) -> str:
    """Show several PFs one after the other, and last what is noted of several.  Pure."""
    counts = Counter(note for capacity in capacities for note in capacity.notes)
    common = [note for note, count in counts.items() if count > 1]
    blocks = []
    for capacity in capacities:
        own = tuple(note for note in capacity.notes if note not in common)
        blocks.append(format_capacity(capacity._replace(notes=own)))
    if common:
        blocks.append("\n".join(_common_note(note, capacities) for note in common))
    return "\n\n".join(blocks)


def _common_note(note: str, capacities: Sequence[Capacity]) -> str:
    whose = [str(one.address) for one in capacities if note in one.notes]
    subject = "" if len(whose) == len(capacities) else f" on {' '.join(whose)}"
    return "\n".join(wrap_text(f"note{subject}: {note}", rest=_INDENT))


def format_capacity(capacity: Capacity) -> str:
    """Show one PF: the answer, each limit and why, and what would raise it.  Pure."""
    name = f"  {capacity.name}" if capacity.name else ""
    blocks = [f"{capacity.address}{name}\n{_INDENT}{headline_of(capacity)}", _limits(capacity)]
    if capacity.placement is not None:
        blocks.append("\n".join(_placement(capacity.placement, capacity)))
    blocks += [f"{_INDENT}{line}" for line in _advice(capacity)]
    for note in capacity.notes:
        blocks += wrap_text(f"note: {note}", first=_INDENT, rest=_INDENT * 2)
    return "\n".join(blocks)


def headline_of(capacity: Capacity) -> str:
    """Say in one line how many VFs will work.  Pure."""
    now = "" if capacity.num_vfs is None else f"; {capacity.num_vfs} on now"
    usable, binding = capacity.max_usable_vfs, capacity.binding
    kind = "" if binding is None else f" ({binding.kind})"
    if usable is None and capacity.at_most_vfs is None:
        return f"how many VFs will work cannot be told from here{now}"
    if usable is None:
        most = count_vfs(capacity.at_most_vfs or 0)
        return f"at most {most}{kind}: some limits cannot be seen from here{now}"
    return f"{_vfs(usable)} will work{kind}{now}" if usable else f"no VF will work{kind}{now}"


def _vfs(count: int) -> str:
    return "1 VF" if count == 1 else f"up to {count} VFs"


def count_vfs(count: int) -> str:
    """Write a number of VFs.  Pure."""
    return "1 VF" if count == 1 else f"{count} VFs"


def _limits(capacity: Capacity) -> str:
    rows = []
    for limit in capacity.limits:
        facts = [_fact(one) for one in limit.evidence] or [""]
        number = "?" if limit.max_vfs is None else str(limit.max_vfs)
        if _is_enough(limit, capacity):
            number, facts = "ok", [f"enough for all {capacity.total_vfs}", *facts]
        heads = [(str(limit.kind), number), *[("", "")] * (len(facts) - 1)]
        rows += [(*head, fact) for head, fact in zip(heads, facts, strict=True)]
    return format_table(("limit", "VFs", "because"), rows, indent=_INDENT)


def _is_enough(limit: Limit, capacity: Capacity) -> bool:
    # As a number, the driver's row would read as "the driver allows so many".
    if limit.max_vfs is None or capacity.total_vfs is None or limit is capacity.binding:
        return False
    return limit.kind not in _COUNTS and limit.max_vfs >= capacity.total_vfs


def _fact(evidence: Evidence) -> str:
    return f"{evidence.source}: {evidence.value}"


def _advice(capacity: Capacity) -> Iterator[str]:
    binding = capacity.binding
    if binding is None or binding.remedy is None:
        return
    after = "" if binding.max_vfs_after is None else f" ({count_vfs(binding.max_vfs_after)} then)"
    yield f"to get more: {binding.remedy}{after}"


def _placement(placement: Placement, capacity: Capacity) -> Iterator[str]:
    yield f"{_INDENT}with {count_vfs(placement.vfs)}:"
    yield f"{_INDENT * 2}addresses  {format_addresses(placement.addresses) or 'not known'}"
    buses = " ".join(f"{bus:02x}" for bus in placement.buses)
    yield f"{_INDENT * 2}buses      {buses or 'not known'}"
    yield f"{_INDENT * 2}memory     {format_bytes(placement.memory_bytes)}"
    yield f"{_INDENT * 2}outcome    {_outcome(placement, capacity)}"


def _outcome(placement: Placement, capacity: Capacity) -> str:
    if placement.first_limit is None:
        if capacity.max_usable_vfs is None:
            return "no known limit stands against it"
        return "works" if placement.vfs else "no VFs"
    limit = next(one for one in capacity.limits if one.kind == placement.first_limit)
    refusal = f"; the kernel answers {limit.refusal}" if limit.refusal else ""
    return f"fails at {limit.kind}{refusal}"


def format_addresses(addresses: Sequence[PCIAddress]) -> str:
    """Write a series of addresses, shortened in the middle when it is long.  Pure."""
    shown = [str(address) for address in addresses]
    if len(shown) > _MANY:
        shown = [*shown[: _MANY - 2], "…", shown[-1]]
    return " ".join(shown)


_MANY = 8


def format_bytes(size: int | None) -> str:
    """Write a number of bytes for a person.  Pure."""
    if size is None:
        return "not known"
    if size >= _MIB:
        return f"{size / _MIB:.4g} MiB"
    return f"{size / _KIB:.4g} KiB" if size >= _KIB else f"{size} bytes"
