"""Which function reads what a route answers, and for how long that is good."""

from __future__ import annotations

from functools import partial

from sriovctl.api import reading, tree_reading
from sriovctl.api.contract.messages import OPENMETRICS
from sriovctl.api.raw import read_raw
from sriovctl.api.shelf import MOMENT_S, as_answer, encode
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.api.shelf import Answer
    from sriovctl.api.tree_reading import Looks
    from sriovctl.engine.doors import Doors

    Make = Callable[[Doors], Answer]
    Read = Callable[[Doors], Mapping[str, object]]
    Values = Mapping[str, object]


class Reading(NamedTuple):
    """How an answer is made, and for how many seconds it is good."""

    make: Make
    good_for_s: float


class Reads:
    """What can be read.

    :param looks: the last look at the host.
    :param heard_s: how long what the kernel tells of is good.
    :param recorded: journal and leases are of another host than what is shown.
    """

    def __init__(self, looks: Looks, *, heard_s: float, recorded: bool) -> None:
        self._looks = looks
        self._heard_s = heard_s
        self._recorded = recorded

    def of(self, route: str, named: Values, query: Values, kind: str) -> Reading:
        """Find what reads a route's answer.

        :param kind: the content type that is wanted.
        """
        if route == "metrics":
            is_open = kind == OPENMETRICS
            return Reading(partial(_metrics, recorded=self._recorded, is_open=is_open), MOMENT_S)
        if route == "draw_tree":
            make = partial(tree_reading.draw_tree, looks=self._looks, query=query)
            return Reading(make, MOMENT_S)
        read, good_for_s = self._document(route, named, query)
        return Reading(lambda doors: encode(read(doors)), good_for_s)

    def _document(self, route: str, named: Values, query: Values) -> tuple[Read, float]:
        heard = _heard(named, query)
        if route in heard:
            return heard[route], self._heard_s
        others = {**self._of_looks(named, query), **self._of_a_moment(named, query)}
        return others[route], MOMENT_S

    # Their look is kept for as long as what is heard of; they are not, for as long again.
    def _of_looks(self, named: Values, query: Values) -> dict[str, Read]:
        looks, function = self._looks, str(named.get("function"))
        return {
            "list_groups": partial(tree_reading.list_groups, looks=looks, query=query),
            "explain": partial(tree_reading.explain_function, looks=looks, named=function),
            "show_tree": partial(tree_reading.show_tree, looks=looks),
            "capacity": partial(tree_reading.capacity, looks=looks, query=query),
            "doctor": partial(tree_reading.doctor, looks=looks),
        }

    def _of_a_moment(self, named: Values, query: Values) -> dict[str, Read]:
        return {
            "counters": partial(reading.counters, recorded=self._recorded),
            "list_owners": partial(reading.list_owners, query=query),
            "list_guests": partial(reading.list_guests, query=query),
            "list_runs": partial(reading.list_runs, query=query),
            "list_leases": partial(reading.list_leases, query=query),
            "list_pools": partial(reading.list_pools, query=query),
            "show_pool": partial(reading.show_pool, name=str(named.get("pool"))),
            "show_run": partial(reading.show_run, run_id=_number(named, "run")),
            "show_lease": partial(reading.show_lease, lease_id=_number(named, "lease")),
        }


# What changes only when the kernel tells of it.
def _heard(named: Values, query: Values) -> dict[str, Read]:
    return {
        "list_pfs": partial(reading.list_pfs, query=query),
        "list_vfs": partial(reading.list_vfs, query=query),
        "show_pf": partial(reading.show_pf, named=str(named.get("address"))),
        "show_function": partial(reading.show_function, named=str(named.get("function"))),
        "list_abilities": partial(reading.list_abilities, query=query),
        "raw": read_raw,
    }


def _number(named: Values, name: str) -> int:
    value = named.get(name, 0)
    assert isinstance(value, int)
    return value


def _metrics(doors: Doors, *, recorded: bool, is_open: bool) -> Answer:
    return as_answer(reading.metrics(doors, recorded=recorded, is_open=is_open).encode())
