"""The ports of an embedded switch, as devlink and the kernel's netdevs name them."""

from __future__ import annotations

from sriovctl.model.functions import PF
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Final

# What devlink calls the port that stands for a VF.
VF_FLAVOUR: Final = "pcivf"

# As devlink makes the names for all drivers, and as older drivers do themselves: pf0vf3, pf0sf88,
# pf0 for a PF as its card sees it, and c1pf0vf3 for a function of another host that a DPU serves.
# The port to the wire is p0.  Source: kernel net/devlink/port.c,
# __devlink_port_phys_port_name_get().
_PORT_NAME = r"(?P<controller>c[0-9]+)?pf[0-9]+(?:vf(?P<vf>[0-9]+)|sf[0-9]+|hpf)?"


class DevlinkPort(NamedTuple):
    """One devlink port.  ``None`` means that the kernel does not say."""

    port_index: int  # within its devlink device
    flavour: str | None  # physical, pcipf, pcivf, pcisf, virtual, …, or the raw number as text
    netdev: str | None = None  # for a pcivf port: the representor
    pf_number: int | None = None
    vf_number: int | None = None
    external: bool | None = None  # the function is one of another host, as seen by a DPU


class Representor(NamedTuple):
    """What stands on the host for one VF of a PF in mode switchdev."""

    vf_index: int
    vf_address: str | None  # of the VF itself; None when it is no PCI function
    netdev: str | None  # None: it has none here; another network namespace may have it
    port_name: str | None  # phys_port_name of the netdev
    up: bool | None  # the netdev is administratively up
    devlink_port: str | None  # as devlink names it, BUS/DEVICE/INDEX; None: the driver makes none


class EswitchReport(NamedTuple):
    """The eswitch of one PF."""

    pf: PF
    mode: str | None  # an EswitchMode; None: none, or not known
    representors: tuple[Representor, ...]  # by ascending vf_index
    notes: tuple[str, ...] = ()  # what could not be read, and why


def _match(port_name: str | None) -> re.Match[str] | None:
    if port_name is None or "pf" not in port_name:  # nearly every netdev: it needs no pattern
        return None
    import re

    return re.fullmatch(_PORT_NAME, port_name)


def is_representor(port_name: str | None) -> bool:
    """Say whether the netdev with this ``phys_port_name`` stands for a function.  Pure."""
    return _match(port_name) is not None


def represented_vf(port_name: str | None) -> int | None:
    """Return the index of the VF of this host that ``phys_port_name`` stands for, if any.  Pure."""
    found = _match(port_name)
    if found is None or found["controller"] or found["vf"] is None:
        return None
    return int(found["vf"])
