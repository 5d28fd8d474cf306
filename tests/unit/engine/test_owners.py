"""Who uses what, on a simulated host where each case can be made."""

from __future__ import annotations

import errno

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.engine.owners.processes import guest_in_command_line
from sriovctl.engine.owners.ssh import parse_ssh_connection
from sriovctl.errors import HostError, UnsupportedError
from sriovctl.host.libvirt_api import Libvirt
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.processes import SimulatedProcess
from sriovctl.host.simulated.tree import Link, constant
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport

PCI = "/sys/bus/pci/devices"
PF, PF_BELOW_SWITCH = "0000:01:00.0", "0000:04:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
SHARED0, SHARED1 = "0000:04:10.0", "0000:04:10.2"


class World:
    """A host whose PFs eth0 and eth1 have two VFs each, without drivers."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        for pf in (PF, PF_BELOW_SWITCH):
            self.write(pf, "sriov_drivers_autoprobe", "0")
            self.write(pf, "sriov_numvfs", "2")
        self.libvirt = SimulatedLibvirt(self.host.clock)
        self.libvirt_error: Exception | None = None
        self.told: list[str] = []

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def bind(self, device: str, driver: str) -> None:
        self.write(device, "driver_override", driver)
        self.host.files.write_text("/sys/bus/pci/drivers_probe", device)

    def install_libvirt(self) -> None:
        self.host.files.add_directory("/run/libvirt")

    def open_libvirt(self) -> Libvirt:
        if self.libvirt_error is not None:
            raise self.libvirt_error
        return self.libvirt

    def qemu(self, name: str) -> SimulatedProcess:
        words = ("/usr/bin/qemu-system-x86_64", "-name", f"guest={name},debug-threads=on", "-S")
        return self.host.processes.start("qemu-system-x86", command_line=words)

    def report(self) -> OwnerReport:
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        return read_owners(
            self.host, pfs, open_libvirt=self.open_libvirt, progress=self.told.append
        )

    def tokens(self) -> dict[str, list[str]]:
        found = self.report().owners
        return {device: [owner.token for owner in owners] for device, owners in found.items()}

    def only_owner(self, device: str) -> Owner:
        (owner,) = self.report().owners[device]
        return owner


@pytest.fixture
def world() -> World:
    return World()


def give(world: World, guest: str, source: str, *, live: bool, config: bool) -> None:
    domain, bus, rest = source.split(":")
    slot, function = rest.split(".")
    address = f"domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
    xml = f"<hostdev type='pci'><source><address {address}/></source></hostdev>"
    world.libvirt.attach_device(guest, xml, live=live, config=config)


# --- nobody ----------------------------------------------------------------------------------


def test_where_nobody_uses_anything_there_are_no_owners_and_no_notes(world: World) -> None:
    assert world.report() == OwnerReport({}, ())


def test_without_a_pf_nobody_is_asked(world: World) -> None:
    report = read_owners(world.host, (), open_libvirt=world.open_libvirt, progress=print)
    assert report == OwnerReport({}, ())
    assert world.told == []


def test_no_process_is_looked_into_where_no_function_has_a_driver_for_user_space(
    world: World,
) -> None:
    world.host.files.fail("/proc/1/fd", errno.EACCES)
    assert world.report().notes == ()


# --- libvirt ---------------------------------------------------------------------------------


def test_guests_that_run_and_guests_that_will(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    world.libvirt.add("Later", SimulatedGuest("Later", active=False))
    give(world, "Now", VF0, live=True, config=True)
    give(world, "Now", VF1, live=True, config=False)
    give(world, "Later", SHARED0, live=False, config=True)
    assert world.report().owners == {
        VF0: (Owner(OwnerKind.GUEST, "Now", "live and config XML of the guest"),),
        VF1: (Owner(OwnerKind.GUEST, "Now", "live XML of the guest"),),
        SHARED0: (
            Owner(
                OwnerKind.GUEST_CONFIG,
                "Later",
                "config XML of the guest: it wants the function at its next start",
            ),
        ),
    }


def test_a_whole_pf_in_a_guest(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    give(world, "Now", "0000:05:00.0", live=True, config=False)
    assert world.tokens() == {"0000:05:00.0": ["guest:Now"]}


def test_a_function_that_is_no_pf_or_vf_is_left_out(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("Now")
    give(world, "Now", "0000:00:1f.2", live=True, config=False)
    assert world.tokens() == {}


def test_libvirt_is_not_asked_where_it_is_not_installed(world: World) -> None:
    world.libvirt_error = AssertionError("asked")
    assert world.report().notes == ()


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (UnsupportedError("no binding"), "libvirt is installed here, and could not be asked: no b"),
        (HostError("does not answer"), "guests of libvirt could not be seen: does not answer"),
    ],
)
def test_a_libvirt_that_does_not_answer_is_said(world: World, error: Exception, note: str) -> None:
    world.install_libvirt()
    world.libvirt_error = error
    (found,) = world.report().notes
    assert found.startswith(note)


# --- VFIO ------------------------------------------------------------------------------------


def test_bound_to_vfio_and_open_for_nobody_is_not_in_use(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    assert world.report() == OwnerReport({}, ())


def test_a_program_that_has_the_group_open_is_named_with_its_file(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    group = world.host.files.read_link(f"{PCI}/{VF0}/iommu_group")
    process = world.host.processes.start("dpdk-testpmd")
    world.host.processes.open_vfio_group(process, VF0)
    evidence = f"/proc/{process.pid}/fd/1 -> /dev/vfio/{group}"
    assert world.report().owners == {
        VF0: (Owner(OwnerKind.PROCESS, f"dpdk-testpmd-{process.pid}", evidence),)
    }
    world.host.processes.end(process)
    assert world.report().owners == {}


def test_qemu_is_named_by_its_guest(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    process = world.qemu("web,1".replace(",", ",,"))
    world.host.processes.open_vfio_group(process, VF0)
    assert world.only_owner(VF0).token == f"process:web,1-{process.pid}"


def test_qemu_of_a_guest_that_libvirt_knows_is_no_other_owner(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("MyGuest")
    give(world, "MyGuest", VF0, live=True, config=False)
    world.bind(VF0, "vfio-pci")
    world.host.processes.open_vfio_group(world.qemu("MyGuest"), VF0)
    assert world.tokens() == {VF0: ["guest:MyGuest"]}


def test_a_group_is_held_as_a_whole_by_whoever_opens_it(world: World) -> None:
    world.install_libvirt()
    world.libvirt.add("MyGuest")
    give(world, "MyGuest", SHARED0, live=True, config=False)
    for device in (SHARED0, SHARED1):
        world.bind(device, "vfio-pci")
    world.host.processes.open_vfio_group(world.qemu("MyGuest"), SHARED0)
    # The PF is in the group too, but its own driver has it.
    assert world.tokens() == {SHARED0: ["guest:MyGuest"], SHARED1: ["guest:MyGuest"]}
    assert "-> /dev/vfio/" in world.only_owner(SHARED1).evidence


def test_a_jail_has_a_dev_of_its_own_and_a_node_may_be_gone(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    group = world.host.files.read_link(f"{PCI}/{VF0}/iommu_group")
    process = world.host.processes.start("firecracker")
    world.host.processes.open(process, f"/srv/jail/7/dev/vfio/{group} (deleted)")
    assert world.tokens() == {VF0: [f"process:firecracker-{process.pid}"]}


def test_files_that_only_look_alike_are_nobodys(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    group = world.host.files.read_link(f"{PCI}/{VF0}/iommu_group")
    process = world.host.processes.start("tail")
    for target in ("/dev/vfio/vfio", f"/dev/vfio/{group}9", f"/tmp/vfio/{group}", "socket:[1]"):
        world.host.processes.open(process, target)
    assert world.tokens() == {}


@pytest.mark.parametrize(
    ("directory", "node"),
    [
        ("/sys/class/vfio-dev/vfio3", "/dev/vfio/devices/vfio3"),
        ("/sys/class/uio/uio0", "/dev/uio0"),
        ("/sys/class/infiniband_verbs/uverbs0", "/dev/infiniband/uverbs0"),
    ],
)
def test_other_device_nodes_lead_to_their_function(world: World, directory: str, node: str) -> None:
    world.host.files.add(f"{directory}/device", Link(f"{PCI}/{VF0}"))
    process = world.host.processes.start("testpmd")
    world.host.processes.open(process, node)
    assert world.only_owner(VF0) == Owner(
        OwnerKind.PROCESS, f"testpmd-{process.pid}", f"/proc/{process.pid}/fd/1 -> {node}"
    )


def test_a_function_without_its_group_is_found_where_the_kernel_names_it(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    process = world.host.processes.start("vmm")
    world.host.processes.open_vfio_device(process, VF0, named_in_fdinfo=True)
    assert world.only_owner(VF0) == Owner(
        OwnerKind.PROCESS,
        f"vmm-{process.pid}",
        f"/proc/{process.pid}/fd/1 -> anon_inode:[vfio-device]",
    )


def test_an_open_function_whose_user_cannot_be_seen_is_in_use_all_the_same(world: World) -> None:
    for device in (VF0, SHARED0, SHARED1):
        world.bind(device, "vfio-pci")
    process = world.host.processes.start("vmm")
    world.host.processes.open_vfio_device(process, SHARED0)
    evidence = f"{PCI}/{SHARED0}/enable is 1, so it is open; no process was seen to have it"
    assert world.report().owners == {
        # A group goes to one process as a whole.
        device: (Owner(OwnerKind.VFIO, device, evidence),)
        for device in (SHARED0, SHARED1)
    }


def test_processes_that_may_not_be_looked_into_are_counted(world: World) -> None:
    for device in (VF0, VF1):
        world.bind(device, "vfio-pci")
    process = world.qemu("Hidden")
    world.host.processes.open_vfio_group(process, VF0)
    world.host.processes.open_vfio_device(process, VF0)
    world.host.files.fail(f"/proc/{process.pid}/fd", errno.EACCES)
    report = world.report()
    (owner,) = report.owners[VF0]
    assert owner.token == f"vfio:{VF0}"
    assert "1 processes are hidden" in owner.evidence
    assert VF1 not in report.owners
    assert report.notes == ("1 processes could not be looked into: run as root",)


def test_where_enable_cannot_be_read_the_function_counts_as_open(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    world.host.files.remove(f"{PCI}/{VF0}/enable")
    assert "enable is unknown" in world.only_owner(VF0).evidence


def test_processes_that_are_not_listed_are_said(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    world.host.files.remove("/proc/1")
    assert world.report().notes == ("the processes of other users could not be seen",)


def test_a_process_that_ends_meanwhile_is_nobody(world: World) -> None:
    world.bind(VF0, "vfio-pci")
    process = world.qemu("Short")
    world.host.processes.open_vfio_group(process, VF0)
    path = f"/proc/{process.pid}/fd"
    world.host.files.before(path, lambda: world.host.processes.end(process))
    assert world.report() == OwnerReport({}, ())


@pytest.mark.parametrize(
    ("words", "guest"),
    [
        ("qemu-system-x86_64 -name guest=a,debug-threads=on", "a"),
        ("/usr/libexec/qemu-kvm -name debug-threads=on,guest=b", "b"),
        ("/usr/bin/kvm -id 100 -name vm100,debug-threads=on", "vm100"),
        ("qemu-system-x86_64 -name", None),
        ("qemu-system-x86_64 -m 1G", None),
        ("find / -name guest=a", None),
        ("", None),
    ],
)
def test_name_of_a_guest_in_a_command_line(words: str, guest: str | None) -> None:
    assert guest_in_command_line(words.split(" ")) == guest


# --- addresses and what stands on a netdev ---------------------------------------------------


def test_an_address_on_the_pf_or_on_a_vf(world: World) -> None:
    world.bind(VF0, "igbvf")
    netdev = world.host.files.list_dir(f"{PCI}/{VF0}/net")[0]
    world.host.network.add_address("eth0", "192.0.2.1/24")
    world.host.network.add_address("eth0", "2001:db8::1/64")
    world.host.network.add_address(netdev, "198.51.100.1/24")
    assert world.tokens() == {
        PF: ["address:192.0.2.1", "address:2001:db8::1"],
        VF0: ["address:198.51.100.1"],
    }


def test_link_local_addresses_alone_are_no_use(world: World) -> None:
    world.host.network.add_address("eth0", "fe80::1/64", link_local=True)
    assert world.tokens() == {}


def test_a_port_of_a_bridge_on_which_the_host_has_its_address(world: World) -> None:
    world.host.network.add_link("br0", "bridge")
    world.host.network.set_master("eth0", "br0")
    world.host.network.add_address("br0", "192.0.2.1/24")
    assert world.report().owners[PF] == (
        Owner(
            OwnerKind.ADDRESS,
            "192.0.2.1",
            "address 192.0.2.1/24 on br0, of which eth0 is a port",
        ),
        Owner(OwnerKind.BRIDGE, "br0", "eth0 is a port of the bridge br0"),
    )


def test_any_number_of_levels(world: World) -> None:
    network = world.host.network
    network.add_link("bond0", "bond")
    network.add_link("br0", "bridge")
    network.set_master("eth0", "bond0")
    network.set_master("eth1", "bond0")
    network.set_master("bond0", "br0")
    network.add_link("br0.42", "vlan", lower="br0")
    network.add_address("br0.42", "192.0.2.1/24")
    assert world.tokens() == {
        pf: ["address:192.0.2.1", "bond:bond0"] for pf in (PF, PF_BELOW_SWITCH)
    }
    assert world.report().owners[PF][0].evidence == (
        "address 192.0.2.1/24 on br0.42 on br0, of which bond0 is a port, of which eth0 is a port"
    )


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("bridge", "bridge:top"),
        ("bond", "bond:top"),
        ("team", "bond:top"),
        ("openvswitch", "ovs:top"),
        ("vrf", "stacked:top"),
    ],
)
def test_what_a_netdev_is_a_port_of(world: World, kind: str, token: str) -> None:
    world.host.network.add_link("top", kind)
    world.host.network.set_master("eth0", "top")
    assert world.tokens() == {PF: [token]}
    assert f"a port of the {kind} top" in world.only_owner(PF).evidence


@pytest.mark.parametrize("kind", ["vlan", "macvlan", "macvtap", "ipvlan", "macsec", "bridge"])
def test_what_stands_on_a_netdev(world: World, kind: str) -> None:
    world.host.network.add_link("top", kind, lower="eth0")
    assert world.only_owner(PF) == Owner(OwnerKind.STACKED, "top", f"the {kind} top stands on eth0")


def test_a_netdev_that_cannot_be_told_is_a_note(world: World) -> None:
    for number in (errno.ENOBUFS, errno.EPERM):
        world.host.rtnl.fail(number)
    world.host.network.add_address("eth0", "192.0.2.1/24")
    pfs = read_inventory(simulated_82576(), name_of=lambda *_: None)
    report = read_owners(world.host, pfs, open_libvirt=None, progress=lambda _: None)
    assert report.owners == {}
    assert report.notes == ("netdevs could not be read: No buffer space available",)


# --- routes and SSH --------------------------------------------------------------------------


def test_default_routes_of_both_families_and_all_tables(world: World) -> None:
    network = world.host.network
    network.add_default_route("eth0", gateway="192.0.2.254")
    network.add_default_route("eth0", gateway="fe80::1", version=6)
    network.add_default_route("eth1", gateway="198.51.100.254", table=1000)
    assert world.report().owners == {
        PF: (
            Owner(
                OwnerKind.DEFAULT_ROUTE,
                "eth0",
                "IPv4 default route to 192.0.2.254 through eth0; "
                "IPv6 default route to fe80::1 through eth0",
            ),
        ),
        PF_BELOW_SWITCH: (
            Owner(
                OwnerKind.DEFAULT_ROUTE,
                "eth1",
                "IPv4 default route of table 1000 to 198.51.100.254 through eth1",
            ),
        ),
    }


def test_a_default_route_of_several_ways(world: World) -> None:
    world.host.network.add_default_route("eth0", "eth1")
    tokens = world.tokens()
    assert tokens == {PF: ["default-route:eth0"], PF_BELOW_SWITCH: ["default-route:eth1"]}
    assert "one of 2 ways" in world.only_owner(PF).evidence


def test_a_route_through_a_nexthop_object_is_a_note(world: World) -> None:
    world.host.network.add_default_route(nexthop_id=7)
    (note,) = world.report().notes
    assert "nexthop object 7" in note


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
