"""Groups and explanations as text and JSON."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.groups import (
    NO_CHANGES,
    Explanation,
    GroupsReport,
    Reason,
    ReasonedGroup,
    Remedy,
    UnknownMembers,
)
from sriovctl.render.groups import (
    explanation_as_json,
    format_changes,
    format_explanation,
    format_groups,
    groups_as_json,
)
from sriovctl.render.wrap import wrap_text

PORT, NIC = PCIAddress(0, 0, 1, 0), PCIAddress(0, 1, 0, 0)
REASON = Reason("path", PORT, "the port has no ACS")
MEMBERS = (str(PORT), str(NIC))
REPORT = GroupsReport(
    groups=(
        ReasonedGroup(None, MEMBERS, REASON),
        ReasonedGroup(7, ("x",), Reason("alone", None, "y")),
    ),
    ungrouped=(("0000:00:03.0", "it is the IOMMU"), ("0000:00:04.0", "not served")),
    unknown=(UnknownMembers(("0000:05:00.0",), "cut"),),
    assumptions=("a table",),
)
EXPLANATION = Explanation(
    address=NIC,
    members=(PORT, NIC),
    kernel_group=3,
    kernel_members=(PORT, NIC),
    reason=REASON,
    sentences=("because",),
    remedies=(Remedy("slot", "another slot"),),
    differences=(),
    assumptions=(),
)


def test_json_of_groups() -> None:
    document = groups_as_json(REPORT)
    assert document["groups"] == [
        {
            "id": None,
            "members": list(MEMBERS),
            "reason": {"code": "path", "hop": str(PORT), "text": "the port has no ACS"},
        },
        {"id": 7, "members": ["x"], "reason": {"code": "alone", "hop": None, "text": "y"}},
    ]
    assert document["ungrouped"] == [
        {"member": "0000:00:03.0", "text": "it is the IOMMU"},
        {"member": "0000:00:04.0", "text": "not served"},
    ]
    assert document["unknown"] == [{"members": ["0000:05:00.0"], "text": "cut"}]
    assert document["assumptions"] == ["a table"]


def test_text_of_groups() -> None:
    assert format_groups(REPORT, {str(NIC): "a card"}).splitlines() == [
        "group",
        "   0000:00:01.0",
        "   0000:01:00.0  a card",
        "   because the port has no ACS",
        "group 7",
        "   x",
        "   because y",
        "not known whether these share a group",
        "   0000:05:00.0",
        "   because cut",
        "no group",
        "   0000:00:03.0  it is the IOMMU",
        "   0000:00:04.0  not served",
        "assumed: a table",
    ]


def test_one_reason_for_all_is_said_once() -> None:
    off = GroupsReport((), ungrouped=(("a", "off"), ("b", "off")))
    assert format_groups(off, {}) == "no group\n   all of 2 functions  off"


def test_long_reasons_hang() -> None:
    words = " ".join(["word"] * 40)
    report = GroupsReport((ReasonedGroup(1, MEMBERS, Reason("path", PORT, words)),))
    lines = format_groups(report, {}).splitlines()
    assert lines[3].startswith("   because word")
    assert lines[4].startswith("     word")
    assert max(map(len, lines)) <= 96
    told = format_explanation(EXPLANATION._replace(sentences=(words,)), {}).splitlines()
    assert told[4].startswith("   word")
    assert told[5].startswith("     word")


def test_what_must_be_copied_is_never_broken() -> None:
    option = "pci=config_acs=" + "111x1@0000:00:01.0;" * 8
    assert wrap_text(f"say {option} then", first="  ") == ["  say", f"  {option}", "  then"]
    assert wrap_text("", first="   x: ") == ["   x:"]


def test_changes_in_one_line() -> None:
    assert format_changes(NO_CHANGES) == "groups: none differs from now"
    gone = NO_CHANGES._replace(gone=2, same=3)
    assert format_changes(gone).startswith("groups: 2 gone, 3 as now")


def test_what_joins_what_is_not_known_is_marked() -> None:
    joins = NO_CHANGES._replace(joined=frozenset({"0000:05:00.0"}))
    assert " + 0000:05:00.0" in format_groups(REPORT, {}, joins).splitlines()


def test_text_of_an_explanation() -> None:
    assert format_explanation(EXPLANATION, {str(NIC): "a card"}).splitlines() == [
        "0000:01:00.0  a card",
        "shares IOMMU group 3 with",
        "   0000:00:01.0",
        "why:",
        "   because",
        "what would part it:",
        "   another slot",
    ]
    alone = EXPLANATION._replace(members=(NIC,), remedies=())
    assert format_explanation(alone, {}).splitlines()[1] == "is alone in IOMMU group 3"
    predicted = alone._replace(kernel_group=None)
    assert format_explanation(predicted, {}).splitlines()[1] == "is alone in its IOMMU group"
    unknown = predicted._replace(members=None, sentences=("not known",))
    assert format_explanation(unknown, {}).splitlines() == [
        "0000:01:00.0", "why:", "   not known"
    ]  # fmt: skip


def test_json_of_an_explanation() -> None:
    document = explanation_as_json(EXPLANATION)
    assert document["group"] == {"id": 3, "members": list(MEMBERS)}
    assert document["predicted_members"] == list(MEMBERS)
    assert document["remedies"] == [{"kind": "slot", "text": "another slot", "value": None}]
    nothing = explanation_as_json(
        EXPLANATION._replace(members=None, kernel_members=None, reason=None)
    )
    assert nothing["predicted_members"] is None
    assert nothing["reason"] is None
