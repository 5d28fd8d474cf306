"""Keep a VF from being lent while somebody gets it in another way than by a lease.

Between the look whether a VF is free and the moment when its new user can be seen, nobody may lend
it.  So a lease of a moment stands in the book meanwhile; if we are killed it ends with us.
"""

from __future__ import annotations

from contextlib import contextmanager

from sriovctl.engine.leases.lease_owners import lease_name, no_such_lease
from sriovctl.engine.leases.lease_sight import Sight, judge_all, read_birth, read_process
from sriovctl.errors import BusyError, InputError, LostError, SafetyError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.lease import (
    NOTHING_TO_CLEAN,
    OPEN,
    RESERVATION,
    Lease,
    LeaseStatus,
    Reason,
    is_reservation,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import Host
    from sriovctl.host.lease_api import LeaseBook, LeaseTable
    from sriovctl.model.address import PCIAddress


@contextmanager
def reserving(
    host: Host, book: LeaseBook, place: VFPlace, *, owner: str, lease_id: int | None = None
) -> Iterator[None]:
    """Reserve a VF for *owner*, unless it has a lease of it already.

    :param lease_id: this lease is the owner's, whatever it says.
    :raises SafetyError: somebody else has a lease of it.
    :raises BusyError: it was given back, and is not clean, or its PF is being changed.
    """
    with book.writing() as table:
        _require_unchanging(table, place)
        held = _lease_of(host, table, place)
        if held is not None:
            _require_own(held, owner, lease_id)
        reservation = None if held is not None else table.add(_draft(host, place, owner))
    with _ending(book, reservation):
        yield


@contextmanager
def reserving_till_back(
    host: Host, book: LeaseBook, place: VFPlace, *, owner: str
) -> Iterator[None]:
    """Keep a VF from others until *owner* has let go of it, and it is as it was.

    Who has a lease of it keeps it.  Where its PF is being changed, nothing is reserved.
    """
    with book.writing() as table:
        is_free = table.share(str(place.pf)) and _lease_of(host, table, place) is None
        reservation = table.add(_draft(host, place, owner)) if is_free else None
    with _ending(book, reservation):
        yield


@contextmanager
def _ending(book: LeaseBook, reservation: Lease | None) -> Iterator[None]:
    try:
        yield
    finally:
        if reservation is not None:
            with book.writing() as table:
                table.update(reservation._replace(status=LeaseStatus.ENDED, reason=Reason.RELEASED))


# Who changes the PF has looked for leases already, and would not see this one.
def _require_unchanging(table: LeaseTable, place: VFPlace) -> None:
    if not table.share(str(place.pf)):
        raise BusyError(
            f"its PF {place.pf} is being changed by another sriovctl",
            subject=place.address,
            hint="wait for it; 'sriovctl history' shows what it does",
        )


def lent_vfs(host: Host, leases: Sequence[Lease]) -> dict[str, str]:
    """Say whose each VF is that cannot be given away: address -> who has it.

    :param leases: as they are in the book.
    """
    return {
        lease_name(lease): _whose(lease)
        for lease in judge_all(host, leases)
        if lease.status not in (LeaseStatus.LOST, LeaseStatus.ENDED)
    }


def leased_vf(host: Host, book: LeaseBook, lease_id: int) -> PCIAddress:
    """Find the VF of a lease.

    :raises InputError: there is no such lease, or its VF has no function of its own.
    :raises LostError: it is not held any more.
    """
    found = [lease for lease in book.leases(ended=True) if lease.lease_id == lease_id]
    if not found:
        raise no_such_lease(lease_id)
    (lease,) = judge_all(host, found)
    if lease.status is not LeaseStatus.HELD:
        raise LostError(
            f"is not held any more: {lease.reason or lease.status}", subject=f"lease {lease_id}"
        )
    if lease.address is None:
        raise InputError("its VF is no PCI function", subject=f"lease {lease_id}")
    return parse_pci_address(lease.address)


def _whose(lease: Lease) -> str:
    return f"lease {lease.lease_id} of {lease.owner}"


# Whatever is found to be over for good is noted, since it would stand in the way.
def _lease_of(host: Host, table: LeaseTable, place: VFPlace) -> Lease | None:
    key = (str(place.pf), place.vf_index)
    stored = [one for one in table.open_leases() if (one.pf_device, one.vf_index) == key]
    for before, now in zip(stored, judge_all(host, stored), strict=True):
        if now.status not in (LeaseStatus.LOST, LeaseStatus.ENDED):
            return now
        assert before.status in OPEN
        table.update(now)
    return None


def _require_own(lease: Lease, owner: str, lease_id: int | None) -> None:
    name = lease_name(lease)
    if lease.status is not LeaseStatus.HELD:
        raise BusyError(
            f"was given back by lease {lease.lease_id}, and is not clean yet",
            subject=name,
            hint="'sriovctl lease reap' tries again, and says what keeps it",
            evidence={"status": lease.status, **({"note": lease.note} if lease.note else {})},
        )
    if is_reservation(lease) and lease.owner == owner:  # of another who does the same
        raise BusyError(
            f"is being given to {owner}, or taken back, at this moment",
            subject=name,
            hint="wait for it; 'sriovctl guests' shows what the guest has",
        )
    if lease.lease_id != lease_id and lease.owner != owner:
        raise SafetyError(
            f"is lent to {lease.owner} by lease {lease.lease_id}",
            subject=name,
            hint=f"who holds it says --lease {lease.lease_id}; 'sriovctl lease take' lends another",
        )


def _draft(host: Host, place: VFPlace, owner: str) -> Lease:
    pid, started = read_process(host.files)
    device, address = str(place.pf), str(place.address)
    return Lease(
        pool=RESERVATION,
        owner=owner,
        pf_device=device,
        pf_identities=(),
        vf_index=place.vf_index,
        clean=NOTHING_TO_CLEAN,
        address=address,
        boot_id=Sight(host).boot_id,
        birth=read_birth(host.files, device, place.vf_index, address),
        pid=pid,
        pid_started=started,
    )
