"""Schemas of what stands in the PCI tree, and of what each of it can do and counts."""

from __future__ import annotations

from sriovctl.api.contract.schema_words import (
    ANY_OBJECT,
    BOOLEAN_OR_NULL,
    INTEGER,
    INTEGER_OR_NULL,
    NUMBER,
    TEXT,
    TEXT_OR_NULL,
    choice_of,
    list_of,
    object_of,
    or_null,
    reference,
)
from sriovctl.model.ability import Can, Known
from sriovctl.model.counters import CounterSource, Traffic
from sriovctl.model.picture import ACSState, CellState, GroupSource, NodeKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.api.contract.schema_words import Schema

REASON = object_of({"code": TEXT, "hop": TEXT_OR_NULL, "text": TEXT})
_CELL = {
    "vf_index": INTEGER,
    "address": TEXT_OR_NULL,
    "state": choice_of(CellState),
    "iommu_group": INTEGER_OR_NULL,
    "driver": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
}
NODE: dict[str, Schema] = {
    "kind": choice_of(NodeKind),
    "address": TEXT_OR_NULL,
    "label": TEXT,
    "name": TEXT_OR_NULL,
    "class": TEXT_OR_NULL,
    "driver": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
    "numa_node": INTEGER_OR_NULL,
    "iommu_group": INTEGER_OR_NULL,
    "acs": or_null(choice_of(ACSState)),
    "buses": or_null(list_of(TEXT)),
    "total_vfs": INTEGER_OR_NULL,
    "num_vfs": INTEGER_OR_NULL,
    "max_usable_vfs": INTEGER_OR_NULL,
    "limit": TEXT_OR_NULL,
    "vfs": list_of(object_of(_CELL)),
    "children": list_of(reference("TreeNode")),
}
TREE = {
    "description": TEXT,
    "group_source": or_null(choice_of(GroupSource)),
    "shared_groups": list_of(INTEGER),
    "roots": list_of(reference("TreeNode")),
}
_TEXTS_OR_NULL = or_null(list_of(TEXT))
EXPLANATION = {
    "address": TEXT,
    "group": object_of({"id": INTEGER_OR_NULL, "members": _TEXTS_OR_NULL}),
    "predicted_members": _TEXTS_OR_NULL,
    "reason": or_null(REASON),
    "sentences": list_of(TEXT),
    "remedies": list_of(object_of({"kind": TEXT, "text": TEXT, "value": TEXT_OR_NULL})),
    "differences": list_of(TEXT),
    "assumptions": list_of(TEXT),
}
FUNCTION = {
    "address": TEXT,
    "vendor_id": TEXT_OR_NULL,
    "device_id": TEXT_OR_NULL,
    "name": TEXT_OR_NULL,
    "class": TEXT_OR_NULL,
    "driver": TEXT_OR_NULL,
    "netdev": TEXT_OR_NULL,
    "numa_node": INTEGER_OR_NULL,
    "iommu_group": INTEGER_OR_NULL,
    "pf_address": TEXT_OR_NULL,
    "vf_index": INTEGER_OR_NULL,
    "sriov_total_vfs": INTEGER_OR_NULL,
    "bridge_above": TEXT_OR_NULL,
    "bridge_forwards_ari": BOOLEAN_OR_NULL,
    "header": or_null(ANY_OBJECT),
    "capabilities": ANY_OBJECT,
    "capability_list": list_of(ANY_OBJECT),
    "truncated_at": INTEGER_OR_NULL,
    "problems": list_of(TEXT),
    "notes": list_of(TEXT),
}
ABILITIES = {
    "address": TEXT_OR_NULL,
    "device": TEXT,
    "netdev": TEXT_OR_NULL,
    "driver": TEXT_OR_NULL,
    "num_vfs": INTEGER_OR_NULL,
    "abilities": list_of(
        object_of(
            {
                "key": TEXT,
                "can": choice_of(Can),
                "why": TEXT_OR_NULL,
                "known": or_null(choice_of(Known)),
                "source": TEXT_OR_NULL,
            }
        )
    ),
}
_TRAFFIC = or_null(object_of({name: INTEGER_OR_NULL for name in Traffic._fields}))
COUNTERS = {
    "address": TEXT_OR_NULL,
    "device": TEXT,
    "netdev": TEXT_OR_NULL,
    "at_s": NUMBER,
    "link": object_of({"up": BOOLEAN_OR_NULL, "carrier": BOOLEAN_OR_NULL}),
    "wedged": BOOLEAN_OR_NULL,
    "counters": _TRAFFIC,
    "vfs": list_of(
        object_of(
            {
                "vf_index": INTEGER,
                "source": or_null(choice_of(CounterSource)),
                "counters": _TRAFFIC,
            }
        )
    ),
}
RAW = {"config_space": ANY_OBJECT, "acpi_tables": ANY_OBJECT, "iomem": list_of(TEXT)}
