"""``sriovctl schema``."""

from __future__ import annotations

from sriovctl.codec.state_schema import state_schema
from sriovctl.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "print the JSON Schema of the state file, for editors and generators"
EXAMPLES = """\
  sriovctl schema > state-file.schema.json
  sriovctl schema | jq '."$defs".vf.properties | keys'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the schema is the same on every host."""


def run(_: argparse.Namespace, context: Context) -> int:
    """Print it; it is JSON with ``--json`` or without."""
    context.print(format_schema())
    return EXIT_DONE


def format_schema() -> str:
    """Lay the schema out as a file holds it."""
    from json import dumps

    return dumps(state_schema(), indent=2, ensure_ascii=False)
