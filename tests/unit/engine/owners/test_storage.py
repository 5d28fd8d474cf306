"""File systems, swap and programs that have a disk of a PF."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.owners.world import NVME, World

from sriovctl.model.owner import Owner, OwnerKind, OwnerReport


def mount(
    world: World,
    name: str,
    point: str,
    *,
    source: str | None = None,
    device: str | None = None,
    fstype: str = "ext4",
    root: str = "/",
) -> None:
    world.host.mounts.mount(
        source or f"/dev/{name}",
        point,
        device=device or world.host.storage.numbers[name],
        fstype=fstype,
        root=root,
    )


def test_a_disk_that_nobody_uses(world: World) -> None:
    world.host.storage.add_partition(world.host.storage.add_namespace(NVME))
    assert world.report() == OwnerReport({}, ())


@pytest.mark.parametrize("multipath", [False, True])
def test_a_file_system_on_a_partition(world: World, multipath: bool) -> None:
    disk = world.host.storage.add_namespace(NVME, multipath=multipath)
    mount(world, world.host.storage.add_partition(disk), "/srv/my data")
    assert world.report().owners == {
        NVME: (Owner(OwnerKind.MOUNT, "/srv/my data", "/dev/nvme0n1p1 is mounted there"),)
    }


def test_the_root_on_lvm_on_encryption(world: World) -> None:
    storage = world.host.storage
    crypt = storage.add_mapper("crypt", storage.add_partition(storage.add_namespace(NVME), 3))
    root = storage.add_mapper("vg-root", crypt)
    mount(world, root, "/", source="/dev/mapper/vg-root")
    evidence = "/dev/mapper/vg-root is mounted there: dm-1 on dm-0 on nvme0n1p3"
    assert world.only_owner(NVME) == Owner(OwnerKind.MOUNT, "/", evidence)


def test_swap_by_its_name(world: World) -> None:
    storage = world.host.storage
    storage.add_mapper("vg-swap", storage.add_namespace(NVME))
    world.host.mounts.swap_on("/dev/mapper/vg-swap")
    world.host.mounts.swap_on("/swapfile")
    evidence = "swap on /dev/mapper/vg-swap: dm-0 on nvme0n1"
    assert world.only_owner(NVME) == Owner(OwnerKind.MOUNT, "swap", evidence)


def test_a_loop_device_on_a_disk_and_one_on_a_file(world: World) -> None:
    storage = world.host.storage
    mount(world, storage.add_loop(f"/dev/{storage.add_namespace(NVME)}"), "/mnt/a")
    mount(world, storage.add_loop("/srv/image.raw"), "/mnt/b")
    assert world.tokens() == {NVME: ["mount:/mnt/a"]}


def test_a_partition_of_a_raid(world: World) -> None:
    storage = world.host.storage
    raid = storage.add_mapper("raid", storage.add_namespace(NVME))
    mount(world, storage.add_partition(raid), "/srv")
    assert world.tokens() == {NVME: ["mount:/srv"]}


def test_btrfs_on_several_disks_is_followed_by_its_source(world: World) -> None:
    storage = world.host.storage
    disks = [storage.add_namespace(NVME), storage.add_loop("/srv/image.raw")]
    storage.add_btrfs("1b4e28ba-2fa1-11d2-883f-0016d3cca427", *disks)
    mount(world, disks[1], "/srv", device="0:40", fstype="btrfs")
    assert world.tokens() == {NVME: ["mount:/srv"]}


def test_bcachefs_names_all_its_disks(world: World) -> None:
    source = f"/dev/sda9:/dev/{world.host.storage.add_namespace(NVME)}"
    mount(world, "nvme0n1", "/srv", device="0:41", fstype="bcachefs", source=source)
    assert world.tokens() == {NVME: ["mount:/srv"]}


def test_zfs_cannot_be_followed_which_is_said(world: World) -> None:
    world.host.storage.add_namespace(NVME)
    for number, source in enumerate(("tank", "tank/home")):
        world.host.mounts.mount(source, f"/{source}", device=f"0:{50 + number}", fstype="zfs")
    note = "which disks ZFS has for tank and 1 more cannot be seen; 'zpool status' says"
    assert world.report() == OwnerReport({}, (note,))


def test_many_places_of_one_file_system_count_once(world: World) -> None:
    disk = world.host.storage.add_namespace(NVME)
    mount(world, disk, "/a", root="/var/lib/containers/7")
    mount(world, disk, "/srv/long")
    mount(world, disk, "/srv")
    assert world.tokens() == {NVME: ["mount:/srv"]}


def test_a_program_that_has_a_disk_open(world: World) -> None:
    storage, processes = world.host.storage, world.host.processes
    storage.add_mapper("vg-guest", storage.add_partition(storage.add_namespace(NVME)))
    guest = world.qemu("MyGuest")
    processes.open(guest, "/dev/dm-0")
    database = processes.start("postgres")
    processes.open(database, "/dev/mapper/vg-guest")
    assert world.tokens() == {
        NVME: [f"process:MyGuest-{guest.pid}", f"process:postgres-{database.pid}"]
    }


def test_mounts_that_cannot_be_seen_are_a_note(world: World) -> None:
    for process in ("1", "4000"):
        world.host.files.remove(f"/proc/{process}/mountinfo")
    assert world.report().notes == ("what is mounted could not be seen",)


def test_mounts_of_init_count_where_a_service_has_fewer(world: World) -> None:
    mount(world, world.host.storage.add_namespace(NVME), "/srv")
    world.host.files.remove("/proc/4000/mountinfo")
    assert world.tokens() == {NVME: ["mount:/srv"]}
    world.host.files.fail("/proc/1/mountinfo", errno.EACCES)
    assert world.report().notes == ("what is mounted could not be seen",)
