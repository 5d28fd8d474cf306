"""Which family of :mod:`sriovctl.errors` an errno of the kernel belongs to."""

from __future__ import annotations

import errno

from sriovctl.errors import BusyError, HostError, LostError, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.errors import SriovctlError

# "Not there" is an answer.  EOPNOTSUPP and EINVAL are how show() functions of net devices say "not
# for this device" and "not while it is down": phys_port_name, phys_switch_id, speed, carrier
# (kernel net/core/net-sysfs.c).  ESRCH is how files of /proc/PID say that the process has ended.
NO_SUCH_VALUE = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP, errno.EINVAL, errno.ESRCH)
)

_FAMILIES: dict[int, type[SriovctlError]] = {
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.EBUSY: BusyError,
    errno.EAGAIN: BusyError,
    errno.ENODEV: LostError,
    errno.ENXIO: LostError,
}
_HINTS = {errno.EACCES: "run as root", errno.EPERM: "run as root"}


def errno_name(number: int) -> str:
    """Symbolic name of an errno (``EBUSY``), or the number as text.  Pure."""
    if number == errno.EOPNOTSUPP:  # Python knows the number by its other name, ENOTSUP
        return "EOPNOTSUPP"
    return errno.errorcode.get(number, str(number))


def kernel_error(
    exc: OSError,
    *,
    subject: object,
    action: str,
    value: str | None = None,
    family: type[SriovctlError] | None = None,
) -> SriovctlError:
    """Turn an ``OSError`` into one of our own, to be raised from it.  Pure.

    :param subject: the path, or whatever else it happened to.
    :param action: what was tried, as in "cannot read".
    :param value: what was being written.
    :param family: the class to use where the errno alone would mislead.
    """
    number = exc.errno or 0
    evidence: dict[str, object] = {"errno": errno_name(number)}
    if value is not None:
        evidence["value"] = repr(value)
    return (family or _FAMILIES.get(number, HostError))(
        f"{action}: {exc.strerror or exc}",
        subject=subject,
        hint=_HINTS.get(number),
        evidence=evidence,
    )


def write_error(exc: OSError, *, path: str, value: str, exists: bool) -> SriovctlError:
    """Turn the refusal of a write to sysfs into one of our own.  Pure.

    :param exists: whether *path* is still there.  ENOENT and ENODEV may be the driver's answer
        (``sriov_numvfs`` without a driver, ``bind`` with autoprobe off) rather than "it is gone".
    """
    family: type[SriovctlError] | None = None
    if exc.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        family = HostError if exists else LostError
    return kernel_error(exc, subject=path, action="cannot write", value=value, family=family)
