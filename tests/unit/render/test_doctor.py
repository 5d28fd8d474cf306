"""The doctor's findings as text and JSON."""

from __future__ import annotations

from sriovctl.model.finding import Evidence, Finding, Severity
from sriovctl.render.doctor import doctor_as_json, format_doctor, format_summary

SENTENCE = "This port keeps no card apart."
ERROR = Finding(
    id="acs-missing",
    severity=Severity.ERROR,
    subject="0000:04:00.0",
    evidence=(Evidence("/sys/x", "no ACS"), Evidence("shares a group with", "0000:03:00.0")),
    meaning=" ".join([SENTENCE] * 4),
    fix=("first", "second"),
    gain="each VF can go to a guest of its own",
)
NOTE = Finding("ari-off", Severity.INFO, "host", (Evidence("a", "b"),), "Short.")


def test_text_has_all_parts_in_order() -> None:
    assert format_doctor([ERROR, NOTE], ready=False, subject="this host").splitlines() == [
        "ERROR acs-missing  0000:04:00.0",
        f"   {SENTENCE} {SENTENCE} {SENTENCE}",
        f"   {SENTENCE}",
        "   seen: /sys/x: no ACS",
        "         shares a group with: 0000:03:00.0",
        "   fix:  first",
        "         second",
        "   then: each VF can go to a guest of its own",
        "",
        "INFO ari-off  host",
        "   Short.",
        "   seen: a: b",
        "",
        "this host: not ready for SR-IOV (1 error, 1 note)",
    ]


def test_colour_is_only_on_the_severity() -> None:
    text = format_doctor([ERROR], ready=False, subject="this host", color=True)
    assert text.startswith("\x1b[31mERROR\x1b[0m acs-missing")
    assert text.count("\x1b") == 2


def test_what_could_not_be_read_stands_before_the_last_line() -> None:
    text = format_doctor([], ready=True, subject="this host", notes=["run as root"])
    assert text == "note: run as root\n\nthis host: ready for SR-IOV"


def test_summaries() -> None:
    assert format_summary([], ready=True, subject="this host") == "this host: ready for SR-IOV"
    unknown = NOTE._replace(severity=Severity.UNKNOWN)
    assert format_summary([unknown, unknown], ready=False, subject="dump.txt") == (
        "dump.txt: nothing against SR-IOV was found, but not enough is known (2 things not known)"
    )
    assert format_summary([unknown], ready=True, subject="x") == (
        "x: ready for SR-IOV, as far as it is known (1 thing not known)"
    )
    warning = NOTE._replace(severity=Severity.WARNING)
    assert "ready for SR-IOV (1 warning)" in format_summary([warning], ready=True, subject="x")


def test_json_has_the_promised_keys() -> None:
    answer = doctor_as_json([ERROR, NOTE], ready=False, notes=["run as root"])
    assert answer == {
        "ready": False,
        "notes": ["run as root"],
        "findings": [
            {
                "id": "acs-missing",
                "severity": "error",
                "subject": "0000:04:00.0",
                "evidence": [
                    {"source": "/sys/x", "value": "no ACS"},
                    {"source": "shares a group with", "value": "0000:03:00.0"},
                ],
                "meaning": ERROR.meaning,
                "fix": ["first", "second"],
                "gain": "each VF can go to a guest of its own",
            },
            {
                "id": "ari-off",
                "severity": "info",
                "subject": "host",
                "evidence": [{"source": "a", "value": "b"}],
                "meaning": "Short.",
                "fix": [],
                "gain": None,
            },
        ],
    }
