"""What this host is declared to be: its files, and what people applied since."""

from __future__ import annotations

from hashlib import sha256

from sriovctl.codec.state_file import parse_states
from sriovctl.model.health import Baseline
from sriovctl.model.run import RunKind, RunStatus
from sriovctl.model.state import DesiredState, PFMatch
from sriovctl.planner.declared import declaring_runs, overlay_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from sriovctl.host.api import Journal
    from sriovctl.model.run import RecordedStep, Run
    from sriovctl.model.state import WantedPF

    Texts = tuple[tuple[str, str], ...]

    class Memory(Protocol):
        """Where the baseline outlives the daemon."""

        def read(self) -> Baseline | None:
            """Read it; None if there is none."""

        def write(self, baseline: Baseline) -> None:
            """Keep it."""


_OF_PEOPLE = (RunKind.APPLY, RunKind.UNDO)
_OPEN = (RunStatus.RUNNING, RunStatus.UNCONFIRMED)


class Declaration:
    """The files, as they were read last, and the journal.

    :param read_texts: reads the files: name and content of each.
    """

    def __init__(
        self,
        read_texts: Callable[[], Texts],
        journal: Journal,
        memory: Memory,
        *,
        boot_id: str | None,
    ) -> None:
        self._read_texts = read_texts
        self._journal = journal
        self._memory = memory
        self._boot_id = boot_id
        self._steps: dict[int, tuple[RecordedStep, ...]] = {}
        self._baseline = Baseline("", 0, boot_id)
        self._runs: tuple[Run, ...] = ()  # of people, since the baseline
        self._ended: tuple[Run, ...] = ()  # those of them before which all have come to an end
        self._read_to = 0
        self._looked_up: tuple[Run, ...] = ()  # all that were read the last time, from there on
        self._looked_from = 0
        self.state = DesiredState(())

    def load(self, *, anew: bool) -> None:
        """Read the files, and take them for the newest word.

        After a restart with the same files, what people applied meanwhile still is.

        :param anew: somebody said so: they are newer than any run.
        :raises InputError: they cannot be read, or are wrong; what was loaded before stays.
        :raises HostError: the journal cannot be read.
        """
        texts = self._read_texts()
        state, digest = parse_states(texts), _digest(texts)
        known = self._memory.read()
        if anew or known is None or (known.digest, known.boot_id) != (digest, self._boot_id):
            known = Baseline(digest, self._journal.newest(), self._boot_id)
        self.state, self._baseline = state, known
        self._steps.clear()
        self._ended, self._read_to = (), known.run_id

    def remember(self) -> None:
        """Let the baseline outlive the daemon.

        :raises SriovctlError: it cannot be written.
        """
        if self._memory.read() != self._baseline:
            self._memory.write(self._baseline)

    def look_up(self) -> None:
        """Read the journal: what people have declared by then is declared until the next time.

        Before the host is read: a run that ends meanwhile changes both.

        :raises HostError: the journal cannot be read.
        """
        self._looked_from = self._read_to
        self._looked_up = self._journal.since(self._read_to, self._boot_id)
        self._runs = self._of_people(self._looked_up)

    def has_moved(self, device: str) -> bool:
        """Say whether a run on a PF has come, or come to an end, since :meth:`look_up`.

        :raises HostError: the journal cannot be read.
        """
        now = self._journal.since(self._looked_from, self._boot_id)
        return _others_on(device, now) != _others_on(device, self._looked_up)

    def of(self, wanted: WantedPF, device: str) -> WantedPF:
        """Say what is declared of one PF that an entry of the files means, and of it alone.

        :raises HostError: the journal cannot be read.
        """
        steps: list[RecordedStep] = []
        for run in declaring_runs(self._runs, find=self._journal.run):
            if device in run.devices:
                steps += self._steps_of(run.run_id)
        declared = overlay_steps(wanted, device, steps)
        return declared._replace(match=PFMatch(address=device))

    # A daemon makes thousands of repairs, and is to be as quick then as on its first day.
    def _of_people(self, new: tuple[Run, ...]) -> tuple[Run, ...]:
        before = self._ended
        if any(run.kind is RunKind.UNDO for run in new):  # of one, perhaps, that was read before
            before, new = (), self._journal.since(self._baseline.run_id, self._boot_id)
        runs = (*before, *(run for run in new if run.kind in _OF_PEOPLE))
        if new and not any(run.status in _OPEN for run in runs):
            self._ended, self._read_to = runs, new[-1].run_id
        return runs

    def _steps_of(self, run_id: int) -> tuple[RecordedStep, ...]:
        if run_id not in self._steps:
            self._steps[run_id] = self._journal.steps(run_id)
        return self._steps[run_id]


# Repairs are the daemon's own.
def _others_on(device: str, runs: Sequence[Run]) -> list[tuple[int, RunStatus]]:
    return [
        (run.run_id, run.status)
        for run in runs
        if device in run.devices and run.kind is not RunKind.REPAIR
    ]


def _digest(texts: Texts) -> str:
    return sha256(repr(texts).encode("utf-8", "surrogateescape")).hexdigest()
