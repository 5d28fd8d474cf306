"""Each word that the interface may say has a text on the page, and each key of a state a field."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from sriovctl.api.contract.messages import JobState
from sriovctl.api.contract.schemas import JOB_KINDS
from sriovctl.model.finding import Severity
from sriovctl.model.lease import LeaseStatus
from sriovctl.model.owner import OwnerKind
from sriovctl.model.plan import Action, Disruption
from sriovctl.model.run import RunKind, RunStatus, StepStatus
from sriovctl.model.state import ATTRIBUTES
from tests.unit.page.static_files import STATIC
from tests.unit.page.test_texts import catalogue

_WORDS: tuple[tuple[str, type[StrEnum]], ...] = (
    ("plan.action.", Action),
    ("plan.disruption.", Disruption),
    ("plan.kind.", OwnerKind),
    ("plan.status.", StepStatus),
    ("history.kinds.", RunKind),
    ("history.statuses.", RunStatus),
    ("history.means.", RunStatus),
    ("pools.status.", LeaseStatus),
    ("pools.status_hint.", LeaseStatus),
    ("doctor.severities.", Severity),
)


def _as_key(word: str) -> str:
    return re.sub(r"[ -]", "_", word.lower())


@pytest.mark.parametrize(("prefix", "words"), _WORDS, ids=lambda one: str(one))
def test_each_word_has_a_text(prefix: str, words: type[StrEnum]) -> None:
    keys = catalogue("en")
    assert [word for word in words if prefix + _as_key(word) not in keys] == []


def test_each_kind_of_job_and_each_end_of_one_has_a_text() -> None:
    keys = catalogue("en")
    for kind in (*JOB_KINDS, "expire"):
        assert {f"job.kind.{kind}", f"job.running.{kind}", f"job.done.{kind}"} <= set(keys)
    for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        assert f"job.said.{state}" in keys
    for status in RunStatus:
        assert f"job.after.{_as_key(status)}" in keys


def test_each_key_of_a_vf_has_a_field_and_two_texts() -> None:
    spec = (STATIC / "parts/state_form/spec.js").read_text()
    fields = re.findall(r'\{ key: "([\w.]+)", path', spec)
    wanted = {*ATTRIBUTES, "msix_count", "driver"}
    assert wanted <= set(fields)
    keys = catalogue("en")
    for key in fields:
        assert f"form.key.{key}" in keys
    for key in wanted:
        assert f"form.short.{key}" in keys
