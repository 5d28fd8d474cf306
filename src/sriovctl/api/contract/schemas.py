"""Schemas of what is sent and answered, in the words of the command's own JSON.

Each object says all of its keys, and all of them are always there: unknown is null.
"""

from __future__ import annotations

from sriovctl.api.contract.messages import JobState, Role
from sriovctl.api.contract.schema_words import (
    ANY_OBJECT,
    BOOLEAN,
    BOOLEAN_OR_NULL,
    INTEGER,
    INTEGER_OR_NULL,
    NUMBER,
    NUMBER_OR_NULL,
    PLACE,
    TEXT,
    TEXT_OR_NULL,
    reference,
)
from sriovctl.api.contract.schema_words import choice_of as _choice
from sriovctl.api.contract.schema_words import document_of as _document
from sriovctl.api.contract.schema_words import list_of as _list
from sriovctl.api.contract.schema_words import object_of as _object
from sriovctl.api.contract.schema_words import or_null as _or_null
from sriovctl.api.contract.schema_words import page_of as _page
from sriovctl.api.contract.tree_schemas import (
    ABILITIES,
    COUNTERS,
    EXPLANATION,
    FUNCTION,
    NODE,
    RAW,
    REASON,
    TREE,
)
from sriovctl.codec.state_schema import state_schema
from sriovctl.model.capacity import LimitKind
from sriovctl.model.finding import Severity
from sriovctl.model.lease import LeaseStatus, Reason
from sriovctl.model.owner import OwnerKind
from sriovctl.model.plan import Action, Disruption
from sriovctl.model.run import RunKind, RunStatus, StepStatus
from sriovctl.model.state import LENDING_POLICIES, NUMA_POLICIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.api.contract.schema_words import Schema

_VLAN = _object({"id": INTEGER, "qos": INTEGER, "protocol": TEXT})
_VF: dict[str, Schema] = {
    "vf_index": INTEGER,
    "address": TEXT_OR_NULL,
    "driver": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
    "iommu_group": INTEGER_OR_NULL,
    "numa_node": INTEGER_OR_NULL,
    "admin_mac": TEXT_OR_NULL,
    "vlan": _or_null(_VLAN),
    "spoofchk": BOOLEAN_OR_NULL,
    "trust": BOOLEAN_OR_NULL,
    "link_state": TEXT_OR_NULL,
    "min_tx_rate_mbps": INTEGER_OR_NULL,
    "max_tx_rate_mbps": INTEGER_OR_NULL,
    "owner": TEXT_OR_NULL,
}
_PF: dict[str, Schema] = {
    "address": TEXT_OR_NULL,
    "device": TEXT,
    "vendor_id": TEXT_OR_NULL,
    "device_id": TEXT_OR_NULL,
    "name": TEXT_OR_NULL,
    "class": TEXT_OR_NULL,
    "driver": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
    "permanent_mac": TEXT_OR_NULL,
    "up": BOOLEAN_OR_NULL,
    "numa_node": INTEGER_OR_NULL,
    "iommu_group": INTEGER_OR_NULL,
    "num_vfs": INTEGER_OR_NULL,
    "total_vfs": INTEGER_OR_NULL,
    "drivers_autoprobe": BOOLEAN_OR_NULL,
    "owner": TEXT_OR_NULL,
    "vfs": _list(reference("VF")),
}
_STEP: dict[str, Schema] = {
    "action": _choice(Action),
    "subject": TEXT,
    "before": ANY_OBJECT,
    "after": ANY_OBJECT,
    "disruption": _choice(Disruption),
    "affected": _list(TEXT),
    "undo": ANY_OBJECT,
    "reason": TEXT,
    "command": TEXT,
}
_RUN: dict[str, Schema] = {
    "run": INTEGER,
    "kind": _choice(RunKind),
    "status": _choice(RunStatus),
    "started": TEXT,
    "ended": TEXT_OR_NULL,
    "boot_id": TEXT_OR_NULL,
    "pfs": _list(TEXT),
    "source": TEXT,
    "asked_by": TEXT_OR_NULL,
    "undoes": INTEGER_OR_NULL,
    "confirm_in_s": NUMBER_OR_NULL,
    "note": TEXT_OR_NULL,
}
_EVIDENCE = _list(_object({"source": TEXT, "value": TEXT}))
_FINDING = {
    "id": TEXT,
    "severity": _choice(Severity),
    "subject": TEXT_OR_NULL,
    "evidence": _EVIDENCE,
    "meaning": TEXT,
    "fix": _list(TEXT),
    "gain": TEXT_OR_NULL,
}
_LIMIT = {
    "kind": _choice(LimitKind),
    "max_vfs": INTEGER_OR_NULL,
    "evidence": _EVIDENCE,
    "remedy": TEXT_OR_NULL,
    "max_vfs_after": INTEGER_OR_NULL,
    "refusal": TEXT_OR_NULL,
}
_CAPACITY = {
    "address": TEXT,
    "total_vfs": INTEGER_OR_NULL,
    "num_vfs": INTEGER_OR_NULL,
    "max_usable_vfs": INTEGER_OR_NULL,
    "at_most_vfs": INTEGER_OR_NULL,
    "is_forecast": BOOLEAN,
    "limits": _list(_object(_LIMIT)),
    "notes": _list(TEXT),
}
_OWNER = {
    "device": TEXT,
    "vf_of": TEXT_OR_NULL,
    "vf_index": INTEGER_OR_NULL,
    "kind": _choice(OwnerKind),
    "name": TEXT,
    "token": TEXT,
    "evidence": TEXT,
}
_GROUP = {
    "id": INTEGER_OR_NULL,
    "members": _list(TEXT),
    "reason": REASON,
}
_GUEST = {
    "name": TEXT,
    "uuid": TEXT,
    "state": TEXT,
    "persistent": BOOLEAN,
    "machine": TEXT_OR_NULL,
    "free_hotplug_slots": INTEGER_OR_NULL,
    "devices": _list(ANY_OBJECT),
    "from_networks": _list(ANY_OBJECT),
}
_LEASE = {
    "lease": INTEGER,
    "status": _choice(LeaseStatus),
    "reason": _or_null(_choice(Reason)),
    "note": TEXT_OR_NULL,
    "pool": TEXT,
    "owner": TEXT,
    "pf": TEXT_OR_NULL,
    "pf_identity": TEXT_OR_NULL,
    "vf_index": INTEGER,
    "generation": INTEGER,
    "address": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
    "iommu_group": INTEGER_OR_NULL,
    "numa_node": INTEGER_OR_NULL,
    "taken": TEXT,
    "ended": TEXT_OR_NULL,
    "expires_in_s": NUMBER_OR_NULL,
    "pid": INTEGER_OR_NULL,
    "pinned": BOOLEAN,
    "group_disjoint": BOOLEAN,
}
_POOL = {
    "name": TEXT,
    "from": _list(TEXT),
    "vfs": _or_null(_list(INTEGER)),
    "numa": TEXT,
    "policy": TEXT,
    "source": TEXT_OR_NULL,
    "defined": TEXT_OR_NULL,
    "state": TEXT_OR_NULL,
    "capacity": ANY_OBJECT,
}
_SHOWN_POOL = {
    **{key: schema for key, schema in _POOL.items() if key != "capacity"},
    "members": _list(
        _object(
            {
                "pf": TEXT,
                "vf_index": INTEGER,
                "address": TEXT_OR_NULL,
                "numa_node": INTEGER_OR_NULL,
                "iommu_group": INTEGER_OR_NULL,
                "state": TEXT,
                "lease": INTEGER_OR_NULL,
                "users": _list(TEXT),
            }
        )
    ),
}
_ERROR = {
    "code": TEXT,
    "cause": TEXT,
    "subject": TEXT_OR_NULL,
    "hint": TEXT_OR_NULL,
    "evidence": ANY_OBJECT,
}
_RUN_STEPS: dict[str, Schema] = {"steps": _list(reference("RunStep"))}
JOB_KINDS = ("apply", "undo", "confirm")
_JOB: dict[str, Schema] = {
    "job": INTEGER,
    "kind": {"type": "string", "enum": [*JOB_KINDS, "expire"]},
    "state": _choice(JobState),
    "by": TEXT,
    "run": INTEGER_OR_NULL,
    "status": _or_null(_choice(RunStatus)),
    "progress": _list(TEXT),
    "lines_told": INTEGER,
    "notes": _list(TEXT),
    "steps": _list(reference("Step")),
    "error": _or_null(reference("Problem")),
}
_NOTED_LEASES: dict[str, Schema] = {"leases": _list(reference("Lease")), "notes": _list(TEXT)}
_MORE_OF_GROUPS: dict[str, Schema] = {
    "ungrouped": _list(ANY_OBJECT),
    "unknown": _list(ANY_OBJECT),
    "assumptions": _list(TEXT),
}
_SESSION: dict[str, Schema] = {
    "name": TEXT_OR_NULL,
    "role": _or_null(_choice(Role)),
    "csrf": TEXT_OR_NULL,
    "host": _object({"hostname": TEXT, "simulated": BOOLEAN, "read_only": TEXT_OR_NULL}),
    "version": TEXT,
}
_PLAN: dict[str, Schema] = {
    "plan": TEXT,
    "steps": _list(reference("Step")),
    "notes": _list(TEXT),
}

# --- what is sent ----------------------------------------------------------------------------

NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
RUN_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 2**53}
_TTL: Schema = {"type": "number", "minimum": 1, "maximum": 10 * 366 * 86400}
NEW_JOB = _object(
    {
        "kind": {"type": "string", "enum": list(JOB_KINDS)},
        "plan": NAME,
        "run": RUN_NUMBER,
        "allow": {"type": "array", "items": NAME, "maxItems": 64},
        "confirm_within_s": _TTL,
    },
    optional=("plan", "run", "allow", "confirm_within_s"),
)
NEW_LEASE = _object(
    {
        "pool": NAME,
        "owner": NAME,
        "count": {"type": "integer", "minimum": 1, "maximum": 4096},
        "ttl_s": _TTL,
        "numa_node": {"type": "integer", "minimum": 0, "maximum": 4096},
        "numa_policy": {"type": "string", "enum": list(NUMA_POLICIES)},
        "policy": {"type": "string", "enum": list(LENDING_POLICIES)},
        "pf": NAME,
        "group_disjoint": BOOLEAN,
        "pinned": BOOLEAN,
    },
    optional=(
        *("owner", "count", "ttl_s", "numa_node", "numa_policy", "policy", "pf"),
        *("group_disjoint", "pinned"),
    ),
)
RENEWAL = _object({"ttl_s": _TTL}, optional=("ttl_s",))
NEW_SESSION = _object({"token": NAME})
RELEASE = _object(
    {
        "leases": {"type": "array", "items": RUN_NUMBER, "minItems": 1, "maxItems": 4096},
        "owner": NAME,
    },
    optional=("leases", "owner"),
)


def schemas() -> dict[str, Schema]:
    """Make all schemas of the document, by their names."""
    return {**_things(), **_documents(), **_state_schemas()}


def _things() -> dict[str, Schema]:
    return {
        "VF": _object(_VF),
        "VFOfPF": _object({"pf": TEXT, **_VF}),
        "PF": _object(_PF),
        "Step": _object(_STEP),
        "RunStep": _object({"status": _choice(StepStatus), **_STEP}),
        "Run": _object(_RUN),
        "RunWithSteps": _object({**_RUN, **_RUN_STEPS}, optional=("steps",)),
        "Finding": _object(_FINDING),
        "PFCapacity": _object(_CAPACITY),
        "Owner": _object(_OWNER),
        "Group": _object(_GROUP),
        "Guest": _object(_GUEST),
        "Lease": _object(_LEASE),
        "Pool": _object(_POOL),
        "TreeNode": _object(NODE),
        "PFAbilities": _object(ABILITIES),
        "PFCounters": _object(COUNTERS),
        "Problem": _object(_ERROR),
        "Job": _object(_JOB),
        "NewJob": NEW_JOB,
        "NewLease": NEW_LEASE,
        "Renewal": RENEWAL,
        "NewSession": NEW_SESSION,
        "Release": RELEASE,
    }


def _documents() -> dict[str, Schema]:
    return {
        "Error": _document("error", {"error": reference("Problem")}),
        "PFList": _page("ls", "pfs", "PF"),
        "PFDocument": _document("pf", {"pf": reference("PF")}),
        "VFList": _page("vfs", "vfs", "VFOfPF"),
        "GroupList": _page("groups", "groups", "Group", _MORE_OF_GROUPS),
        "GuestList": _page("guests", "guests", "Guest"),
        "OwnerList": _page("owners", "owners", "Owner", {"notes": _list(TEXT)}),
        "Explanation": _document("explain", EXPLANATION),
        "Tree": _document("tree", TREE),
        "Function": _document("show", FUNCTION),
        "AbilityList": _page("abilities", "pfs", "PFAbilities"),
        "Counters": _document(
            "counters", {"time_s": NUMBER, "pfs": _list(reference("PFCounters"))}
        ),
        "Doctor": _document(
            "doctor",
            {"ready": BOOLEAN, "findings": _list(reference("Finding")), "notes": _list(TEXT)},
        ),
        "CapacityList": _document("capacity", {"pfs": _list(reference("PFCapacity"))}),
        "Raw": _document("raw", RAW),
        "HostState": _document("state", {"state": ANY_OBJECT, "left_out": _list(TEXT)}),
        "Plan": _document("plan", _PLAN),
        "RunList": _page("history", "runs", "Run"),
        "RunDocument": _document("run", {"run": reference("RunWithSteps")}),
        "JobList": _page("jobs", "jobs", "Job"),
        "JobDocument": _document("job", {"job": reference("Job")}),
        "LeaseList": _page("lease-list", "leases", "Lease"),
        "TakenLeases": _document("lease-take", _NOTED_LEASES),
        "ReleasedLeases": _document("lease-release", _NOTED_LEASES),
        "LeaseDocument": _document("lease-show", {"leases": _list(reference("Lease"))}),
        "PoolList": _page("pool-list", "pools", "Pool"),
        "ShownPool": _document("pool-show", _SHOWN_POOL),
        "DefinedPools": _document("pool-define", {"pools": _list(TEXT)}),
        "RemovedPool": _document("pool-remove", {"pool": TEXT}),
        "Session": _document("session", _SESSION),
        "Health": _document(
            "health",
            {
                "health": TEXT,
                "reason": TEXT,
                "version": TEXT,
                "state_directory": TEXT_OR_NULL,
                "conditions": ANY_OBJECT,
            },
        ),
    }


def _state_schemas() -> dict[str, Schema]:
    schema = state_schema()
    whole = {k: v for k, v in schema.items() if k not in ("$schema", "$id", "$defs")}
    levels = schema["$defs"]
    assert isinstance(levels, dict)
    named = {f"State.{name}": _moved(level) for name, level in levels.items()}
    return {"State": _as_schema(_moved(whole)), **{k: _as_schema(v) for k, v in named.items()}}


def _as_schema(value: object) -> Schema:
    assert isinstance(value, dict)
    return value


# The state's schema stands alone elsewhere; here its parts are among the others.
def _moved(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: inner.replace("#/$defs/", f"{PLACE}State.")
            if key == "$ref" and isinstance(inner, str)
            else _moved(inner)
            for key, inner in value.items()
        }
    return [_moved(one) for one in value] if isinstance(value, list | tuple) else value
