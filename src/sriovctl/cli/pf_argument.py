"""A PF named on the command line, by its address or its netdev."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.planner.match import pf_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import PF
    from sriovctl.model.snapshot import HostSnapshot


def find_pf_address(snapshot: HostSnapshot, text: str) -> PCIAddress:
    """Find the function that the user means in a snapshot.

    :raises InputError: *text* is neither an address nor the netdev of a function there.
    """
    if is_pci_address(text):
        return parse_pci_address(text)
    for function in snapshot.functions:
        if function.netdev == text:
            return function.address
    raise InputError(
        "is neither a PCI address nor a netdev here",
        subject=text,
        hint="'sriovctl ls' lists the PFs",
    )


def find_pf(pfs: Sequence[PF], text: str) -> PF:
    """Find the PF that the user means in an inventory: by address, netdev, or device.

    :raises InputError: there is none.
    """
    pf = pf_named(pfs, text)
    if pf is None:
        raise InputError("is no PF here", subject=text, hint="'sriovctl ls' lists the PFs")
    return pf
