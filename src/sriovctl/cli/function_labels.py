"""What to print beside a function's address: its name, its ids and its driver."""

from __future__ import annotations

from sriovctl.host.pci_ids import PCINames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot


def labels_of(snapshot: HostSnapshot) -> dict[str, str]:
    """Say for each function what it is and which driver holds it."""
    names = PCINames()
    known: dict[tuple[int, int], str] = {}  # many VFs, few kinds
    return {str(f.address): _label(f, names, known) for f in snapshot.functions}


def _label(function: FunctionSnapshot, names: PCINames, known: dict[tuple[int, int], str]) -> str:
    if function.vendor_id is None or function.device_id is None:
        return f"({function.driver})" if function.driver else ""
    ids = (function.vendor_id, function.device_id)
    if ids not in known:
        vendor, device = (f"{number:04x}" for number in ids)
        known[ids] = f"{names.name_of(vendor, device) or 'unnamed'} [{vendor}:{device}]"
    return known[ids] + (f" ({function.driver})" if function.driver else "")
