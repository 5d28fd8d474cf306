"""The way to whoever is logged in over SSH."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.owners.world import PF, PF_BELOW_SWITCH, World

from sriovctl.engine.owners.ssh import parse_ssh_connection
from sriovctl.host.simulated.tree import constant
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport


def test_the_way_to_the_ssh_client_whose_name_sudo_hides(world: World) -> None:
    network, processes = world.host.network, world.host.processes
    network.add_link("br0", "bridge")
    network.set_master("eth0", "br0")
    network.add_default_route("br0", gateway="192.0.2.254")
    shell = processes.start(
        "bash", environment={"SSH_CONNECTION": "203.0.113.7 50000 192.0.2.1 22"}
    )
    processes.adopt_self(processes.start("sudo", parent=shell.pid))
    (owner,) = (o for o in world.report().owners[PF] if o.kind is OwnerKind.SSH)
    assert owner == Owner(
        OwnerKind.SSH,
        "203.0.113.7",
        f"SSH_CONNECTION of process {shell.pid}: "
        "the way there leads through br0, of which eth0 is a port",
    )


def test_an_ssh_client_came_to_an_address_though_it_is_answered_elsewhere(world: World) -> None:
    network, processes = world.host.network, world.host.processes
    network.add_address("eth0", "192.0.2.1/24")
    network.add_default_route("eth1")
    shell = processes.start("sh", environment={"SSH_CONNECTION": "203.0.113.7 5 192.0.2.1 22"})
    processes.adopt_self(shell)
    tokens = world.tokens()
    assert "ssh:203.0.113.7" in tokens[PF]
    assert "ssh:203.0.113.7" in tokens[PF_BELOW_SWITCH]


def test_a_link_local_ssh_client_names_its_netdev(world: World) -> None:
    shell = world.host.processes.start(
        "sh", environment={"SSH_CONNECTION": "fe80::7%eth1 50000 fe80::1%eth1 22"}
    )
    world.host.processes.adopt_self(shell)
    assert world.tokens() == {PF_BELOW_SWITCH: ["ssh:fe80::7"]}


def test_sessions_of_logind_count_those_that_end_do_not(world: World) -> None:
    for number, state in (("3", "active"), ("4", "closing")):
        text = f"USER=admin\nREMOTE=1\nREMOTE_HOST=192.0.2.{number}\nSTATE={state}"
        world.host.files.add(f"/run/systemd/sessions/{number}", constant(text))
    world.host.files.add("/run/systemd/sessions/5", constant("REMOTE=0\nTTY=tty1"))
    # Reading the pipe of a session would never end.
    world.host.files.add("/run/systemd/sessions/3.ref", constant("REMOTE=1\nREMOTE_HOST=192.0.2.9"))
    world.host.network.add_default_route("eth0")
    ssh = [owner for owner in world.report().owners[PF] if owner.kind is OwnerKind.SSH]
    assert [owner.name for owner in ssh] == ["192.0.2.3"]


def test_a_client_to_whom_no_way_leads_is_a_note(world: World) -> None:
    shell = world.host.processes.start("sh", environment={"SSH_CONNECTION": "203.0.113.7 5 x 22"})
    world.host.processes.adopt_self(shell)
    (note,) = world.report().notes
    assert note == "the way to the SSH client 203.0.113.7 could not be read: Network is unreachable"


def test_an_ancestor_that_may_not_be_read_ends_the_search(world: World) -> None:
    shell = world.host.processes.start("sh", environment={"SSH_CONNECTION": "203.0.113.7 5 x 22"})
    world.host.processes.adopt_self(shell)
    world.host.files.fail(f"/proc/{shell.pid}/environ", errno.EACCES)
    assert world.report() == OwnerReport({}, ())


@pytest.mark.parametrize(
    ("text", "address", "server", "netdev"),
    [
        ("192.0.2.7 1 192.0.2.1 22", "192.0.2.7", "192.0.2.1", None),
        ("::ffff:192.0.2.7 1 ::ffff:192.0.2.1 22", "192.0.2.7", "192.0.2.1", None),
        ("2001:db8::7 1 2001:DB8::1 22", "2001:db8::7", "2001:db8::1", None),
        ("fe80::7%ens1 1 fe80::1%ens1 22", "fe80::7", "fe80::1", "ens1"),
        ("192.0.2.7", "192.0.2.7", None, None),
    ],
)
def test_what_ssh_connection_says(
    text: str, address: str, server: str | None, netdev: str | None
) -> None:
    client = parse_ssh_connection(text, "test")
    assert client is not None
    assert (client.address, client.server, client.netdev) == (address, server, netdev)


@pytest.mark.parametrize("text", ["", "UNKNOWN 1 UNKNOWN 2", "host.example.org"])
def test_what_ssh_connection_cannot_say(text: str) -> None:
    assert parse_ssh_connection(text, "test") is None
