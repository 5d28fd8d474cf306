"""Recordings of simulated hosts."""

from __future__ import annotations

from pathlib import Path

from sriovctl.engine.record import RecordSummary, record_host
from sriovctl.host.api import Host
from sriovctl.host.record_writer import RecordWriter


def record(
    host: Host, directory: Path, *, hide_macs: bool = False, hide_serials: bool = False
) -> RecordSummary:
    """Record a whole host at a moment that is always the same."""
    with RecordWriter(str(directory)) as writer:
        summary = record_host(
            host,
            writer,
            recorded_at="2026-01-01T00:00:00+00:00",
            hide_macs=hide_macs,
            hide_serials=hide_serials,
            on_progress=lambda _line: None,
        )
        writer.complete()
    return summary
