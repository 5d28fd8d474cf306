"""Prepare a VF for somebody else, and give it back as it was.

What is done to a VF before a guest or a namespace gets it is a run of the journal like any other;
its source says for whom.  So "as it was" need not be remembered elsewhere: to give a VF back is to
undo that run, also after the guest, or sriovctl, was killed in between.
"""

from __future__ import annotations

from sriovctl.engine.binding import read_binding
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.guests.vf_place import is_open
from sriovctl.engine.identity import with_identities
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import BusyError, InputError, SafetyError
from sriovctl.model.binding import Binding, Rebinding
from sriovctl.model.record import NamedTuple
from sriovctl.planner.handover import plan_handover, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.meanwhile import JournalMark
    from sriovctl.engine.runs.users import Users
    from sriovctl.host.api import Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.owner import OwnerReport
    from sriovctl.model.plan import Plan
    from sriovctl.model.qemu import HandoverSettings
    from sriovctl.model.run import Run

CLOSING_TIMEOUT_S = 10.0  # VFIO resets a function when it is closed
_POLL_S = 0.1


class Desk(NamedTuple):
    """Where VFs are handed over."""

    site: Site
    users: Users
    allowed: Collection[str] = ()  # tokens of users that may be disturbed


class Candidate(NamedTuple):
    """A VF that is to be handed over, with all PFs of the host and who uses them."""

    pf: PF
    vf: VF
    pfs: tuple[PF, ...]
    users: OwnerReport


def read_candidate(desk: Desk, address: PCIAddress) -> Candidate:
    """Read a VF, and who uses it.

    :raises InputError: there is no such VF.
    """
    pfs = read_inventory(desk.site.host, name_of=lambda *_: None)
    for pf in pfs:
        for vf in pf.vfs:
            if vf.address == address:
                return Candidate(pf, vf, pfs, desk.users.of(pfs))
    raise InputError(
        "is no VF of this host", subject=address, hint="'sriovctl ls' lists the PFs and VFs"
    )


def refuse_owners(desk: Desk, candidate: Candidate) -> None:
    """Refuse a VF that somebody uses, or will want when it starts.

    :raises SafetyError: naming who, unless they are all allowed.
    """
    owners = candidate.users.owners.get(str(candidate.vf.address), ())
    tokens = dict.fromkeys(owner.token for owner in owners if owner.token not in desk.allowed)
    if tokens:
        raise SafetyError(
            f"is in use: {', '.join(tokens)}",
            subject=candidate.vf.address,
            hint="'sriovctl owners' says how that is known; free it first, or add "
            + " ".join(f"--allow {token}" for token in tokens),
        )


def plan_candidate(
    host: Host, candidate: Candidate, settings: HandoverSettings, driver: Binding
) -> Plan:
    """Plan what has to be done to a VF before it is handed over; changes nothing.

    :param driver: how it is to be bound then.
    :raises SriovctlError: as the planner refuses.
    """
    state = state_of(candidate.pf, candidate.vf, settings)
    pfs = with_wanted_details(host, with_identities(host, candidate.pfs, state), state)
    pf = next(one for one in pfs if one.device == candidate.pf.device)
    vf = next(one for one in pf.vfs if one.vf_index == candidate.vf.vf_index)
    rebinding = Rebinding(pf, vf, read_binding(host.files, str(vf.address)), driver)
    return plan_handover(pfs, rebinding, settings, owners=candidate.users.owners)


def carry_out(desk: Desk, plan: Plan, *, source: str, since: JournalMark) -> Outcome:
    """Do what was planned, as a run of its own.

    :param source: for whom; :func:`find_handover` finds it by how it begins.
    :param since: how far the journal was before the VF was looked at.
    """
    users = desk.users
    options = ApplyOptions(
        frozenset(desk.allowed),
        source,
        affected=users.affected,
        leased=users.leased,
        since=since,
    )
    return apply_plan(desk.site, plan, options=options)


# --- giving back -----------------------------------------------------------------------------


def find_handover(site: Site, prefix: str, pf: str, vf_index: int) -> Run | None:
    """Find the newest run that stands and prepared a VF for somebody.

    :param prefix: how its source begins.
    """
    for run in site.journal.standing(read_boot_id(site.host.files)):
        if run.source.startswith(prefix) and pf in run.devices:
            steps = site.journal.steps(run.run_id)
            if any(one.step.device == pf and one.step.vf_index == vf_index for one in steps):
                return run
    return None


def give_back(desk: Desk, run_id: int) -> None:
    """Make a VF what it was before it was handed over, by that run.

    :raises SafetyError: somebody uses it, or a later run on it stands.
    :raises SriovctlError: a step failed.
    """
    undo_run(desk.site, run_id, check=desk.users.checking(frozenset(desk.allowed)))


def wait_until_closed(host: Host, device: str) -> None:
    """Wait until nobody has a function open through VFIO any more.

    :raises BusyError: somebody still has.
    """
    deadline = host.clock.now() + CLOSING_TIMEOUT_S
    while is_open(host.files, device):
        if host.clock.now() >= deadline:
            raise BusyError("is still open in some program", subject=device)
        host.clock.sleep(_POLL_S)
