"""What a readiness rule found, with its evidence and its remedy."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple

HOST = "host"  # the subject of a finding that is about no single function


class Severity(StrEnum):
    """How much a finding matters, from the most to the least."""

    ERROR = "error"  # SR-IOV, or giving VFs to guests, does not work
    WARNING = "warning"  # it works, but less safely or with less than the hardware has
    UNKNOWN = "unknown"  # could not be judged from what was read
    INFO = "info"  # good to know


class Evidence(NamedTuple):
    """One thing that was read."""

    source: str  # a path, "kernel log", or a function's capability
    value: str


class Finding(NamedTuple):
    """One thing to know about a host.

    :param id: stable name, for scripts and for the documentation.
    :param subject: a PCI address as text, or :data:`HOST`.
    :param meaning: what follows from it, in whole sentences.
    :param fix: exact commands or firmware menu words, the first choice first.
    :param gain: what becomes possible once it is fixed.
    """

    id: str
    severity: Severity
    subject: str
    evidence: tuple[Evidence, ...]
    meaning: str
    fix: tuple[str, ...] = ()
    gain: str = ""
