"""Which netdevs stand on which: ports of bridges and bonds, VLANs, macvlans.  Pure.

Source: kernel ``net/core/rtnetlink.c``: ``IFLA_MASTER`` is what a netdev is a port of,
``IFLA_LINK`` what it stands on, or for a pair of twins (veth) the other one;
``net/openvswitch/vport-internal_dev.c``, ``vport-netdev.c``.
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sriovctl.model.link import LinkReport

_OPEN_VSWITCH = "openvswitch"
_TWINS = frozenset(("veth", "netkit", "vxcan"))


class Perch(NamedTuple):
    """One netdev that rests on another, at any height."""

    link: LinkReport
    way: str  # from it down: "br0, of which bond0 is a port, of which ens1 is a port"


Uppers = dict[int, list["tuple[LinkReport, bool]"]]  # and whether the lower is a port of it


def find_uppers(links: Iterable[LinkReport]) -> Uppers:
    """Find for each netdev, by ifindex, those directly on top of it.  Pure."""
    known = {link.ifindex: link for link in links}
    uppers: Uppers = {}
    for link in known.values():
        if link.master is not None and link.master in known:
            uppers.setdefault(link.ifindex, []).append((known[link.master], True))
        if stands_on_lower(link) and not link.lower_elsewhere:
            assert link.lower is not None  # it stands on it
            uppers.setdefault(link.lower, []).append((link, False))
    for datapath, internal in _switched(known):
        uppers.setdefault(datapath, []).append((internal, False))
    return uppers


# The bridges of Open vSwitch on which a host has its addresses are internal ports, which the kernel
# links to nothing.  Any of them may reach any port of the datapath; which, only the flows say.
def _switched(known: Mapping[int, LinkReport]) -> Iterator[tuple[int, LinkReport]]:
    switched = [link for link in known.values() if link.kind == _OPEN_VSWITCH]
    datapaths = {link.master for link in known.values()} & {link.ifindex for link in switched}
    for datapath in sorted(number for number in datapaths if number is not None):
        for link in switched:
            if link.ifindex not in datapaths and link.master is None:
                yield datapath, link


def stands_on_lower(link: LinkReport) -> bool:
    """Say whether ``IFLA_LINK`` names what a netdev stands on.  Pure."""
    return link.lower not in (None, 0, link.ifindex) and link.kind not in _TWINS


def climb(start: LinkReport, uppers: Uppers) -> Mapping[int, Perch]:
    """Follow what rests on a netdev upwards; the first found is the netdev itself.  Pure.

    :return: by ifindex, nearest first.
    """
    found = {start.ifindex: Perch(start, start.ifname)}
    pending = [start.ifindex]
    for ifindex in pending:
        below = found[ifindex].way
        for upper, is_port in uppers.get(ifindex, ()):
            if upper.ifindex not in found:
                found[upper.ifindex] = Perch(upper, _way(upper.ifname, below, is_port=is_port))
                pending.append(upper.ifindex)
    return found


def _way(upper: str, below: str, *, is_port: bool) -> str:
    if not is_port:
        return f"{upper} on {below}"
    name, comma, rest = below.partition(",")
    return f"{upper}, of which {name} is a port{comma}{rest}"
