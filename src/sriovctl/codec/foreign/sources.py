"""What the parsers of foreign formats share: the files, the host at hand, checked values."""

from __future__ import annotations

import re

from sriovctl.errors import InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import DesiredState, PFMatch, WantedVF
from sriovctl.model.translation import Import, LeftOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sriovctl.model.state import WantedPF

MAX_VFS = 0xFFFF  # NumVFs is a 16-bit register
MAX_RATE_MBPS = 0xFFFFFFFF  # IFLA_VF_RATE holds 32 bits
MIN_MTU, MAX_MTU = 68, 65535  # as in a state
_LABEL = 56  # a state takes 64, and a number may follow
NO_SUCH = "a state has no key for it"
NO_SRIOV = "says nothing of SR-IOV"
NO_PATTERNS = "a state matches by one value, not by patterns or several"
NOBODY_MEANT = "nothing says which PF is meant"


class Source(NamedTuple):
    """One file to import."""

    name: str
    text: str


class ImportRequest(NamedTuple):
    """What a parser of a foreign format is given.

    :param vf_netdevs: netdevs of VFs on the host at hand, and their VF index.
    """

    sources: tuple[Source, ...]
    vf_netdevs: Mapping[str, int]


def import_each(
    request: ImportRequest,
    read_file: Callable[[Source, Sequence[str]], tuple[WantedPF | None, list[LeftOut]]],
) -> Import:
    """Read files of which each is of one PF, or of none.

    :param read_file: takes a file and the labels in use; returns its PF, and what is left out.
    """
    pfs: list[WantedPF] = []
    left_out: list[LeftOut] = []
    for source in request.sources:
        pf, without = read_file(source, [one.label for one in pfs])
        pfs += [] if pf is None else [pf]
        left_out += without
    return Import(DesiredState(tuple(pfs)), tuple(left_out))


def match_of(found: Mapping[str, str]) -> PFMatch:
    """Match as a file does that applies to each netdev that fits; some criteria fit one alone."""
    several = bool(found) and not found.keys() & {"address", "permanent_mac", "netdev"}
    return PFMatch(**found, all=several)


def vfs_said(vfs: Mapping[int, WantedVF]) -> tuple[tuple[int, WantedVF], ...]:
    """Put VFs in order, without those of which nothing is said."""
    return tuple((n, vf) for n, vf in sorted(vfs.items()) if vf != WantedVF())


def label_for(text: str, used: Collection[str]) -> str:
    """Make a label for a PF that is not used yet, without what our own exports put before it."""
    visible = "".join(letter for letter in text if letter.isprintable())
    plain = visible.strip().removeprefix("sriovctl-").strip()[:_LABEL].strip() or "pf"
    number, label = 1, plain
    while label in used:
        number += 1
        label = f"{plain}-{number}"
    return label


def whole_number(text: str, low: int, high: int) -> int:
    """Read decimal digits.

    :raises InputError: it is something else, or out of range.
    """
    if not (text.isascii() and text.isdigit()) or not low <= int(text[:19]) <= high:
        raise InputError(f"must be a whole number from {low} to {high}, not '{text[:40]}'")
    return int(text)


def pci_path(text: str) -> str | None:
    """Return the address in udev's ID_PATH of a PCI device; None where it is something else."""
    address = text.removeprefix("pci-")
    if address == text or not is_pci_address(address):
        return None
    return str(parse_pci_address(address))


def is_literal(text: str) -> bool:
    """Say whether a pattern is a name that matches only itself."""
    return re.fullmatch(r"[\w.:@+-]{1,64}", text, re.ASCII) is not None
