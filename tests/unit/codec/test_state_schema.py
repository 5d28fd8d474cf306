"""The schema against a validator that is not ours, and against our own parser."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from tests.unit.codec.state_samples import VALID, WRONG, Wrong
from tests.unit.codec.states import states
from tests.unit.codec.yaml12 import read_as_an_editor

from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_keys import LEVELS
from sriovctl.codec.state_schema import state_schema
from sriovctl.codec.state_text import format_state, state_as_tree
from sriovctl.errors import InputError
from sriovctl.model.state import DesiredState

VALIDATOR = jsonschema.Draft202012Validator(state_schema())
IN_SCHEMA = [wrong for wrong in WRONG if wrong.in_schema]
PARSER_ALONE = [wrong for wrong in WRONG if not wrong.in_schema]


def name(wrong: Wrong) -> str:
    return f"{wrong.where} {wrong.what}"


def refuses(content: str) -> bool:
    return not VALIDATOR.is_valid(read_as_an_editor(content))


def test_it_is_a_schema_and_json() -> None:
    schema = state_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_each_key_has_its_meaning() -> None:
    schema = json.loads(json.dumps(state_schema()))
    for level, keys in LEVELS.items():
        properties = (schema if level == "state" else schema["$defs"][level])["properties"]
        assert {key.name: key.meaning for key in keys} == {
            key: value["description"] for key, value in properties.items()
        }


@pytest.mark.parametrize("sample", VALID)
def test_right_files_are_valid(sample: str) -> None:
    assert parse_state(VALID[sample], source="f").pfs
    VALIDATOR.validate(read_as_an_editor(VALID[sample].removeprefix("\ufeff")))


@pytest.mark.parametrize("wrong", IN_SCHEMA, ids=name)
def test_wrong_files_are_refused_by_both(wrong: Wrong) -> None:
    with pytest.raises(InputError):
        parse_state(wrong.content, source="f")
    assert refuses(wrong.content)


# What the documentation names as beyond a schema, or as no YAML at all.
@pytest.mark.parametrize("wrong", PARSER_ALONE, ids=name)
def test_some_mistakes_only_the_parser_finds(wrong: Wrong) -> None:
    with pytest.raises(InputError):
        parse_state(wrong.content, source="f")
    try:
        content = read_as_an_editor(wrong.content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    assert VALIDATOR.is_valid(content)


@given(states())
@settings(max_examples=40)
def test_what_we_write_is_valid(state: DesiredState) -> None:
    VALIDATOR.validate(json.loads(json.dumps(state_as_tree(state))))
    VALIDATOR.validate(read_as_an_editor(format_state(state)))


def test_quoted_numbers_are_for_the_parser_alone() -> None:
    content = "version: 1\npfs: {a: {match: {netdev: eth0}, num_vfs: '4', drivers_autoprobe: 'no'}}"
    assert parse_state(content, source="f").pfs[0].num_vfs == 4
    assert refuses(content)
