"""What is installed for the next boot, and what the last one was found to be."""

from __future__ import annotations

import json

from sriovctl.engine.persistence.persist import read_manifest
from sriovctl.errors import SriovctlError
from sriovctl.model.persistence import LAST_CHECK_NAME, STATE_FILE, Entry, Manifest
from sriovctl.planner.persist import is_mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.boot_api import BootDoors


def read_status(doors: BootDoors, boot_id: str | None) -> dict[str, object]:
    """Read it, as the JSON of ``persist --status`` has it.

    :param boot_id: of this boot; None for an image.
    :raises HostError: the manifest cannot be read.
    """
    manifest = read_manifest(doors)
    known = manifest or Manifest({})
    files = [{"path": path, "state": _state_of(doors, known, path)} for path in known.digests]
    units, warnings = _units(doors, known.units) if manifest else ([], [])
    warnings += _of_the_source(doors, known)
    return {
        "persisted": manifest is not None,
        "intact": manifest is not None
        and all(one["state"] == "ok" for one in files)
        and all(one["enabled"] in (None, "enabled") for one in units),
        "source": known.source,
        "files": files,
        "units": units,
        "warnings": warnings,
        "last_check": _last_check(doors, boot_id),
    }


def _state_of(doors: BootDoors, manifest: Manifest, path: str) -> str:
    entry = doors.files.look(path)
    if entry is None:
        return "missing"
    if is_mask(entry):
        return "masked"
    return "ok" if manifest.owns(entry) else "edited"


def _of_the_source(doors: BootDoors, manifest: Manifest) -> list[str]:
    # Of a single file alone: a directory's files have no place that the manifest tells.
    source = manifest.source or ""
    if STATE_FILE not in manifest.digests or not source.startswith("/") or doors.files.root != "/":
        return []
    try:
        entry = doors.files.look(source)
    except SriovctlError:
        return []
    if entry is None or Entry(STATE_FILE, entry.text).digest in manifest.digests[STATE_FILE]:
        return []
    return [f"{source} is another than what was persisted: run 'sriovctl persist {source}' again"]


def _units(doors: BootDoors, names: tuple[str, ...]) -> tuple[list[dict[str, object]], list[str]]:
    if not doors.systemd.is_running:
        return [], ["systemd is not running here: whether the units are enabled cannot be seen"]
    try:
        shown = doors.systemd.show(names, ("UnitFileState", "ActiveState", "NeedDaemonReload"))
    except SriovctlError as error:
        return [], [str(error)]
    units: list[dict[str, object]] = []
    warnings: list[str] = []
    for unit, properties in zip(names, shown, strict=True):
        enabled = properties.get("UnitFileState") or "not found"
        units.append({"unit": unit, "enabled": enabled, "active": properties.get("ActiveState")})
        if properties.get("NeedDaemonReload") == "yes":
            warnings.append(f"{unit} changed on the disk: run 'systemctl daemon-reload'")
    return units, warnings


def last_check_path(doors: BootDoors) -> str:
    """Say where ``verify-boot --record`` keeps its result."""
    return f"{doors.state_directory}/{LAST_CHECK_NAME}"


def record_check(doors: BootDoors, result: dict[str, object]) -> None:
    """Keep the result of ``verify-boot``.

    :raises PermissionDenied: this user may not.
    :raises HostError: it cannot be written.
    """
    doors.files.change([Entry(last_check_path(doors), json.dumps(result, indent=2) + "\n")])


def _last_check(doors: BootDoors, boot_id: str | None) -> dict[str, object] | None:
    entry = doors.files.look(last_check_path(doors))
    try:
        result = json.loads(entry.text) if entry is not None else None
    except ValueError:  # written by somebody else
        return None
    if not isinstance(result, dict):
        return None
    this_boot = boot_id is not None and result.get("boot_id") == boot_id
    return {**result, "this_boot": this_boot}
