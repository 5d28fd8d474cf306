"""Find the PF that a state file means."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.address import is_pci_address, parse_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.state import PFMatch, WantedPF


def match_pfs(wanted: Sequence[WantedPF], pfs: Sequence[PF]) -> tuple[tuple[WantedPF, PF], ...]:
    """Pair each wanted PF with the PF, or PFs, that it means.

    :raises InputError: a match fits no PF or several, or two of them fit the same one.
    """
    pairs = tuple((one, pf) for one in wanted for pf in match_pf(one, pfs))
    labels: dict[str, str] = {}
    for one, pf in pairs:
        if pf.device in labels:
            raise InputError(
                f"is meant by both '{labels[pf.device]}' and '{one.label}'",
                subject=pf.device,
                hint="say everything about one PF in one place",
            )
        labels[pf.device] = one.label
    return pairs


def match_pf(wanted: WantedPF, pfs: Sequence[PF]) -> tuple[PF, ...]:
    """Find the PF that fits every criterion; with ``all``, each that does.

    :raises InputError: none does, or several where one is meant.
    """
    fitting = fitting_pfs(wanted.match, pfs)
    if len(fitting) == 1 or (fitting and wanted.match.all):
        return fitting
    if not fitting:
        there = ", ".join(_name(pf) for pf in pfs) or "none at all"
        raise InputError(
            f"no PF fits {describe_match(wanted.match)}",
            subject=wanted.label,
            hint=f"PFs of this host: {there}",
        )
    raise InputError(
        f"{len(fitting)} PFs fit {describe_match(wanted.match)}",
        subject=wanted.label,
        hint="add a criterion, or 'all: true' to mean them all; they are "
        + ", ".join(_name(pf) for pf in fitting),
    )


def pf_named(pfs: Sequence[PF], text: str) -> PF | None:
    """Find a PF by its PCI address, in whatever form, its netdev or its device.  Pure."""
    device = str(parse_pci_address(text)) if is_pci_address(text) else text
    return next((pf for pf in pfs if device in (pf.device, pf.netdev)), None)


def fitting_pfs(match: PFMatch, pfs: Sequence[PF]) -> tuple[PF, ...]:
    """Find all PFs that fit every criterion.  Pure."""
    return tuple(pf for pf in pfs if fits(pf, match))


def fits(pf: PF, match: PFMatch) -> bool:
    """Say whether a PF fits every criterion that is given.  Pure."""
    known = {
        "address": pf.device,
        "netdev": pf.netdev,
        "permanent_mac": pf.permanent_mac,
        "driver": pf.driver,
        "vendor_id": pf.vendor_id,
        "device_id": pf.device_id,
        "serial": pf.serial,
        "phys_port_name": pf.phys_port_name,
    }
    return all(known[key] == value for key, value in _criteria(match))


def describe_match(match: PFMatch) -> str:
    """Write the criteria as a clause.  Pure."""
    return ", ".join(f"{key} {value}" for key, value in _criteria(match))


def _criteria(match: PFMatch) -> list[tuple[str, str]]:
    return [(key, value) for key, value in match._asdict().items() if value and key != "all"]


def _name(pf: PF) -> str:
    return f"{pf.device} ({pf.netdev})" if pf.netdev else pf.device
