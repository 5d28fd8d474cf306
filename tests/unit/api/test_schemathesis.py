"""Whatever fits the OpenAPI document, and whatever does not, is answered as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sriovctl.api.contract.messages import Role
from sriovctl.api.contract.openapi import openapi_document
from sriovctl.api.contract.tokens import format_token, store_token
from tests.unit.api.rig import STATE, Rig, rig_on

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 20
TOKEN = format_token("test", b"t" * 32)
STORED = store_token(TOKEN, Role.ADMIN, b"s" * 16)
# An endless answer is followed in test_events.py.
OPERATIONS = [
    found
    for one in schemathesis.openapi.from_dict(openapi_document()).get_all_operations()
    if isinstance(one, Ok) and (found := one.ok()).path != "/v1/events"
]
# Where nothing is asked, nothing can be asked wrongly.
NOTHING_ASKED = ("GET /v1/openapi.json", "GET /v1/session", "DELETE /v1/session")
MODES = [
    pytest.param(operation, mode, id=f"{mode.value} {operation.label}")
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.label not in NOTHING_ASKED
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with (
        TemporaryDirectory(prefix="api") as name,
        rig_on(Path(name), tokens={"test": STORED}, tcp=True) as rig,
    ):
        rig.apply(STATE)
        yield rig


@pytest.mark.parametrize(("operation", "mode"), MODES)
def test_no_request_meets_a_mistake_of_ours(
    rig: Rig, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> None:
    with requests.Session() as session:

        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{rig.port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                checks=CHECKS,
                session=session,
            )

        ask()
