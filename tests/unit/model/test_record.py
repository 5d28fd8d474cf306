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


def test_a_record_refuses_what_typing_would_refuse() -> None:
    for one in (Point, Same):
        with pytest.raises(TypeError, match=f"{one.__name__}.__new__.. takes from 2 to 4"):
            one(1, 2, "a", 4)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            one(1, z=2)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="Expected 3 arguments, got 2"):
            one._make((1, 2))
        with pytest.raises(ValueError, match=r"unexpected field names: \['z'\]"):
            one(1)._replace(z=2)  # type: ignore[call-arg]


def test_a_record_can_be_taken_apart() -> None:
    match Point(1, label="a"):
        case Point(x, y, label):
            assert (x, y, label) == (1, 0, "a")
    assert Point._make([4, 5, "b"]) == Point(4, 5, "b")
    assert Point.__match_args__ == Same.__match_args__


def test_records_with_as_many_fields_keep_their_names_apart() -> None:
    class Other(NamedTuple):
        a: int
        b: int
        c: int

    assert Other(1, 2, c=3)._asdict() == {"a": 1, "b": 2, "c": 3}
    assert Point(x=1, y=2)._asdict() == {"x": 1, "y": 2, "label": None}


def test_a_record_can_be_copied_and_sent() -> None:
    point = Point(1, 2, "a")
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(VLAN(3, 4))) == VLAN(3, 4)
