"""Every error that sriovctl raises on purpose, and the exit code each family ends with.

    SriovctlError
    ├── InputError          the user's words or files are wrong                exit 2
    ├── UnsupportedError    this host, kernel, driver or guest cannot do it    exit 1
    ├── SafetyError         possible, but refused to protect somebody          exit 4
    ├── BusyError           in use or in transition; trying again may work     exit 1
    │   ├── LockedError     another sriovctl is at work there               exit 1
    │   ├── StalePlanError  the host is not as it was planned for           exit 1
    │   └── WedgedError     the kernel hangs in what it was asked to do        exit 1
    ├── PermissionDenied    the kernel or a daemon says no to this user        exit 1
    ├── HostError           the kernel, a daemon or a program failed           exit 1
    │   └── LostError       what we talked to is gone (device, VM, daemon)     exit 1
    └── VerifyError         a write was accepted, but reads back differently   exit 1

Any other exception that escapes is a bug of ours; ``__main__`` says so.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spelt out: importing typing costs a third of Python's own start
if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_REFUSED = 4


class SriovctlError(Exception):
    """Root of all deliberate errors.

    :param cause: what went wrong, one clause, without a full stop.
    :param subject: what it happened to: a PCI address, netdev, guest or file.
    :param hint: what the user can do about it.
    :param evidence: what was read or answered (path, errno, value, extack text).
    """

    code = "error"
    exit_code = EXIT_FAILED

    def __init__(
        self,
        cause: str,
        *,
        subject: object = None,
        hint: str | None = None,
        evidence: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.subject = None if subject is None else str(subject)
        self.hint = hint
        self.evidence = dict(evidence or {})

    def __str__(self) -> str:
        head = f"{self.subject}: {self.cause}" if self.subject else self.cause
        facts = ", ".join(f"{key} {value}" for key, value in self.evidence.items())
        tail = f" ({facts})" if facts else ""
        return f"{head}{tail}" + (f"; {self.hint}" if self.hint else "")


class InputError(SriovctlError):
    """The user's words or files are wrong."""

    code = "input"
    exit_code = EXIT_USAGE


class UnsupportedError(SriovctlError):
    """This host, kernel, driver or guest cannot do what was asked."""

    code = "unsupported"


class SafetyError(SriovctlError):
    """Possible, but refused because somebody would be hurt."""

    code = "refused"
    exit_code = EXIT_REFUSED


class BusyError(SriovctlError):
    """In use or in transition; the same request may work later."""

    code = "busy"


class LockedError(BusyError):
    """Another sriovctl is at work on a PF."""


class StalePlanError(BusyError):
    """The host is not as it was when the plan was made."""

    code = "stale-plan"


class WedgedError(BusyError):
    """The kernel hangs in what it was asked to do; only it can end that."""

    code = "wedged"


class PermissionDenied(SriovctlError):
    """The kernel or a daemon refuses this user."""

    code = "permission"


class HostError(SriovctlError):
    """The kernel, a daemon or a program failed."""

    code = "host"


class LostError(HostError):
    """What we talked to is gone: a device, a VM, a daemon."""

    code = "lost"


class VerifyError(SriovctlError):
    """A write was accepted, but the value reads back differently."""

    code = "verify"
