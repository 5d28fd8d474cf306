"""The state file as JSON Schema, for editors and for those who generate such files."""

from __future__ import annotations

from sriovctl.codec.state_keys import LEVELS, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.codec.state_keys import Key

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def state_schema() -> dict[str, object]:
    """Make the schema.  Pure.

    It can't say what holds between keys: that labels and indices exist, that a MAC is given once.
    """
    levels = {name: _level(keys) for name, keys in LEVELS.items()}
    # One criterion beside 'all' at least.
    levels["match"] |= {"minProperties": 1, "dependentSchemas": {"all": {"minProperties": 2}}}
    top = levels.pop("state")
    return {
        "$schema": DIALECT,
        "$id": f"urn:sriovctl:state-file:{VERSION}",
        "title": "sriovctl state file",
        "description": "What is wanted of the SR-IOV PFs of one host, and of their VFs.",
        # Of a directory of files, one may hold the pools alone.
        **top,
        "anyOf": [{"required": ["pfs"]}, {"required": ["pools"]}],
        "$defs": levels,
    }


def _level(keys: tuple[Key, ...]) -> dict[str, object]:
    needed = [key.name for key in keys if key.hint is not None]
    return {
        "type": "object",
        "properties": {key.name: {"description": key.meaning, **key.value.schema} for key in keys},
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
    }
