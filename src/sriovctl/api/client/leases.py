"""Leases that the daemon takes, renews and gives back for us, and pools that it keeps."""

from __future__ import annotations

from urllib.parse import quote

from sriovctl.api.client.answers import parse_leases, read_answer
from sriovctl.api.client.daemon import CHANGE_S
from sriovctl.codec.state_text import state_as_tree
from sriovctl.errors import LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.model.lease import Request
    from sriovctl.model.state import DesiredState
    from sriovctl.render.leases import ShownLease


class LeaseOffice:
    """Where the daemon is asked for leases.

    :param warn: told what may make an answer less than it seems.
    """

    def __init__(self, daemon: Daemon, warn: Callable[[str], None]) -> None:
        self._daemon = daemon
        self._warn = warn

    def take(
        self, pool: str, request: Request, *, ttl_s: float | None, pinned: bool
    ) -> list[ShownLease]:
        """Have as many VFs lent as are asked for, or none.

        :param pool: a pool's name, or which PFs lend.
        :raises NotServed: the daemon does no such thing for us; nothing was begun.
        :raises LostError: it is gone, and what it did is not known.
        :raises SriovctlError: as :meth:`sriovctl.engine.leases.lending.Desk.take` does.
        """
        said: dict[str, object] = {
            "pool": pool,
            "owner": request.owner,
            "count": request.vfs,
            "ttl_s": ttl_s,
            "numa_node": request.numa_node,
            "numa_policy": request.numa,
            "policy": request.policy,
            "pf": request.pf,
            "group_disjoint": request.group_disjoint,
            "pinned": pinned,
        }
        return self._change("/v1/leases", said)

    def renew(self, lease_id: int, ttl_s: float | None) -> list[ShownLease]:
        """Have a lease last on from now.

        :raises SriovctlError: as for :meth:`take`, and as the desk's does.
        """
        return self._change(f"/v1/leases/{lease_id}/renew", {"ttl_s": ttl_s})

    def release(self, lease_ids: Sequence[int], *, owner: str | None) -> list[ShownLease]:
        """Have leases given back, all or none: those that are named, or those of an owner.

        :raises SriovctlError: as for :meth:`take`, and as the desk's does.
        """
        return self._change(
            "/v1/leases/release", {"leases": list(lease_ids) or None, "owner": owner}
        )

    def define_pools(self, state: DesiredState) -> None:
        """Have the pools of a state kept.

        :raises SriovctlError: as for :meth:`take`.
        """
        self._daemon.ask("POST", "/v1/pools", state_as_tree(state), timeout_s=CHANGE_S)

    def remove_pool(self, name: str) -> None:
        """Have a pool forgotten.

        :raises InputError: there is none of this name.
        """
        self._daemon.ask("DELETE", f"/v1/pools/{quote(name, safe='')}", timeout_s=CHANGE_S)

    def _change(self, target: str, said: dict[str, object]) -> list[ShownLease]:
        said = {key: value for key, value in said.items() if value is not None}
        try:
            document = self._daemon.ask("POST", target, said, timeout_s=CHANGE_S)
        except LostError as error:
            if error.subject == self._daemon.path:
                error.cause += "; whether it did what was asked is not known here"
                error.hint = "'sriovctl lease list' tells"
            raise
        for note in read_answer(lambda said: tuple(said.get("notes", ())), document):
            self._warn(note)
        return read_answer(parse_leases, document)
