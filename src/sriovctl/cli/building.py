"""The host that the user chose, as the REST interface gets at it."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext

from sriovctl.api.doors import Building
from sriovctl.cli.context import HostKind
from sriovctl.host.database import state_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.cli.context import Context


def building_of(context: Context) -> Building:
    """Say how the interface gets at the host.

    :raises InputError: there is only a dump of one.
    """
    host = context.host()  # a dump is none, and that is to be said before anybody listens
    if context.kind is HostKind.LIVE:
        return Building(
            lambda: closing(context.opened_anew()),
            state_directory=os.path.abspath(state_directory()),
        )
    return Building(
        lambda: nullcontext(context),
        is_shared=True,
        no_guests=f"{context.kind} has no guests",
        read_only="a recording is read-only" if context.kind is HostKind.RECORDED else None,
        close=context.close,
        hostname=host.description,
        is_simulated=context.kind is HostKind.SIMULATED,
    )
