"""The eswitch of PFs and the representors of their VFs, as text and as JSON."""

from __future__ import annotations

from sriovctl.model.functions import EswitchMode
from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.eswitch import EswitchReport, Representor

_HEADER = ("VF", "ADDRESS", "REPRESENTOR", "PORT", "LINK", "DEVLINK")


def format_reports(reports: Sequence[EswitchReport]) -> str:
    """Lay out one paragraph for each PF.  Pure."""
    if not reports:
        return "no PF"
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    paragraphs = [_format_report(report) for report in reports]
    return "\n".join([*paragraphs, *(f"note: {note}" for note in notes)])


def _format_report(report: EswitchReport) -> str:
    pf = report.pf
    about = ", ".join(word for word in (pf.netdev, pf.driver) if word)
    head = f"{pf.device} ({about})" if about else pf.device
    lines = [f"{head}: {_describe_mode(report)}"]
    if report.representors:
        rows = [_row(one) for one in report.representors]
        lines.append(format_table(_HEADER, rows, indent="  "))
    return "\n".join(lines)


def _describe_mode(report: EswitchReport) -> str:
    count = len(report.representors)
    number = f"{count} representor{'' if count == 1 else 's'}"
    if report.mode == EswitchMode.SWITCHDEV:
        return f"switchdev, {number}" if report.pf.num_vfs else "switchdev, no VFs yet"
    if report.mode == EswitchMode.LEGACY:
        return "legacy, so no representors"
    if report.mode is None and report.notes:
        return f"mode not known, {number}"
    return "no eswitch with a mode" if report.mode is None else f"mode {report.mode}, {number}"


def _row(one: Representor) -> tuple[object, ...]:
    link = None if one.up is None else "up" if one.up else "down"
    return one.vf_index, one.vf_address, one.netdev, one.port_name, link, one.devlink_port


def reports_as_json(reports: Sequence[EswitchReport]) -> dict[str, object]:
    """Lay out for JSON: unknown is null.  Pure."""
    return {"pfs": [_report_as_json(report) for report in reports]}


def _report_as_json(report: EswitchReport) -> dict[str, object]:
    pf = report.pf
    return {
        "device": pf.device,
        "address": None if pf.address is None else str(pf.address),
        "driver": pf.driver,
        "netdev": pf.netdev,
        "num_vfs": pf.num_vfs,
        "eswitch_mode": report.mode,
        "representors": [one._asdict() for one in report.representors],
        "notes": list(report.notes),
    }
