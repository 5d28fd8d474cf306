"""What the rest of sriovctl may ask of a running QEMU.

The door hands out QEMU's answers as they are; ``codec/qmp.py`` gives them meaning.  Every method
may raise:

* :class:`~sriovctl.errors.LostError`: QEMU ended, or closed the connection;
* :class:`~sriovctl.errors.HostError`: QEMU refused, or does not answer.
"""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.model.qemu import QEMUEvent


# What QEMU says, to libvirt as well: qmp_device_del() while an earlier request is unanswered, and
# pcie_cap_slot_unplug_request_cb() while the guest's power indicator blinks.
QEMU_BUSY_WORDS = ("already in the process of unplug", "guest is busy")


class QMP(Protocol):
    """One connection to the monitor of one QEMU."""

    @property
    def socket(self) -> str:
        """Path of the socket."""

    @property
    def pid(self) -> int | None:
        """The process that listens; None if it cannot be told.

        It need not be QEMU: whoever started QEMU may have made the socket for it.
        """

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        """Give a command, and return its answer.

        :raises UnsupportedError: this QEMU, or the bus that is meant, cannot do it.
        :raises BusyError: it is in the middle of it.
        """

    def next_event(self, timeout_s: float) -> QEMUEvent | None:
        """Wait for the next thing that QEMU tells; None: nothing in that time.

        Events since the connection was opened are kept until they are asked for.
        """

    def close(self) -> None:
        """End the connection; the next one may connect then."""
