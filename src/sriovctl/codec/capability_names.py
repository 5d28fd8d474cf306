"""Names of PCI capabilities by id.

Source: PCI Code and ID Assignment Specification; kernel ``include/uapi/linux/pci_regs.h``.
"""

from __future__ import annotations

NORMAL_CAPABILITIES = {
    0x01: "Power Management", 0x02: "AGP", 0x03: "Vital Product Data", 0x04: "Slot Identification",
    0x05: "MSI", 0x06: "CompactPCI Hot Swap", 0x07: "PCI-X", 0x08: "HyperTransport",
    0x09: "Vendor Specific", 0x0A: "Debug Port", 0x0B: "CompactPCI Resource Control",
    0x0C: "PCI Hot Plug", 0x0D: "Subsystem ID", 0x0E: "AGP 8x", 0x0F: "Secure Device",
    0x10: "PCI Express", 0x11: "MSI-X", 0x12: "SATA", 0x13: "Advanced Features",
    0x14: "Enhanced Allocation", 0x15: "Flattening Portal Bridge",
}  # fmt: skip
EXTENDED_CAPABILITIES = {
    0x00: "Null", 0x01: "Advanced Error Reporting", 0x02: "Virtual Channel",
    0x03: "Device Serial Number", 0x04: "Power Budgeting", 0x05: "Root Complex Link Declaration",
    0x06: "Root Complex Internal Link Control", 0x07: "Root Complex Event Collector",
    0x08: "Multi-Function Virtual Channel", 0x09: "Virtual Channel",
    0x0A: "Root Complex Register Block", 0x0B: "Vendor Specific",
    0x0D: "Access Control Services (ACS)", 0x0E: "Alternative Routing-ID (ARI)",
    0x0F: "Address Translation Services (ATS)", 0x10: "SR-IOV",
    0x11: "Multi-Root I/O Virtualization", 0x12: "Multicast", 0x13: "Page Request Interface (PRI)",
    0x15: "Resizable BAR", 0x16: "Dynamic Power Allocation", 0x17: "TPH Requester",
    0x18: "Latency Tolerance Reporting", 0x19: "Secondary PCI Express",
    0x1A: "Protocol Multiplexing", 0x1B: "Process Address Space ID (PASID)", 0x1C: "LN Requester",
    0x1D: "Downstream Port Containment", 0x1E: "L1 PM Substates",
    0x1F: "Precision Time Measurement", 0x20: "PCI Express over M-PHY", 0x21: "FRS Queueing",
    0x22: "Readiness Time Reporting", 0x23: "Designated Vendor Specific", 0x24: "VF Resizable BAR",
    0x25: "Data Link Feature", 0x26: "Physical Layer 16.0 GT/s", 0x27: "Lane Margining",
    0x28: "Hierarchy ID", 0x29: "Native PCIe Enclosure Management",
    0x2A: "Physical Layer 32.0 GT/s", 0x2B: "Alternate Protocol",
    0x2C: "System Firmware Intermediary", 0x2D: "Shadow Functions",
    0x2E: "Data Object Exchange", 0x2F: "Device 3",
    0x30: "Integrity and Data Encryption", 0x31: "Physical Layer 64.0 GT/s",
    0x32: "Flit Logging", 0x33: "Flit Performance Measurement", 0x34: "Flit Error Injection",
}  # fmt: skip
