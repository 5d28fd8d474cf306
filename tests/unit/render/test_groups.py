"""Groups and explanations as text and JSON."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.groups import (
    Explanation,
    GroupsReport,
    Reason,
    ReasonedGroup,
    Remedy,
    UnknownMembers,
)
from sriovctl.render.groups import (
    explanation_as_json,
    format_explanation,
    format_groups,
    groups_as_json,
)

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
