"""Looks at PFs, and brings back what differs from what was declared.

Theory of operation.  A look reads one PF (or all), compares it with what is declared, and ends with
a condition for each entry of the files.  After an event it reads what that is about
(``questions.py``), and ends there when all is as declared.  Otherwise the PF is read as a whole,
unless no more differs than attributes of VFs whose drivers and netdevs turn out to be as they were
seen.  What differs is sifted: values that somebody keeps changing back wait
(``planner/repair.py``), then what somebody uses is left alone.  The rest is a run like any other:
with the PF's lock, in the journal before the host is touched, verified, and taken back when it
fails.  Once the lock is held it is looked whether people's runs have come, or come to an end,
since the look: then the plan is stale, and made anew.

Nothing here waits, except for the host itself: what has to wait is to be looked at again later,
by a reminder.  All of it happens in one thread.
"""

from __future__ import annotations

from contextlib import suppress

from sriovctl.daemon.log import Priority
from sriovctl.daemon.managers import other_managers
from sriovctl.daemon.mending import Mender
from sriovctl.daemon.questions import WHOLE, MoreToSeeError
from sriovctl.daemon.sight import Sight
from sriovctl.engine.identity import with_identities
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.wait import lacks_of_udev
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import LostError, SriovctlError
from sriovctl.model.health import Condition, Health, worst
from sriovctl.model.state import DesiredState
from sriovctl.planner.drift import find_drift
from sriovctl.planner.drivers import VFIO_DRIVERS
from sriovctl.planner.match import fits, match_pf, match_pfs
from sriovctl.planner.readiness import find_lacks
from sriovctl.planner.repair import (
    Patience,
    may_repair_at,
    note_differences,
    note_repair,
    without,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sriovctl.daemon.declaration import Declaration
    from sriovctl.daemon.log import Log
    from sriovctl.daemon.questions import Question
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.model.drift import Difference
    from sriovctl.model.functions import PF
    from sriovctl.model.state import WantedPF
    from sriovctl.planner.repair import Records, Subject

_HEALTHY = Condition(Health.HEALTHY)
_NOT_SEEN = Condition(Health.REPAIRING, "not looked at yet")
# Whoever hands a VF over to a guest unbinds it, binds it to a VFIO driver, and sets MAC and VLAN
# moments before the guest can be seen with it.
SETTLE_S = 3.0
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


class Keeper:
    """Keeps the PFs of a host as they were declared.

    :param users: who uses what; asked only where something differs.
    :param remind: called with a device (None: all) and the moment at which to look again.
    :param allowed: tokens of users that may be disturbed.
    """

    def __init__(
        self,
        site: Site,
        declaration: Declaration,
        users: Users,
        log: Log,
        *,
        remind: Callable[[str | None, float], None],
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        self._site = site
        self._host = site.host
        self._declaration = declaration
        self._log = log
        self._remind = remind
        self._patience = Patience()
        self._mender = Mender(site, users, log, allowed=allowed)
        self._sight = Sight(site.host)
        self._seen: dict[str, PF] = {}  # the declared PFs, as they were looked at last
        self._settled: dict[str, PF] = {}  # as they were when nothing waited for its repair
        self._compared: dict[str, tuple[WantedPF, PF, Sequence[Difference]]] = {}  # last
        self._records: dict[str, Records] = {}
        self._begun: set[str] = set()  # PFs that were as declared once since the files were read
        self._retries: dict[str | None, float] = {}
        self._glances: dict[str, bytes | None] = {}
        self._of_pfs: dict[str, dict[str, Condition]] = {}  # by label, then PF; "" stands for none
        self._conditions: dict[str, Condition] = {}  # by label of the entry, or what else it is
        self.looks = 0  # for tests to count
        self.repairs = 0  # attempts, whatever became of them

    @property
    def condition(self) -> Condition:
        """How the host is."""
        return worst(tuple(self._conditions.values()))

    @property
    def conditions(self) -> dict[str, Condition]:
        """How each entry of the files is, by its label."""
        return dict(self._conditions)

    # --- beginning -----------------------------------------------------------------------

    def load(self, *, anew: bool) -> None:
        """Read the files; values that were given up are tried anew.

        :raises InputError: the files are wrong; what was loaded before stays.
        :raises HostError: the journal cannot be read.
        """
        self._declaration.load(anew=anew)
        self._records.clear()
        self._begun.clear()
        self._retries.clear()
        self._conditions = {"host": _NOT_SEEN}
        self._of_pfs.clear()
        self._try_to_remember()

    def fail(self, what: str, reason: str) -> None:
        """Note that something is wrong that no look can find."""
        self._conditions[what] = Condition(Health.DEGRADED, reason)
        self._log.say_once(Priority.ERROR, what, reason)

    def recover(self, what: str) -> None:
        """Note that it is right again."""
        self._conditions.pop(what, None)
        self._log.forget(what)

    def _try_to_remember(self) -> None:
        try:
            self._declaration.remember()
        except SriovctlError as error:
            self.fail("state directory", str(error))
            self._remind_soon(None, "state directory")
        else:
            self.recover("state directory")

    # --- looking -------------------------------------------------------------------------

    def look_all(self) -> Condition:
        """Look at all PFs of the files."""
        self.looks += 1
        self._mender.pick_up()
        self._try_to_remember()
        state = self._declaration.state
        try:
            self._declaration.look_up()
            pfs = read_inventory(self._host, name_of=lambda *_: None)
            self._sight.keep_all(pfs)
            pfs = with_identities(self._host, pfs, state)
            match_pfs([one for one in state.pfs if _fitting(one, pfs)], pfs)
        except SriovctlError as error:
            return self._later(None, "host", error)
        self.recover("host")
        for wanted in state.pfs:
            self._look_at_entry(wanted, _fitting(wanted, pfs))
        return self.condition

    def look(self, device: str, question: Question = WHOLE) -> Condition:
        """Look at one PF, or at that of a VF; at nothing else of the host.

        :param question: what of it may be another than at the last look.
        """
        name = self.pf_of(device)
        try:
            self._declaration.look_up()
        except SriovctlError as error:
            return self._later(name, name, error)
        pf = self._sight.read_again(name, question)
        if pf is not None:
            with suppress(MoreToSeeError):
                condition = self._tend_all(pf, self._sight.places_of(question))
                self.looks += 1
                return condition
        return self._look_at_all_of(name)

    def _look_at_all_of(self, name: str) -> Condition:
        try:
            pf = self._sight.read(name)
        except SriovctlError as error:
            return self._later(name, name, error)
        self.recover(name)
        if pf is None and name not in self._seen:
            return self.condition  # some other device
        self.looks += 1
        if pf is None:
            del self._seen[name]
            self._settled.pop(name, None)
            return self.look_all()
        return self._look_at(pf)

    def _look_at(self, pf: PF) -> Condition:
        state = self._declaration.state
        try:
            (pf,) = with_identities(self._host, (pf,), state)
        except SriovctlError as error:
            return self._later(pf.device, pf.device, error)
        return self._tend_all(pf)

    def _tend_all(self, pf: PF, places: Collection[int] | None = None) -> Condition:
        meant = [one for one in self._declaration.state.pfs if fits(pf, one.match)]
        if not meant and pf.device in self._seen:
            if places is not None:
                raise MoreToSeeError
            return self.look_all()  # what it is matched by has gone: its netdev, its driver
        for wanted in meant:
            self._of_pfs.setdefault(wanted.label, {})[pf.device] = self._tend(wanted, pf, places)
            self._conclude(wanted.label)
        return self.condition

    def pf_of(self, device: str) -> str:
        """Name the PF of a VF, also of one that is gone; others are their own."""
        return self._sight.pf_of(device)

    def _look_at_entry(self, wanted: WantedPF, pfs: Sequence[PF]) -> None:
        found = {pf.device: self._tend(wanted, pf) for pf in pfs}
        if not pfs:
            (lack,) = find_lacks(DesiredState((wanted,)), ())
            found[""] = Condition(Health.DEGRADED, lack.what)
        self._of_pfs[wanted.label] = found
        self._conclude(wanted.label)

    def _conclude(self, label: str) -> None:
        found = self._of_pfs[label]
        if len(found) > 1:  # one has come
            found.pop("", None)
        condition = worst(tuple(found.values()))
        before = self._conditions.get(label)
        self._conditions[label] = condition
        if before == condition:
            return
        if condition.health is Health.HEALTHY:
            self._log.say(Priority.INFO, f"{label}: as declared")
        else:
            priority = Priority.WARNING if condition.health is Health.DEGRADED else Priority.NOTICE
            self._log.say(priority, f"{label}: {condition.health}: {condition.reason}")

    def glance(self) -> None:
        """Look at those PFs whose netdevs are down and show something else than at the last glance.

        The kernel sends no event for what is set of VFs while their PF is down; when it is up, it
        tells all.
        """
        for device, pf in list(self._seen.items()):
            if pf.up:
                continue
            seen = self._sight.fingerprint(pf)
            if seen is None or self._glances.get(device) != seen:
                self.look(device)
                self._glances[device] = self._sight.fingerprint(self._seen.get(device, pf))

    # --- one PF --------------------------------------------------------------------------

    # Without places all of it was read.  With them it was not, and MoreToSeeError says, before
    # anything is done, that this does not suffice.
    def _tend(self, wanted: WantedPF, pf: PF, places: Collection[int] | None = None) -> Condition:
        before = self._settled.get(pf.device)
        self._seen[pf.device] = pf
        try:
            return self._compare_and_mend(wanted, pf, before, places)
        except SriovctlError as error:
            if places is not None:
                raise MoreToSeeError from error
            self._remind_soon(pf.device, pf.device)
            is_lost = isinstance(error, LostError)
            return Condition(Health.REPAIRING if is_lost else Health.DEGRADED, str(error))

    def _compare_and_mend(
        self, wanted: WantedPF, pf: PF, before: PF | None, places: Collection[int] | None
    ) -> Condition:
        alone, pf, differences = self._compare(wanted, pf, places)
        if not differences:
            return self._settle(pf)
        about = None if places is None else self._sight.vfs_as_seen(pf, differences)
        self._sight.keep(pf)
        state = DesiredState((alone,))
        records = self._note(pf, differences)
        lacks = find_lacks(state, (pf,)) or lacks_of_udev(self._host.files, state, (pf,))
        if lacks and about is not None:
            raise MoreToSeeError
        if lacks:
            return self._lacking(pf, [lack.what for lack in lacks])
        held_back = self._held_back(pf, records)
        self.repairs += 1
        mended = self._mender.mend(
            without(alone, pf, held_back),
            pf,
            before,
            is_stale=lambda: self._declaration.has_moved(pf.device),
            may_be_empty=bool(held_back),
            about=about,
        )
        if not held_back and not mended.failed:
            self._settled[pf.device] = pf
        self._note_repairs(pf, mended.repaired)
        if mended.again:
            self._remind_soon(pf.device, pf.device)
        elif not mended.condition.reason:
            self._retries.pop(pf.device, None)
        return worst((mended.condition, self._patiently(pf, held_back)))

    # With what is declared of it, and with all that is to be compared with that.
    def _compare(
        self, wanted: WantedPF, pf: PF, places: Collection[int] | None
    ) -> tuple[WantedPF, PF, Sequence[Difference]]:
        alone = self._declaration.of(wanted, pf.device)
        state = DesiredState((alone,))
        (pf,) = with_wanted_details(self._host, (pf,), state, places=places)
        last = self._compared.get(pf.device)
        if last is None or last[:2] != (alone, pf):
            last = self._compared[pf.device] = alone, pf, find_drift(state, (pf,))
        return last

    def _settle(self, pf: PF) -> Condition:
        self._note(pf, ())
        self._sight.keep(pf)
        self._seen[pf.device] = self._settled[pf.device] = pf
        self._begun.add(pf.device)
        self._retries.pop(pf.device, None)
        return _HEALTHY

    def _lacking(self, pf: PF, what: list[str]) -> Condition:
        # Its driver or udev is on its way, and there are events when they are done; if not, soon.
        self._remind_soon(pf.device, pf.device)
        return Condition(Health.REPAIRING if pf.driver else Health.DEGRADED, "; ".join(what))

    def _note(self, pf: PF, differences: Sequence[Difference]) -> Records:
        now = self._host.clock.now()
        known = self._records.get(pf.device, {})
        self._records[pf.device] = note_differences(known, differences, now, self._patience)
        return self._records[pf.device]

    def _held_back(self, pf: PF, records: Records) -> dict[Subject, float]:
        now = self._host.clock.now()
        in_transit = {f"{pf.device} vf {vf.vf_index}" for vf in pf.vfs if vf.driver in VFIO_DRIVERS}
        moments: dict[Subject, float] = {}
        for (subject, key), record in records.items():
            if record.repaired_at is None:
                settles = subject in in_transit or key == "driver"
                settled = record.changed_at + SETTLE_S if settles else now
                moments[subject, key] = max(may_repair_at(record, self._patience), settled)
        return {subject: at for subject, at in moments.items() if at > now}

    def _note_repairs(self, pf: PF, subjects: Sequence[Subject]) -> None:
        if subjects and pf.device not in self._begun:
            # It was brought to what is declared, not back to it: the next change is the first.
            self._begun.add(pf.device)
            return
        now = self._host.clock.now()
        records = self._records[pf.device]
        for subject in subjects:
            if subject in records:
                records[subject] = note_repair(records[subject], now)

    def _patiently(self, pf: PF, held_back: dict[Subject, float]) -> Condition:
        if not held_back:
            return _HEALTHY
        self._remind(pf.device, min(held_back.values()))
        records = self._records[pf.device]
        gave_up = [subject for subject in held_back if records[subject].gave_up]
        if not gave_up:
            subject, key = next(iter(held_back))
            return Condition(Health.REPAIRING, f"{subject}: {key} differs; its repair waits")
        named = ", ".join(f"{subject} {key}" for subject, key in sorted(gave_up))
        others = other_managers(self._host.files)
        who = f" (running here: {', '.join(others)})" if others else ""
        return Condition(
            Health.DEGRADED,
            f"somebody else keeps changing {named} back{who}; left alone until it is quiet, or "
            "the files change",
        )

    # --- later ---------------------------------------------------------------------------

    def _later(self, device: str | None, what: str, error: SriovctlError) -> Condition:
        self._sight.forget(device)
        self.fail(what, str(error))
        self._remind_soon(device, what)
        return self.condition

    def _remind_soon(self, device: str | None, what: str) -> None:
        pause = self._retries.get(what, FIRST_RETRY_S / 2) * 2
        self._retries[what] = min(pause, LONGEST_RETRY_S)
        self._remind(device, self._host.clock.now() + self._retries[what])


def _fitting(wanted: WantedPF, pfs: Sequence[PF]) -> tuple[PF, ...]:
    if not any(fits(pf, wanted.match) for pf in pfs):
        return ()
    return match_pf(wanted, pfs)
