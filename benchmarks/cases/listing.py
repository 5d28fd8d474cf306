"""``ls --json`` with full rows, beside tools that list the same functions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from case import PYTHON, SRIOVCTL, CannotRunError, Case, Place, Site, Ways
from functions import PCI, vfs_to_list
from in_memory import bring_into_memory
from measure import find_rival, run_quietly, seconds, wall_time

VIRSH = ("virsh", "-q", "-c", "qemu:///system")
PATIENCE_S = 120.0  # for libvirt to hear of one more function
SETTLING_S = 600
LS = (SRIOVCTL, "ls", "--json")
FLOOR = Path(__file__).parent.parent / "floor.c"

Rival = Callable[[Site], tuple[Callable[[], float], tuple[str, ...]]]


def beside(make_rival: Rival) -> Callable[[Site], Iterator[Ways]]:
    """Compare ``ls --json`` with a rival: what runs it, and what to have in memory for it."""

    def prepare(site: Site) -> Iterator[Ways]:
        vfs = vfs_to_list(site)
        check(vfs)
        rival, opens = make_rival(site)
        if site.is_lab:
            bring_into_memory(LS, opens)
        yield Ways(lambda: wall_time(LS), rival, vfs)

    return prepare


def check(vfs: int) -> None:
    """End the case unless ``ls`` tells of all VFs."""
    listed = json.loads(subprocess.run(LS, check=True, capture_output=True).stdout)
    found = sum(len(pf["vfs"]) for pf in listed["pfs"])
    if found != vfs:
        sys.exit(f"sriovctl lists {found} of {vfs} VFs")


def program(*command: str) -> Rival:
    """Make a rival of a command."""

    def make(_: Site) -> tuple[Callable[[], float], tuple[str, ...]]:
        if shutil.which(command[0]) is None:
            raise CannotRunError(f"{command[0]} is not installed")
        return (lambda: wall_time(command)), command

    return make


def devbind(site: Site) -> tuple[Callable[[], float], tuple[str, ...]]:
    """DPDK's script, which starts one lspci after the other."""
    command = ("python3", find_rival("dpdk-devbind.py", site.programs))
    return (lambda: wall_time((*command, "--status"))), (*command, "--help")


def virsh(_: Site) -> tuple[Callable[[], float], tuple[str, ...]]:
    """Let one process list and dump all, which is kindest to virsh."""
    if shutil.which("virsh") is None:
        raise CannotRunError("virsh is not installed")
    names = known_to_libvirt()
    script = "nodedev-list --cap pci\n" + "".join(f"nodedev-dumpxml {name}\n" for name in names)
    return (lambda: wall_time(VIRSH, script)), (*VIRSH, "list")


def known_to_libvirt() -> list[str]:
    """Return libvirt's names of all functions, once it has heard of each from udev.

    It reads each one that udev tells of, one after the other, and takes its time: as long as it
    knows more each time, there is something to wait for.  udev itself must have told all before.
    """
    settle_udev()
    names, heard = list[str](), time.monotonic()
    while len(names) < len(list(PCI.iterdir())):
        if time.monotonic() - heard > PATIENCE_S:
            raise CannotRunError(
                f"libvirt knows {len(names)} functions and has heard of no more for "
                f"{PATIENCE_S:.0f} s"
            )
        now = ask_libvirt()
        if len(now) > len(names):
            names, heard = now, time.monotonic()
        else:
            time.sleep(1)
    return names


def settle_udev() -> None:
    """Wait until udev has told all that it has to tell; where there is none, there is nothing."""
    with suppress(OSError, subprocess.CalledProcessError):
        run_quietly(("udevadm", "settle", f"--timeout={SETTLING_S}"))


def ask_libvirt() -> list[str]:
    """List the functions that libvirt knows."""
    listing = (*VIRSH, "nodedev-list", "--cap", "pci")
    listed = subprocess.run(
        listing,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # without a terminal it asks nobody for a password
    )
    if listed.returncode:
        raise CannotRunError(f"libvirt does not answer: {listed.stderr.strip()}")
    return listed.stdout.split()


@contextmanager
def compiled_floor() -> Iterator[str]:
    """Compile the C program; give its path."""
    with tempfile.TemporaryDirectory() as directory:
        floor = f"{directory}/floor"
        try:
            run_quietly(("gcc", "-O2", "-o", floor, str(FLOOR)))
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotRunError("gcc is not installed") from error
        yield floor


def over_start(site: Site) -> Iterator[Ways]:
    """What ``ls`` takes beyond a start of Python, beside a C program that reads the same."""
    vfs = vfs_to_list(site)
    check(vfs)
    with compiled_floor() as floor:
        if site.is_lab:
            bring_into_memory(LS, PYTHON, (floor,))
        yield Ways(lambda: wall_time(LS) - wall_time(PYTHON), lambda: wall_time((floor,)), vfs)


def in_process(site: Site) -> Iterator[Ways]:
    """The same without starts: what a daemon or a library call takes."""
    from sriovctl.engine.inventory import read_inventory
    from sriovctl.host.live import LiveHost

    vfs = vfs_to_list(site)
    host = LiveHost()

    def ours() -> float:
        return seconds(lambda: read_inventory(host, name_of=lambda *_: None))

    with closing(host), compiled_floor() as floor:
        yield Ways(ours, lambda: wall_time((floor,)), vfs)


NAME = "ls --json, {vfs} VFs"
IN_LAB = 1034
CASES = (
    *(
        Case(
            NAME,
            " ".join(command),
            limit,
            Place.SCALE,
            contextmanager(beside(program(*command))),
            vfs=IN_LAB,
            runs=9,
        )
        for command, limit in ((("lspci", "-D"), 0.75), (("lspci", "-vvv"), 0.25))
    ),
    Case(
        NAME,
        "dpdk-devbind --status",
        0.03,
        Place.SCALE,
        contextmanager(beside(devbind)),
        vfs=IN_LAB,
        packages=("dpdk",),
        runs=5,
    ),
    Case(
        NAME,
        "virsh nodedev-list + dumpxml of all",
        0.1,
        Place.SCALE,
        contextmanager(beside(virsh)),
        vfs=IN_LAB,
        services=("libvirt",),
        runs=5,
    ),
    Case(
        "ls --json, {vfs} VFs, over Python's start",
        "C loop, same reads",
        1.5,
        Place.SCALE,
        contextmanager(over_start),
        vfs=IN_LAB,
        runs=9,
    ),
    Case(
        "read the inventory, {vfs} VFs, in process",
        "C loop, same reads",
        1.5,
        Place.SCALE,
        contextmanager(in_process),
        vfs=IN_LAB,
        runs=9,
    ),
)
