"""IP addresses and routes of a host, as far as they tell who uses a netdev."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple


class InterfaceAddress(NamedTuple):
    """One ``RTM_NEWADDR``: an address of this host."""

    ifindex: int
    address: str
    prefix_length: int
    link_local: bool = False  # valid on this link only (RT_SCOPE_LINK)

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix_length}"


class Route(NamedTuple):
    """One ``RTM_NEWROUTE`` that leads somewhere."""

    version: int  # 4 or 6
    prefix_length: int  # 0 for a default route
    out: tuple[int, ...]  # ifindexes: one, or those of all next hops
    gateway: str | None = None  # of the first next hop
    table: int = 254  # RT_TABLE_MAIN
    metric: int | None = None
    nexthop_id: int | None = None  # a nexthop object; then out may be empty
    unicast: bool = True  # False: unreachable, blackhole, local, …
