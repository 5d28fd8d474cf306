"""Read one netdev, with the VFs that it has, from route netlink.

Source: ``rtnl_getlink()`` in kernel ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

import errno
import os

from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.errors import (
    BusyError,
    HostError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.kernel_errors import errno_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sriovctl.codec.rtnl_vf_list import KnownVFs
    from sriovctl.host.api import RouteNetlink
    from sriovctl.model.link import LinkReport
    from sriovctl.model.netlink import NetlinkAnswer

_FAMILIES: dict[int, tuple[type[SriovctlError], str | None]] = {
    errno.EPERM: (PermissionDenied, "run as root (CAP_NET_ADMIN)"),
    errno.EACCES: (PermissionDenied, "run as root (CAP_NET_ADMIN)"),
    errno.EOPNOTSUPP: (UnsupportedError, "the PF's driver does not offer this"),
    errno.EPROTONOSUPPORT: (UnsupportedError, "the PF's driver knows 802.1q only"),
    errno.EINVAL: (HostError, "the driver does not take this value; the kernel log may say why"),
    errno.ENODEV: (LostError, None),
    errno.EBUSY: (BusyError, "try again"),
    errno.EAGAIN: (BusyError, "try again"),
}


def read_link(
    rtnl: RouteNetlink,
    netdev: str | int,
    *,
    with_counters: bool = False,
    only: Collection[int] | None = None,
    known: KnownVFs | None = None,
) -> LinkReport:
    """Read one netdev with its VFs.

    :param netdev: name, alternative name, or ifindex.
    :param only: indices of the VFs that matter; the kernel tells all.  None: all.
    :param known: see :func:`sriovctl.codec.rtnl.decode_link`.
    :raises LostError: there is no such netdev.
    :raises PermissionDenied: the kernel refuses.
    :raises HostError: any other failure, or an answer that cannot be understood.
    """
    message = ask_link(rtnl, netdev, with_counters=with_counters, with_vfs=True)
    link = decode_link(message, only=only, known=known)
    return link if with_counters else _without_counters(link)


def ask_link(
    rtnl: RouteNetlink, netdev: str | int, *, with_counters: bool, with_vfs: bool
) -> bytes:
    """Ask for one netdev, and return the kernel's answer as it came.

    :raises SriovctlError: as :func:`read_link` does.
    """
    request = encode_getlink(
        ifindex=netdev if isinstance(netdev, int) else None,
        ifname=None if isinstance(netdev, int) else netdev,
        with_counters=with_counters,
        with_vfs=with_vfs,
    )
    (answer,) = rtnl.exchange([request])
    subject = subject_of(netdev)
    if answer.errno == errno.ENODEV:
        raise LostError("no such netdev", subject=subject, evidence=_evidence(answer))
    if answer.errno:
        raise refusal(answer, subject, "the kernel did not describe it")
    if not answer.payloads:
        raise HostError("the kernel's answer is empty", subject=subject)
    return answer.payloads[0]


# A recording answers with the counters that it was made with, asked for or not.
def _without_counters(link: LinkReport) -> LinkReport:
    if all(vf.counters is None for vf in link.vfs[:1]):
        return link
    return link._replace(vfs=tuple(vf._replace(counters=None) for vf in link.vfs))


def refusal(
    answer: NetlinkAnswer,
    subject: str,
    what: str,
    evidence: Mapping[str, object] | None = None,
    hint: str | None = None,
) -> SriovctlError:
    """Make an error of what the kernel refused.  Pure.

    :param what: what it did not do.
    :param hint: where it is more than the errno tells.
    """
    family, usual_hint = _FAMILIES.get(answer.errno, (HostError, None))
    return family(
        f"{what}: {os.strerror(answer.errno)}",
        subject=subject,
        hint=hint or usual_hint,
        evidence={**_evidence(answer), **(evidence or {})},
    )


def subject_of(netdev: str | int) -> str:
    """Name a netdev, by which it was asked for, in an error.  Pure."""
    return f"netdev {netdev}" if isinstance(netdev, int) else netdev


def _evidence(answer: NetlinkAnswer) -> dict[str, object]:
    evidence: dict[str, object] = {"errno": errno_name(answer.errno)}
    if answer.message:
        evidence["kernel"] = answer.message
    return evidence
