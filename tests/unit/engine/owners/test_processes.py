"""Programs that have a function open."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.owners.world import PCI, SHARED0, SHARED1, VF0, VF1, World, give

from sriovctl.engine.owners.processes import guest_in_command_line
from sriovctl.host.simulated.tree import Link, constant
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport


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
        ("/sys/class/drm/renderD128", "/dev/dri/renderD128"),
        ("/sys/class/accel/accel0", "/dev/accel/accel0"),
        ("/sys/class/nvme/nvme7", "/dev/nvme7"),
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
    evidence = f"{PCI}/{SHARED0}/enable is 1: a process that is not seen has it open"
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
    assert "a process that may not be looked into has it open" in owner.evidence
    assert VF1 not in report.owners
    assert report.notes == ("1 process could not be looked into: run as root",)


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


def test_what_a_host_driver_makes_for_guests_leads_to_its_function(world: World) -> None:
    files = world.host.files
    path = files.resolve(f"{PCI}/{VF0}")
    files.add(f"{path}/1b4e28ba/iommu_group", Link("/sys/kernel/iommu_groups/90"))
    files.add("/sys/bus/mdev/devices/1b4e28ba", Link(f"{path}/1b4e28ba"))
    files.add(f"{path}/vdpa0/vhost-vdpa-0/dev", constant("510:0"))
    files.add("/sys/bus/vdpa/devices/vdpa0", Link(f"{path}/vdpa0"))
    for node in ("/dev/vfio/90", "/dev/vhost-vdpa-0"):
        guest = world.qemu("Child")
        world.host.processes.open(guest, node)
        assert world.only_owner(VF0).evidence == f"/proc/{guest.pid}/fd/1 -> {node}"
        world.host.processes.end(guest)
    assert world.tokens() == {}
