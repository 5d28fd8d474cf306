"""JSON on one line, as ``json.dumps`` writes it, without importing ``json``.

That import brings a decoder, and with it regular expressions: a third of all that a small ``ls``
imports, for nothing that is needed to write.  What writes is the same C code.
"""

from __future__ import annotations

from itertools import chain, repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON")


# Write a document, and a text.
def _writers() -> tuple[Callable[[object], str], Callable[[str], str]]:
    # Not every Python has it, or has it like this.
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(
            None, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, True
        )
        encode([None], 0)
    except (ImportError, TypeError):
        from json import dumps

        return dumps, dumps
    return lambda value: "".join(encode(value, 0)), encode_basestring_ascii


# Writes a document on one line; a TypeError says that something in it has no JSON.
format_json, _quote = _writers()


def format_json_rows(
    columns: Mapping[str, Sequence[object]], *, shapes: Mapping[str, Callable[[object], object]]
) -> str:
    """Write many objects of the same keys, as ``format_json`` would write their list.

    A thousand VFs take a third of the time so: nearly all of it is spent in C, and what many say is
    encoded once.

    :param columns: by key, the values of all: such as can be hashed, and of one type, or None; at
        least one.
    :param shapes: by key, what makes JSON of values that are none.
    """
    pieces: list[Iterable[str]] = []  # in turn what all rows say, and what each says
    alike = "{"
    for key, column in columns.items():
        known = _Known(shapes.get(key))
        alike += f"{format_json(key)}: "
        # Most columns say the same in each row.
        if pieces and column.count(column[0]) == len(column):
            alike += f"{known[column[0]]}, "
        else:
            pieces += [repeat(alike), _texts(column, known)]
            alike = ", "
    pieces.append(repeat(f"{alike.removesuffix(', ')}}}, "))
    text = "".join(chain.from_iterable(zip(*pieces, strict=False)))
    return f"[{text.removesuffix(', ')}]"


def _texts(column: Sequence[object], known: _Known) -> Iterable[str]:
    types = set(map(type, column))
    if types == {int}:
        return map(str, column)
    if types == {str}:
        return map(_quote, column)  # type: ignore[arg-type]  # all are texts
    return map(known.__getitem__, column)


class _Known(dict[object, str]):
    # The JSON of what was asked for before.

    def __init__(self, shape: Callable[[object], object] | None) -> None:
        self._shape = shape

    def __missing__(self, value: object) -> str:
        text = self[value] = format_json(self._shape(value) if self._shape else value)
        return text
