"""255 VFs to another driver: ``sriovctl bind`` as a whole process, beside a loop and driverctl.

The lab's machine has no IOMMU, hence pci-stub.  Each run is read back in sysfs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from case import SRIOVCTL, CannotRunError, Case, Place, Site, Ways
from cases.apply import by_itself
from functions import PCI
from in_memory import bring_into_memory
from lent import Lent
from measure import find_rival, run_quietly, wall_time
from stopping import NotSetBackError

STUB = Path("/sys/bus/pci/drivers/pci-stub")
IN_LAB = 255
NO_OVERRIDE = "(null)"

# As guides write it: a program or two for each VF.
LOOP = """
shift
for vf in "$@"; do
    address=$(basename "$(readlink "$vf")")
    echo pci-stub >"$vf/driver_override"
    echo "$address" >/sys/bus/pci/drivers_probe
done
"""
DRIVERCTL_LOOP = """
driverctl=$1
shift
for vf in "$@"; do
    "$driverctl" --nosave set-override "$(basename "$(readlink "$vf")")" pci-stub
done
"""


def pf_of_lab() -> Path:
    """Find a PF with 255 VFs, and enable them."""
    pf = next(p.parent for p in PCI.glob("*/sriov_totalvfs") if p.read_text() == f"{IN_LAB}\n")
    (pf / "sriov_drivers_autoprobe").write_text("0")
    if (pf / "sriov_numvfs").read_text() == "0\n":
        (pf / "sriov_numvfs").write_text(str(IN_LAB))
    return pf


@contextmanager
def vfs_to_bind(site: Site) -> Iterator[list[Path]]:
    """Give VFs without a driver, with pci-stub loaded: all in the lab, else those of the lent PF.

    :raises CannotRunError: there is none, or no pci-stub.
    """
    if site.lent is None:
        load_stub()
        vfs = [pf_of_lab() / f"virtfn{index}" for index in range(IN_LAB)]
        try:
            yield vfs
        finally:
            release(vfs)
        return
    vfs = [site.lent.vf(index) for index in lent_without_driver(site.lent)]
    before = [(vf, (vf / "driver_override").read_text().strip()) for vf in vfs]
    had_stub = STUB.exists()
    with site.lent.back.afterwards(lambda: set_back(before, had_stub=had_stub)):
        load_stub()
        yield vfs


def lent_without_driver(lent: Lent) -> list[int]:
    """Find the VFs that neither a driver nor somebody has.

    :raises CannotRunError: there is none.
    """
    found = [index for index in lent.free_vfs() if not lent.has_driver(index)]
    if not found:
        raise CannotRunError(f"each VF of {lent.pf.name} has a driver, which would be taken away")
    return found


def load_stub() -> None:
    """Load the driver that does nothing."""
    try:
        run_quietly(("modprobe", "pci-stub"))
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotRunError("this kernel has no pci-stub to bind VFs to") from error


def set_back(before: Sequence[tuple[Path, str]], *, had_stub: bool) -> None:
    """Let VFs be without a driver again, and with the override that they had.

    :raises NotSetBackError: one of them is otherwise all the same.
    """
    release([vf for vf, _ in before])
    for vf, override in before:
        if override != NO_OVERRIDE:
            (vf / "driver_override").write_text(override)
        now = (vf / "driver_override").read_text().strip()
        if (vf / "driver").exists() or now != override:
            raise NotSetBackError(f"{vf.resolve().name} has the driver_override {now}")
    if STUB.exists() and not had_stub:
        subprocess.run(("modprobe", "-r", "pci-stub"), check=False, capture_output=True)


def binding(name: str, loop: str, programs: tuple[str, ...]) -> Callable[[Site], Iterator[Ways]]:
    """Compare with a loop of the shell."""

    def prepare(site: Site) -> Iterator[Ways]:
        rivals = [find_rival(program, site.programs) for program in programs] or ["-"]
        with vfs_to_bind(site) as vfs, by_itself():
            pf = vfs[0].parent
            indices = ",".join(vf.name[6:] for vf in vfs)
            ours = (SRIOVCTL, "bind", "--pf", pf.name, "--vfs", indices, "--driver", "pci-stub")
            theirs = ("bash", "-ec", loop, "-", *rivals, *map(str, vfs))
            if site.is_lab:
                warm_up(pf)
            yield Ways(
                lambda: timed(ours, vfs, SRIOVCTL), lambda: timed(theirs, vfs, name), len(vfs)
            )

    return prepare


def warm_up(pf: Path) -> None:
    """Bring into memory what a bind of one VF opens, and programs of the loops."""
    one = (SRIOVCTL, "bind", "--pf", pf.name, "--vfs", "0", "--driver", "pci-stub")
    bring_into_memory(one, ("bash", "-c", "basename $(readlink /proc/self); cut -c5- /dev/null"))
    release([pf / "virtfn0"])


def timed(command: tuple[str, ...], vfs: list[Path], who: str) -> float:
    """Bind all VFs, which had no driver before, and look."""
    release(vfs)
    took = wall_time(command)
    bound = sum((STUB / vf.resolve().name).exists() for vf in vfs)
    if bound != len(vfs):
        sys.exit(f"{who} bound {bound} of {len(vfs)} VFs")
    return took


def release(vfs: list[Path]) -> None:
    """Take the stub away from the VFs."""
    for vf in vfs:
        (vf / "driver_override").write_text("\n")
        if (STUB / vf.resolve().name).exists():
            (STUB / "unbind").write_text(vf.resolve().name)


CASES = tuple(
    Case(
        "{vfs} VFs to another driver",
        name,
        0.2,
        Place.SCALE,
        contextmanager(binding(name, loop, programs)),
        vfs=IN_LAB,
        changes=True,
        packages=programs,
        runs=5,
    )
    for name, loop, programs in (
        ("shell loop", LOOP, ()),
        ("driverctl in a loop", DRIVERCTL_LOOP, ("driverctl",)),
    )
)
