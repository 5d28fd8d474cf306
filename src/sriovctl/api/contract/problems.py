"""Errors as HTTP tells them: one shape, and a status for each family."""

from __future__ import annotations

from json import dumps

from sriovctl.api.contract.messages import Response
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    PermissionDenied,
    SafetyError,
    SriovctlError,
    UnsupportedError,
    VerifyError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_SCHEMA = "sriovctl/error/1"
RETRY_AFTER_S = 2

# The first that fits; what stands for a failure of the kernel or a daemon is no fault of HTTP's.
_STATUSES: tuple[tuple[type[SriovctlError], int], ...] = (
    (InputError, 400),
    (PermissionDenied, 403),
    (SafetyError, 409),
    (UnsupportedError, 422),
    (BusyError, 423),
    (HostError, 502),
    (VerifyError, 502),
)


class Refusal(InputError):
    """A request that the interface itself refuses, with a status and a code of its own."""

    code = "request"

    def __init__(
        self,
        status: int,
        code: str,
        cause: str,
        *,
        subject: object = None,
        hint: str | None = None,
        evidence: Mapping[str, object] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(cause, subject=subject, hint=hint, evidence=evidence)
        self.status = status
        self.code = code
        self.headers = headers


def not_found(
    subject: object, cause: str = "there is no such thing here", *, hint: str | None = None
) -> Refusal:
    """Say that something is not there."""
    return Refusal(404, "not-found", cause, subject=subject, hint=hint)


def status_of(error: SriovctlError) -> int:
    """Say which status an error has."""
    if isinstance(error, Refusal):
        return error.status
    return next((status for family, status in _STATUSES if isinstance(error, family)), 500)


def error_as_json(error: SriovctlError) -> dict[str, object]:
    """Shape an error: what stands in ``errors.py``, word by word."""
    return {
        "code": error.code,
        "cause": error.cause,
        "subject": error.subject,
        "hint": error.hint,
        "evidence": {key: _plain(value) for key, value in error.evidence.items()},
    }


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def response_to(error: SriovctlError) -> Response:
    """Answer with an error."""
    headers = error.headers if isinstance(error, Refusal) else ()
    if isinstance(error, BusyError):
        headers = (("retry-after", str(RETRY_AFTER_S)),)
    body = {"schema": ERROR_SCHEMA, "error": error_as_json(error)}
    return Response(status_of(error), encode_json(body), headers=headers)


def response_to_bug() -> Response:
    """Answer where sriovctl itself is wrong; what it was stands in the log alone."""
    return response_to(error_of_bug())


def error_of_bug() -> SriovctlError:
    """Say that sriovctl itself is wrong, and no more: a client need not know where."""
    cause = "sriovctl made a mistake, and the log of the daemon says which"
    return SriovctlError(cause, subject="sriovctl")


def encode_json(document: object) -> bytes:
    """Write JSON as it is sent: ASCII alone, so that no client can misread it."""
    return dumps(document, separators=(",", ":")).encode("ascii")
