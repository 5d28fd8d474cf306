"""Sections, keys and values, as systemd and GLib's key files write them.

Python's configparser knows neither sections that stand twice nor where a value stood.
"""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    T = TypeVar("T")


class Entry(NamedTuple):
    """One ``key=value``."""

    where: str  # FILE:LINE:COLUMN of the value
    key: str
    value: str  # without blanks around it

    def complain(self, cause: str, *, hint: str | None = None) -> InputError:
        """Make the error that says what is wrong with the value."""
        return InputError(f"{self.key}: {cause}", subject=self.where, hint=hint)


class Section(NamedTuple):
    """One ``[name]`` and what stands below it; a file may have several of one name."""

    where: str
    name: str
    entries: tuple[Entry, ...]

    def last(self, key: str) -> Entry | None:
        """Return the last entry with that key, which is the one that counts; None without any."""
        found = [entry for entry in self.entries if entry.key == key]
        return found[-1] if found else None


def parse_ini(text: str, *, source: str, joins_lines: bool) -> tuple[Section, ...]:
    """Read a file's sections, in order.

    :param joins_lines: whether a backslash at the end of a line takes the next one in.
    :raises InputError: with file, line and column of the first line that is none of it.
    """
    sections: list[Section] = []
    for number, line in _lines(text, joins_lines=joins_lines):
        where = f"{source}:{number}:1"
        stripped = line.strip()
        if stripped.startswith("["):
            if not stripped.endswith("]"):
                raise InputError("a section's name ends with ']'", subject=where)
            sections.append(Section(where, stripped[1:-1], ()))
        elif not sections:
            raise InputError("stands before the first section, such as [Match]", subject=where)
        else:
            entry = _entry(line, source, number)
            sections[-1] = sections[-1]._replace(entries=(*sections[-1].entries, entry))
    return tuple(sections)


def _lines(text: str, *, joins_lines: bool) -> Iterator[tuple[int, str]]:
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip()[0] in "#;":
            continue  # systemd also passes over a comment within a joined line
        if joins_lines and line.endswith("\\"):
            pending, first = f"{pending}{line[:-1]} ", first or number
            continue
        yield first or number, pending + line
        pending, first = "", 0
    if pending:
        yield first, pending


def _entry(line: str, source: str, number: int) -> Entry:
    key, equals, value = line.partition("=")
    if not equals:
        raise InputError("is neither a section nor key=value", subject=f"{source}:{number}:1")
    column = len(line) - len(value.lstrip()) + 1
    return Entry(f"{source}:{number}:{column}", key.strip(), value.strip())


def read_entry(entry: Entry, reader: Callable[[str], T]) -> T:
    """Give an entry's value its meaning.

    :param reader: raises an InputError when the value is wrong.
    :raises InputError: that, with file, line and column.
    """
    try:
        return reader(entry.value)
    except InputError as error:
        raise entry.complain(error.cause, hint=error.hint) from None
