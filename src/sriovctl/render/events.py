"""What happened on a host, as lines and as JSON.  Pure."""

from __future__ import annotations

from sriovctl.model.change import ChangeKind
from sriovctl.model.functions import VLAN
from sriovctl.render.inventory import format_vlan
from sriovctl.render.table import format_indices, format_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.change import HostChange


def format_change(change: HostChange, *, time: str) -> str:
    """Show one change on a line."""
    netdev = f" ({change.netdev})" if change.netdev else ""
    by = f"  [{change.by}]" if change.by else ""
    line = f"{time}  {change.device}{netdev}  {_what(change)}{by}"
    # A name may hold anything, and a terminal obeys what is not meant to be shown.
    return "".join(c if c.isprintable() else "?" for c in line)


def _what(change: HostChange) -> str:
    which = _which(change)
    if change.kind is not ChangeKind.CHANGED:
        count = len(change.vf_indices)
        if not count:
            return str(change.kind)
        words = str(change.kind).removeprefix("VFs ")
        return f"{which} {words}" + (f": {count} VFs" if count > 1 else "")
    subject = f"{which} " if which else ""
    return f"{subject}{change.what} {_show(change.before)} -> {_show(change.after)}"


def _which(change: HostChange) -> str:
    if not change.vf_indices:
        return ""
    if len(change.vf_indices) > 1:
        return f"VFs {format_indices(change.vf_indices)}"
    (address,) = change.addresses
    return f"VF {change.vf_indices[0]}" + (f" {address}" if address else "")


def _show(value: object) -> str:
    return format_value(format_vlan(value) if isinstance(value, VLAN) else value)


def change_as_json(change: HostChange, *, time: str) -> dict[str, object]:
    """Shape one change; what is none or not known is null."""
    return {
        "time": time,
        "kind": change.kind,
        "device": change.device,
        "netdev": change.netdev,
        "vfs": [
            {"vf_index": index, "address": address}
            for index, address in zip(change.vf_indices, change.addresses, strict=True)
        ],
        "what": change.what,
        "before": _plain(change.before),
        "after": _plain(change.after),
        "by": change.by,
    }


def _plain(value: object) -> object:
    return value._asdict() if isinstance(value, VLAN) else value
