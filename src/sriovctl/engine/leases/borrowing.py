"""One borrower's question to a pool: choose VFs in the open book, and draft leases of them."""

from __future__ import annotations

import json

from sriovctl.engine.eswitch import in_switchdev
from sriovctl.engine.identity import read_serial
from sriovctl.engine.leases.lease_sight import Sight, read_birth
from sriovctl.errors import BusyError, UnsupportedError
from sriovctl.model.functions import EswitchMode
from sriovctl.model.lease import Lease
from sriovctl.model.record import NamedTuple
from sriovctl.planner.auto_mac import pf_identities
from sriovctl.planner.lending import Hindrances, choose
from sriovctl.planner.scrub import clean_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sriovctl.engine.leases.freshness import Freshness
    from sriovctl.host.api import Host
    from sriovctl.host.lease_api import LeaseTable
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Pool, Request, Terms
    from sriovctl.planner.lending import Choice, Key, Member


class Offer(NamedTuple):
    """What a pool has, as it was looked at before the book was opened."""

    pool: Pool
    members: tuple[Member, ...]
    used_in_groups: Mapping[int, Collection[Key]]
    freshness: Freshness  # of that look


class Borrowing:
    """One borrower with what it asks for."""

    def __init__(self, host: Host, offer: Offer, request: Request, terms: Terms) -> None:
        self._host = host
        self._offer = offer
        self._request = request
        self._terms = terms
        # Read before the book is opened, since others wait for it then.
        self._pfs = {m.pf.device: m.pf for m in offer.members}
        self._pfs = {device: self._detailed(pf) for device, pf in self._pfs.items()}

    # What identifies it, and what can be set of its VFs.
    def _detailed(self, pf: PF) -> PF:
        if pf.serial is None and (pf.permanent_mac is None or self._terms.pinned):
            pf = pf._replace(serial=read_serial(self._host.files, pf))
        if in_switchdev(self._host, pf):
            pf = pf._replace(eswitch_mode=EswitchMode.SWITCHDEV)
        return pf

    def drafts(self, table: LeaseTable) -> list[Lease] | None:
        """Choose VFs, and keep their PFs from being changed until the book is closed.

        :return: None: enough may be free, by another look.
        :raises BusyError: not enough of them are free.
        :raises InputError: the pool must know the NUMA node, or knows no such PF.
        :raises UnsupportedError: a VF is to be pinned whose PF nothing identifies.
        """
        sight = Sight(self._host)
        chosen = self._choose(table)
        return None if chosen is None else [self._draft(member, sight) for member in chosen]

    def _choose(self, table: LeaseTable) -> tuple[Member, ...] | None:
        leases = table.open_leases()
        changing: set[str] = set()
        gone: set[Key] = set()
        stale: set[Key] = set()
        while True:
            hindrances = Hindrances(leases, self._offer.used_in_groups, changing, gone | stale)
            wanted = self._offer.pool.wanted
            choice = choose(self._offer.members, wanted, self._request, hindrances)
            if not choice.chosen:
                if stale:
                    return None
                raise self._none_left(choice)
            closed = {m.pf.device for m in choice.chosen if not table.share(m.pf.device)}
            lost = {m.key for m in choice.chosen if self._birth(m) is None}
            others = self._offer.freshness.stale(table, (m.key for m in choice.chosen))
            if not (closed or lost or others):
                return choice.chosen
            changing |= closed
            gone |= lost
            stale |= others

    def _birth(self, member: Member) -> int | None:
        vf = member.vf
        address = None if vf.address is None else str(vf.address)
        return read_birth(self._host.files, member.pf.device, vf.vf_index, address)

    def _none_left(self, choice: Choice) -> BusyError:
        asked = self._request.vfs
        what = f"{choice.free} of {asked} VFs" if choice.free else "none of its VFs"
        return BusyError(
            f"has {what} to lend",
            subject=self._offer.pool.wanted.name,
            evidence={str(why): number for why, number in sorted(choice.refused.items())},
            hint="'sriovctl lease list' says who has them",
        )

    def _draft(self, member: Member, sight: Sight) -> Lease:
        pf, vf, terms = self._pfs[member.pf.device], member.vf, self._terms
        from_state = self._offer.pool.from_state
        wanted = member.wanted.wanted_vf(vf.vf_index) if from_state else None
        pid, started = terms.process or (None, None)
        return Lease(
            pool=self._offer.pool.wanted.name,
            owner=self._request.owner,
            pf_device=pf.device,
            pf_identities=self._identities(pf),
            vf_index=vf.vf_index,
            clean=json.dumps(clean_state(pf, vf, wanted)),
            address=None if vf.address is None else str(vf.address),
            iommu_group=vf.iommu_group,
            numa_node=vf.numa_node,
            boot_id=sight.boot_id,
            birth=self._birth(member),
            ttl_s=terms.ttl_s,
            expires=None if terms.ttl_s is None else sight.now_s + terms.ttl_s,
            pid=pid,
            pid_started=started,
            pinned=terms.pinned,
            group_disjoint=self._request.group_disjoint,
        )

    def _identities(self, pf: PF) -> tuple[str, ...]:
        identities = pf_identities(pf)
        if self._terms.pinned and not identities:
            raise UnsupportedError(
                "has neither a permanent MAC nor a serial number, so its VFs cannot be pinned",
                subject=pf.device,
                hint="take the lease without --pin",
            )
        return identities
