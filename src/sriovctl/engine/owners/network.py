"""What the host itself does with a function's netdev: addresses, ports, routes, the way to SSH."""

from __future__ import annotations

import os

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.codec.rtnl_address import decode_address, encode_address_dump
from sriovctl.codec.rtnl_route import (
    decode_route,
    encode_get_route,
    encode_route_dump,
    is_default_route,
)
from sriovctl.engine.inventory import NET_CLASS
from sriovctl.engine.owners.ssh import read_ssh_clients
from sriovctl.model.eswitch import represented_vf
from sriovctl.model.owner import OwnerKind
from sriovctl.model.record import NamedTuple
from sriovctl.topology.stacking import climb, find_uppers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sriovctl.engine.owners.ledger import Ledger
    from sriovctl.engine.owners.ssh import SSHClient
    from sriovctl.host.api import Host
    from sriovctl.model.inet import InterfaceAddress, Route
    from sriovctl.model.link import LinkReport
    from sriovctl.topology.stacking import Perch, Uppers

# What a netdev is to the one that it is a port of.  Anything else (vrf, hsr, …) is "stacked".
_PORT_KINDS = {
    "bridge": OwnerKind.BRIDGE,
    "bond": OwnerKind.BOND,
    "team": OwnerKind.BOND,
    "openvswitch": OwnerKind.OVS,
}
_MAIN_TABLE = 254


class Base(NamedTuple):
    """A netdev of a function, and all that rests on it."""

    device: str
    link: LinkReport
    perches: Mapping[int, Perch]  # by ifindex


def find_network_users(host: Host, ledger: Ledger) -> Sequence[Base]:
    """Write down addresses, bridges, bonds, VLANs, routes and SSH clients of this host.

    :return: the functions' netdevs.
    """
    links = _read_links(host, ledger)
    uppers = find_uppers(links)
    bases = [Base(device, link, climb(link, uppers)) for device, link in _netdevs_of(links, ledger)]
    if not bases:
        return ()
    for base in bases:
        _write_what_rests_on(ledger, base, uppers)
    addresses = _read_addresses(host, ledger)
    _write_addresses(ledger, bases, addresses)
    _write_default_routes(ledger, bases, _read_default_routes(host, ledger))
    for client in read_ssh_clients(host.files):
        _write_ssh_client(host, ledger, bases, addresses, client)
    return bases


# --- reading ---------------------------------------------------------------------------------


def _ask(host: Host, ledger: Ledger, request: bytes, what: str) -> tuple[bytes, ...]:
    (answer,) = host.rtnl.exchange([request])
    if answer.errno:
        ledger.note(f"{what} could not be read: {os.strerror(answer.errno)}")
    return answer.payloads


def _read_links(host: Host, ledger: Ledger) -> list[LinkReport]:
    payloads = _ask(host, ledger, encode_link_dump(with_vfs=False), "netdevs")
    return [decode_link(payload) for payload in payloads]


def _read_addresses(host: Host, ledger: Ledger) -> list[InterfaceAddress]:
    payloads = _ask(host, ledger, encode_address_dump(), "addresses of this host")
    found = (decode_address(payload) for payload in payloads)
    return [address for address in found if address is not None]


def _read_default_routes(host: Host, ledger: Ledger) -> list[Route]:
    payloads = _ask(host, ledger, encode_route_dump(), "routes of this host")
    found = (decode_route(payload) for payload in payloads if is_default_route(payload))
    return [route for route in found if route is not None and route.unicast]


def _netdevs_of(links: Sequence[LinkReport], ledger: Ledger) -> Iterator[tuple[str, LinkReport]]:
    functions = ledger.functions.values()
    by_netdev = {f.netdev: f.device for f in functions if f.netdev is not None}
    vfs = {(f.pf, f.vf_index): f.device for f in functions}
    for link in links:
        device = ledger.function_of(link.parent_device)
        # Kernels before 5.14 name no parent.  What has a kind is made by software and has none.
        if device is None and link.parent_device is None and link.kind is None:
            device = by_netdev.get(link.ifname)
        if device is not None:
            yield _represented(device, link, vfs), link


# A representor's parent is the PF, but what is plugged into it is the VF.
def _represented(device: str, link: LinkReport, vfs: Mapping[tuple[str, int | None], str]) -> str:
    vf_index = represented_vf(link.phys_port_name)
    return device if vf_index is None else vfs.get((device, vf_index), device)


# --- what stands on a netdev -----------------------------------------------------------------


def _write_what_rests_on(ledger: Ledger, base: Base, uppers: Uppers) -> None:
    for upper, is_port in uppers.get(base.link.ifindex, ()):
        kind = _PORT_KINDS.get(upper.kind or "", OwnerKind.STACKED)
        what = upper.kind or "netdev"
        if is_port:
            evidence = f"{base.link.ifname} is a port of the {what} {upper.ifname}"
        else:
            kind = OwnerKind.STACKED
            evidence = f"the {what} {upper.ifname} stands on {base.link.ifname}"
        ledger.add(base.device, kind, upper.ifname, evidence)


def _write_addresses(
    ledger: Ledger, bases: Sequence[Base], addresses: Sequence[InterfaceAddress]
) -> None:
    for address in addresses:
        # Each netdev that is up has one of these by itself.
        if address.link_local:
            continue
        for base, perch in below(bases, address.ifindex):
            evidence = f"address {address} on {perch.way}"
            ledger.add(base.device, OwnerKind.ADDRESS, address.address, evidence)


def below(bases: Sequence[Base], ifindex: int) -> Iterator[tuple[Base, Perch]]:
    """Find the functions' netdevs that one netdev rests on, with the way down to each.  Pure."""
    for base in bases:
        if ifindex in base.perches:
            yield base, base.perches[ifindex]


# --- routes ----------------------------------------------------------------------------------


def _write_default_routes(ledger: Ledger, bases: Sequence[Base], routes: Sequence[Route]) -> None:
    for route in routes:
        if route.nexthop_id is not None and not route.out:
            ledger.note(
                f"the IPv{route.version} default route leads through nexthop object "
                f"{route.nexthop_id}, which is not looked into"
            )
        for ifindex in route.out:
            for base, perch in below(bases, ifindex):
                evidence = f"{_describe(route)} through {perch.way}"
                ledger.add(base.device, OwnerKind.DEFAULT_ROUTE, perch.link.ifname, evidence)


def _describe(route: Route) -> str:
    gateway = f" to {route.gateway}" if route.gateway else ""
    table = f" of table {route.table}" if route.table != _MAIN_TABLE else ""
    several = f", one of {len(route.out)} ways," if len(route.out) > 1 else ""
    return f"IPv{route.version} default route{table}{gateway}{several}"


def _write_ssh_client(
    host: Host,
    ledger: Ledger,
    bases: Sequence[Base],
    addresses: Sequence[InterfaceAddress],
    client: SSHClient,
) -> None:
    ways = [
        *((ifindex, "the way there leads through") for ifindex in _way_to(host, ledger, client)),
        *((a.ifindex, f"it came to {a} on") for a in addresses if a.address == client.server),
    ]
    for ifindex, how in ways:
        for base, perch in below(bases, ifindex):
            evidence = f"{client.evidence}: {how} {perch.way}"
            ledger.add(base.device, OwnerKind.SSH, client.address, evidence)


def _way_to(host: Host, ledger: Ledger, client: SSHClient) -> tuple[int, ...]:
    if client.netdev is not None:  # a link-local address says it itself
        index = host.files.read_text(f"{NET_CLASS}/{client.netdev}/ifindex")
        return (int(index),) if index is not None else ()
    what = f"the way to the SSH client {client.address}"
    payloads = _ask(host, ledger, encode_get_route(client.address), what)
    routes = (decode_route(payload) for payload in payloads)
    return tuple(ifindex for route in routes if route is not None for ifindex in route.out)
