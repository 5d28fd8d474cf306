"""Kernel messages translated: the form of a row, and all rows.

A row holds the spellings of a message over the years, who prints it, the errno that the writer of
``sriov_numvfs`` (or the user of VFIO) sees at the same time, and what to do.  Messages tell of the
past: where the present can be read from the host itself, another rule judges it, and the row says
so by ``state_decides``.
"""

from __future__ import annotations

from sriovctl.checks.message import Message
from sriovctl.checks.messages_iommu import IOMMU_MESSAGES
from sriovctl.checks.messages_pci import PCI_MESSAGES
from sriovctl.checks.messages_use import USE_MESSAGES

__all__ = ["MESSAGES", "Message"]

MESSAGES: tuple[Message, ...] = (*PCI_MESSAGES, *IOMMU_MESSAGES, *USE_MESSAGES)
