"""What the doctor found, as text and as JSON."""

from __future__ import annotations

from collections import Counter

from sriovctl.model.finding import Severity
from sriovctl.render.wrap import wrap_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.finding import Finding

_INDENT = "   "
_COLORS = {
    Severity.ERROR: "\x1b[31m",
    Severity.WARNING: "\x1b[33m",
    Severity.UNKNOWN: "\x1b[35m",
    Severity.INFO: "\x1b[36m",
}
_RESET = "\x1b[0m"
_READY = "ready for SR-IOV"


def doctor_as_json(
    findings: Sequence[Finding], *, ready: bool, notes: Sequence[str] = ()
) -> dict[str, object]:
    """Shape findings as ``doctor --json`` promises them.  Pure."""
    return {
        "ready": ready,
        "findings": [finding_as_json(finding) for finding in findings],
        "notes": list(notes),
    }


def finding_as_json(finding: Finding) -> dict[str, object]:
    """Shape one finding.  Pure."""
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "evidence": [one._asdict() for one in finding.evidence],
        "meaning": finding.meaning,
        "fix": list(finding.fix),
        "gain": finding.gain or None,
    }


def format_doctor(
    findings: Sequence[Finding],
    *,
    ready: bool,
    subject: str,
    notes: Sequence[str] = (),
    color: bool = False,
) -> str:
    """Show findings to a person, and a last line that sums them up.  Pure.

    :param subject: what was looked at: "this host", a file's name, a PCI address.
    :param notes: what could not be read.
    """
    blocks = ["\n".join(_block(finding, color=color)) for finding in findings]
    if notes:
        blocks.append("\n".join(f"note: {note}" for note in notes))
    return "\n\n".join([*blocks, format_summary(findings, ready=ready, subject=subject)])


def _block(finding: Finding, *, color: bool) -> Iterator[str]:
    severity = finding.severity.upper()
    if color:
        severity = f"{_COLORS[finding.severity]}{severity}{_RESET}"
    yield f"{severity} {finding.id}  {finding.subject}"
    yield from wrap_text(finding.meaning, first=_INDENT)
    seen = [f"{one.source}: {one.value}" for one in finding.evidence]
    yield from _labelled("seen", seen)
    yield from _labelled("fix", finding.fix)
    if finding.gain:
        yield from _labelled("then", [finding.gain])


# Evidence and commands are not wrapped: they are there to be copied.
def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{_INDENT}{label + ':' if number == 0 else '':<6}{line}"


def format_summary(findings: Sequence[Finding], *, ready: bool, subject: str) -> str:
    """Sum findings up in one line.  Pure."""
    counts = Counter(finding.severity for finding in findings)
    words = (
        (Severity.ERROR, "error", "errors"),
        (Severity.WARNING, "warning", "warnings"),
        (Severity.UNKNOWN, "thing not known", "things not known"),
        (Severity.INFO, "note", "notes"),
    )
    parts = [
        f"{counts[severity]} {one if counts[severity] == 1 else many}"
        for severity, one, many in words
        if counts[severity]
    ]
    return f"{subject}: {_verdict(counts, ready=ready)}" + (
        f" ({', '.join(parts)})" if parts else ""
    )


def _verdict(counts: Counter[Severity], *, ready: bool) -> str:
    if counts[Severity.ERROR]:
        return "not ready for SR-IOV"
    if not ready:
        return "nothing against SR-IOV was found, but not enough is known"
    return "ready for SR-IOV, as far as it is known" if counts[Severity.UNKNOWN] else _READY
