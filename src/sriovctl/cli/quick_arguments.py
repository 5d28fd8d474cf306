"""Command lines that are right and plain, read without ``argparse``.

To import argparse, with the regular expressions and translations that it brings along, takes as
long as the rest of the start of ``ls``.  So verbs describe their arguments, in argparse's words,
to a parser that knows only what most of them use.  Whatever it does not know, be it a wrong word,
a shortened option, ``--option=value`` or ``--help``, is argparse's to read or to refuse; the rest
it reads as argparse does, and tests hold the two against each other.
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

_FOR_HELP_ALONE = ("help", "metavar")
_ACTIONS = ("store", "store_true", "append")


class NotQuickError(Exception):
    """Something that only argparse can read, or is to refuse."""


class Arguments:
    """What was said, by attribute; in the place of ``argparse.Namespace``."""

    def __init__(self, values: dict[str, object]) -> None:
        self.__dict__.update(values)


class _Argument(NamedTuple):
    dest: str
    group: int  # options of one group exclude each other; 0: it is in none
    action: str = "store"
    nargs: str | None = None
    default: object = None
    type: Callable[[str], object] = str
    choices: Container[object] | None = None

    def read(self, word: str) -> object:
        try:
            value = self.type(word)
        except Exception as error:  # whatever it is, argparse knows how to say it
            raise NotQuickError from error
        if self.choices is not None and value not in self.choices:
            raise NotQuickError
        return value

    def value_of_none(self) -> object:
        if self.action == "store_true":
            return bool(self.default)
        return list(self.default) if isinstance(self.default, list) else self.default


class QuickParser:
    """Reads plain command lines; verbs take it for an ``argparse.ArgumentParser``."""

    def __init__(self) -> None:
        self._options: dict[str, _Argument] = {}
        self._positionals: list[_Argument] = []
        self._groups = 0

    def add_argument(self, name: str, *others: str, **how: object) -> None:
        """Add an argument, described as for argparse.

        :raises NotQuickError: it is of a kind that is not known here.
        """
        self._add(0, name, *others, **how)

    def add_mutually_exclusive_group(self, **how: object) -> _Group:
        """Add a group of options of which only one may be given.

        :raises NotQuickError: one must be given.
        """
        if how:
            raise NotQuickError
        self._groups += 1
        return _Group(self, self._groups)

    def __getattr__(self, name: str) -> object:
        raise NotQuickError(name)  # sub-parsers and the like

    def _add(self, group: int, name: str, *others: str, **how: object) -> None:
        for key in _FOR_HELP_ALONE:
            how.pop(key, None)
        dest = how.pop("dest", name.removeprefix("--").replace("-", "_"))
        try:
            argument = _Argument(dest, group, **how)  # type: ignore[arg-type]
        except TypeError as error:
            raise NotQuickError from error
        if others or not _is_known(argument, is_option=name.startswith("--")):
            raise NotQuickError
        if name.startswith("--"):
            self._options[name] = argument
        else:
            self._positionals.append(argument)

    def parse(self, words: Sequence[str]) -> dict[str, object]:
        """Read a command line: by attribute, what was said, or what stands for nothing.

        :raises NotQuickError: only argparse can read it, or it is wrong.
        """
        every = (*self._options.values(), *self._positionals)
        values = {one.dest: one.value_of_none() for one in every}
        places: list[int] = []  # of words that belong to no option
        given: dict[int, str] = {}  # group -> the option of it that was given
        following = iter(enumerate(words))
        for place, word in following:
            if word == "-" or not word.startswith("-"):
                places.append(place)
                continue
            option = self._options.get(word)
            if option is None or (given.setdefault(option.group, word) != word and option.group):
                raise NotQuickError
            self._take(option, following, values)
        values.update(self._positional_values(words, places))
        return values

    def _take(
        self,
        option: _Argument,
        following: Iterator[tuple[int, str]],
        values: dict[str, object],
    ) -> None:
        if option.action == "store_true":
            values[option.dest] = True
            return
        _, word = next(following, (0, "--"))
        if word.startswith("-") and word != "-":
            raise NotQuickError
        value = option.read(word)
        if option.action == "append":
            said = values[option.dest]
            assert isinstance(said, list)
            said.append(value)
        else:
            values[option.dest] = value

    def _positional_values(self, words: Sequence[str], places: list[int]) -> dict[str, object]:
        needed = sum(one.nargs is None for one in self._positionals)
        # argparse has rules of its own for words that options part.
        together = not places or places[-1] - places[0] + 1 == len(places)
        if not (needed <= len(places) <= len(self._positionals) and together):
            raise NotQuickError
        return {
            one.dest: one.read(words[place])
            for one, place in zip(self._positionals, places, strict=False)
        }


class _Group:
    def __init__(self, parser: QuickParser, number: int) -> None:
        self._parser = parser
        self._number = number

    def add_argument(self, name: str, *others: str, **how: object) -> None:
        self._parser._add(self._number, name, *others, **how)


def _is_known(argument: _Argument, *, is_option: bool) -> bool:
    if argument.action not in _ACTIONS:
        return False
    if argument.nargs is not None and (is_option or argument.nargs != "?"):
        return False
    if argument.action == "append" and not isinstance(argument.default, list):
        return False
    # argparse reads a default that is text as if it had been said.
    return argument.type is str or not isinstance(argument.default, str)
