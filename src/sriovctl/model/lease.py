"""Leases: who may use which VF, until when, and what the VF is to be like afterwards.

A VF is told by its PF and its index, never by an address alone: an address may be another VF
tomorrow.  Within a boot the PF is a sysfs device, and ``birth`` tells the VF from one that was
made later in its place.  Over boots the PF is what :func:`sriovctl.planner.auto_mac.pf_identities`
says of it.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple
from sriovctl.model.state import WantedPF, WantedPool


class LeaseStatus(StrEnum):
    """How far a lease has come."""

    HELD = "held"
    EXPIRED = "expired"  # its time is over, and its VF is yet to be scrubbed
    ORPHANED = "orphaned"  # the process that it ends with has ended; likewise
    SCRUBBING = "scrubbing"  # given back; somebody makes the VF clean at this moment
    DIRTY = "dirty"  # given back, and not clean: the VF is lent to nobody until it is
    LOST = "lost"  # its VF was removed while it was held
    ENDED = "ended"


# As stored; each of these keeps its VF from others.
OPEN = (LeaseStatus.HELD, LeaseStatus.SCRUBBING, LeaseStatus.DIRTY)


class Reason(StrEnum):
    """Why a lease is held no more."""

    RELEASED = "released"
    EXPIRED = "expired"
    PROCESS_ENDED = "process ended"
    VF_REMOVED = "VF removed"
    RESTARTED = "host restarted"


RESERVATION = "attach"  # where a pool's name stands otherwise
NOTHING_TO_CLEAN = "{}"


class Lease(NamedTuple):
    """One VF, lent to one owner."""

    pool: str
    owner: str
    pf_device: str | None  # sysfs name in this boot; None: a pinned one's, not found yet
    pf_identities: tuple[str, ...]  # best first; empty: nothing but its place tells the PF
    vf_index: int
    clean: str  # what the VF is to be like afterwards, as JSON
    lease_id: int = 0  # given when it is written down, as are generation and taken
    status: LeaseStatus = LeaseStatus.HELD
    reason: Reason | None = None
    note: str | None = None  # why it is dirty, or what became of it, in words
    address: str | None = None  # PCI address of the VF in this boot; None: it has no function
    iommu_group: int | None = None
    numa_node: int | None = None
    generation: int = 0  # of the VF, from 1; whoever has a smaller one holds it no more
    boot_id: str | None = None
    birth: int | None = None  # of the VF's sysfs directory; None: it has none
    taken: str = ""  # ISO 8601, UTC
    ended: str | None = None
    ttl_s: float | None = None  # None: until it is released
    expires: float | None = None  # seconds on the host's monotonic clock
    pid: int | None = None  # process that it ends with; while it is scrubbed, the one that does
    pid_started: int | None = None  # clock ticks after boot: pids come again
    pinned: bool = False  # stays over a restart of the host
    group_disjoint: bool = False  # nobody else gets a VF of the same IOMMU group


def is_reservation(lease: Lease) -> bool:
    """Say whether it only keeps a VF from others while its process gives it to a guest."""
    return lease.pool == RESERVATION and lease.clean == NOTHING_TO_CLEAN


class Process(NamedTuple):
    """A process, told from a later one with the same number."""

    pid: int
    started: int  # clock ticks after boot


class Sighting(NamedTuple):
    """What the host shows of a lease at one moment."""

    now_s: float  # on the host's monotonic clock
    boot_id: str | None
    vf_there: bool  # the very VF that was lent
    process_alive: bool  # True also where it is bound to none


class Pool(NamedTuple):
    """A pool with the PFs that it lends from."""

    wanted: WantedPool
    pfs: tuple[WantedPF, ...]
    # False: made up on the command line, so that nothing is said of how its VFs are to be.
    from_state: bool = True


class BookMark(NamedTuple):
    """How far the book was at one moment."""

    newest: int  # lease, by its number; 0 without one
    kept: frozenset[tuple[str | None, int]]  # PF and index of each VF that a lease kept from others


class StoredPool(NamedTuple):
    """A pool as the book of leases keeps it."""

    name: str
    state: str  # a state file with this pool and its PFs alone
    source: str = ""  # the file it came from
    stamp: str = ""  # what told that file then from a changed one
    defined: str = ""  # ISO 8601, UTC


class Request(NamedTuple):
    """What a borrower asks of a pool."""

    owner: str
    vfs: int = 1  # how many
    numa_node: int | None = None
    numa: str | None = None  # of NUMA_POLICIES; None: as the pool says
    policy: str | None = None  # of LENDING_POLICIES; None: as the pool says
    pf: str | None = None  # label, device or netdev
    group_disjoint: bool = False


class Terms(NamedTuple):
    """How long a lease lasts."""

    ttl_s: float | None = None  # None: until it is released
    process: Process | None = None  # it ends with it
    pinned: bool = False


class PoolShare(NamedTuple):
    """How many VFs of a pool are on one PF and NUMA node, and what they do."""

    label: str
    device: str
    netdev: str | None
    numa_node: int | None
    total: int = 0
    free: int = 0
    leased: int = 0
    scrubbing: int = 0  # given back, and not clean yet
    in_use: int = 0
