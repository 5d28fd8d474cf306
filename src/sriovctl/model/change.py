"""What happened to a PF or its VFs, from one look at a host to the next."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple


class ChangeKind(StrEnum):
    """What happened."""

    PF_CAME = "PF came"
    PF_WENT = "PF went"
    VFS_CREATED = "VFs created"
    VFS_REMOVED = "VFs removed"
    VFS_REMADE = "VFs made anew"  # removed and created again, between two looks
    CHANGED = "changed"


class HostChange(NamedTuple):
    """One change of a PF, or the same one of several of its VFs."""

    kind: ChangeKind
    device: str  # sysfs name of the PF
    netdev: str | None = None  # of the PF
    vf_indices: tuple[int, ...] = ()  # ascending; empty: it is the PF that changed
    addresses: tuple[str | None, ...] = ()  # of these VFs
    what: str | None = None  # of a CHANGED: driver, netdev, admin_mac, …
    before: object = None  # None: none, or not known
    after: object = None
    by: str | None = None  # the run of sriovctl that did it; None: not known
