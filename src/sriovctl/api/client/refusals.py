"""What a daemon answers that did not do what it was asked, as the errors that they stand for."""

from __future__ import annotations

from sriovctl.api.contract.messages import NOTHING_TO_UNDO
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    PermissionDenied,
    SafetyError,
    SriovctlError,
    StalePlanError,
    UnsupportedError,
    VerifyError,
    WedgedError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FAMILIES: tuple[type[SriovctlError], ...] = (
    *(BusyError, HostError, InputError, LostError, PermissionDenied),
    *(SafetyError, SriovctlError, StalePlanError, UnsupportedError, VerifyError, WedgedError),
)
# What the interface calls by names of its own, in the families of the command's direct answers.
_OF_INTERFACE: Mapping[str, type[SriovctlError]] = {
    "not-found": InputError,
    "lease-has-ended": LostError,
    NOTHING_TO_UNDO: InputError,
    "too-many-jobs": BusyError,
    "job-has-ended": BusyError,
}
_CLASSES = {one.code: one for one in _FAMILIES} | dict(_OF_INTERFACE)


class NotServed(Exception):
    """The daemon does nothing of the kind for us, and nothing was begun: go without it.

    :param is_late: the user should be told, since finding it out took its time.
    """

    def __init__(self, cause: str, *, hint: str | None = None, is_late: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
        self.is_late = is_late

    def add_to(self, error: PermissionDenied) -> None:
        """Tell who may not do it without the daemon either why it did not."""
        error.evidence["the daemon"] = self.cause
        if self.hint is not None:
            error.hint = self.hint if error.hint is None else f"{error.hint}, or: {self.hint}"


def error_told(problem: Mapping[str, object]) -> SriovctlError:
    """Make the error again that the interface has told.

    :param problem: what stands under ``error``.
    """
    code = str(problem.get("code"))
    evidence = problem.get("evidence")
    family = _CLASSES.get(code, SriovctlError)
    error = family(
        str(problem.get("cause")),
        subject=problem.get("subject"),
        hint=None if problem.get("hint") is None else str(problem["hint"]),
        evidence=evidence if isinstance(evidence, dict) else None,
    )
    error.code = code
    return error
