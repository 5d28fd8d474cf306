"""The PCI functions of the machine: all VFs enabled in the lab, as they are elsewhere."""

from __future__ import annotations

from pathlib import Path

from case import CannotRunError, Site

PCI = Path("/sys/bus/pci/devices")


def enable_all_vfs() -> int:
    """Enable what there is; return the number of VFs afterwards."""
    for total in PCI.glob("*/sriov_totalvfs"):
        (total.parent / "sriov_drivers_autoprobe").write_text("0")
        if (total.parent / "sriov_numvfs").read_text() == "0\n":
            (total.parent / "sriov_numvfs").write_text(total.read_text())
    return count_vfs()


def count_vfs() -> int:
    """Count the VFs that there are."""
    return sum(
        int((one.parent / "sriov_numvfs").read_text()) for one in PCI.glob("*/sriov_totalvfs")
    )


def vfs_to_list(site: Site) -> int:
    """Make as many VFs as the lab has; elsewhere take what there is."""
    vfs = enable_all_vfs() if site.is_lab else count_vfs()
    if not vfs:
        raise CannotRunError("no VFs are enabled on this host")
    return vfs
