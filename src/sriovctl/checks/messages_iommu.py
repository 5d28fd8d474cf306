"""What the IOMMU drivers say: DMAR (Intel), AMD-Vi, SMMU (Arm), and ACS in the PCI core."""

from __future__ import annotations

from sriovctl.checks.facts import Platform
from sriovctl.checks.message import Message
from sriovctl.checks.remedies import iommu_menu, remove_option
from sriovctl.model.finding import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_INTEL = "drivers/iommu/intel"
_QUIRKS = "drivers/pci/quirks.c"
_GIVE = "VFs can be given to guests"

IOMMU_MESSAGES = (
    Message(
        id="iommu-off-by-command-line",
        severity=_ERROR,
        patterns=(r"DMAR: IOMMU disabled", r"AMD-Vi: AMD IOMMU disabled (?:on|by) kernel"),
        where=f"{_INTEL}/iommu.c intel_iommu_setup",
        meaning="The kernel was told to leave the IOMMU off.",
        fix=remove_option("intel_iommu=off"),
        gain=_GIVE,
        state_decides=True,
    ),
    Message(
        id="iommu-table-broken",
        severity=_ERROR,
        patterns=(r"DMAR: No DMAR devices found", r"AMD-Vi: .*(?:IVRS|ivrs).*(?:invalid|checksum)"),
        where=f"{_INTEL}/dmar.c dmar_table_init",
        meaning="The firmware has a table for an IOMMU, and it names none that can be used.",
        fix=("firmware: update it", iommu_menu(Platform.INTEL)),
        gain=_GIVE,
    ),
    Message(
        id="iommu-refused-by-firmware",
        severity=_ERROR,
        patterns=(r"Firmware forces DMA remapping off",),
        where=f"{_INTEL}/dmar.c, since 7.3",
        meaning="The firmware asks for DMA remapping to stay off, and the kernel obeys whatever "
        "the command line says.",
        fix=(iommu_menu(Platform.INTEL), "firmware: update it"),
        gain=_GIVE,
    ),
    Message(
        id="option-without-effect",
        severity=_INFO,
        patterns=(r"AMD-Vi: Unknown option - 'on'",),
        where="drivers/iommu/amd/init.c parse_amd_iommu_options",
        meaning="amd_iommu=on does nothing here. AMD-Vi is on by default and knows no option 'on'.",
        fix=remove_option("amd_iommu=on"),
    ),
    Message(
        id="dma-fault",
        severity=_WARNING,
        patterns=(
            r"DMAR: ?\[DMA (?:Read|Write)[^\]]*\] Request device \[",
            r"AMD-Vi: Event logged \[IO_PAGE_FAULT",
            r"arm-smmu(?:-v3)? .*: (?:event 0x10 received|Unhandled context fault)",
        ),
        where=f"{_INTEL}/dmar.c dmar_fault_do_one, drivers/iommu/amd/iommu.c, arm-smmu-v3.c",
        meaning="A device wanted to reach memory that is not meant for it, and the IOMMU stopped "
        "it. The cause is a driver's fault, firmware that still uses the device (see RMRR), or a "
        "guest that was ended while its VF worked.",
        fix=(
            "if it is a VF: reset it (take it from the guest and give it back)",
            "if it is a device of the host: update its driver and firmware",
        ),
        gain="the device does what it should",
    ),
    Message(
        id="interrupt-fault",
        severity=_WARNING,
        patterns=(
            r"\[INTR-REMAP\] Request device \[",
            r"AMD-Vi: Event logged \[INVALID_DEVICE_REQ",
        ),
        where=f"{_INTEL}/dmar.c dmar_fault_do_one",
        meaning="A device raised an interrupt that is not its own, and interrupt remapping "
        "stopped it.",
        fix=("update the firmware of the machine and of the device",),
        gain="the device's interrupts arrive",
    ),
    Message(
        id="iommu-firmware-bug",
        severity=_WARNING,
        patterns=(
            r"(?:DMAR|AMD-Vi|dmar|IVRS).*\[Firmware (?:Bug|Warn)\]",
            r"\[Firmware (?:Bug|Warn)\].*(?:DMAR|IVRS|RMRR|IOAPIC)",
            r"Your BIOS is broken; DMAR reported",
        ),
        where=f"{_INTEL}/dmar.c, drivers/iommu/amd/init.c",
        meaning="The firmware describes the IOMMU wrongly. The kernel may have left part of it "
        "off, interrupt remapping most often.",
        fix=("firmware: update it",),
        gain="all of the IOMMU works",
    ),
    Message(
        id="rmrr-blocks-assignment",
        severity=_ERROR,
        patterns=(r"ineligible for IOMMU domain attach due to platform RMRR requirement",),
        where=f"{_INTEL}/iommu.c, domain attach",
        errno="EPERM (Operation not permitted)",
        meaning="The firmware keeps memory for DMA of this function (RMRR), so it cannot be given "
        "to a guest. Its VFs usually can.",
        fix=(
            "give a VF instead of the whole function",
            "firmware: switch off what uses the memory (HPE: 'Shared Memory' of the slot, by "
            "conrep; others: USB or management for this slot)",
            "update the firmware",
        ),
        gain="the function itself can be given to a guest",
    ),
    Message(
        id="interrupt-remapping-off",
        severity=_ERROR,
        patterns=(
            r"vfio_iommu_type1_attach_group: No interrupt remapping",
            r"DMAR-IR: .*interrupt remapping is being disabled",
            r"AMD-Vi: Disabling interrupt remapping",
        ),
        where="drivers/vfio/vfio_iommu_type1.c vfio_iommu_type1_attach_group",
        errno="EPERM (Operation not permitted)",
        meaning="Interrupts are not remapped, so VFIO refuses to give devices to guests.",
        fix=(
            "firmware: switch on 'Interrupt Remapping' (also 'x2APIC'), and update it",
            "only if every guest is trusted: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1",
        ),
        gain=_GIVE,
        state_decides=True,
    ),
    Message(
        id="x2apic-opt-out",
        severity=_INFO,
        patterns=(r"x2apic is disabled because BIOS sets x2apic opt out bit",),
        where=f"{_INTEL}/irq_remapping.c",
        meaning="The firmware wants no x2APIC. Interrupts are remapped all the same; only hosts "
        "with more than 255 processors miss something.",
        fix=("firmware: switch on 'x2APIC', or intremap=no_x2apic_optout on the command line",),
    ),
    Message(
        id="pch-acs-failed",
        severity=_WARNING,
        patterns=(r"Failed to enable Intel PCH ACS quirk",),
        where=f"{_QUIRKS} pci_quirk_enable_intel_pch_acs",
        meaning="This root port of the chipset has no ACS, and the kernel could not put its "
        "substitute in place: what is below the ports of this slot shares one IOMMU group.",
        fix=("put the card into a slot of the processor", "firmware: update it"),
        gain="the devices below the port get groups of their own",
    ),
    Message(
        id="acs-changed-by-command-line",
        severity=_WARNING,
        patterns=(r"Configured ACS to 0x[0-9a-f]{4}", r"disabled ACS redirect"),
        where="drivers/pci/pci.c pci_enable_acs",
        meaning="The command line changed what this port keeps apart; IOMMU groups follow.",
        fix=("take pci=disable_acs_redir and pci=config_acs from the command line",),
        gain="the groups that the hardware itself can guarantee",
        state_decides=True,
    ),
    Message(
        id="acs-override-active",
        severity=_WARNING,
        patterns=(r"PCIe ACS overrides enabled",),
        where="the ACS override patch, which is not part of Linux",
        meaning="IOMMU groups look smaller than the hardware makes them.",
        fix=("take pcie_acs_override from the command line",),
        gain="groups that can be trusted",
    ),
    Message(
        id="acs-sv-broken",
        severity=_INFO,
        patterns=(r"Disabling broken ACS SV; downstream device isolation reduced",),
        where=f"{_QUIRKS}, since 7.0",
        meaning="This switch's source validation is faulty and stays off: a device below it could "
        "speak in the name of another.",
        fix=("give devices below this switch only to guests that are trusted",),
    ),
)
