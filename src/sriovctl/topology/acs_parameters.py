"""What the kernel's command line does to ACS: ``pci=disable_acs_redir``, ``pci=config_acs`` and the
``pcie_acs_override`` of patched kernels.

Source: kernel ``drivers/pci/pci.c``, ``__pci_config_acs()``, ``pci_dev_str_match()``; up to 6.10
``pci_disable_acs_redir()``.  The override patch is not in the kernel: Proxmox, Unraid, zen, …
"""

from __future__ import annotations

import re

from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple
from sriovctl.topology.quirks import ACS_CR, ACS_EC, ACS_REQUIRED, ACS_RR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.topology.tree import PCITree, TreeFunction

CONFIG_ACS_SINCE = (6, 11)
REDIRECT_BITS = ACS_RR | ACS_CR | ACS_EC

_MOST_FLAGS = 7
_PATH = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])", re.IGNORECASE)
_HOP = re.compile(r"([0-9a-f]{1,2})\.([0-7])", re.IGNORECASE)


class Setting(NamedTuple):
    """Bits that one entry sets, and the device that it names."""

    mask: int
    flags: int
    device: str


class Override(NamedTuple):
    """What ``pcie_acs_override`` asks of a patched kernel."""

    downstream: bool
    multifunction: bool
    ids: frozenset[tuple[int, int]]


class ACSParameters(NamedTuple):
    """All that one command line says about ACS."""

    disable_redirect: tuple[Setting, ...] = ()
    config: tuple[Setting, ...] = ()
    override: Override | None = None
    problems: tuple[str, ...] = ()

    def is_hit(self, tree: PCITree, function: TreeFunction) -> bool:
        """Say whether ``disable_acs_redir`` or ``config_acs`` names a function."""
        return any(
            _first_match(tree, function, settings) is not None
            for settings in (self.disable_redirect, self.config)
        )

    def control(
        self, tree: PCITree, function: TreeFunction, *, capability: int, firmware: int, old: bool
    ) -> int:
        """Work out the control register that a kernel with its IOMMU on leaves behind.

        :param firmware: the control register before; bits that the kernel set already do no harm.
        :param old: the kernel is older than 6.11.
        """
        enabled = firmware | (capability & ACS_REQUIRED)
        redirect = _first_match(tree, function, self.disable_redirect)
        if old:
            return enabled if redirect is None else enabled & ~REDIRECT_BITS
        # The last that hits starts from the firmware's bits again: SV and UF are lost with it.
        hit = _first_match(tree, function, self.config) or redirect
        return enabled if hit is None else (firmware & ~hit.mask) | (hit.flags & hit.mask)


def parse_acs_parameters(cmdline: str | None) -> ACSParameters:
    """Find what a kernel command line says about ACS.  Pure; never raises."""
    problems: list[str] = []
    redirect: tuple[Setting, ...] = ()
    config: tuple[Setting, ...] = ()
    for option in _pci_options(cmdline or ""):
        name, _, value = option.partition("=")
        if name == "disable_acs_redir":
            redirect = tuple(Setting(REDIRECT_BITS, 0, device) for device in value.split(";"))
        elif name == "config_acs":
            config = tuple(_settings(value, problems))
    return ACSParameters(redirect, config, _override(cmdline or ""), tuple(problems))


def _words(cmdline: str) -> Iterator[str]:
    for word in cmdline.split():
        if word == "--":  # the rest is for init
            return
        yield word


def _pci_options(cmdline: str) -> Iterator[str]:
    for word in _words(cmdline):
        if word.startswith("pci="):
            yield from word[4:].split(",")


def _settings(value: str, problems: list[str]) -> Iterator[Setting]:
    for entry in value.split(";"):
        flags, found, device = entry.partition("@")
        bits = _bits(flags) if found else None
        if bits is None:
            problems.append(f"the kernel ignores config_acs={entry}: its flags make no sense")
            return
        yield Setting(*bits, device)


def _bits(flags: str) -> tuple[int, int] | None:
    # The rightmost letter is bit 0 (SV).
    if len(flags) > _MOST_FLAGS or flags.strip("01xX"):
        return None
    mask = wanted = 0
    for bit, letter in enumerate(reversed(flags)):
        mask |= (letter in "01") << bit
        wanted |= (letter == "1") << bit
    return mask, wanted


def _override(cmdline: str) -> Override | None:
    values = [w.partition("=")[2] for w in _words(cmdline) if w.startswith("pcie_acs_override=")]
    if not values:
        return None
    parts = values[-1].split(",")
    ids = (re.fullmatch(r"id:([0-9a-fA-F]{1,4}):([0-9a-fA-F]{1,4})", part) for part in parts)
    return Override(
        downstream="downstream" in parts,
        multifunction="multifunction" in parts,
        ids=frozenset((int(match[1], 16), int(match[2], 16)) for match in ids if match),
    )


def _first_match(
    tree: PCITree, function: TreeFunction, settings: tuple[Setting, ...]
) -> Setting | None:
    return next((s for s in settings if _names(tree, function, s.device)), None)


def _names(tree: PCITree, function: TreeFunction, device: str) -> bool:
    if device.startswith("pci:"):
        return _names_ids(function, device[4:])
    return _resolve(tree, device) == function.address


def _names_ids(function: TreeFunction, text: str) -> bool:
    # vendor:device[:subvendor:subdevice], 0 for any.  Subsystem ids are not known here; who
    # writes them means one kind of card, so vendor and device are taken to be enough.
    try:
        vendor_id, device_id = (int(word, 16) for word in text.split(":")[:2])
    except ValueError:
        return False
    return vendor_id in (0, function.vendor_id) and device_id in (0, function.device_id)


def _resolve(tree: PCITree, text: str) -> PCIAddress | None:
    # bus:device.function, then device.function of each bus further down.
    first, *hops = text.split("/")
    match = _PATH.fullmatch(first)
    if match is None:
        return None
    domain, *place = match.groups()
    address = PCIAddress(int(domain or "0", 16), *(int(word, 16) for word in place))
    for hop in hops:
        step = _HOP.fullmatch(hop)
        below = [bus for bus, bridge in tree.bridges.items() if bridge == address]
        if step is None or not below:
            return None
        address = PCIAddress(*below[0], int(step[1], 16), int(step[2], 16))
    return address
