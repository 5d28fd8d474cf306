"""Runs of the journal as text and as JSON."""

from __future__ import annotations

from sriovctl.model.run import RunStatus
from sriovctl.render.plan import format_change, steps_as_json
from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.run import RecordedStep, Run


def run_as_json(run: Run, steps: Sequence[RecordedStep], *, now_s: float) -> dict[str, object]:
    """Shape a run as ``history --json`` promises it; with its steps if there are any.

    :param now_s: on the host's monotonic clock.
    """
    shaped: dict[str, object] = {
        "run": run.run_id,
        "kind": str(run.kind),
        "status": str(run.status),
        "started": run.started,
        "ended": run.ended,
        "boot_id": run.boot_id,
        "pfs": list(run.devices),
        "source": run.source,
        "asked_by": run.asked_by,
        "undoes": run.undoes,
        "confirm_in_s": _left_s(run, now_s),
        "note": run.note,
    }
    if steps:
        plain = steps_as_json([one.step for one in steps])
        shaped["steps"] = [
            {"status": str(one.status), **step} for one, step in zip(steps, plain, strict=True)
        ]
    return shaped


def _left_s(run: Run, now_s: float) -> float | None:
    if run.status is not RunStatus.UNCONFIRMED or run.confirm_by is None:
        return None
    return round(max(0.0, run.confirm_by - now_s), 1)


def format_runs(runs: Sequence[Run]) -> str:
    """Show runs to a person, one line each."""
    if not runs:
        return "nothing was applied on this host yet"
    # Simulated hosts and older runs do not tell who asked.
    is_told = any(run.asked_by for run in runs)
    rows = [
        [
            str(run.run_id),
            run.started.replace("T", " ").removesuffix("+00:00"),
            str(run.kind),
            str(run.status),
            run.source or "-",
            *([run.asked_by or "-"] if is_told else []),
            " ".join(run.devices),
        ]
        for run in runs
    ]
    asked_by = ["asked by"] if is_told else []
    header = ["run", "started (UTC)", "kind", "status", "from", *asked_by, "PFs"]
    return format_table(header, rows)


def format_run(run: Run, steps: Sequence[RecordedStep]) -> str:
    """Show one run and each of its steps."""
    lines = [f"run {run.run_id}: {run.kind} from {run.source or '-'}, {run.status}"]
    if run.asked_by:
        lines.append(f"  asked for by {run.asked_by}")
    if run.note:
        lines.append(f"  {run.note}")
    lines += [
        f"  {one.position + 1}. {one.step.subject}: {format_change(one.step)}  {one.status}"
        for one in steps
    ]
    return "\n".join(lines)
