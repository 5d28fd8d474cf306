"""Does a function keep its traffic apart, so that all of it must pass the IOMMU?

Theory of operation.  The kernel asks its table of exceptions first; the first row with an opinion
decides.  Without one, the kind of function decides, and for ports and multifunction devices the
ACS registers do.  An answer has three values here: yes, no, and "cannot be seen in this source";
the last one is never turned into a no.

Source: kernel ``drivers/pci/pci.c``, ``pci_acs_enabled()``, ``pci_acs_flags_enabled()``, and
``drivers/pci/quirks.c``, ``pci_dev_specific_acs_enabled()``; unchanged from 6.1 to 7.3.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple
from sriovctl.topology.acs_parameters import CONFIG_ACS_SINCE, REDIRECT_BITS
from sriovctl.topology.quirks import (
    ACS_REQUIRED,
    ACS_SV,
    BROKEN_SV_IDS,
    BROKEN_SV_SINCE,
    RULE_IDS,
    UNCONDITIONAL_RULES,
    ACSQuirk,
    ACSRule,
    acs_quirks_of,
    acs_quirks_of_vendor,
)
from sriovctl.topology.tree import (
    DOWNSTREAM_PORT,
    ENDPOINT,
    EVENT_COLLECTOR,
    INTEGRATED_ENDPOINT,
    LEGACY_ENDPOINT,
    PCI_TO_PCIE,
    PCIE_TO_PCI,
    ROOT_PORT,
    UPSTREAM_PORT,
    class_and_subclass,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capabilities import ACSCapability
    from sriovctl.topology.surroundings import Surroundings
    from sriovctl.topology.tree import PCITree, TreeFunction

_ACS_ID = 0x0D
_ASK_REGISTERS = (ROOT_PORT, DOWNSTREAM_PORT)
_ASK_IF_MULTIFUNCTION = (ENDPOINT, LEGACY_ENDPOINT, UPSTREAM_PORT, INTEGRATED_ENDPOINT)
_NEVER = (PCIE_TO_PCI, PCI_TO_PCIE, EVENT_COLLECTOR)

BITS_NOT_SHOWN = "the ACS bits are not shown here, and taken as the kernel sets them"
PCH_NOT_SHOWN = (
    "this Intel root port has no standard ACS; the kernel is taken to have set up its own kind, "
    "which the boot log would show"
)
SPT_NOT_SHOWN = (
    "this Intel root port keeps its ACS bits at another place, which is not shown here; they are "
    "taken as the kernel sets them"
)
IVRS_NOT_SHOWN = "the firmware is taken to have an IVRS table (AMD-Vi), which is not shown here"
OVERRIDE_USED = (
    "kept apart by pcie_acs_override alone, if this kernel has that patch: the hardware does not "
    "guarantee it"
)


class IsolationCode(StrEnum):
    """What the answer rests on."""

    QUIRK = "quirk"  # the kernel's table says yes
    QUIRK_REFUSES = "quirk-refuses"  # the kernel's table says no
    OVERRIDE = "acs-override"
    NOT_PCIE = "not-pcie"
    NEVER = "never"  # bridges to conventional PCI, event collectors
    ACS = "acs"
    NO_ACS = "no-acs"
    ACS_OFF = "acs-off"
    SINGLE_FUNCTION = "single-function"
    OTHER_TYPE = "other-type"
    UNKNOWN = "unknown"
    UNKNOWN_ID = "unknown-id"  # an exception may be made for it, if only its ids were known


class Verdict(NamedTuple):
    """The answer for one function."""

    isolated: bool | None  # None: cannot be seen
    code: IsolationCode
    missing: int = 0  # ACS bits that are offered, needed and off
    quirk: ACSQuirk | None = None
    assumption: str | None = None  # what was taken for granted on the way


_UNKNOWN = Verdict(None, IsolationCode.UNKNOWN)


class IsolationRules:
    """The rules applied to one host; each function is judged once."""

    def __init__(self, tree: PCITree, surroundings: Surroundings, *, iommu_on: bool) -> None:
        """Prepare.

        :param iommu_on: judge by the bits that the kernel would set if its IOMMU were on.
        """
        self._tree = tree
        self._around = surroundings
        self._iommu_on = iommu_on
        self.verdicts: dict[PCIAddress, Verdict] = {}
        self._rules: dict[ACSRule, Callable[[TreeFunction, ACSQuirk], Verdict | None]] = {
            ACSRule.AMD_SB: self._amd_sb,
            ACSRule.RCIEP: lambda f, q: _typed(f, q, INTEGRATED_ENDPOINT),
            ACSRule.ANNAPURNA: lambda f, q: _typed(f, q, ROOT_PORT),
            ACSRule.CAVIUM: _listed_port,
            ACSRule.INTEL_PCH: self._intel_pch,
            ACSRule.INTEL_SPT: self._intel_spt,
            ACSRule.ZHAOXIN: _zhaoxin,
            ACSRule.WANGXUN: _wangxun,
        }

    def judge(self, function: TreeFunction) -> Verdict:
        """Say whether a function keeps its traffic apart, and what that rests on."""
        known = self.verdicts.get(function.address)
        if known is None:
            known = self._by_quirks(function) or self._by_override(function)
            known = known or self._by_type(function)
            if known.isolated is False and _may_be_excepted(function):
                known = Verdict(None, IsolationCode.UNKNOWN_ID)
            self.verdicts[function.address] = known
        return known

    # --- the table of exceptions -----------------------------------------------------------

    def _by_quirks(self, function: TreeFunction) -> Verdict | None:
        for quirk in acs_quirks_of(function.vendor_id, function.device_id):
            verdict = self._opinion(function, quirk)
            if verdict is not None:
                return verdict
        return None

    def _opinion(self, function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
        if quirk.rule in UNCONDITIONAL_RULES:
            return _yes(quirk)
        return self._rules[quirk.rule](function, quirk)

    def _amd_sb(self, function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
        if not function.multifunction or function.bridge or self._around.has_ivrs is False:
            return None
        return _yes(quirk, None if self._around.has_ivrs else IVRS_NOT_SHOWN)

    def _intel_pch(self, function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
        verdict = _listed_port(function, quirk)
        if verdict is None or not verdict.isolated:
            return verdict
        if self._iommu_on or function.address in self._around.enabled_pch_ports:
            return verdict
        if function.address in self._around.failed_pch_ports:
            return _refused(quirk)
        return verdict._replace(assumption=PCH_NOT_SHOWN)

    def _intel_spt(self, function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
        verdict = _listed_port(function, quirk)
        if verdict is None or not verdict.isolated:
            return verdict
        if not _has_acs(function):
            return None if _knows_extended(function) else _UNKNOWN
        acs = _acs_of(function)
        capability = acs.capabilities if acs else ACS_REQUIRED
        control = acs.word_at_8 if acs else None
        if self._iommu_on:
            # The command line can only clear the redirect bits of these ports.
            hit = self._around.parameters.is_hit(self._tree, function)
            control = capability & ~REDIRECT_BITS if hit else capability
        elif control is None:
            return verdict._replace(assumption=SPT_NOT_SHOWN)
        return _by_bits(capability, control, quirk=quirk)

    def _by_override(self, function: TreeFunction) -> Verdict | None:
        override = self._around.parameters.override
        if override is None or not self._around.override_active or function.port_type is None:
            return None
        wanted = (
            (function.vendor_id, function.device_id) in override.ids
            or (override.downstream and function.port_type in _ASK_REGISTERS)
            or (
                override.multifunction
                and function.multifunction
                and function.port_type in _ASK_IF_MULTIFUNCTION
            )
        )
        if not wanted or _has_acs(function):
            return None
        if not _knows_extended(function):
            return _UNKNOWN
        return Verdict(True, IsolationCode.OVERRIDE, assumption=OVERRIDE_USED)

    # --- the kind of function, and its registers -------------------------------------------

    def _by_type(self, function: TreeFunction) -> Verdict:
        kind = function.port_type
        if not function.knows_type:
            return _UNKNOWN
        if kind is None:
            return Verdict(False, IsolationCode.NOT_PCIE)
        if kind in _NEVER:
            return Verdict(False, IsolationCode.NEVER)
        if kind in _ASK_REGISTERS or (kind in _ASK_IF_MULTIFUNCTION and function.multifunction):
            return self._by_registers(function)
        if kind in _ASK_IF_MULTIFUNCTION:
            return Verdict(True, IsolationCode.SINGLE_FUNCTION)
        return Verdict(True, IsolationCode.OTHER_TYPE)

    def _by_registers(self, function: TreeFunction) -> Verdict:
        acs = _acs_of(function)
        if acs is None and not _has_acs(function):
            known = _knows_extended(function)
            return Verdict(False, IsolationCode.NO_ACS) if known else _UNKNOWN
        if acs is None:
            control = self._control(function, ACS_REQUIRED, 0)
            return _by_bits(ACS_REQUIRED, control, assumption=BITS_NOT_SHOWN)
        capability = self._capability(function, acs)
        control = acs.control
        if self._iommu_on:
            control = self._control(function, capability, control)
        return _by_bits(capability, control)

    def _capability(self, function: TreeFunction, acs: ACSCapability) -> int:
        broken = (function.vendor_id, function.device_id) in BROKEN_SV_IDS
        if broken and not self._around.is_older_than(BROKEN_SV_SINCE):
            return acs.capabilities & ~ACS_SV
        return acs.capabilities

    def _control(self, function: TreeFunction, capability: int, firmware: int) -> int:
        return self._around.parameters.control(
            self._tree,
            function,
            capability=capability,
            firmware=firmware,
            old=self._around.is_older_than(CONFIG_ACS_SINCE),
        )


def _may_be_excepted(function: TreeFunction) -> bool:
    # A listing without numbers does not always tell the device id: some names stand for several.
    if function.vendor_id is None:
        return True
    return function.device_id is None and any(
        _may_be_of(function, quirk) for quirk in acs_quirks_of_vendor(function.vendor_id)
    )


def _may_be_of(function: TreeFunction, quirk: ACSQuirk) -> bool:
    if quirk.rule in (ACSRule.INTEL_PCH, ACSRule.INTEL_SPT, ACSRule.CAVIUM, ACSRule.ANNAPURNA):
        return function.port_type == ROOT_PORT
    if quirk.device_ids is None:
        return False  # its rule was asked already
    kind = class_and_subclass(function.snapshot)
    return not quirk.classes or kind is None or kind in quirk.classes


def _typed(function: TreeFunction, quirk: ACSQuirk, *types: int) -> Verdict | None:
    if not function.knows_type:
        return _UNKNOWN
    return _yes(quirk) if function.port_type in types else None


def _listed_port(function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
    if function.device_id not in RULE_IDS[quirk.rule]:
        return None
    return _typed(function, quirk, ROOT_PORT)


def _zhaoxin(function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
    verdict = _typed(function, quirk, ROOT_PORT, DOWNSTREAM_PORT)
    if verdict is None or function.device_id in RULE_IDS[ACSRule.ZHAOXIN]:
        return verdict
    return _refused(quirk) if verdict.isolated else verdict


def _wangxun(function: TreeFunction, quirk: ACSQuirk) -> Verdict | None:
    listed = function.device_id in RULE_IDS[ACSRule.WANGXUN]
    return _yes(quirk) if listed else _refused(quirk)


def _yes(quirk: ACSQuirk, assumption: str | None = None) -> Verdict:
    return Verdict(True, IsolationCode.QUIRK, quirk=quirk, assumption=assumption)


def _refused(quirk: ACSQuirk) -> Verdict:
    return Verdict(False, IsolationCode.QUIRK_REFUSES, quirk=quirk)


def _by_bits(
    capability: int, control: int, *, quirk: ACSQuirk | None = None, assumption: str | None = None
) -> Verdict:
    # A control that the capability does not offer counts as wired on.
    missing = ACS_REQUIRED & capability & ~control
    code = IsolationCode.ACS_OFF if missing else IsolationCode.ACS
    return Verdict(not missing, code, missing=missing, quirk=quirk, assumption=assumption)


def _acs_of(function: TreeFunction) -> ACSCapability | None:
    config = function.snapshot.config
    return config.acs if config else None


def _has_acs(function: TreeFunction) -> bool:
    # A listing without -vv names the capability, but not its bits.
    config = function.snapshot.config
    if config is None:
        return False
    return config.acs is not None or any(
        c.extended and c.id == _ACS_ID for c in config.capabilities
    )


def _knows_extended(function: TreeFunction) -> bool:
    config = function.snapshot.config
    return config is not None and config.knows_extended
