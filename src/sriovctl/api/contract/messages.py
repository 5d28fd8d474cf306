"""What goes in and out: requests, responses, and who asks."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

OPERATORS = "sriovctl"  # the group whose members may operate, unless another is named
NOTHING_TO_UNDO = "nothing-to-undo"  # code of an error, and what its evidence names
EARLIER_BOOTS = "runs of earlier boots"
COOKIE = "sriovctl_session"  # on localhost with the port behind it
JSON = "application/json"
YAML = "application/yaml"
EVENTS = "text/event-stream"
SVG = "image/svg+xml"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Role(StrEnum):
    """What a caller may do; each may also do what stands before it."""

    READ = "read"
    OPERATE = "operate"  # change this host, where nobody who uses it would feel that
    ADMIN = "admin"  # also where somebody would

    def includes(self, other: Role) -> bool:
        """Whether this role may do what *other* may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class JobState(StrEnum):
    """How far a job has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Caller(NamedTuple):
    """Who asks."""

    name: str  # "uid 0 (root)", "token ci"
    role: Role


class Peer(NamedTuple):
    """The process at the other end of a unix socket, as the kernel names it."""

    pid: int
    uid: int
    gid: int


class Request(NamedTuple):
    """One request, read to its end."""

    method: str
    path: str  # as it was sent, percent-encoded
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    peer: Peer | None = None  # None: it came over TCP
    tls: bool = False
    remote: str | None = None  # IP address of who asks over TCP
    user: int | None = None  # of this host, who asks over its loopback without TLS


class Response(NamedTuple):
    """One response."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncGenerator[bytes, None] | None = (
        None  # what follows, for as long as both sides live
    )
    who: str | None = None  # for the log, where only the answer says who asked
