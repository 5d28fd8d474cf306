"""Values from outside, held against the schemas that the OpenAPI document shows of them.

Only as much of JSON Schema as our own schemas use, so that what is documented and what is checked
can't differ.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sriovctl.api.contract.routes import Parameter

    Schema = Mapping[str, object]

_TYPES: dict[object, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_MOST_QUERY_FIELDS = 32
_WORDS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def check_value(value: object, schema: Schema, where: str) -> None:
    """Hold a value against a schema.

    :param where: what it is called in complaints.
    :raises InputError: it does not fit.
    """
    kind = schema["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise InputError(f"must be of type {kind}", subject=where)
    if isinstance(value, str):
        _check_text(value, schema, where)
    elif isinstance(value, list):
        _check_list(value, schema, where)
    elif isinstance(value, dict):
        _check_object(value, schema, where)
    elif not isinstance(value, bool):
        _check_number(value, schema, where)


def _check_text(value: str, schema: Schema, where: str) -> None:
    if "enum" in schema and value not in _texts(schema["enum"]):
        raise InputError(f"must be one of {', '.join(_texts(schema['enum']))}", subject=where)
    if not _number(schema, "minLength", 0) <= len(value) <= _number(schema, "maxLength", 4096):
        raise InputError("is too short or too long", subject=where)
    if "pattern" in schema and not re.search(str(schema["pattern"]), value):
        raise InputError("is not written as it should be", subject=where)
    if not value.isprintable():
        raise InputError("holds characters that cannot be shown", subject=where)


def _check_number(value: object, schema: Schema, where: str) -> None:
    assert isinstance(value, int | float)
    low, high = _number(schema, "minimum", -(2**53)), _number(schema, "maximum", 2**53)
    if not low <= value <= high:  # also false of NaN
        raise InputError(f"must be from {low} to {high}", subject=where)


def _check_list(value: Sequence[object], schema: Schema, where: str) -> None:
    if len(value) > _number(schema, "maxItems", 1024):
        raise InputError("has too many items", subject=where)
    for number, item in enumerate(value):
        check_value(item, _schema(schema["items"]), f"{where}[{number}]")


def _check_object(value: Mapping[str, object], schema: Schema, where: str) -> None:
    known = _schema(schema["properties"])
    for key, inner in value.items():
        if key not in known:
            hint = f"known are {', '.join(known)}"
            raise InputError("has a key that is not known here", subject=where, hint=hint)
        check_value(inner, _schema(known[key]), key)
    for key in _texts(schema.get("required", ())):
        if key not in value:
            raise InputError(f"lacks '{key}'", subject=where)


def _number(schema: Schema, key: str, default: int) -> int:
    found = schema.get(key, default)
    assert isinstance(found, int)
    return found


def _schema(value: object) -> Schema:
    assert isinstance(value, dict)
    return value


def _texts(value: object) -> list[str]:
    assert isinstance(value, list | tuple)
    return [str(one) for one in value]


def parse_query(query: str, parameters: Iterable[Parameter]) -> dict[str, object]:
    """Read what stands after the question mark.

    :raises InputError: something is not known, said twice, or not as its schema has it.
    """
    known = {parameter.name: parameter for parameter in parameters}
    found: dict[str, object] = {}
    for name, text in _fields(query):
        if name not in known or name in found:
            cause = "is said twice" if name in found else "is not known here"
            hint = f"known are {', '.join(known)}" if known else "nothing is asked for here"
            raise InputError(cause, subject=_shown(name), hint=hint)
        found[name] = parse_text(text, known[name].schema, name)
    return found


def _fields(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_QUERY_FIELDS,
        )
    except ValueError as error:  # of which UnicodeDecodeError is one
        raise InputError("cannot be read", subject="query") from error


def parse_text(text: str, schema: Schema, name: str) -> object:
    """Read one value that came as text, of a path or a query.

    :raises InputError: it is not as its schema has it.
    """
    value: object = text
    if schema["type"] == "integer":
        value = int(text) if _NUMBER.fullmatch(text) else text
    elif schema["type"] == "boolean":
        value = _WORDS.get(text, text)
    check_value(value, schema, name)
    return value


def _shown(name: str) -> str:
    return name[:64] if name.isprintable() else "query"
