"""Remedies that several rules share, as exact commands and usual menu words.  Pure."""

from __future__ import annotations

from sriovctl.checks.facts import Platform

# The words differ from maker to maker; these are those that most firmware uses.
_IOMMU_MENUS = {
    Platform.INTEL: "firmware: switch on 'Intel VT-d' (also 'VT for Directed I/O'), often under "
    "'Chipset', 'System Agent' or 'Processor'",
    Platform.AMD: "firmware: switch on 'IOMMU' or 'AMD-Vi' (set to Enabled, not Auto), often "
    "under 'AMD CBS' > 'NBIO Common Options', and 'SVM Mode' beside it",
    Platform.ARM: "firmware: switch on 'SMMU' or 'IOMMU', and boot with ACPI or with a device "
    "tree that names it",
    Platform.POWER: "nothing to switch: every Power machine has an IOMMU; the kernel needs "
    "CONFIG_SPAPR_TCE_IOMMU",
    Platform.UNKNOWN: "firmware: switch on 'Intel VT-d', 'AMD-Vi', 'IOMMU' or 'SMMU', whichever "
    "there is",
}

ABOVE_4G = (
    "firmware: switch on 'SR-IOV Support' and 'Above 4G Decoding' (also '64-bit MMIO' or "
    "'Memory Mapped I/O above 4 GB'), and raise 'MMIO High Size' where there is one"
)
REBOOT = "reboot"


def iommu_menu(platform: Platform) -> str:
    """Say what to look for in the firmware's menus."""
    return _IOMMU_MENUS[platform]


def add_option(option: str) -> tuple[str, ...]:
    """Say how to add an option to the kernel's command line."""
    return (
        f'Fedora, RHEL, SUSE with grubby: grubby --update-kernel=ALL --args="{option}"',
        f"Debian, Ubuntu: add {option} to GRUB_CMDLINE_LINUX in /etc/default/grub, "
        "then update-grub",
        f"systemd-boot (Proxmox): add {option} to /etc/kernel/cmdline, then "
        "proxmox-boot-tool refresh or kernel-install",
        REBOOT,
    )


def remove_option(option: str) -> tuple[str, ...]:
    """Say how to take an option from the kernel's command line."""
    return (
        f'Fedora, RHEL, SUSE with grubby: grubby --update-kernel=ALL --remove-args="{option}"',
        f"Debian, Ubuntu: take {option} out of /etc/default/grub, then update-grub",
        f"systemd-boot (Proxmox): take {option} out of /etc/kernel/cmdline, then "
        "proxmox-boot-tool refresh or kernel-install",
        REBOOT,
    )
