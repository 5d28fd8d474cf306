"""What the engine may ask of the book in which leases and pools are written down."""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sriovctl.host.api import PFLocks
    from sriovctl.model.lease import BookMark, Lease, StoredPool


class SharedPFLocks(PFLocks, Protocol):
    """Locks on PFs that this process shares with others who lend and scrub VFs."""

    @property
    def devices(self) -> frozenset[str]:
        """The PFs whose locks could be had."""


class LeaseTable(Protocol):
    """The book while it is open for writing: nobody else writes into it meanwhile."""

    def open_leases(self) -> tuple[Lease, ...]:
        """Read those that keep their VF from others, by ascending number."""

    def lent_since(self, lease_id: int) -> frozenset[tuple[str | None, int]]:
        """Read PF and index of the VFs of all leases with a higher number, over or not."""

    def find(self, lease_id: int) -> Lease | None:
        """Read one."""

    def add(self, lease: Lease) -> Lease:
        """Write a new one down; return it with its number, the VF's generation and the time.

        :raises HostError: its VF is lent already.
        """

    def update(self, lease: Lease) -> None:
        """Write what one has become."""

    def share(self, device: str) -> bool:
        """Keep a PF from being changed until the book is closed; say whether that could be."""


class LeaseBook(Protocol):
    """Leases and pools of one host."""

    def writing(self) -> AbstractContextManager[LeaseTable]:
        """Open it for writing; what was written counts when it is closed without an exception.

        :raises HostError: it cannot be written (disk full, read-only).
        :raises PermissionDenied: this user may not write it.
        """

    def leases(self, *, ended: bool = False) -> tuple[Lease, ...]:
        """Read all that have not ended, by ascending number; or those that have, too.

        :raises PermissionDenied: this user may not read it.
        """

    def questionable(self, *, now_s: float, boot_id: str | None) -> tuple[Lease, ...]:
        """Read open leases that may be over, by what the book alone tells.

        Those of another boot, given back already, whose time is over, or bound to a process.  That
        a VF was removed it cannot tell.
        """

    def mark(self) -> BookMark:
        """Note how far it is."""

    def sharing(self, devices: Sequence[str]) -> AbstractContextManager[SharedPFLocks]:
        """Keep PFs from being changed meanwhile, those that nobody changes already."""

    def pools(self) -> tuple[StoredPool, ...]:
        """Read all pools, by name."""

    def store_pools(self, pools: Sequence[StoredPool]) -> None:
        """Write pools down; each takes the place of one with the same name."""

    def remove_pool(self, name: str) -> bool:
        """Forget a pool; say whether it was there."""

    def close(self) -> None:
        """Let go of the file."""
