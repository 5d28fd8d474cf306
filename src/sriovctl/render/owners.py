"""Who uses which PF and VF: as text and as JSON."""

from __future__ import annotations

from sriovctl.model.functions import name_of_vf
from sriovctl.model.record import NamedTuple
from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.owner import Owner, OwnerReport

_HEADER = ("DEVICE", "VF", "USED BY", "HOW IT IS KNOWN")


class OwnedFunction(NamedTuple):
    """A PF or VF, as far as a list of owners shows it."""

    device: str  # sysfs name, or "DEVICE vf N"
    vf_of: str | None = None  # sysfs name of its PF; None: it is one
    vf_index: int | None = None


def select_functions(
    pfs: Sequence[PF], wanted: Collection[str] | None
) -> tuple[OwnedFunction, ...]:
    """List PFs and VFs, each PF before its VFs.  Pure.

    :param wanted: names as the owners have them; None: all.
    """
    found = (function for pf in pfs for function in _functions_of(pf))
    return tuple(each for each in found if wanted is None or each.device in wanted)


def _functions_of(pf: PF) -> Iterator[OwnedFunction]:
    yield OwnedFunction(pf.device)
    for vf in pf.vfs:
        yield OwnedFunction(name_of_vf(pf, vf), pf.device, vf.vf_index)


def owners_as_json(functions: Sequence[OwnedFunction], report: OwnerReport) -> dict[str, object]:
    """Shape owners as ``owners --json`` promises them: one entry per owner of a function."""
    return {
        "owners": [
            _owner_as_json(function, owner)
            for function in functions
            for owner in report.owners.get(function.device, ())
        ],
        "notes": list(report.notes),
    }


def _owner_as_json(function: OwnedFunction, owner: Owner) -> dict[str, object]:
    return {
        "device": function.device,
        "vf_of": function.vf_of,
        "vf_index": function.vf_index,
        "kind": str(owner.kind),
        "name": owner.name,
        "token": owner.token,
        "evidence": owner.evidence,
    }


def format_owners(
    functions: Sequence[OwnedFunction], report: OwnerReport, *, all_of_them: bool
) -> str:
    """Show owners to a person, one row each, and what could not be seen.

    :param all_of_them: show functions without owner too, with a dash.
    """
    shown = [each for each in functions if all_of_them or each.device in report.owners]
    rows = [row for function in shown for row in _rows(function, report)]
    lines = [format_table(_HEADER, rows)] if rows else []
    if len(shown) < len(functions) or not functions:
        lines.append(_format_free(len(functions) - len(shown), of=len(functions)))
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _rows(function: OwnedFunction, report: OwnerReport) -> list[tuple[object, ...]]:
    head = (function.device, function.vf_index)
    owners = report.owners.get(function.device, ())
    if not owners:
        return [(*head, None, None)]
    first, *others = ((owner.token, owner.evidence) for owner in owners)
    return [(*head, *first), *(("", "", *other) for other in others)]


def _format_free(free: int, *, of: int) -> str:
    if of == 0:
        return "no PF here"
    if free == of:
        return f"nobody is seen to use any of the {of} PFs and VFs"
    return f"nobody is seen to use the other {free} of {of} PFs and VFs"
