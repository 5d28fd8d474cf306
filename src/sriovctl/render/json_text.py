"""JSON on one line, as ``json.dumps`` writes it, without importing ``json``.

That import brings a decoder, and with it regular expressions: a third of all that a small ``ls``
imports, for nothing that is needed to write.  What writes is the same C code.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON")


def _writer() -> Callable[[object], str]:
    # Not every Python has it, or has it like this.
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(
            None, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, True
        )
        encode([None], 0)
    except (ImportError, TypeError):
        from json import dumps

        return dumps
    return lambda value: "".join(encode(value, 0))


# Writes a document on one line; a TypeError says that something in it has no JSON.
format_json = _writer()
