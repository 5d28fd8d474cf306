"""A process of its own that outlives the command and its terminal, and watches over one run.

A change on a remote machine may cut the connection through which it was made, and with it end the
shell and all that runs in it.  So what takes the change back must be in another session, have no
terminal, and be there before the host is touched.
"""

from __future__ import annotations

import os
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_RUN_ID = Struct("=q")


class Guardian:
    """The near end of a process that waits to be told which run it is for."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def tell(self, run_id: int) -> None:
        """Name the run to watch over."""
        os.write(self._pipe, _RUN_ID.pack(run_id))
        os.close(self._pipe)

    def dismiss(self) -> None:
        """Let it go: there will be no run."""
        os.close(self._pipe)


def start_guardian(watch: Callable[[int], None]) -> Guardian:
    """Start a process that calls *watch* with the run's number once it is told.

    It is no child of ours any more when this returns, and holds nothing that is opened or locked
    later.  What *watch* raises goes to the system's log.
    """
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(into)
            _become_nobodys_child(out, watch)
        finally:
            os._exit(0)  # nothing that the parent began is to be ended twice
    os.close(out)
    os.waitpid(pid, 0)
    return Guardian(into)


def _become_nobodys_child(pipe: int, watch: Callable[[int], None]) -> None:
    os.setsid()  # a session without a terminal: no hang-up reaches it
    if os.fork():
        return
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    told = os.read(pipe, _RUN_ID.size)
    if len(told) == _RUN_ID.size:
        _watch_and_log(_RUN_ID.unpack(told)[0], watch)


def _watch_and_log(run_id: int, watch: Callable[[int], None]) -> None:
    import syslog

    syslog.openlog("sriovctl", syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        watch(run_id)
    except Exception as error:
        syslog.syslog(syslog.LOG_ERR, f"run {run_id} was not confirmed, and is not undone: {error}")
