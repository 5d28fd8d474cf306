from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl import errors
from sriovctl.api.contract.matching import match_route, names_etag, split_path
from sriovctl.api.contract.messages import Role
from sriovctl.api.contract.openapi import format_openapi, openapi_document
from sriovctl.api.contract.paging import cut_page, parse_cursor
from sriovctl.api.contract.problems import Refusal, response_to, status_of
from sriovctl.api.contract.routes import PATH_PARAMETERS, ROUTES, Route
from sriovctl.api.contract.tokens import (
    format_stored,
    format_token,
    is_that_token,
    parse_stored,
    store_token,
)
from sriovctl.api.contract.values import check_value, parse_query
from sriovctl.errors import InputError
from tests.unit.docs.pages import ROOT

DOCUMENT: Any = openapi_document()
NAMES = {route.answer for route in ROUTES} | {route.body for route in ROUTES} | {"Error"}


def test_the_page_of_openapi_is_what_is_served() -> None:
    written = (ROOT / "docs/openapi.json").read_text(encoding="utf-8")
    assert written == format_openapi() + "\n", "sriovctl api openapi > docs/openapi.json"


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_document_points_to_nothing_that_is_not_there() -> None:
    there = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= there
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_each_schema_is_of_use() -> None:
    used = references(DOCUMENT) | {f"#/components/schemas/{name}" for name in NAMES}
    assert {f"#/components/schemas/{one}" for one in DOCUMENT["components"]["schemas"]} <= used


def test_operations_have_names_of_their_own() -> None:
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_route_is_found_by_its_path(route: Route) -> None:
    path = route.path.format(**dict.fromkeys(PATH_PARAMETERS, "1"))
    assert match_route(route.method, path).route is route


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_whoever_changes_something_needs_more_than_reading(
    route: Route,
) -> None:
    changes_nothing = route.method in ("GET", "HEAD") or route.path in ("/v1/plan", "/v1/session")
    if route.path == "/v1/raw":
        changes_nothing = False
    assert changes_nothing == (route.role is not Role.OPERATE)


def test_roles_include_those_before_them() -> None:
    assert Role.ADMIN.includes(Role.READ)
    assert Role.OPERATE.includes(Role.OPERATE)
    assert not Role.READ.includes(Role.OPERATE)


@given(st.text())
def test_a_path_is_split_or_refused(text: str) -> None:
    try:
        segments = split_path("/" + text)
    except InputError:
        return
    assert not {"", ".", ".."} & set(segments)
    assert not any("/" in one or "\0" in one for one in segments)


@given(st.lists(st.integers(), unique=True), st.integers(1, 7))
def test_pages_of_any_list_are_the_list(items: list[int], limit: int) -> None:
    found: list[object] = []
    cursor = None
    while True:
        page = cut_page(items, str, limit=limit, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == items


def test_a_page_goes_on_where_items_came_and_went() -> None:
    first = cut_page([9, 8, 7, 6], str, limit=2, cursor=None)
    assert cut_page([10, 9, 8, 7, 6], str, limit=9, cursor=first.next_cursor).items == [7, 6]
    assert cut_page([9, 7, 6], str, limit=9, cursor=first.next_cursor).items == [6]
    assert cut_page([], str, limit=9, cursor=first.next_cursor).items == []


@given(st.text(max_size=100))
def test_a_cursor_is_ours_or_refused(text: str) -> None:
    try:
        key, place = parse_cursor(text)
    except InputError:
        return
    assert isinstance(key, str)
    assert place >= 0


@given(st.text(max_size=100))
def test_a_query_is_read_or_refused(text: str) -> None:
    (route,) = [one for one in ROUTES if one.name == "list_leases"]
    try:
        found = parse_query(text, route.query())
    except InputError:
        return
    assert found.keys() <= {one.name for one in route.query()}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["kind", "plan", "run", "allow", "confirm_within_s", "x"])
KINDS = st.sampled_from(["apply", "undo"])


@given(st.dictionaries(KEYS, JSON_VALUES | KINDS))
def test_what_is_checked_is_what_is_documented(value: dict[str, object]) -> None:
    schema = DOCUMENT["components"]["schemas"]["NewJob"]
    by_document = jsonschema.Draft202012Validator(schema).is_valid(value)
    try:
        check_value(value, schema, "body")
    except InputError:
        # More is refused than a schema says: what cannot be printed, and a whole number as 1.0.
        return
    assert by_document


def test_each_family_of_errors_has_a_status() -> None:
    for family in errors.SriovctlError.__subclasses__():
        if family.__module__ == "sriovctl.errors":
            assert 400 <= status_of(family("why")) < 600
    told = json.loads(response_to(errors.BusyError("why", evidence={"errno": 16})).body)
    assert told == {
        "schema": "sriovctl/error/1",
        "error": {
            "code": "busy",
            "cause": "why",
            "subject": None,
            "hint": None,
            "evidence": {"errno": 16},
        },
    }
    assert status_of(Refusal(412, "x", "y")) == 412


def test_a_token_is_known_by_its_hash() -> None:
    token = format_token("ci", b"x" * 32)
    stored = store_token(token, Role.OPERATE, b"s" * 16)
    line = format_stored(stored)
    assert parse_stored(f"# for ci\n\n{line}\n", source="tokens") == {"ci": stored}
    assert is_that_token(token, stored)
    assert not is_that_token(token[:-1] + "0", stored)
    assert not is_that_token(format_token("cj", b"x" * 32), stored)
    with pytest.raises(InputError, match="a second time"):
        parse_stored(f"{line}\n{line}\n", source="tokens")


@given(st.text(alphabet="ci read$scryp1234567890=/+ \n#", max_size=80))
def test_a_line_is_a_token_or_refused(text: str) -> None:
    try:
        found = parse_stored(text, source="tokens")
    except InputError:
        return
    assert not found


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "x" * 65, "a\nb"])
def test_a_name_that_a_line_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name for a token"):
        format_token(name, b"x" * 32)


def test_etags_are_compared_as_http_has_it() -> None:
    assert names_etag('"a", "b"', '"b"')
    assert names_etag("*", '"b"')
    assert not names_etag('W/"b"', '"b"')
    assert names_etag('W/"b"', '"b"', weakly=True)
    assert not names_etag(None, '"b"')
