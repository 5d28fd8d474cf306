"""Bodies of requests, read strictly."""

from __future__ import annotations

import json

from sriovctl.api.contract.messages import JSON
from sriovctl.api.contract.values import check_value
from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.api.contract.messages import Request
    from sriovctl.api.contract.values import Schema


def read_json_body(request: Request, schema: Schema) -> dict[str, object]:
    """Read a body, and hold it against its schema.

    :raises InputError: it is no JSON, says a key twice, or does not fit.
    """
    value = _parse_json(_text(request))
    check_value(value, schema, "body")
    assert isinstance(value, dict)
    return value


def read_state_body(request: Request) -> str:
    """Read a state, in YAML or JSON, as text that the state file's own reader takes.

    :raises InputError: it is no text, or was called JSON and is none.
    """
    text = _text(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return text
    _parse_json(text)
    return text.replace("\t", " ")  # which JSON has between values only, and YAML not there


def _text(request: Request) -> str:
    try:
        return request.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", subject="body") from error


def _parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"is no JSON: {what}", subject="body") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError("says a key twice", subject="body")
    return found


def _refuse(word: str) -> object:
    raise InputError(f"{word} is no number of JSON", subject="body")
