"""What ``/proc/interrupts`` tells of interrupt remapping.  Pure."""

from __future__ import annotations

import re

# Chips of remapped interrupts carry the prefix; those of the remapping unit itself never do.
# Source: kernel drivers/iommu/intel/irq_remapping.c and drivers/iommu/amd/iommu.c ("IR-PCI-MSI"),
# arch/x86/kernel/apic/io_apic.c ("IO-APIC", "IR-IO-APIC").
_REMAPPED = re.compile(r"\sIR-(?:IO-APIC|PCI-MSI)")
_DIRECT = re.compile(r"\s(?:IO-APIC|PCI-MSI)")


def are_interrupts_remapped(text: str) -> bool | None:
    """Say whether interrupts are remapped; None where no chip of an x86 is named.  Pure.

    :param text: the whole file.
    """
    if _REMAPPED.search(text):
        return True
    return False if _DIRECT.search(text) else None
