"""Long lists in pages, with a cursor that says after what a page begins.

A cursor holds the key of the last item and its place.  Where the item has gone meanwhile, the
place is gone on from; so a list that changes between two pages loses or repeats what changed, and
never all the rest.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from json import dumps, loads

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

MOST_ITEMS = 1000
MOST_CURSOR_CHARACTERS = 512


class Page(NamedTuple):
    """Some items of a list."""

    items: Sequence[object]
    next_cursor: str | None  # None: these are the last


def cut_page(
    items: Sequence[T], key_of: Callable[[T], object], *, limit: int, cursor: str | None
) -> Page:
    """Take the items that follow a cursor, so many at most.

    :raises InputError: the cursor is none of ours.
    """
    start = 0 if cursor is None else _start(items, key_of, cursor)
    taken = items[start : start + limit]
    end = start + len(taken)
    if end >= len(items):
        return Page(taken, None)
    return Page(taken, format_cursor(str(key_of(taken[-1])), end))


def _start(items: Sequence[T], key_of: Callable[[T], object], cursor: str) -> int:
    key, place = parse_cursor(cursor)
    if 0 < place <= len(items) and str(key_of(items[place - 1])) == key:
        return place  # nothing changed before it
    return next((n for n, item in enumerate(items, 1) if str(key_of(item)) == key), place)


def format_cursor(key: str, place: int) -> str:
    """Write a cursor."""
    return urlsafe_b64encode(dumps([key, place]).encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> tuple[str, int]:
    """Read a cursor back: key and place of the last item.

    :raises InputError: it is none of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key, place = loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError, RecursionError):
        key, place = None, None
    if not isinstance(key, str) or type(place) is not int or not 0 <= place < 2**31:
        raise InputError(
            "is none that this daemon gave", subject="cursor", hint="begin again without it"
        )
    return key, place
