"""The manifest of what ``persist`` installed, as JSON."""

from __future__ import annotations

import json

from sriovctl.errors import HostError
from sriovctl.model.persistence import Manifest

SCHEMA = "sriovctl/persisted/1"


def parse_manifest(text: str, *, source: str) -> Manifest:
    """Read a manifest.

    :raises HostError: it is something else.
    """
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']}")
        digests = {str(path): tuple(map(str, known)) for path, known in document["files"].items()}
        return Manifest(digests, document.get("boot_id"), document.get("source"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise HostError(
            f"is no manifest of sriovctl: {error}",
            subject=source,
            hint="move it away; then 'sriovctl persist --force FILE' writes all files anew",
        ) from None


def format_manifest(manifest: Manifest) -> str:
    """Write a manifest."""
    document = {
        "schema": SCHEMA,
        "source": manifest.source,
        "boot_id": manifest.boot_id,
        "files": {path: list(known) for path, known in sorted(manifest.digests.items())},
    }
    return json.dumps(document, indent=2) + "\n"
