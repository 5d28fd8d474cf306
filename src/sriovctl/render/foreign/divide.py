"""What another tool can be told of a PF, and what not; shared by all foreign formats.

Each format answers one question for each thing that was said: why can it not be said there?  So
nothing that was said is forgotten: it is either handed to the format's writer or listed.
"""

from __future__ import annotations

import re

from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET
from sriovctl.model.translation import (
    VF_KEYS,
    Export,
    Imposed,
    LeftOut,
    said_of_match,
    said_of_pf,
    said_of_vf,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import TypeVar

    from sriovctl.model.translation import ExportTarget, OutputFile

    T = TypeVar("T")
    # What one PF brings to an export: what was written, None if nothing can be said of it, what
    # was left out, and what comes besides.
    Part = tuple[T | None, tuple[LeftOut, ...], tuple[Imposed, ...]]

    # Key, value, all that is said of the same PF or VF -> the reason, or None.
    WhyNot = Callable[[str, object, Mapping[str, object]], str | None]


def export_of(files: Iterable[OutputFile], parts: Iterable[Part[T]]) -> Export:
    """Put the parts of an export together, whose *files* are made of them already.  Pure."""
    parts = list(parts)
    left_out = tuple(one for _, several, _ in parts for one in several)
    imposed = tuple(one for _, _, several in parts for one in several)
    return Export(tuple(files), left_out, imposed)


def written_of(parts: Iterable[Part[T]]) -> list[T]:
    """What was written of those PFs of which something was.  Pure."""
    return [written for written, _, _ in parts if written is not None]


class Divided(NamedTuple):
    """What can be said of one PF, and what is left out."""

    pf: dict[str, object]  # by PF_KEYS
    vfs: dict[int, dict[str, object]]  # by VF index, then by VF_KEYS; no VF without a key
    left_out: tuple[LeftOut, ...]


class Criteria(NamedTuple):
    """How a format finds the PF."""

    values: dict[str, str]  # by the fields of PFMatch; empty: it has no way to find it
    imposed: tuple[Imposed, ...] = ()
    why_none: str = ""


def divide(target: ExportTarget, why_not: WhyNot) -> Divided:
    """Part what is said of a PF and its VFs into what a format can say, and the rest.  Pure."""
    label = target.wanted.label
    pf = said_of_pf(target.wanted)
    reasons = {key: why_not(key, value, pf) for key, value in pf.items()}
    vfs: dict[int, dict[str, object]] = {}
    refused: dict[tuple[str, str], list[int]] = {}
    for vf_index, wanted in target.vfs:
        said = said_of_vf(wanted)
        for key, value in said.items():
            why = why_not(key, value, said)
            if why is None:
                vfs.setdefault(vf_index, {})[key] = value
            else:
                refused.setdefault((key, why), []).append(vf_index)
    return Divided(
        pf={key: value for key, value in pf.items() if reasons[key] is None},
        vfs=vfs,
        left_out=(
            *(LeftOut(key, label, why) for key, why in reasons.items() if why is not None),
            *(LeftOut(key, label, why, tuple(vfs)) for (key, why), vfs in refused.items()),
        ),
    )


def leave_out_all(target: ExportTarget, why: str) -> Part[T]:
    """List all that is said of a PF: it cannot be named at all.  Pure."""
    return None, _all_of(target, why), ()


def _all_of(target: ExportTarget, why: str) -> tuple[LeftOut, ...]:
    label = target.wanted.label
    said = {**said_of_match(target.wanted.match), **said_of_pf(target.wanted)}
    return (
        *(LeftOut(key, label, why) for key in said),
        *(
            LeftOut(key, label, why, vfs)
            for key in VF_KEYS
            if (vfs := tuple(n for n, vf in target.vfs if getattr(vf, key) is not UNSET))
        ),
    )


def vfs_without(target: ExportTarget, divided: Divided, key: str) -> tuple[int, ...]:
    """Find the VFs of which something can be said, but nothing of *key* was."""
    wanted = dict(target.vfs)
    return tuple(n for n in divided.vfs if getattr(wanted[n], key) is UNSET)


def criteria_of(
    target: ExportTarget,
    *,
    tool: str,
    known: Sequence[str],
    for_netdevs: bool = False,
    fits: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> Criteria:
    """Choose how a format finds the PF: as the state says, or else by what the host says.  Pure.

    With ``all`` each PF of the host at hand has a target of its own, and is named by itself.

    :param tool: who matches, for the reason of what is left out.
    :param known: what the format can match by, the best first.
    :param for_netdevs: whether it sets up netdevs alone.
    :param fits: whether it can match by just these together.
    """
    if for_netdevs and target.pf is not None and target.pf.netdev is None:
        return Criteria({}, why_none=f"{tool} is for a netdev, and the PF has none")
    said = {key.partition(".")[2]: str(value) for key, value in _criteria(target).items()}
    one_of_several = target.wanted.match.all and target.pf is not None
    can = said.keys() <= set(known) and fits(said) and all(map(is_plain_word, said.values()))
    if can and not one_of_several:
        return Criteria(said)
    has = _identity(target)
    for key in known:
        if key in has and is_plain_word(has[key]):
            why = _ALL_NOW if can else f"{tool} cannot match by {_listed(said)}; {_ON_THIS_HOST}"
            return Criteria({key: has[key]}, (Imposed(f"match.{key}", target.wanted.label, why),))
    return Criteria({}, why_none=f"{tool} cannot match by {_listed(said)}; {_NO_HOST}")


def _listed(said: Collection[str]) -> str:
    return ", ".join(said) + (" together" if len(said) > 1 else "")


_ON_THIS_HOST = "this is what the PF has on this host"
_NO_HOST = "and no such PF is on the host at hand, which would say more of it"
_ALL_NOW = "each PF that fits on this host now is named by itself"


def _criteria(target: ExportTarget) -> dict[str, object]:
    found = said_of_match(target.wanted.match)
    found.pop("match.all", None)
    return found


def _identity(target: ExportTarget) -> dict[str, str]:
    # What tells this PF from all others on its host.
    pf = target.pf
    if pf is None:
        return {}
    has = {
        "address": str(pf.address) if pf.address else None,
        "permanent_mac": pf.permanent_mac,
        "netdev": pf.netdev,
    }
    return {key: value for key, value in has.items() if value is not None}


def is_plain_word(text: str) -> bool:
    """Say whether a name can stand in any format as it is, and matches nothing else.  Pure."""
    return re.fullmatch(r"[\w.:@+-]+", text, re.ASCII) is not None
