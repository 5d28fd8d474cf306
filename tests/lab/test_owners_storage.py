"""Who uses an NVMe PF through its disk, compared with what findmnt and swapon say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.owners_seen import owners as owners_of_all
from tests.lab.owners_seen import run

pytestmark = pytest.mark.lab("nvme-disk")

PF = "0000:01:00.0"
DISK = "/dev/nvme0n1"


def owners() -> dict[str, str]:
    """Evidence by token, all of the PF."""
    found = owners_of_all()
    assert set(found) <= {PF}
    return found.get(PF, {})


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def partitions(undo: ExitStack) -> tuple[str, str]:
    """Two partitions that the kernel knows and no table has: 30 and 10 MiB."""
    for number, start, sectors in (("1", "2048", "61440"), ("2", "63488", "20480")):
        run("addpart", DISK, number, start, sectors)
        undo.callback(run, "delpart", DISK, number)
    return f"{DISK}p1", f"{DISK}p2"


def mount(undo: ExitStack, source: str, point: Path) -> None:
    point.mkdir()
    run("mkfs.ext4", "-q", "-F", source)
    run("mount", source, str(point))
    undo.callback(run, "umount", str(point))
    (found,) = json.loads(run("findmnt", "-J", str(point)))["filesystems"]
    assert found["source"] == source


def test_the_kernel_shows_the_disk_below_its_subsystem() -> None:
    path = Path("/sys/class/block/nvme0n1").resolve()
    assert path.parent == Path("/sys/devices/virtual/nvme-subsystem/nvme-subsys0")
    assert PF in str((path.parent / "nvme0").resolve())


def test_nobody_uses_a_disk_that_is_only_there() -> None:
    assert owners() == {}


def test_a_mounted_partition(undo: ExitStack, partitions: tuple[str, str], tmp_path: Path) -> None:
    mount(undo, partitions[0], tmp_path / "my data")
    assert owners() == {f"mount:{tmp_path}/my data": f"{partitions[0]} is mounted there"}


def test_a_file_system_on_device_mapper(
    undo: ExitStack, partitions: tuple[str, str], tmp_path: Path
) -> None:
    sectors = run("blockdev", "--getsz", partitions[0]).strip()
    table = f"0 {sectors} linear {partitions[0]} 0"
    dmsetup = ("env", "DM_DISABLE_UDEV=1", "dmsetup")  # it makes the nodes itself
    run(*dmsetup, "create", "data", "--table", table)
    undo.callback(run, *dmsetup, "remove", "data")
    mount(undo, "/dev/mapper/data", tmp_path / "data")
    way = "/dev/mapper/data is mounted there: dm-0 on nvme0n1p1"
    assert owners() == {f"mount:{tmp_path}/data": way}


def test_a_loop_device_on_a_partition(
    undo: ExitStack, partitions: tuple[str, str], tmp_path: Path
) -> None:
    run("modprobe", "loop")
    loop = run("losetup", "--find", "--show", partitions[0]).strip()
    undo.callback(run, "losetup", "--detach", loop)
    mount(undo, loop, tmp_path / "data")
    way = f"{loop} is mounted there: {loop.removeprefix('/dev/')} on nvme0n1p1"
    assert owners() == {f"mount:{tmp_path}/data": way}


def test_swap(undo: ExitStack, partitions: tuple[str, str]) -> None:
    run("mkswap", "--quiet", partitions[1])
    run("swapon", partitions[1])
    undo.callback(run, "swapoff", partitions[1])
    assert partitions[1] in run("swapon", "--show=NAME", "--noheadings")
    assert owners() == {"mount:swap": f"swap on {partitions[1]}"}


def test_a_mount_in_many_places_counts_once(
    undo: ExitStack, partitions: tuple[str, str], tmp_path: Path
) -> None:
    mount(undo, partitions[0], tmp_path / "data")
    other = tmp_path / "a"
    other.mkdir()
    run("mount", "--bind", str(tmp_path / "data/lost+found"), str(other))
    undo.callback(run, "umount", str(other))
    assert list(owners()) == [f"mount:{tmp_path}/data"]


def test_a_program_that_has_the_disk_open() -> None:
    with Path(DISK).open("rb") as disk, subprocess.Popen(("sleep", "600"), stdin=disk) as process:
        disk.close()
        try:
            assert owners() == {
                f"process:sleep-{process.pid}": f"/proc/{process.pid}/fd/0 -> {DISK}"
            }
        finally:
            process.kill()
    assert owners() == {}
