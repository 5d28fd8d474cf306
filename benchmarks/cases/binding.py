"""255 VFs to another driver: ``sriovctl bind`` as a whole process, beside a loop and driverctl.

The lab's machine has no IOMMU, hence pci-stub.  Each run is read back in sysfs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from case import SRIOVCTL, CannotRunError, Case, Place, Site, Ways
from cases.apply import own_journal
from functions import PCI
from in_memory import bring_into_memory
from measure import wall_time

STUB = Path("/sys/bus/pci/drivers/pci-stub")
IN_LAB = 255

# As guides write it: a program or two for each VF.
LOOP = """
for vf in "$1"/virtfn*; do
    address=$(basename "$(readlink "$vf")")
    echo pci-stub >"$vf/driver_override"
    echo "$address" >/sys/bus/pci/drivers_probe
done
"""
DRIVERCTL_LOOP = """
for vf in "$1"/virtfn*; do
    "$2" --nosave set-override "$(basename "$(readlink "$vf")")" pci-stub
done
"""


def pf_to_bind(site: Site) -> Path:
    """Find a PF with 255 VFs in the lab; elsewhere take the one that was lent."""
    if not site.is_lab:
        return PCI / str(site.pf)
    pf = next(p.parent for p in PCI.glob("*/sriov_totalvfs") if p.read_text() == f"{IN_LAB}\n")
    (pf / "sriov_drivers_autoprobe").write_text("0")
    if (pf / "sriov_numvfs").read_text() == "0\n":
        (pf / "sriov_numvfs").write_text(str(IN_LAB))
    return pf


def vfs_without_driver(pf: Path) -> list[Path]:
    """Return the VFs of a PF.

    :raises CannotRunError: somebody uses one, or there is none.
    """
    vfs = sorted(pf.glob("virtfn*"), key=lambda link: int(link.name[6:]))
    if not vfs:
        raise CannotRunError(f"{pf.name} has no VFs")
    if any((vf / "driver").exists() for vf in vfs):
        raise CannotRunError(f"some VF of {pf.name} has a driver, which would be taken away")
    return vfs


def binding(rival: str) -> Callable[[Site], Iterator[Ways]]:
    """Compare with a loop of the shell."""

    def prepare(site: Site) -> Iterator[Ways]:
        subprocess.run(("modprobe", "pci-stub"), check=True)
        pf = pf_to_bind(site)
        vfs = vfs_without_driver(pf)
        driverctl = site.programs / "driverctl"
        if rival == DRIVERCTL_LOOP and not driverctl.exists():
            raise CannotRunError("driverctl is not there (benchmarks/setup fetches it)")
        ours = (SRIOVCTL, "bind", "--pf", pf.name, "--vfs", f"0-{len(vfs) - 1}")
        loop = ("bash", "-ec", rival, "-", str(pf), str(driverctl))
        with own_journal():
            if site.is_lab:
                warm_up(pf)
            try:
                yield Ways(
                    lambda: timed((*ours, "--driver", "pci-stub"), vfs),
                    lambda: timed(loop, vfs),
                    len(vfs),
                )
            finally:
                release(vfs)

    return prepare


def warm_up(pf: Path) -> None:
    """Bring into memory what a bind of one VF opens, and programs of the loops."""
    one = (SRIOVCTL, "bind", "--pf", pf.name, "--vfs", "0", "--driver", "pci-stub")
    bring_into_memory(one, ("bash", "-c", "basename $(readlink /proc/self); cut -c5- /dev/null"))
    release([pf / "virtfn0"])


def timed(command: tuple[str, ...], vfs: list[Path]) -> float:
    """Bind all VFs, which had no driver before, and look."""
    release(vfs)
    took = wall_time(command)
    bound = sum((STUB / vf.resolve().name).exists() for vf in vfs)
    if bound != len(vfs):
        sys.exit(f"{command[0]} bound {bound} of {len(vfs)} VFs")
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
        contextmanager(binding(rival)),
        vfs=IN_LAB,
        changes=True,
        runs=5,
    )
    for name, rival in (("shell loop", LOOP), ("driverctl in a loop", DRIVERCTL_LOOP))
)
