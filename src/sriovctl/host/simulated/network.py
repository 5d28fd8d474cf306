"""The network of the simulated host beyond its cards: bridges, VLANs, addresses, routes."""

from __future__ import annotations

import errno

from sriovctl.codec.inet import IPV4_SIZE, parse_ip
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.layout import publish_virtual_netdev
from sriovctl.host.simulated.tree import refuse
from sriovctl.model.functions import NO_MAC
from sriovctl.model.inet import InterfaceAddress, Route
from sriovctl.model.link import LinkReport, NetdevCounters

_LOOPBACK = LinkReport(
    ifindex=1, ifname="lo", mac=NO_MAC, up=True, carrier=True, counters=NetdevCounters()
)
_LOOPBACK_ADDRESSES = (InterfaceAddress(1, "127.0.0.1", 8), InterfaceAddress(1, "::1", 128))
_MAC = "02:00:5e:10:00:{:02x}"


class SimulatedNetwork:
    """What ``ip link``, ``ip address`` and ``ip route`` would have set up.

    :param kernel: whose cards' netdevs it builds on.
    """

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel
        self._links: dict[int, LinkReport] = {}
        self._masters: dict[int, int] = {}
        self._addresses: list[InterfaceAddress] = []
        self._routes: list[Route] = []

    # --- setting it up -------------------------------------------------------------------

    def add_link(self, name: str, kind: str, *, lower: str | None = None) -> int:
        """Make a netdev without a card, as ``ip link add``; return its ifindex."""
        ifindex = self._kernel.next_ifindex()
        self._links[ifindex] = LinkReport(
            ifindex=ifindex,
            ifname=name,
            mac=_MAC.format(ifindex & 0xFF),
            kind=kind,
            up=True,
            carrier=True,
            counters=NetdevCounters(),
            lower=None if lower is None else self.index_of(lower),
        )
        publish_virtual_netdev(self._kernel, name, ifindex)
        return ifindex

    def set_master(self, name: str, master: str) -> None:
        """Make a netdev a port of a bridge or bond, as ``ip link set … master``."""
        self._masters[self.index_of(name)] = self.index_of(master)

    def add_address(self, name: str, address: str, *, link_local: bool = False) -> None:
        """Give a netdev an address, written ``192.0.2.1/24``."""
        text, _, length = address.partition("/")
        self._addresses.append(
            InterfaceAddress(self.index_of(name), text, int(length), link_local=link_local)
        )

    def add_default_route(
        self,
        *names: str,
        gateway: str | None = None,
        version: int = 4,
        table: int = 254,
        nexthop_id: int | None = None,
    ) -> None:
        """Let a default route lead out of one netdev, or of several at once."""
        out = tuple(self.index_of(name) for name in names)
        route = Route(version, 0, out, gateway=gateway, table=table, nexthop_id=nexthop_id)
        self._routes.append(route)

    def index_of(self, name: str) -> int:
        """Find a netdev's ifindex by its name.

        :raises OSError: ENODEV, there is none.
        """
        for link in self.links():
            if link.ifname == name:
                return link.ifindex
        raise refuse(errno.ENODEV)

    # --- answering -----------------------------------------------------------------------

    def links(self) -> tuple[LinkReport, ...]:
        """The loopback, the cards' netdevs in short, and what was set up here."""
        cards = (LinkReport(netdev.ifindex, netdev.name) for netdev in self._kernel.netdevs_here())
        return (_LOOPBACK, *cards, *self._links.values())

    def virtual_links(self) -> tuple[LinkReport, ...]:
        """Netdevs without a card, the loopback first."""
        return (_LOOPBACK, *(self.placed(link) for link in self._links.values()))

    def placed(self, link: LinkReport) -> LinkReport:
        """Add to what a driver says of its netdev where it stands."""
        return link._replace(master=self._masters.get(link.ifindex))

    def addresses(self) -> tuple[InterfaceAddress, ...]:
        """All addresses; those of netdevs that went away went with them."""
        known = {link.ifindex for link in self.links()}
        return (*_LOOPBACK_ADDRESSES, *(a for a in self._addresses if a.ifindex in known))

    def routes(self) -> tuple[Route, ...]:
        """Routes that were set up."""
        return tuple(self._routes)

    def route_to(self, destination: str) -> Route:
        """Find the way to an address: the longest matching prefix, then a default route.

        :raises OSError: ENETUNREACH, there is none.

        Source: ``inet_rtm_getroute()``, ``inet6_rtm_getroute()``.
        """
        octets = parse_ip(destination)
        version = 4 if len(octets) == IPV4_SIZE else 6
        near = [a for a in self.addresses() if _covers(a, octets)]
        if near:
            best = max(near, key=lambda address: address.prefix_length)
            return Route(version, len(octets) * 8, (best.ifindex,))
        for route in self._routes:
            if route.version == version and route.out:
                out = route.out[:1]
                return Route(version, len(octets) * 8, out, gateway=route.gateway)
        raise refuse(errno.ENETUNREACH)


def _covers(address: InterfaceAddress, octets: bytes) -> bool:
    own = parse_ip(address.address)
    shift = len(own) * 8 - address.prefix_length
    if len(own) != len(octets):
        return False
    return int.from_bytes(own, "big") >> shift == int.from_bytes(octets, "big") >> shift
