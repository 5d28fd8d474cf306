"""sriovctl: from "can this machine do SR-IOV at all?" to a VM with its own virtual function."""

__version__ = "0.1.0"
