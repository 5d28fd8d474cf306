"""Network namespaces that have a netdev, or stand on one."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest
from tests.unit.engine.owners.world import PCI, PF, VF0, World

from sriovctl.host.simulated.drivers import Driver
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport

CONTAINER = "0123456789abcdef" * 4


def test_a_vf_in_a_named_namespace(world: World) -> None:
    world.bind(VF0, "igbvf")
    box = world.host.namespaces.add("/run/netns/box")
    world.host.namespaces.add("/run/netns/empty")
    netdev = world.netdev(VF0)
    world.host.namespaces.move(netdev, box)
    evidence = f"its netdev {netdev} is in the network namespace /run/netns/box"
    assert world.only_owner(VF0) == Owner(OwnerKind.NAMESPACE, "box", evidence)


def test_a_whole_pf_in_a_namespace(world: World) -> None:
    world.host.namespaces.move("eth0", world.host.namespaces.add("/run/netns/box"))
    assert world.tokens() == {PF: ["namespace:box"]}


@pytest.mark.parametrize(
    ("cgroup", "name"),
    [
        (f"/system.slice/docker-{CONTAINER}.scope", "0123456789ab"),
        (f"/kubepods.slice/kubepods-pod7.slice/cri-containerd-{CONTAINER}.scope", "0123456789ab"),
        ("/lxc.payload.web/init.scope", "web"),
        ("/user.slice", "pid-{pid}"),
    ],
)
def test_a_vf_in_a_namespace_without_a_name(world: World, cgroup: str, name: str) -> None:
    world.bind(VF0, "igbvf")
    handle = world.host.namespaces.add()
    world.host.namespaces.move(world.netdev(VF0), handle)
    first = world.host.processes.start("init", namespace=handle, cgroup=cgroup)
    world.host.processes.start("nginx", namespace=handle)
    assert world.only_owner(VF0).name == name.format(pid=first.pid)
    assert f"/proc/{first.pid}/ns/net" in world.only_owner(VF0).evidence


def test_a_handle_of_a_container_engine_names_it_when_nothing_better_does(world: World) -> None:
    world.bind(VF0, "igbvf")
    handle = world.host.namespaces.add("/run/docker/netns/1a2b")
    world.host.namespaces.move(world.netdev(VF0), handle)
    assert world.only_owner(VF0).name == "1a2b"
    world.host.processes.start("sh", namespace=handle, cgroup=f"/docker/{CONTAINER}")
    assert world.only_owner(VF0).name == "0123456789ab"


def test_a_netdev_that_is_nowhere_to_be_seen_is_in_use_all_the_same(world: World) -> None:
    world.bind(VF0, "igbvf")
    world.host.namespaces.move(world.netdev(VF0), world.host.namespaces.add())
    owner = world.only_owner(VF0)
    assert owner.token == "namespace:unknown"
    assert "none of the network namespaces that can be seen" in owner.evidence


def test_a_macvlan_in_a_container_stands_on_the_pf(world: World) -> None:
    network, namespaces = world.host.network, world.host.namespaces
    network.add_link("bond0", "bond")
    network.set_master("eth0", "bond0")
    box = namespaces.add("/run/netns/box")
    namespaces.add_link(box, "mv0", "macvlan", lower=network.index_of("bond0"))
    namespaces.add_link(box, "veth1", "veth", lower=network.index_of("eth1"))
    assert world.tokens() == {PF: ["namespace:box", "bond:bond0"]}
    evidence = world.report().owners[PF][0].evidence
    assert evidence == "the macvlan mv0 in it stands on bond0, of which eth0 is a port"


def test_what_stands_on_a_third_namespace_is_not_ours(world: World) -> None:
    # The number of a netdev means something in its own namespace only.
    network, namespaces = world.host.network, world.host.namespaces
    box = namespaces.add("/run/netns/box")
    namespaces.add_link(box, "mv0", "macvlan", lower=network.index_of("eth0"), lower_nsid=3)
    assert world.tokens() == {}


def test_each_namespace_is_entered_once_and_the_own_never(world: World) -> None:
    box = world.host.namespaces.add("/run/netns/box")
    for _ in range(3):
        world.host.processes.start("sh", namespace=box)
    world.host.processes.start("sh")
    world.report()
    assert world.host.namespaces.entered == ["/run/netns/box"]


def test_namespaces_that_may_not_be_entered_are_said(world: World) -> None:
    world.host.namespaces.add("/run/netns/box")
    world.host.namespaces.fail("/run/netns/box", errno.EPERM)
    (note,) = world.report().notes
    assert note.startswith("a network namespace could not be looked into: /run/netns/box")


def test_processes_whose_namespace_may_not_be_seen_are_counted(world: World) -> None:
    for _ in range(2):
        process = world.host.processes.start("sh", namespace=world.host.namespaces.add())
        world.host.files.fail(f"/proc/{process.pid}/ns/net", errno.EACCES)
    assert world.report().notes == ("2 processes could not be looked into: run as root",)


def test_a_namespace_whose_last_process_ends_meanwhile_is_nobodys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = world.host.processes.start("sh", namespace=world.host.namespaces.add())
    ask = world.host.namespaces.exchange

    def end_and_ask(path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        world.host.processes.end(process)
        return ask(path, requests)

    monkeypatch.setattr(world.host.namespaces, "exchange", end_and_ask)
    assert world.report() == OwnerReport({}, ())


def test_a_netdev_with_virtio_between_it_and_its_function(world: World) -> None:
    world.host.kernel.drivers["virtio-pci"] = Driver(name="virtio-pci")
    world.bind(VF0, "virtio-pci")
    world.host.files.add_directory(f"{world.host.files.resolve(f'{PCI}/{VF0}')}/virtio3/net")
    assert world.only_owner(VF0).token == "namespace:unknown"
    box = world.host.namespaces.add("/run/netns/box")
    world.host.namespaces.add_device(box, "eth0", parent="virtio3")
    assert world.tokens() == {VF0: ["namespace:box"]}
