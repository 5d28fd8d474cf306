"""What all our records are made from: ``typing.NamedTuple``, without its cost at each start.

``typing`` compiles every annotation that is text, as all of ours are, to see whether it could be a
type; ``collections.namedtuple``, which it calls, compiles a constructor for each class: together
more than all the rest of the start of ``apply``, for some eighty records.  mypy has judged the
annotations long before, and constructors with as many fields are the same code but for names.  So
a type checker is shown the one of ``typing``, and a program gets the same tuples for a fifteenth
of what ``namedtuple`` takes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple as NamedTuple
else:
    try:
        from _collections import _tuplegetter as _field
    except ImportError:  # a Python that has it elsewhere

        def _field(position: int, doc: str) -> property:
            return property(lambda record: record[position], doc=doc)

    new = tuple.__new__

    # By their number of fields.  Those of nearly all records stand here, compiled with this file;
    # another is compiled when it is asked for, which takes as long as all of these.
    _constructors = {
        1: lambda cls, a: new(cls, (a,)),
        2: lambda cls, a, b: new(cls, (a, b)),
        3: lambda cls, a, b, c: new(cls, (a, b, c)),
        4: lambda cls, a, b, c, d: new(cls, (a, b, c, d)),
        5: lambda cls, a, b, c, d, e: new(cls, (a, b, c, d, e)),
        6: lambda cls, a, b, c, d, e, f: new(cls, (a, b, c, d, e, f)),
        7: lambda cls, a, b, c, d, e, f, g: new(cls, (a, b, c, d, e, f, g)),
        8: lambda cls, a, b, c, d, e, f, g, h: new(cls, (a, b, c, d, e, f, g, h)),
        9: lambda cls, a, b, c, d, e, f, g, h, i: new(cls, (a, b, c, d, e, f, g, h, i)),
        10: lambda cls, a, b, c, d, e, f, g, h, i, j: new(cls, (a, b, c, d, e, f, g, h, i, j)),
        11: lambda cls, a, b, c, d, e, f, g, h, i, j, k: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k)
        ),
        12: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m)
        ),
        13: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m, n)
        ),
        15: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p)
        ),
        17: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r)
        ),
        18: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s)
        ),
        21: lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s, t, u, v: new(
            cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s, t, u, v)
        ),
    }

    def _constructor(name: str, fields: tuple[str, ...], defaults: tuple[object, ...]) -> object:
        count = len(fields)
        if count not in _constructors:
            names = ", ".join(f"f{n}" for n in range(count))
            source = f"lambda cls, {names}: new(cls, ({names},))"
            _constructors[count] = eval(source, globals())
        made = _constructors[count]
        code = made.__code__.replace(
            co_varnames=("_cls", *fields), co_name="__new__", co_qualname=f"{name}.__new__"
        )
        return type(made)(code, made.__globals__, "__new__", defaults)

    @classmethod
    def _make(cls: type, values: Iterable[object]) -> tuple[object, ...]:
        made = tuple.__new__(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self: tuple[object, ...], /, **changes: object) -> tuple[object, ...]:
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"Got unexpected field names: {list(changes)!r}")
        return made

    def _asdict(self: tuple[object, ...]) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=True))

    def _repr(self: tuple[object, ...]) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({said})"

    def _arguments(self: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(self)

    _METHODS = {
        "__slots__": (),
        "_make": _make,
        "_replace": _replace,
        "_asdict": _asdict,
        "__repr__": _repr,
        "__getnewargs__": _arguments,  # for copies and pickles
    }

    class _Maker(type):
        # Turns a class body into a tuple with the fields that it annotates.

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body.pop(field) for field in fields if field in body}
            members = {field: _field(n, "") for n, field in enumerate(fields)}
            made = {
                "__new__": _constructor(name, fields, tuple(defaults.values())),
                "_fields": fields,
                "_field_defaults": defaults,
                "__match_args__": fields,
            }
            return type(name, (tuple,), {**_METHODS, **made, **members, **body})

    class NamedTuple(metaclass=_Maker):
        """Base of records: fields are annotations of the class, with or without a default."""
