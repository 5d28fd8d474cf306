"""What a function is, in a word: from its class code."""

from __future__ import annotations

# Source: PCI Code and ID Assignment Specification, class codes.  Class and subclass first, then
# the class alone.
_NAMES = {
    0x0101: "IDE",
    0x0104: "RAID",
    0x0106: "SATA",
    0x0107: "SAS",
    0x0108: "NVMe",
    0x01: "storage",
    0x0200: "Ethernet",
    0x0207: "InfiniBand",
    0x0208: "fabric",
    0x0280: "network",
    0x02: "network",
    0x0300: "VGA",
    0x03: "display",
    0x0403: "audio",
    0x0401: "audio",
    0x04: "multimedia",
    0x05: "memory",
    0x0600: "host bridge",
    0x0601: "ISA bridge",
    0x0604: "PCI bridge",
    0x06: "bridge",
    0x0700: "serial",
    0x07: "communication",
    0x0800: "interrupts",
    0x0806: "IOMMU",
    0x08: "system",
    0x09: "input",
    0x0B: "processor",
    0x0C00: "FireWire",
    0x0C03: "USB",
    0x0C05: "SMBus",
    0x0C: "serial bus",
    0x0D: "wireless",
    0x10: "encryption",
    0x0B40: "co-processor",
    0x11: "signal",
    0x12: "accelerator",
    0x13: "instrument",
}


def class_name_of(class_code: int | None) -> str | None:
    """Name a 24-bit class code in a word; None if it is unknown.  Pure."""
    if class_code is None:
        return None
    return _NAMES.get(class_code >> 8) or _NAMES.get(class_code >> 16)
