"""Every finding has its row in docs/findings.md, with its severity, and no row is idle."""

from __future__ import annotations

import ast
import re

from sriovctl.checks.sriov import LIMIT_IDS
from sriovctl.model.finding import Severity
from tests.unit.docs.pages import ROOT

PAGE = ROOT / "docs/findings.md"


def ids_in_rules() -> set[str]:
    """Read the ids off the calls that make findings and messages."""
    found = set(LIMIT_IDS.values())
    for path in (ROOT / "src/sriovctl/checks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Finding", "Message"):
                (value,) = (one.value for one in node.keywords if one.arg == "id")
                found |= set(re.findall(r"'([a-z0-9-]+)'", ast.unparse(value)))
    return found


def rows() -> dict[str, str]:
    """Return what the page says: id -> severity."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([a-z0-9-]+-[a-z0-9-]+)` \| ([^|]+) \|", text, re.MULTILINE))


def test_each_finding_is_on_the_page_and_each_row_is_a_finding() -> None:
    assert set(rows()) == ids_in_rules()
    assert len(rows()) > 60


def test_each_row_names_a_severity() -> None:
    for severity in rows().values():
        assert severity.split(",")[0] in list(Severity)
