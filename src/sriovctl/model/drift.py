"""How a host differs from what is wanted of it."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple


class Difference(NamedTuple):
    """One value that is not as wanted.  Values are plain, as in the steps of a plan."""

    subject: str  # sysfs device of the PF, "DEVICE vf N", or the label of a PF that is not there
    key: str  # as in the state file; "match" when there is no such PF
    wanted: object
    found: object  # None: the kernel reports no such thing, or it is not there
