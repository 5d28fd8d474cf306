"""The daemon, or whoever else serves this host on the socket, as somebody to ask.

Theory of operation.  The first thing that it is asked is whose journal and leases it keeps: where
they are not ours, it serves another host (a simulated one, say), and is not to be believed.  What
it is asked then either comes back as a document, or as the error that the host itself would have
been; or it is :class:`~sriovctl.api.client.refusals.NotServed`, and then nothing was begun and the
command goes without it.  A daemon that is gone after it was asked is
:class:`~sriovctl.errors.LostError`: what it did is not known.

Reads are asked once more where their connection was closed, as an idle one may be; not of another
process, which would know nothing of our jobs.
"""

from __future__ import annotations

import os

from sriovctl.api.client.refusals import NotServed, error_told
from sriovctl.api.contract.messages import OPERATORS
from sriovctl.errors import HostError, LostError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.api.client.connection import UnixConnection

HELLO_S = 5.0
READ_S = 120.0  # a big host takes seconds, and others may have asked before
CHANGE_S = 900.0  # jobs are carried out one after the other, and a write may take two minutes
# What a refusal is about when it is not the host that refuses, but the interface, whose paths and
# numbers have limits of their own, or which is of a version that knows less.
_PLACES = ("path", "run", "lease", "pool", "body")
_MEMBERS = f"ask root to make this user a member of the group '{OPERATORS}'"


class _Answered(NamedTuple):
    status: int
    body: bytes


class Daemon:
    """Whoever serves this host on a unix socket.

    :param state_directory: where this host's journal and leases are, for us.
    """

    def __init__(self, path: str, *, state_directory: str) -> None:
        self.path = path
        self._state_directory = state_directory
        self._connection: UnixConnection | None = None
        self._pid: int | None = None

    def ask(
        self, method: str, target: str, said: object = None, *, timeout_s: float = READ_S
    ) -> Mapping[str, object]:
        """Ask for one thing, and return the document that is answered.

        :raises NotServed: nothing was begun.
        :raises LostError: it does not answer any more.
        :raises SriovctlError: what the interface has told.
        """
        if self._pid is None:
            self._greet()
        answered = self._exchange(method, target, said, timeout_s)
        document = _document(answered, self.path)
        if answered.status < 400:
            return document
        problem = document.get("error")
        if not isinstance(problem, dict):
            raise _not_ours(self.path)
        refusal = _as_refusal(answered.status, problem, said)
        raise error_told(problem) if refusal is None else refusal

    def close(self) -> None:
        """Ask no more for now."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- the first word ------------------------------------------------------------------

    def _greet(self) -> None:
        try:
            self._pid = self._connect()
            answered = self._once("GET", "/v1/health", None, HELLO_S)
            health = _document(answered, self.path)
        except TimeoutError as error:
            raise self._unheard(f"does not answer within {HELLO_S:.0f} s", is_late=True) from error
        except PermissionError as error:
            raise NotServed("may not be asked by this user", hint=_MEMBERS) from error
        except (OSError, HostError) as error:
            raise self._unheard(f"cannot be asked: {error}") from error
        if answered.status in (401, 403):
            raise NotServed("may not be asked by this user", hint=_MEMBERS)
        theirs = health.get("state_directory")
        if not isinstance(theirs, str) or not _is_same_place(theirs, self._state_directory):
            raise self._unheard("keeps the journal of another host")

    def _unheard(self, cause: str, *, is_late: bool = False) -> NotServed:
        self.close()
        self._pid = None
        return NotServed(cause, is_late=is_late)

    def _connect(self) -> int:
        from sriovctl.api.client.connection import UnixConnection, may_be_trusted

        self.close()
        connection = UnixConnection(self.path, timeout_s=HELLO_S)
        connection.connect()
        peer = connection.peer
        if not may_be_trusted(peer.uid):
            connection.close()
            raise HostError(f"is served by user {peer.uid}", subject=self.path)
        self._connection = connection
        return peer.pid

    # --- one request ---------------------------------------------------------------------

    def _exchange(self, method: str, target: str, said: object, timeout_s: float) -> _Answered:
        try:
            if self._connection is None:
                self._connect_again()
            try:
                return self._once(method, target, said, timeout_s)
            except ConnectionError:
                if method != "GET":
                    raise
                self._connect_again()
                return self._once(method, target, said, timeout_s)
        except TimeoutError as error:
            self.close()
            raise self._lost(f"did not answer within {timeout_s:.0f} s") from error
        except (OSError, HostError) as error:
            self.close()
            raise self._lost("does not answer any more") from error
        except BaseException:  # Ctrl-C: half an answer may be on its way
            self.close()
            raise

    def _connect_again(self) -> None:
        assert self._pid is not None
        # The service manager, where it opened the socket, is the same after a restart as well.
        if self._connect() != self._pid:
            raise HostError("was started anew", subject=self.path)

    def _once(self, method: str, target: str, said: object, timeout_s: float) -> _Answered:
        assert self._connection is not None
        from json import dumps

        body = None if said is None else dumps(said).encode()
        return _Answered(*self._connection.exchange(method, target, body, timeout_s=timeout_s))

    def _lost(self, cause: str) -> LostError:
        return LostError(f"the daemon {cause}", subject=self.path)


def _document(answered: _Answered, path: str) -> Mapping[str, object]:
    from json import loads

    try:
        document = loads(answered.body)
    except ValueError as error:
        raise _not_ours(path) from error
    if not isinstance(document, dict) or not str(document.get("schema")).startswith("sriovctl/"):
        raise _not_ours(path)
    return document


def _not_ours(path: str) -> HostError:
    return HostError(
        "what answers is no sriovctl", subject=path, hint="with --direct it is not asked"
    )


# What the host refuses is an error, as it would be without the daemon.  What another version does
# not know, or this user may not have done by it, is to be tried without it.
def _as_refusal(status: int, problem: Mapping[str, object], said: object) -> NotServed | None:
    code, subject = problem.get("code"), str(problem.get("subject"))
    if code in ("forbidden", "unauthenticated"):
        return NotServed(f"{subject}: {problem.get('cause')}")
    key = subject.partition(".")[0].partition(":")[0].partition("[")[0]
    keys = said if isinstance(said, dict) else {}
    is_unknown = status in (400, 404) and (key in _PLACES or key in keys)
    if is_unknown or status in (405, 413, 415):
        return NotServed("does not know how to do that")
    return None


def _is_same_place(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
