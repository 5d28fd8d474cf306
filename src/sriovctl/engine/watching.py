"""Look at a host's traffic again and again, and at who uses it now and then."""

from __future__ import annotations

from sriovctl.engine.counters import read_settled_traffic
from sriovctl.model.counters import rate_pfs
from sriovctl.model.owner import OwnerReport, name_owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.host.api import Host
    from sriovctl.model.counters import PFTraffic, RatedPF
    from sriovctl.model.functions import PF

    Traffic = tuple[PFTraffic, ...]
    Ask = Callable[[Sequence[PF]], OwnerReport]

_OWNERS_LAST_S = 10.0  # asking for them costs a look at each process


class Watcher:
    """Rates of one host, from one look to the next.

    :param ask_owners: says who uses PFs and VFs; None: do not ask.
    :param note_wedged: writes in which PFs hang.
    :param wanted: picks the PFs to show.
    """

    def __init__(
        self,
        host: Host,
        *,
        ask_owners: Ask | None,
        note_wedged: Callable[[Traffic], Traffic],
        wanted: Callable[[PF], bool] = lambda _: True,
    ) -> None:
        self._host = host
        self._ask_owners = ask_owners
        self._note_wedged = note_wedged
        self._wanted = wanted
        self._last: Traffic = ()
        self._owners = OwnerReport({})
        self._owners_at_s = float("-inf")
        self._owners_of: object = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be seen of the users."""
        return self._owners.notes

    def look(self) -> tuple[RatedPF, ...]:
        """Look once; rates are those since the look before.

        :raises LostError: PFs went away while they were read, again and again.
        :raises HostError: the kernel refused a read.
        """
        seen = tuple(one for one in read_settled_traffic(self._host) if self._wanted(one.pf))
        seen = self._note_wedged(seen)
        named = self._with_owners(seen)
        rated = rate_pfs(self._last, named)
        self._last = named
        return rated

    def _with_owners(self, seen: Traffic) -> Traffic:
        if self._ask_owners is None:
            return seen
        self._refresh_owners(self._ask_owners, [one.pf for one in seen])
        named = name_owners((one.pf for one in seen), self._owners.owners)
        return tuple(
            one._replace(
                pf=pf,
                vfs=tuple(v._replace(vf=vf) for v, vf in zip(one.vfs, pf.vfs, strict=True)),
            )
            for one, pf in zip(seen, named, strict=True)
        )

    # A guest that takes a VF changes its driver, and a container takes its netdev: then at once.
    def _refresh_owners(self, ask: Ask, pfs: Sequence[PF]) -> None:
        now_s = self._host.clock.now()
        shape = [(pf.device, pf.netdev, [(vf.driver, vf.netdev) for vf in pf.vfs]) for pf in pfs]
        if shape != self._owners_of or now_s - self._owners_at_s >= _OWNERS_LAST_S:
            self._owners, self._owners_of, self._owners_at_s = ask(pfs), shape, now_s
