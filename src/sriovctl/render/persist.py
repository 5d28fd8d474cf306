"""What ``persist`` and ``verify-boot`` say, as text and as JSON."""

from __future__ import annotations

from sriovctl.model.persistence import ChangeKind, EntryKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.persistence import Change, Check, Conflict

_DID = {ChangeKind.WRITE: "wrote", ChangeKind.KEEP: "kept", ChangeKind.REMOVE: "removed"}
_WOULD = {
    ChangeKind.WRITE: "would write",
    ChangeKind.KEEP: "would keep",
    ChangeKind.REMOVE: "would remove",
}


def format_changes(changes: Sequence[Change], *, dry_run: bool) -> str:
    """Show what was done to each path; with *dry_run* what would be, and each file's content."""
    lines: list[str] = []
    for change in changes:
        lines.append(f"{(_WOULD if dry_run else _DID)[change.kind]} {change.path}")
        if dry_run and change.entry is not None:
            lines += _content(change)
    return "\n".join(lines)


def _content(change: Change) -> list[str]:
    entry = change.entry
    if entry is None or change.kind is not ChangeKind.WRITE:
        return []
    if entry.kind is EntryKind.LINK:
        return [f"    -> {entry.text}"]
    return [f"    {line}".rstrip() for line in entry.text.splitlines()]


def changes_as_json(changes: Sequence[Change], *, content: bool) -> list[dict[str, object]]:
    """Shape changes; with their content where nothing was written."""
    shaped: list[dict[str, object]] = []
    for change in changes:
        one: dict[str, object] = {"path": change.path, "action": str(change.kind)}
        if content and change.entry is not None:
            key = "target" if change.entry.kind is EntryKind.LINK else "content"
            one[key] = change.entry.text
        shaped.append(one)
    return shaped


def format_conflict(conflict: Conflict) -> str:
    """Say who else sets the same thing at boot."""
    setting = conflict.setting
    if setting.kind == "group-number":
        said = "names an IOMMU group by its number, which another boot may change"
    elif conflict.device is None:
        said = f"{setting.setter} may set VFs of the same PF at boot"
    elif setting.kind == "driver":
        said = f"{setting.setter} sets drivers of VFs of {conflict.device} at boot too"
    else:
        said = f"{setting.setter} sets VFs of {conflict.device} at boot too"
    return f"{setting.path}:{setting.line}: {said} ({setting.text}); let one of the two do it"


def format_checks(checks: Sequence[Check]) -> str:
    """Show each check as a line, what failed with what to do."""
    words = {True: "ok", False: "failed", None: "unknown"}
    id_width = max(len(check.id) for check in checks)
    lines: list[str] = []
    for check in checks:
        head = f"{words[check.ok]:7}  {check.id:{id_width}}"
        lines.append(f"{head}  {check.subject}: {check.evidence}")
        if check.hint is not None:
            lines.append(f"{'':{len(head)}}  {check.hint}")
    failed = sum(check.ok is False for check in checks)
    unknown = sum(check.ok is None for check in checks)
    told = f", {unknown} could not be seen" if unknown else ""
    counted = f"{len(checks)} check" + ("s" if len(checks) > 1 else "")
    lines.append(f"{counted}, {failed} failed{told}")
    return "\n".join(lines)


def checks_as_json(checks: Sequence[Check], boot_id: str | None) -> dict[str, object]:
    """Shape the result of ``verify-boot``; ``ok`` is null where it could not be seen."""
    return {
        "ok": is_good(checks),
        "boot_id": boot_id,
        "checks": [check._asdict() for check in checks],
    }


def is_good(checks: Sequence[Check]) -> bool:
    """Say whether nothing failed."""
    return not any(check.ok is False for check in checks)


def format_status(status: Mapping[str, object]) -> str:
    """Show what ``persist --status`` found; the keys are those of its JSON."""
    if not status["persisted"]:
        return "nothing is persisted: 'sriovctl persist FILE' does it"
    lines = [f"persisted from {status['source']}"]
    for one in _dicts(status["files"]):
        lines.append(f"  {one['state']:8} {one['path']}")
    for one in _dicts(status["units"]):
        lines.append(f"  {one['enabled'] or 'unknown':8} {one['unit']}, {one['active']}")
    lines += [f"warning: {warning}" for warning in _texts(status["warnings"])]
    last = status["last_check"]
    if isinstance(last, dict):
        which = "this boot" if last["this_boot"] else "an earlier boot"
        lines.append(f"verify-boot of {which}: {'good' if last['ok'] else 'not good'}")
    else:
        lines.append("verify-boot has not run yet")
    return "\n".join(lines)


def _dicts(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
