"""Which drivers must be loaded before VFs can be given to them.  Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.state import DesiredState


def drivers_named(state: DesiredState) -> tuple[str, ...]:
    """List the drivers that a state names for VFs, sorted.

    A VF's own driver (igbvf) is loaded by udev when the VF appears, but ``apply`` may be faster;
    others (vfio-pci) no device asks for.  So all of them are named.
    """
    named = {
        vf.driver
        for pf in state.pfs
        for vf in (pf.vf_default, *(vf for _, vf in pf.vfs))
        if isinstance(vf.driver, str)
    }
    return tuple(sorted(named))
