"""What the PCI core says: VFs that do not fit, are refused or left behind."""

from __future__ import annotations

from sriovctl.checks.message import Message
from sriovctl.checks.remedies import ABOVE_4G, add_option
from sriovctl.model.finding import Severity
from sriovctl.topology import mmio_log

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_IOV = "drivers/pci/iov.c"

PCI_MESSAGES = (
    Message(
        id="vf-mmio-missing",
        severity=_ERROR,
        patterns=mmio_log.FAILURES,
        cleared_by=mmio_log.ASSIGNED,
        where=f"{_IOV} sriov_enable, drivers/pci/setup-res.c",
        errno="ENOMEM (Cannot allocate memory)",
        meaning="There was no room for the registers of the VFs: each VF BAR needs its size times "
        "TotalVFs in the window of every bridge above, and a VF BAR that is not prefetchable "
        "needs it below 4 GiB.",
        fix=(ABOVE_4G, *add_option("pci=realloc"), "or move the card to a port with more room"),
        gain="VFs can be switched on",
        state_decides=True,
    ),
    Message(
        id="vf-buses-missing",
        severity=_WARNING,
        patterns=(
            r"can't enable \d+ VFs \(bus [0-9a-f]+ out of range of \[bus [0-9a-f-]+\]\)",
            r"SR-IOV: bus number out of range",  # before 4.17
        ),
        where=f"{_IOV} sriov_enable",
        errno="ENOMEM (Cannot allocate memory)",
        meaning="The last VF's bus number lies beyond the range of the bridge above the card. "
        "Fewer VFs may work. After a card was removed and rescanned, ARI may be off, which moves "
        "VFs further away.",
        fix=(
            *add_option("pci=assign-busses"),
            "firmware: switch on 'ARI Support', and 'PCI Bus Padding' where there is one",
            "or move the card to a port with ARI (see ari-off)",
        ),
        gain="all VFs of the card can be switched on",
        state_decides=True,
    ),
    Message(
        id="bridge-bus-range-short",
        severity=_INFO,
        patterns=(r"bridge has subordinate [0-9a-f]+ but max busn [0-9a-f]+",),
        where="drivers/pci/probe.c pci_scan_bridge_extend",
        meaning="The firmware gave this bridge fewer bus numbers than the devices and VFs below "
        "it can need.",
        fix=add_option("pci=assign-busses"),
        gain="more VFs below this bridge",
    ),
    Message(
        id="pf-without-driver",
        severity=_ERROR,
        patterns=(r"no driver bound to device; cannot configure SR-IOV",),
        where=f"{_IOV} sriov_numvfs_store",
        errno="ENOENT (No such file or directory)",
        meaning="VFs were asked for while no driver held the PF.",
        fix=("bind the card's driver: echo ADDRESS > /sys/bus/pci/drivers_probe",),
        gain="VFs can be switched on",
        state_decides=True,
    ),
    Message(
        id="pf-driver-without-sriov",
        severity=_ERROR,
        patterns=(
            r"[Dd]river does(?: not|n't) support SR-IOV configuration via sysfs",
            r"Driver doesn't support SRIOV configuration via sysfs",
        ),
        where=f"{_IOV} sriov_numvfs_store",
        errno="ENOENT (No such file or directory)",
        meaning="The PF's driver has no sriov_configure: it creates no VFs, or only by a "
        "parameter of its own (max_vfs) when it loads.",
        fix=(
            "modinfo DRIVER | grep -i vfs   (old ixgbe, igb, mlx4_core: options DRIVER max_vfs=N "
            "in /etc/modprobe.d)",
            "or bind the driver that can, or pci-pf-stub where no PF driver is needed",
        ),
        gain="VFs can be switched on",
    ),
    Message(
        id="numvfs-not-through-zero",
        severity=_INFO,
        patterns=(r"\d+ VFs already enabled\. Disable before enabling \d+ VFs",),
        where=f"{_IOV} sriov_numvfs_store",
        errno="EBUSY (Device or resource busy)",
        meaning="The number of VFs can only be changed by way of 0, which removes them all first.",
        fix=("sriovctl plan FILE shows which VFs that kills; sriovctl apply FILE goes through 0",),
    ),
    Message(
        id="fewer-vfs-than-asked",
        severity=_WARNING,
        patterns=(r"\d+ VFs requested; only \d+ enabled",),
        where=f"{_IOV} sriov_numvfs_store",
        meaning="The driver switched on fewer VFs than it was asked for.",
        fix=("look at the driver's own lines beside it: dmesg | grep ADDRESS",),
        gain="as many VFs as asked for",
    ),
    Message(
        id="vfs-not-enabled",
        severity=_WARNING,
        patterns=(
            r"Failed to enable PCI sriov: -\d+",
            r"Failed to enable \d+ VFs \(?-?\w+",
            r"[Ff]ailed to (?:initialize|enable) SR-?IOV",
        ),
        where="drivers/net/ethernet/intel/ixgbe/ixgbe_sriov.c and its like",
        errno="none with some drivers, which keep the error for themselves",
        meaning="The kernel refused the VFs, and some drivers report success all the same. -12 is "
        "ENOMEM: no MMIO or no bus numbers.",
        fix=("sriovctl capacity ADDRESS names the limit", "cat sriov_numvfs after each write"),
        gain="VFs that exist, not only VFs that were asked for",
    ),
    Message(
        id="vfs-assigned",
        severity=_INFO,
        patterns=(r"Cannot modify SR-IOV while VFs are assigned",),
        where=f"{_IOV} pci_sriov_configure_simple",
        errno="EPERM (Operation not permitted)",
        meaning="A guest had a VF when the number of VFs was to be changed.",
        fix=("sriovctl guests", "sriovctl detach GUEST ADDRESS, then again"),
    ),
    Message(
        id="vfs-left-behind",
        severity=_WARNING,
        patterns=(r"driver left SR-IOV enabled after remove",),
        where=f"{_IOV} sriov_release, pci_iov_remove",
        meaning="The PF's driver went away and left its VFs without anybody to answer them.",
        fix=(
            "load the PF's driver again",
            "before unloading: echo 0 > sriov_numvfs",
        ),
        gain="VFs with a PF that answers them",
    ),
    Message(
        id="pci-resources-unassigned",
        severity=_WARNING,
        patterns=(
            r"Some PCI device resources are unassigned, try booting with pci=realloc",
            r"Automatically enabled pci realloc, if you have problem",
        ),
        where="drivers/pci/setup-bus.c pci_assign_unassigned_root_bus_resources",
        meaning="Not every BAR of this bus got an address. It may be one that nobody misses, such "
        "as a ROM; when it is a VF BAR, VFs cannot be switched on.",
        fix=(ABOVE_4G, *add_option("pci=realloc")),
        gain="room for the VFs' registers",
    ),
    Message(
        id="flr-timeout",
        severity=_WARNING,
        patterns=(r"not ready \d+ms after (?:FLR|function level reset|bus reset)[;,] giving up",),
        where="drivers/pci/pci.c pci_dev_wait",
        errno="ENOTTY",
        meaning="The function did not come back from a reset. A guest that had it may hang, and "
        "the next one cannot have it.",
        fix=(
            "remove the VFs and create them again: echo 0 > sriov_numvfs",
            "if the PF is affected too: power the machine off, not only reboot",
            "update the card's firmware",
        ),
        gain="the function can be handed on",
    ),
    Message(
        id="device-inaccessible",
        severity=_WARNING,
        patterns=(
            r"Unable to change power state from \w+ to \w+, device inaccessible",
            r"[Rr]efused to change power state, currently in D3",
        ),
        where="drivers/pci/pci.c pci_power_up",
        meaning="The function does not answer any more.",
        fix=("echo 1 > remove, then echo 1 > /sys/bus/pci/rescan", "power the machine off"),
        gain="the card can be used again",
    ),
)
