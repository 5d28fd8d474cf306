"""What passes between a state and the configuration of other tools.

Nothing is dropped in silence: what one side says and the other cannot is listed as ``LeftOut``,
what the other side does although the state does not say so as ``Imposed``.
"""

from __future__ import annotations

from sriovctl.model.functions import PF
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF

# Keys of a state, dotted as one would say them; those of VFs are WantedVF's own.
MATCH_KEYS = tuple(f"match.{field}" for field in PFMatch._fields)
PF_KEYS = ("num_vfs", "drivers_autoprobe", "link.state", "link.mtu", "eswitch.mode")
VF_KEYS = WantedVF._fields
POOLS_KEY = "pools"
ALL_KEYS = (*MATCH_KEYS, *PF_KEYS, *VF_KEYS, POOLS_KEY)


class LeftOut(NamedTuple):
    """Something that was said and cannot be said on the other side."""

    key: str
    where: str  # the PF's label, the pool's name, or FILE:LINE:COLUMN of what was read
    why: str
    vfs: tuple[int, ...] = ()  # ascending; empty: it is no matter of single VFs


class Imposed(NamedTuple):
    """Something that the other side does although nobody said so."""

    key: str
    where: str
    why: str
    vfs: tuple[int, ...] = ()


class OutputFile(NamedTuple):
    """A file in another tool's format."""

    name: str  # without its directory
    directory: str  # where that tool looks for it
    text: str
    mode: int = 0o644


class ExportTarget(NamedTuple):
    """One PF of a state, with what is known of it on the host at hand."""

    name: str  # safe as a part of a file's name; no two targets have the same
    wanted: WantedPF
    pf: PF | None  # None: no such PF on the host at hand, or no host
    num_vfs: int | None  # how many VFs there will be; None: not known
    vfs: tuple[tuple[int, WantedVF], ...]  # VFs of which something is said, by ascending index
    eswitch_before_vfs: bool = False  # its driver changes the mode only without VFs
    rates_need_link: bool = False  # its driver refuses rates while the link is down
    count_parameter: str | None = None  # of its driver's module: makes VFs when it is loaded


class DriverModule(NamedTuple):
    """The module of a driver on the host at hand."""

    driver: str
    name: str
    # Where its parameter for VFs is a list: all functions of the driver, in that order.
    functions: tuple[str, ...] | None = None


class ExportRequest(NamedTuple):
    """What a renderer of a foreign format is given."""

    targets: tuple[ExportTarget, ...]
    host_pfs: tuple[PF, ...] = ()  # all PFs of the host at hand, in address order
    modules: tuple[DriverModule, ...] = ()


class Export(NamedTuple):
    """A state in another tool's words."""

    files: tuple[OutputFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    imposed: tuple[Imposed, ...] = ()


class Import(NamedTuple):
    """Another tool's configuration as a state."""

    state: DesiredState
    left_out: tuple[LeftOut, ...] = ()


def said_of_pf(wanted: WantedPF) -> dict[str, object]:
    """Return what a state says of a PF itself, by ``PF_KEYS``.  Pure."""
    values = (
        wanted.num_vfs,
        wanted.drivers_autoprobe,
        wanted.link_up,
        wanted.mtu,
        wanted.eswitch_mode,
    )
    return {key: value for key, value in zip(PF_KEYS, values, strict=True) if value is not UNSET}


def said_of_vf(wanted: WantedVF) -> dict[str, object]:
    """Return what a state says of a VF, by ``VF_KEYS``.  Pure."""
    return {key: value for key, value in wanted._asdict().items() if value is not UNSET}


def said_of_match(match: PFMatch) -> dict[str, object]:
    """Return the criteria that a match has, by ``MATCH_KEYS``.  Pure."""
    return {f"match.{key}": value for key, value in match._asdict().items() if value}
