"""The words in which schemas are said."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import StrEnum

    Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
INTEGER_OR_NULL: Schema = {"type": ["integer", "null"]}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
BOOLEAN_OR_NULL: Schema = {"type": ["boolean", "null"]}
PLACE = "#/components/schemas/"


def reference(name: str) -> Schema:
    """Point to a schema of the document."""
    return {"$ref": PLACE + name}


def list_of(items: Schema) -> Schema:
    """Say that there are several of something."""
    return {"type": "array", "items": items}


def choice_of(words: type[StrEnum]) -> Schema:
    """Say that it is one of some words."""
    return {"type": "string", "enum": [str(word) for word in words]}


def or_null(schema: Schema) -> Schema:
    """Say that it may be unknown."""
    return {"anyOf": [schema, {"type": "null"}]}


def object_of(keys: Mapping[str, dict[str, object]], *, optional: Iterable[str] = ()) -> Schema:
    """Say which keys an object has.

    :param optional: those that may be missing.
    """
    left_out = set(optional)
    return {
        "type": "object",
        "properties": dict(keys),
        "required": [key for key in keys if key not in left_out],
        "additionalProperties": False,
    }


def document_of(verb: str, keys: Mapping[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    """Say what a document has beside the name of its schema."""
    named: Schema = {"type": "string", "const": f"sriovctl/{verb}/1"}
    return object_of({"schema": named, **keys}, optional=optional)


def page_of(verb: str, name: str, items: str, more: Mapping[str, Schema] | None = None) -> Schema:
    """Say what a list has, or a page of it.

    :param items: schema of one of them.
    """
    keys = {name: list_of(reference(items)), **(more or {}), "next_cursor": TEXT}
    return document_of(verb, keys, optional=("next_cursor",))
