"""``/proc/PID/stat``: whether a process lives, and when it began."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

# Fields after the program's name, which is in parentheses and may hold anything (proc(5)).
_STATE, _NUM_THREADS, _STARTTIME = 0, 17, 19
_ENDED = ("Z", "X", "x")


class ProcessStat(NamedTuple):
    """What tells a process from others, and whether it still runs."""

    pid: int
    state: str
    num_threads: int
    started: int  # clock ticks after boot

    @property
    def alive(self) -> bool:
        """Whether any of its threads runs: the first may have ended, and others go on."""
        return self.state not in _ENDED or self.num_threads > 1


def parse_process_stat(text: str) -> ProcessStat | None:
    """Read the file's one line; None if it is not one.  Pure."""
    head, _, tail = text.rpartition(")")
    fields = tail.split(maxsplit=_STARTTIME + 1)
    pid = head.partition(" ")[0]
    if not pid.isdigit() or len(fields) <= _STARTTIME:
        return None
    return ProcessStat(int(pid), fields[_STATE], int(fields[_NUM_THREADS]), int(fields[_STARTTIME]))
