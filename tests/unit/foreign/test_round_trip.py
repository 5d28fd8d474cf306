"""Nothing is dropped in silence: what was said is found again, or listed.

A state is written in a foreign format and read back by our own parser of that format.  What comes
back and what was listed must together be the state, exactly.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from sriovctl.codec.foreign.sources import Source
from sriovctl.engine.exchange.export_state import prepare_export
from sriovctl.engine.exchange.foreign import (
    FORMATS,
    IMPORTED,
    export_state,
    import_sources,
    renderer_of,
)
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF
from sriovctl.model.translation import (
    ALL_KEYS,
    PF_KEYS,
    VF_KEYS,
    Export,
    ExportTarget,
    Import,
    Imposed,
    LeftOut,
    said_of_pf,
    said_of_vf,
)
from sriovctl.planner.match import match_pf
from tests.unit.foreign.states import Case, cases

Fact = tuple[str, str, int | None]  # label, key, VF
Facts = dict[Fact, object]


def facts_of(target: ExportTarget) -> Facts:
    """All that is said of one PF; automatic MACs as they were worked out."""
    label = target.wanted.label
    found: Facts = {(label, key, None): value for key, value in said_of_pf(target.wanted).items()}
    for vf_index, vf in target.vfs:
        found |= {(label, key, vf_index): value for key, value in said_of_vf(vf).items()}
    return found


def facts_read(state: DesiredState, labels: dict[str, str]) -> Facts:
    found: Facts = {}
    for pf in state.pfs:
        label = labels[pf.label]
        found |= {(label, key, None): value for key, value in said_of_pf(pf).items()}
        for vf_index, vf in pf.vfs:
            found |= {(label, key, vf_index): value for key, value in said_of_vf(vf).items()}
        assert pf.vf_default == type(pf.vf_default)()
    return found


def named_facts(entries: tuple[LeftOut, ...] | tuple[Imposed, ...]) -> set[Fact]:
    return {(one.where, one.key, vf) for one in entries for vf in one.vfs or (None,)}


def read_back(name: str, export: Export, case: Case) -> Import:
    sources = [Source(file.name, file.text) for file in export.files]
    return import_sources(name, sources, case.pfs)


def labels_of(targets: tuple[ExportTarget, ...]) -> dict[str, str]:
    """What a label becomes: the name of its target, or the netdev by which it is named there."""
    found = {}
    for target in targets:
        found[target.name] = target.wanted.label
        for netdev in (target.wanted.match.netdev, target.pf.netdev if target.pf else None):
            if netdev is not None:
                found[netdev] = target.wanted.label
    return found


@pytest.mark.parametrize("name", IMPORTED)
@settings(deadline=None, max_examples=80)
@given(case=cases())
def test_what_comes_back_and_what_is_listed_are_the_state(name: str, case: Case) -> None:
    request, _ = prepare_export(case.state, case.pfs)
    export = export_state(name, case.state, case.pfs)
    imported = read_back(name, export, case)
    labels = labels_of(request.targets)
    wanted: Facts = {}
    for target in request.targets:
        wanted |= facts_of(target)
    back = facts_read(imported.state, labels)
    listed, imposed = named_facts(export.left_out), named_facts(export.imposed)
    # Of a PF without VFs we import nothing, and say so.
    unread = {labels[pf] for pf in labels} - {labels[pf.label] for pf in imported.state.pfs}
    for fact, value in wanted.items():
        assert fact in listed or fact[0] in unread or back[fact] == value, fact
    for fact, value in back.items():
        assert fact in wanted or fact in imposed, (fact, value)
        assert wanted.get(fact) == value or fact in imposed or fact in listed, (fact, value)


@pytest.mark.parametrize("name", IMPORTED)
@settings(deadline=None, max_examples=50)
@given(case=cases())
def test_the_same_pf_is_meant(name: str, case: Case) -> None:
    request, _ = prepare_export(case.state, case.pfs)
    export = export_state(name, case.state, case.pfs)
    imported = read_back(name, export, case)
    labels = labels_of(request.targets)
    by_label = {target.wanted.label: target for target in request.targets}
    for pf in imported.state.pfs:
        target = by_label[labels[pf.label]]
        if target.pf is not None:
            assert match_pf(pf, case.pfs) == (target.pf,)
        else:
            said = target.wanted.match._asdict()
            criteria = {key: value for key, value in pf.match._asdict().items() if key != "all"}
            assert {**said, **{k: v for k, v in criteria.items() if v}} == said


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=50)
@given(case=cases())
def test_only_what_was_said_is_listed(name: str, case: Case) -> None:
    request, _ = prepare_export(case.state, case.pfs)
    export = export_state(name, case.state, case.pfs)
    labels = {wanted.label for wanted in case.state.pfs}
    said: set[Fact] = {("finance", "pools", None)} if case.state.pools else set()
    for wanted in case.state.pfs:
        said |= {
            (wanted.label, f"match.{key}", None)
            for key, value in wanted.match._asdict().items()
            if value
        }
        said |= {(wanted.label, key, None) for key in said_of_pf(wanted)}
        said |= {(wanted.label, key, None) for key in said_of_vf(wanted.vf_default)}
        for vf_index, vf in wanted.vfs:
            said |= {(wanted.label, key, vf_index) for key in said_of_vf(vf)}
    for target in request.targets:
        said |= set(facts_of(target))
        said |= {
            (target.wanted.label, "admin_mac", vf_index)
            for vf_index in range(target.num_vfs or 0)
            if target.wanted.wanted_vf(vf_index).admin_mac is not UNSET
        }
    assert named_facts(export.left_out) <= said
    assert {one.key for one in export.left_out} <= set(ALL_KEYS)
    assert {one.key for one in export.imposed} <= set(ALL_KEYS)
    if name != "modprobe":  # which also names PFs that are not in the state
        assert {one.where for one in export.imposed} <= labels


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=40)
@given(case=cases())
def test_the_page_s_marks_hold(name: str, case: Case) -> None:
    """What is marked "yes" is never left out where the host says all; what is marked "-" always."""
    renderer = renderer_of(name)
    export = export_state(name, case.state, case.pfs)
    request, general = prepare_export(case.state, case.pfs)
    if name == "modprobe" or not all(has_all(target) for target in request.targets):
        return
    left_out = {one.key for one in export.left_out} - {one.key for one in general}
    assert left_out <= set(renderer.REASONS) | set(renderer.SOMETIMES)
    never = {key for key in renderer.REASONS if not key.startswith("match.")}
    said = {key for target in request.targets for _, key, _ in facts_of(target)}
    assert said & never <= {one.key for one in export.left_out}


def has_all(target: ExportTarget) -> bool:
    return target.pf is not None and target.num_vfs is not None


def test_each_key_of_a_state_has_a_name_here() -> None:
    of_vfs = {"label", "match", "vf_default", "vfs"}
    assert len(set(WantedPF._fields) - of_vfs) == len(PF_KEYS)
    assert {f"match.{field}" for field in PFMatch._fields} | {*PF_KEYS, *VF_KEYS, "pools"} == {
        *ALL_KEYS
    }
    assert set(DesiredState._fields) == {"pfs", "pools"}
