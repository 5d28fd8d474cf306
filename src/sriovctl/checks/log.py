"""Look for known messages in the kernel log."""

from __future__ import annotations

import re

from sriovctl.checks.facts import KERNEL_LOG, is_live, log_of
from sriovctl.checks.messages import MESSAGES, Message
from sriovctl.model.finding import HOST, Evidence, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.snapshot import HostSnapshot

_MAX_EVIDENCE = 3  # lines quoted per finding; the rest is counted
_FULL_ADDRESS = re.compile(r"\b([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\b")
# DMAR and old AMD-Vi faults leave the domain out.
_SHORT_ADDRESS = re.compile(r"(?:Request device \[|device=)([0-9a-f]{2}:[01][0-9a-f]\.[0-7])\b")

_BAR = re.compile(r"\bBAR (\d+)\b")


def check_kernel_log(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Translate what the kernel said into causes and remedies."""
    log = log_of(snapshot)
    if not log:
        return
    rows = [row for row in MESSAGES if not (row.state_decides and is_live(snapshot))]
    # Most lines match nothing, which one search finds out.
    gate = re.compile("|".join(pattern for row in rows for pattern in row.patterns))
    numbers = [number for number, line in enumerate(log) if gate.search(line)]
    for row in rows:
        yield from _findings_of(row, log, numbers)


def _findings_of(row: Message, log: Sequence[str], numbers: Sequence[int]) -> Iterator[Finding]:
    wanted = re.compile("|".join(row.patterns))
    by_subject: dict[str, list[int]] = {}
    for number in numbers:
        if wanted.search(log[number]):
            by_subject.setdefault(subject_of(log[number]), []).append(number)
    for subject, found in by_subject.items():
        standing = [number for number in found if not _is_cleared(row, log, subject, number)]
        if standing:
            yield _finding(row, subject, [log[number] for number in standing])


def subject_of(line: str) -> str:
    """Find the function that a message is about; the host when it names none.  Pure."""
    # The address in a fault names the culprit, the one in front may be the IOMMU's.
    short = _SHORT_ADDRESS.search(line)
    if short is not None:
        return f"0000:{short[1]}"
    full = _FULL_ADDRESS.search(line)
    return full[1] if full is not None else HOST


def _is_cleared(row: Message, log: Sequence[str], subject: str, number: int) -> bool:
    if row.cleared_by is None:
        return False
    cleared = re.compile(row.cleared_by)
    bar = _bar_of(log[number])
    return any(
        subject in line and _bar_of(line) == bar and cleared.search(line)
        for line in log[number + 1 :]
    )


def _bar_of(line: str) -> str | None:
    match = _BAR.search(line)
    return match[1] if match else None


def _finding(row: Message, subject: str, lines: Sequence[str]) -> Finding:
    quoted = [Evidence(KERNEL_LOG, line) for line in lines[:_MAX_EVIDENCE]]
    if len(lines) > _MAX_EVIDENCE:
        quoted.append(Evidence(KERNEL_LOG, f"and {len(lines) - _MAX_EVIDENCE} lines more like it"))
    said = f" The one who asked got {row.errno}." if row.errno else ""
    return Finding(
        id=row.id,
        severity=row.severity,
        subject=subject,
        evidence=tuple(quoted),
        meaning=row.meaning + said,
        fix=row.fix,
        gain=row.gain,
    )
