"""The table of routes.  What is served, who may ask, and the OpenAPI document all come from it."""

from __future__ import annotations

from sriovctl.api.contract.messages import EVENTS, JSON, METRICS, OPENMETRICS, SVG, YAML, Role
from sriovctl.api.contract.paging import MOST_CURSOR_CHARACTERS, MOST_ITEMS
from sriovctl.api.contract.schemas import NAME, RUN_NUMBER
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = Mapping[str, object]


class Parameter(NamedTuple):
    """What a path, a query or a header says."""

    name: str
    meaning: str
    schema: Schema
    place: str = "query"
    required: bool = False


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str  # with {NAME} where something is named
    name: str  # operationId, and the handler that answers
    tag: str
    summary: str
    answer: str | None  # schema of what is answered when it works; None: nothing, or no JSON
    status: int = 200
    role: Role | None = Role.READ  # None: anybody who may connect
    parameters: tuple[Parameter, ...] = ()  # beside those of the path
    body: str | None = None  # schema of what is sent
    body_types: tuple[str, ...] = (JSON,)
    answer_type: str = JSON
    other_types: tuple[str, ...] = ()  # that Accept may ask for in its place
    has_etag: bool = False

    def query(self) -> tuple[Parameter, ...]:
        """What may stand after the question mark."""
        return tuple(one for one in self.parameters if one.place == "query")

    def types(self) -> tuple[str, ...]:
        """What it may answer with, the usual first."""
        return (self.answer_type, *self.other_types)


ADDRESS_SCHEMA: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": "^[A-Za-z0-9._:-]+$",
}
PATH_PARAMETERS: Mapping[str, Parameter] = {
    "address": Parameter(
        "address", "A PF, by PCI address, device or netdev", ADDRESS_SCHEMA, "path", True
    ),
    "function": Parameter(
        "function", "A PCI function, by PCI address or netdev", ADDRESS_SCHEMA, "path", True
    ),
    "pool": Parameter("pool", "The name of a pool", NAME, "path", True),
    "run": Parameter("run", "The number of a run", RUN_NUMBER, "path", True),
    "job": Parameter("job", "The number of a job", RUN_NUMBER, "path", True),
    "lease": Parameter("lease", "The number of a lease", RUN_NUMBER, "path", True),
}

_PAGED = (
    Parameter(
        "limit",
        "So many at most; all without it",
        {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS},
    ),
    Parameter(
        "cursor",
        "After what to begin: next_cursor of the page before",
        {"type": "string", "minLength": 1, "maxLength": MOST_CURSOR_CHARACTERS},
    ),
)
_PF = Parameter("pf", "Only of this PF, by PCI address, device or netdev", ADDRESS_SCHEMA)
_OWNER = Parameter("owner", "Only those of this owner", NAME)
_POOL = Parameter("pool", "Only those of this pool", NAME)
_ALL = Parameter("all", "Also those that have ended", {"type": "boolean"})
_IF_MATCH = Parameter(
    "if-match",
    "The ETag of the state that was edited; '*' for whatever the host is like",
    {"type": "string"},
    "header",
    True,
)
_STYLE = Parameter("style", "Whether to bring a style sheet along", {"type": "boolean"})
_LAST_EVENT = Parameter(
    "last-event-id", "The id of the last event that was seen", {"type": "string"}, "header"
)
_STATE_BODY = ("State", (JSON, YAML))


def _read(path: str, name: str, tag: str, summary: str, answer: str, *more: Parameter) -> Route:
    return Route("GET", path, name, tag, summary, answer, parameters=more, has_etag=True)


ROUTES: tuple[Route, ...] = (
    _read("/v1/pfs", "list_pfs", "host", "List PFs with their VFs", "PFList", *_PAGED),
    _read("/v1/pfs/{address}", "show_pf", "host", "Show one PF with its VFs", "PFDocument"),
    _read("/v1/vfs", "list_vfs", "host", "List VFs", "VFList", _PF, *_PAGED),
    _read("/v1/groups", "list_groups", "host", "List IOMMU groups", "GroupList", *_PAGED),
    _read(
        *("/v1/explain/{function}", "explain", "host"),
        "Say why a function is in its IOMMU group, and what would part it from others",
        "Explanation",
    ),
    _read("/v1/tree", "show_tree", "host", "Show what is below what in the PCI tree", "Tree"),
    Route(
        *("GET", "/v1/tree.svg", "draw_tree", "host", "Draw the PCI tree", None),
        parameters=(_STYLE,),
        answer_type=SVG,
        has_etag=True,
    ),
    _read(
        *("/v1/show/{function}", "show_function", "host"),
        "Decode the PCI capabilities of one function",
        "Function",
    ),
    _read(
        *("/v1/abilities", "list_abilities", "host", "List what drivers can set"),
        *("AbilityList", _PF, *_PAGED),
    ),
    _read("/v1/counters", "counters", "host", "Count what PFs and VFs sent", "Counters"),
    _read("/v1/doctor", "doctor", "host", "Say what keeps this host from SR-IOV", "Doctor"),
    _read("/v1/capacity", "capacity", "host", "Say how many VFs PFs can have", "CapacityList", _PF),
    Route(
        *("GET", "/v1/raw", "raw", "host"),
        "Print what the kernel shows to root alone: config space, ACPI tables",
        "Raw",
        role=Role.OPERATE,
        has_etag=True,
    ),
    _read("/v1/owners", "list_owners", "users", "List who uses what", "OwnerList", *_PAGED),
    _read("/v1/guests", "list_guests", "users", "List guests of libvirt", "GuestList", *_PAGED),
    Route(
        *("GET", "/v1/state", "show_state", "changes", "Say in a state what the host is"),
        "HostState",
        other_types=(YAML,),
        has_etag=True,
    ),
    Route(
        *("GET", "/v1/schema", "schema", "changes", "Print the JSON Schema of states", None),
        has_etag=True,
    ),
    Route(
        *("PUT", "/v1/state", "plan_edited_state", "changes"),
        "Plan the way to a state that was edited, if the host is still as it was then",
        "Plan",
        role=Role.OPERATE,
        parameters=(_IF_MATCH,),
        body=_STATE_BODY[0],
        body_types=_STATE_BODY[1],
    ),
    Route(
        *("POST", "/v1/plan", "plan_state", "changes"),
        "Plan the way to a state, and change nothing",
        "Plan",
        body=_STATE_BODY[0],
        body_types=_STATE_BODY[1],
    ),
    _read("/v1/jobs", "list_jobs", "changes", "List jobs, the newest first", "JobList", *_PAGED),
    Route(
        *("POST", "/v1/jobs", "start_job", "changes"),
        "Apply a plan, undo a run, or confirm one",
        "JobDocument",
        status=202,
        role=Role.OPERATE,
        body="NewJob",
    ),
    _read("/v1/jobs/{job}", "show_job", "changes", "Say how far a job is", "JobDocument"),
    Route(
        *("DELETE", "/v1/jobs/{job}", "cancel_job", "changes"),
        "Cancel a job, and take back what it did",
        "JobDocument",
        status=202,
        role=Role.OPERATE,
    ),
    _read("/v1/runs", "list_runs", "changes", "List runs, the newest first", "RunList", *_PAGED),
    _read("/v1/runs/{run}", "show_run", "changes", "Show a run and its steps", "RunDocument"),
    _read("/v1/pools", "list_pools", "leases", "List pools and what is free", "PoolList", *_PAGED),
    Route(
        *("POST", "/v1/pools", "define_pools", "leases"),
        "Keep the pools that a state names, so that VFs can be leased of them",
        "DefinedPools",
        status=201,
        role=Role.OPERATE,
        body=_STATE_BODY[0],
        body_types=_STATE_BODY[1],
    ),
    _read("/v1/pools/{pool}", "show_pool", "leases", "Show a pool and its VFs", "ShownPool"),
    Route(
        *("DELETE", "/v1/pools/{pool}", "remove_pool", "leases"),
        "Forget a pool; its leases stay as they are",
        "RemovedPool",
        role=Role.OPERATE,
    ),
    _read(
        *("/v1/leases", "list_leases", "leases", "List leases", "LeaseList"),
        *(_OWNER, _POOL, _ALL, *_PAGED),
    ),
    Route(
        *("POST", "/v1/leases", "take_leases", "leases", "Take VFs of a pool", "TakenLeases"),
        status=201,
        role=Role.OPERATE,
        body="NewLease",
    ),
    Route(
        *("POST", "/v1/leases/release", "release_leases", "leases"),
        "Give leases back, all or none, and make their VFs clean",
        "ReleasedLeases",
        role=Role.OPERATE,
        body="Release",
    ),
    _read("/v1/leases/{lease}", "show_lease", "leases", "Show one lease", "LeaseDocument"),
    Route(
        *("DELETE", "/v1/leases/{lease}", "release_lease", "leases"),
        "Give a lease back, and make its VF clean",
        "LeaseDocument",
        role=Role.OPERATE,
    ),
    Route(
        *("POST", "/v1/leases/{lease}/renew", "renew_lease", "leases"),
        "Let a lease last on from now",
        "LeaseDocument",
        role=Role.OPERATE,
        body="Renewal",
    ),
    Route(
        *("GET", "/v1/events", "events", "daemon", "Follow what happens", None),
        parameters=(_LAST_EVENT,),
        answer_type=EVENTS,
    ),
    Route(
        *("GET", "/v1/metrics", "metrics", "daemon", "Print counters for Prometheus", None),
        answer_type=METRICS,
        other_types=(OPENMETRICS,),
        has_etag=True,
    ),
    Route(
        *("GET", "/v1/session", "show_session", "daemon", "Say who asks, and what they may"),
        "Session",
        role=None,
    ),
    Route(
        *("POST", "/v1/session", "sign_in", "daemon"),
        "Sign a browser in, with a bearer token or a key that lets in once",
        "Session",
        status=201,
        role=None,
        body="NewSession",
    ),
    Route(
        *("DELETE", "/v1/session", "sign_out", "daemon", "Sign a browser out", "Session"),
        role=None,
    ),
    Route("GET", "/v1/health", "health", "daemon", "Say how the host is kept", "Health"),
    Route(
        *("GET", "/v1/openapi.json", "openapi", "daemon", "Print this document", None),
        role=None,
        has_etag=True,
    ),
)
