"""Closed lists of words: ``enum.StrEnum`` for what each look at a host imports, without its cost.

``enum`` brings ``functools``, ``collections``, ``operator`` and ``types``, which nothing else of a
small ``ls`` needs: a fifth of all that it imports.  A type checker is shown the one of ``enum``,
and a program gets words that behave alike as far as words go: one object each, found by value or
name, in order.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum as StrEnum
else:

    class _Words(type):
        # Turns the texts of a class body into its only instances.

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            made = super().__new__(cls, name, bases, body)
            made._words = {}
            for key, value in body.items():
                if isinstance(value, str) and not key.startswith("_"):
                    word = made._words[value] = str.__new__(made, value)
                    word.name = key
                    setattr(made, key, word)
            return made

        def __call__(cls, value: object) -> object:
            try:
                return cls._words[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

        def __getitem__(cls, name: str) -> object:
            for word in cls:
                if word.name == name:
                    return word
            raise KeyError(name)

        def __iter__(cls) -> Iterator[object]:
            return iter(cls._words.values())

        def __len__(cls) -> int:
            return len(cls._words)

        def __contains__(cls, value: object) -> bool:
            return value in cls._words

    class StrEnum(str, metaclass=_Words):
        """Base of closed lists of words: each is a text of the class."""

        name: str

        @property
        def value(self) -> str:
            """The word as plain text."""
            return str(self)

        def __repr__(self) -> str:
            return f"<{type(self).__name__}.{self.name}: {str(self)!r}>"

        def __reduce__(self) -> tuple[object, ...]:
            return type(self), (str(self),)  # a copy is the word itself
