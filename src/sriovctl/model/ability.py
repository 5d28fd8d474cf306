"""What a PF's driver can do, key by key of the state file."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum


class Can(StrEnum):
    """Whether it can.  ``UNKNOWN`` is allowed in a state: the kernel will say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Known(StrEnum):
    """How it is known."""

    TABLE = "table"  # from the driver's source
    REPORTED = "reported"  # the kernel says so of this PF or of its VFs
    PROBED = "probed"  # the driver was asked, with a request that can change nothing


class Ability(NamedTuple):
    """One key of the state file, and what this PF's driver makes of it."""

    key: str
    can: Can
    why: str  # of a yes with limits as well
    known: Known | None  # None: not known
    source: str | None = None  # kernel file and function, below drivers/
