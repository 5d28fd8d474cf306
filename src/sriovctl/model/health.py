"""How well a host is kept as it was declared."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple


class Health(StrEnum):
    """The state of the daemon, or of one entry of its files; the worst stands last."""

    HEALTHY = "healthy"  # as declared
    REPAIRING = "repairing"  # differs, and is being brought back, or waits for its turn
    BLOCKED = "blocked"  # differs, and somebody is in the way who is not to be disturbed
    DEGRADED = "degraded"  # differs, or cannot be told, and the daemon cannot help it


class Condition(NamedTuple):
    """How one thing is, and why."""

    health: Health
    reason: str = ""


class Baseline(NamedTuple):
    """From where on the runs of people are newer than the files."""

    digest: str  # of the files
    run_id: int  # the newest run when they were taken for the word
    boot_id: str | None


def worst(conditions: tuple[Condition, ...]) -> Condition:
    """Find the worst of several conditions, the first of those that are equal.  Pure."""
    order = list(Health)
    found = Condition(Health.HEALTHY)
    for one in conditions:
        if order.index(one.health) > order.index(found.health):
            found = one
    return found
