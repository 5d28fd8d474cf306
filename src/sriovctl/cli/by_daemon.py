"""Have the daemon do it where it runs, and do it ourselves where it does not."""

from __future__ import annotations

from sriovctl.cli.change_arguments import WRITE_TIMEOUT_S
from sriovctl.errors import PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TypeVar

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.api.client.jobs import JobOffice
    from sriovctl.api.client.leases import LeaseOffice
    from sriovctl.cli.context import Context

    T = TypeVar("T")


def by_daemon(context: Context, ask: Callable[[Daemon], T], directly: Callable[[], T]) -> T:
    """Ask the daemon, or do it ourselves where there is none, or it does no such thing for us.

    :raises PermissionDenied: neither of us may.
    :raises SriovctlError: as whoever did it does.
    """
    daemon = context.daemon()
    if daemon is None:
        return directly()
    from sriovctl.api.client.refusals import NotServed

    try:
        return ask(daemon)
    except NotServed as refusal:
        if refusal.is_late:
            context.warn(f"the daemon {refusal.cause}; this goes on without it")
        not_served = refusal
    try:
        return directly()
    except PermissionDenied as error:
        not_served.add_to(error)
        raise


def jobs_by_daemon(
    args: argparse.Namespace,
    context: Context,
    ask: Callable[[JobOffice], T],
    directly: Callable[[], T],
) -> T:
    """Have a run carried out by the daemon, or carry it out ourselves.

    How long a write may take the daemon was told when it was started: who says otherwise does it
    without the daemon.

    :raises SriovctlError: as for :func:`by_daemon`.
    """
    if getattr(args, "write_timeout", WRITE_TIMEOUT_S) != WRITE_TIMEOUT_S:
        return directly()

    def ask_for_job(daemon: Daemon) -> T:
        from sriovctl.api.client.jobs import JobOffice

        return ask(JobOffice(daemon, context.progress, context.warn))

    return by_daemon(context, ask_for_job, directly)


def leases_by_daemon(
    context: Context, ask: Callable[[LeaseOffice], T], directly: Callable[[], T]
) -> T:
    """Have the daemon see to leases and pools, or see to them ourselves.

    :raises SriovctlError: as for :func:`by_daemon`.
    """

    def ask_for_leases(daemon: Daemon) -> T:
        from sriovctl.api.client.leases import LeaseOffice

        return ask(LeaseOffice(daemon, context.warn))

    return by_daemon(context, ask_for_leases, directly)
