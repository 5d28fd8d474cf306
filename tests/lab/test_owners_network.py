"""What the host itself does with a PF's netdev, compared with what ip says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.owners_seen import bond, document, ip, netdev, owners, run, wait_until

pytestmark = pytest.mark.lab("82576")

PF, OTHER_PF = "0000:01:00.0", "0000:04:00.0"


@pytest.fixture(scope="module", autouse=True)
def up() -> Iterator[None]:
    """Netdevs of both PFs are up."""
    for pf in (PF, OTHER_PF):
        run("ip", "link", "set", netdev(pf), "up")
    yield
    for pf in (PF, OTHER_PF):
        run("ip", "link", "set", netdev(pf), "down")


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


# --- addresses and what stands on a netdev ---------------------------------------------------


def test_addresses_of_both_families(undo: ExitStack) -> None:
    name = netdev(PF)
    for address in ("192.0.2.1/24", "2001:db8::1/64"):
        run("ip", "address", "add", address, "dev", name, *(("nodad",) if ":" in address else ()))
        undo.callback(run, "ip", "address", "del", address, "dev", name)
    (seen,) = ip("address", "show", "dev", name)
    infos = seen["addr_info"]
    assert isinstance(infos, list)
    used = {f"address:{info['local']}" for info in infos if info["scope"] != "link"}
    assert len(used) == 2
    assert set(owners()[PF]) == used
    assert owners()[PF]["address:192.0.2.1"] == f"address 192.0.2.1/24 on {name}"
    assert OTHER_PF not in owners()  # it is up, and has a link-local address alone


def test_a_vlan_on_a_bridge_on_a_bond(undo: ExitStack) -> None:
    bond(undo, PF)
    run("ip", "link", "add", "br0", "type", "bridge")
    undo.callback(run, "ip", "link", "del", "br0")
    run("ip", "link", "set", "bond0", "master", "br0")
    run("ip", "link", "add", "br0.42", "link", "br0", "type", "vlan", "id", "42")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0.42")
    (seen,) = ip("link", "show", "dev", netdev(PF))
    assert seen["master"] == "bond0"
    way = f"br0.42 on br0, of which bond0 is a port, of which {netdev(PF)} is a port"
    assert owners() == {
        PF: {
            "address:192.0.2.1": f"address 192.0.2.1/24 on {way}",
            "bond:bond0": f"{netdev(PF)} is a port of the bond bond0",
        }
    }


@pytest.mark.parametrize(
    ("kind", "options"), [("vlan", ("id", "7")), ("macvlan", ()), ("ipvlan", ()), ("macsec", ())]
)
def test_what_stands_on_a_pf(undo: ExitStack, kind: str, options: tuple[str, ...]) -> None:
    run("ip", "link", "add", "link", netdev(PF), "name", "top0", "type", kind, *options)
    undo.callback(run, "ip", "link", "del", "top0")
    (seen,) = ip("-d", "link", "show", "dev", "top0")
    info = seen["linkinfo"]
    assert isinstance(info, dict)
    assert (seen["link"], info["info_kind"]) == (netdev(PF), kind)
    assert owners() == {PF: {"stacked:top0": f"the {kind} top0 stands on {netdev(PF)}"}}


# --- routes and SSH --------------------------------------------------------------------------


@pytest.fixture
def bridge(undo: ExitStack) -> str:
    """A bridge with an address, of which the PF is a port."""
    run("ip", "link", "add", "br0", "type", "bridge")
    undo.callback(run, "ip", "link", "del", "br0")
    run("ip", "link", "set", netdev(PF), "master", "br0")
    run("ip", "link", "set", "br0", "up")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0")
    return "br0"


def test_the_default_route(bridge: str) -> None:
    run("ip", "route", "add", "default", "via", "192.0.2.254")
    run("ip", "-6", "route", "add", "default", "dev", bridge, "metric", "5")
    run("ip", "route", "add", "default", "via", "192.0.2.253", "table", "77")
    (route,) = ip("route", "show", "default")
    assert route["dev"] == bridge
    way = f"{bridge}, of which {netdev(PF)} is a port"
    assert sorted(owners()[PF][f"default-route:{bridge}"].split("; ")) == [
        f"IPv4 default route of table 77 to 192.0.2.253 through {way}",
        f"IPv4 default route to 192.0.2.254 through {way}",
        f"IPv6 default route through {way}",
    ]


def test_a_default_route_of_several_ways_and_one_through_an_object(undo: ExitStack) -> None:
    for pf, net in ((PF, "192.0.2"), (OTHER_PF, "198.51.100")):
        run("ip", "address", "add", f"{net}.1/24", "dev", netdev(pf))
        undo.callback(run, "ip", "address", "flush", "dev", netdev(pf))
    hops = [word for net in ("192.0.2", "198.51.100") for word in ("nexthop", "via", f"{net}.254")]
    run("ip", "route", "add", "default", *hops)
    found = owners()
    for pf in (PF, OTHER_PF):
        assert "one of 2 ways" in found[pf][f"default-route:{netdev(pf)}"]
    run("ip", "route", "del", "default")
    wait_until(lambda: Path(f"/sys/class/net/{netdev(PF)}/operstate").read_text() == "up\n")
    run("ip", "nexthop", "add", "id", "7", "via", "192.0.2.254", "dev", netdev(PF))
    undo.callback(run, "ip", "nexthop", "del", "id", "7")
    run("ip", "route", "add", "default", "nhid", "7")
    assert f"default-route:{netdev(PF)}" in owners()[PF]
    assert f"default-route:{netdev(OTHER_PF)}" not in owners()[OTHER_PF]


def test_the_way_to_the_ssh_client_which_sudo_hides(bridge: str) -> None:
    client = "203.0.113.7"
    run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.254")
    (route,) = ip("route", "get", client)
    assert route["dev"] == bridge
    # The shell has the variable, and what it starts has not.
    shell = ("env", f"SSH_CONNECTION={client} 50000 192.0.2.1 22", "sh", "-c")
    hidden = 'env -u SSH_CONNECTION "$0" "$@"; exit $?'
    found = document(*shell, hidden)
    (owner,) = (owner for owner in found["owners"] if owner["kind"] == "ssh")
    assert (owner["device"], owner["token"]) == (PF, f"ssh:{client}")
    way = f"{bridge}, of which {netdev(PF)} is a port"
    first, second = owner["evidence"].split("; ")
    assert first.endswith(f": the way there leads through {way}")
    assert second.endswith(f": it came to 192.0.2.1/24 on {way}")
    assert f"ssh:{client}" not in owners()[PF]
