import copy
import pickle
from typing import NamedTuple as TypingNamedTuple

import pytest

from sriovctl.model.functions import VLAN
from sriovctl.model.record import NamedTuple


class Point(NamedTuple):
    """A place."""

    x: int
    y: int = 0
    label: str | None = None

    @property
    def sum(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> "Point":
        return self._replace(x=self.x + by)


class Same(TypingNamedTuple):
    """A place."""

    x: int
    y: int = 0
    label: str | None = None


def test_a_record_is_what_typing_would_make_of_it() -> None:
    assert Point._fields == Same._fields
    assert Point._field_defaults == Same._field_defaults
    assert Point.__mro__[1:] == Same.__mro__[1:] == (tuple, object)
    assert (Point.__doc__, Point.__module__) == (Same.__doc__, __name__)
    assert repr(Point(1)).replace("Point", "Same") == repr(Same(1))
    assert tuple(Point(1, 2)) == tuple(Same(1, 2)) == (1, 2, None)
    assert hash(Point(1, 2)) == hash(Same(1, 2))


def test_a_record_has_its_methods_and_properties() -> None:
    assert Point(1, 2).sum == 3
    assert Point(1, label="a").moved(2) == Point(3, 0, "a")
    assert Point(1)._asdict() == {"x": 1, "y": 0, "label": None}


def test_a_record_needs_the_fields_without_a_default() -> None:
    with pytest.raises(TypeError, match="'x'"):
        Point()  # type: ignore[call-arg]


def test_a_record_can_be_copied_and_sent() -> None:
    point = Point(1, 2, "a")
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(VLAN(3, 4))) == VLAN(3, 4)
