"""What becomes of groups, and which of them have company."""

from __future__ import annotations

from sriovctl.model.groups import NO_CHANGES, GroupsReport, Reason, ReasonedGroup, UnknownMembers
from sriovctl.topology.report import changes_between, only_shared

WHY = Reason("alone", None, "so")


def report(*groups: str, unknown: str = "", ungrouped: str = "") -> GroupsReport:
    return GroupsReport(
        tuple(ReasonedGroup(None, tuple(group.split()), WHY) for group in groups),
        ungrouped=tuple((name, "off") for name in ungrouped.split()),
        unknown=(UnknownMembers(tuple(unknown.split()), "cut"),) if unknown else (),
    )


def test_nothing_changes() -> None:
    same = changes_between(report("a b", "c"), report("a b", "c"))
    assert same == NO_CHANGES._replace(same=2)


def test_new_changed_and_gone() -> None:
    found = changes_between(report("a b", "c", "d"), report("a b x", "c", "y"))
    assert found.kinds == {("a", "b", "x"): "changed", ("y",): "new"}
    assert found.joined == {"x", "y"}
    assert (found.parted, found.same, found.gone) == ({}, 1, 1)


def test_a_group_that_is_parted_names_who_left() -> None:
    found = changes_between(report("a b c"), report("a b", "c"))
    assert found.kinds == {("a", "b"): "changed", ("c",): "changed"}
    assert found.parted == {("a", "b"): ("c",), ("c",): ("a", "b")}
    assert found.joined == set()


def test_who_had_no_group_before() -> None:
    before = report("a", unknown="b c", ungrouped="d")
    found = changes_between(before, report("a", "d", unknown="b c x"))
    assert found.kinds == {("d",): "new"}
    assert found.joined == {"d", "x"}


def test_only_groups_with_company() -> None:
    every = report("a b", "c", unknown="d e", ungrouped="f")
    assert only_shared(every) == report("a b", unknown="d e")
    assert only_shared(report("a", unknown="d")) == report()
    assert only_shared(report(ungrouped="a b")) == report(ungrouped="a b")
