"""What all our records are made from: ``typing.NamedTuple``, without its cost at each start.

``typing`` compiles every annotation that is text, as all of ours are, to see whether it could be a
type: some 450 for one ``apply``, which with the import of ``typing`` itself takes as long as half
of Python's own start.  mypy has judged them long before.  So a type checker is shown the one of
``typing``, and a program gets the same tuples from ``collections``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _Maker(type):
        # Turns a class body into a tuple with the fields that it annotates.

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """Base of records: fields are annotations of the class, with or without a default."""
