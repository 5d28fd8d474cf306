"""What the kernel knows of devices that do not say the truth about isolation or requester IDs.

Facts read from Linux 7.3.4; Debian's 7.2.13, 6.12.107 and 6.1.192 have the same rows of isolation
quirks (stable releases get them), except where a row says since when.  The rules that use them
stand in :mod:`sriovctl.topology.isolation` and :mod:`sriovctl.topology.aliases`.

Source: kernel ``drivers/pci/quirks.c``, ``pci_dev_acs_enabled[]`` and the functions named by the
rules, ``DECLARE_PCI_FIXUP_HEADER`` of the ``quirk_dma_func*_alias`` family.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RULES_RELEASE = (7, 3)  # the newest kernel that these tables were compared with
RULES_RELEASE_TEXT = "Linux 7.3.4"

# ACS controls that a group needs: SV, RR, CR and UF.  Source: kernel drivers/iommu/iommu.c,
# REQ_ACS_FLAGS.
ACS_SV, ACS_TB, ACS_RR, ACS_CR, ACS_UF, ACS_EC = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
ACS_REQUIRED = ACS_SV | ACS_RR | ACS_CR | ACS_UF


class ACSRule(StrEnum):
    """Kernel function that answers for a row."""

    AMD_SB = "pci_quirk_amd_sb_acs"
    MF_ENDPOINT = "pci_quirk_mf_endpoint_acs"
    RCIEP = "pci_quirk_rciep_acs"
    QCOM_RP = "pci_quirk_qcom_rp_acs"
    INTEL_PCH = "pci_quirk_intel_pch_acs"
    INTEL_SPT = "pci_quirk_intel_spt_pch_acs"
    CAVIUM = "pci_quirk_cavium_acs"
    XGENE = "pci_quirk_xgene_acs"
    BRCM = "pci_quirk_brcm_acs"
    LOONGSON = "pci_quirk_loongson_acs"
    ANNAPURNA = "pci_quirk_al_acs"
    NXP_RP = "pci_quirk_nxp_rp_acs"
    ZHAOXIN = "pci_quirk_zhaoxin_pcie_ports_acs"
    WANGXUN = "pci_quirk_wangxun_nic_acs"


# These say yes for every function of their rows.
UNCONDITIONAL_RULES = frozenset(
    (
        *(ACSRule.MF_ENDPOINT, ACSRule.QCOM_RP, ACSRule.XGENE, ACSRule.BRCM),
        *(ACSRule.LOONGSON, ACSRule.NXP_RP),
    )
)


class ACSQuirk(NamedTuple):
    """Consecutive rows of the kernel's table with one rule and one vendor."""

    rule: ACSRule
    vendor_id: int
    device_ids: frozenset[int] | None  # None: every device of the vendor is asked
    # Some ids came later than the rule: when, as year and month.  An older kernel lacks them.
    added: tuple[tuple[str, frozenset[int]], ...] = ()
    # Class and subclass that such devices have, which helps where ids are not known; empty: any.
    classes: frozenset[int] = frozenset()

    def added_in(self, device_id: int | None) -> str | None:
        """Say when an id was added, where that is known."""
        return next((when for when, ids in self.added if device_id in ids), None)


def _ids(text: str) -> frozenset[int]:
    # "10-12 20" -> {0x10, 0x11, 0x12, 0x20}
    found: set[int] = set()
    for word in text.split():
        first, _, last = word.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


_BRCM_NEW = (("2022-06", _ids("1750-1752")), ("2024-05", _ids("1760-1763")))
_QCOM_NEW = (("2024-09", _ids("0115")), ("2026-01", _ids("0111 0120")))
_LOONGSON_IDS = _ids("3c09 3c19 3c29 7a09 7a19 7a29 7a39 7a49 7a59 7a69")

# In the order in which the kernel asks; the first that has an opinion decides.
ACS_QUIRKS = (
    ACSQuirk(
        ACSRule.AMD_SB,
        0x1002,
        _ids("4385 439c 4383 439d 4384 4399"),
        classes=_ids("0101 0403 0601 0604 0c03 0c05"),
    ),
    ACSQuirk(ACSRule.AMD_SB, 0x1022, _ids("780f 7809"), classes=_ids("0604 0c03")),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x1924, _ids("0903 0923 0a03")),
    ACSQuirk(
        ACSRule.MF_ENDPOINT,
        0x8086,
        _ids(
            "10c6 10db 10dd 10e1 10f1 10f7-10fc 1507 1514 151c 1529 152a "  # 82598, 82599
            "154d 154f 1551 1558 "  # 82599
            "1509 150e-1511 1516 1527 "  # 82580
            "10c9 10e6-10e8 150a 150d 1518 1526 "  # 82576
            "10a7 10a9 10d6 "  # 82575
            "1521-1524 "  # I350
            "105e-1060 10d9 "  # 82571
            "15b7 15b8"  # I219
        ),
        classes=_ids("0200"),
    ),
    ACSQuirk(ACSRule.RCIEP, 0x8086, None),
    ACSQuirk(ACSRule.QCOM_RP, 0x17CB, _ids("0400 0401 0115 0111 0120"), added=_QCOM_NEW),
    ACSQuirk(ACSRule.QCOM_RP, 0x1DBF, _ids("0401")),
    ACSQuirk(ACSRule.INTEL_PCH, 0x8086, None),
    ACSQuirk(ACSRule.INTEL_SPT, 0x8086, None),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x19A2, _ids("0710")),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x10DF, _ids("0720")),
    ACSQuirk(ACSRule.CAVIUM, 0x177D, None),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x177D, _ids("a026 a059 a060")),
    ACSQuirk(ACSRule.XGENE, 0x10E8, _ids("e004")),
    ACSQuirk(ACSRule.XGENE, 0x1DEF, _ids("e005-e00c")),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x14E4, _ids("16d7 1750-1752 1760-1763"), added=_BRCM_NEW),
    ACSQuirk(ACSRule.BRCM, 0x14E4, _ids("d714")),
    ACSQuirk(ACSRule.LOONGSON, 0x0014, _LOONGSON_IDS, added=(("2025-04", _LOONGSON_IDS),)),
    ACSQuirk(ACSRule.ANNAPURNA, 0x1C36, _ids("0031")),
    ACSQuirk(ACSRule.MF_ENDPOINT, 0x1D17, _ids("3038 3104 9083")),
    ACSQuirk(
        ACSRule.NXP_RP,
        0x1957,
        _ids("8d80-8d83 8d88-8d8b 8d90-8d93 8d98-8d9b 8da0 8da1 8da8 8da9 8db0 8db1 8db8 8db9"),
    ),
    ACSQuirk(ACSRule.ZHAOXIN, 0x1D17, None),
    ACSQuirk(
        ACSRule.WANGXUN, 0x8088, None, added=(("2024-11", _ids("5010 5025 5040 5110 5125 5140")),)
    ),
)

# Ids that a rule itself compares with.
RULE_IDS = {
    ACSRule.INTEL_PCH: _ids(
        "3b42-3b51 1c10-1c1f 1e10-1e1f 8c10-8c1f 9c10-9c1b 9c90-9c9b 1d10 1d12 1d14 1d16 1d18 "
        "1d1a 1d1c 1d1e 8d10-8d1e 8c90 8c92 8c94 8c96 8c98 8c9a 8c9c 8c9e"
    ),
    ACSRule.INTEL_SPT: _ids("a110-a11f a167-a16a a290-a29f a2e7-a2ee 9d10-9d1b"),
    ACSRule.CAVIUM: _ids("a000-a7ff af84 b884"),
    ACSRule.ZHAOXIN: _ids("0710-071e 0721 0723-0752"),
    ACSRule.WANGXUN: _ids("0100-010f 1001 2001 5010 5025 5040 5110 5125 5140"),
}

# SV is removed from the capability of these switches since 7.0 (quirk_idt_bogus_src_val).
BROKEN_SV_IDS = frozenset(((0x111D, 0x80B5), (0x111D, 0x8090)))
BROKEN_SV_SINCE = (7, 0)


class AliasKind(StrEnum):
    """What a function does with requester IDs."""

    FUNCTION_0 = "also uses the requester ID of function 0"
    FUNCTION_1 = "also uses the requester ID of function 1"
    LIST = "also uses the requester IDs listed"
    FIXED_SUBSYSTEM = "also uses the requester ID listed, with certain subsystem ids"
    MMIO = "also uses requester IDs that stand in its own registers"
    BRIDGE_SUBORDINATE = "is a PCIe-to-PCI bridge, though it does not say so"
    TRANSLATION_ROOT = "translates requester IDs itself"
    KEEPS_IDS = "keeps the requester IDs of what is behind it"


class AliasQuirk(NamedTuple):
    """Devices with one such habit."""

    kind: AliasKind
    vendor_id: int
    device_ids: frozenset[int]
    devfns: frozenset[int] = frozenset()  # of LIST and FIXED_SUBSYSTEM
    since: tuple[int, int] | None = None  # kernel release


def _devfns(*places: tuple[int, int]) -> frozenset[int]:
    return frozenset(device << 3 | function for device, function in places)


_FIVE_OF_EACH_SLOT = frozenset(d << 3 | f for d in range(32) for f in range(5))
_SWITCHTEC_IDS = _ids(
    "8531-8536 8541-8546 8551-8556 8561-8566 8571-8576 4000 4084 4068 4052 4036 4028 4100 4184 "
    "4168 4152 4136 4128 4200 4284 4268 4252 4236 4228 4352 4336 4328 4452 4436 4428 4552 4536 "
    "4528 5000 5084 5068 5052 5036 5028 5100 5184 5168 5152 5136 5128 5200 5284 5268 5252 5236 "
    "5228 5300 5384 5368 5352 5336 5328 5400 5484 5468 5452 5436 5428 5500 5584 5568 5552 5536 "
    "5528"
)

# FIXED_SUBSYSTEM needs subsystem 9005:02bb or 9005:02bc (quirk_fixed_dma_alias).
ALIAS_QUIRKS = (
    AliasQuirk(AliasKind.FUNCTION_0, 0x1180, _ids("e832 e476")),
    AliasQuirk(AliasKind.FUNCTION_0, 0x6766, _ids("3d40 3d41")),
    AliasQuirk(
        AliasKind.FUNCTION_1,
        0x1B4B,
        _ids("9120 9123 9125 9128 9130 9170 9172 917a 9182 9183 91a0 9215 9220 9230 9235"),
    ),
    AliasQuirk(AliasKind.FUNCTION_1, 0x1103, _ids("0642 0645")),
    AliasQuirk(AliasKind.FUNCTION_1, 0x197B, _ids("2392")),
    AliasQuirk(AliasKind.FUNCTION_1, 0x1C28, _ids("0122")),
    AliasQuirk(AliasKind.BRIDGE_SUBORDINATE, 0x1B21, _ids("1080")),
    AliasQuirk(AliasKind.BRIDGE_SUBORDINATE, 0x10E3, _ids("8113")),
    AliasQuirk(AliasKind.BRIDGE_SUBORDINATE, 0x1283, _ids("8892 8893")),
    AliasQuirk(AliasKind.BRIDGE_SUBORDINATE, 0x8086, _ids("244e")),
    AliasQuirk(AliasKind.LIST, 0x8086, _ids("2260 2264"), _devfns((0x10, 0), (0x11, 0), (0x12, 3))),
    AliasQuirk(AliasKind.LIST, 0x8086, _ids("2954-2956 2958-295a"), _FIVE_OF_EACH_SLOT),
    AliasQuirk(AliasKind.TRANSLATION_ROOT, 0x14E4, _ids("9000 9084")),
    AliasQuirk(AliasKind.KEEPS_IDS, 0x1A03, _ids("1150"), since=(7, 0)),
    AliasQuirk(AliasKind.LIST, 0x10B5, _ids("87b0 87b1"), frozenset(range(256))),
    AliasQuirk(AliasKind.FIXED_SUBSYSTEM, 0x9005, _ids("0285"), _devfns((1, 0))),
    AliasQuirk(AliasKind.MMIO, 0x11F8, _SWITCHTEC_IDS),
    AliasQuirk(AliasKind.MMIO, 0x1055, _ids("1001-1006 1008")),
)
MMIO_ALIAS_CLASS = 0x0680  # an AliasKind.MMIO row holds for this class and subclass alone


def acs_quirks_of(vendor_id: int | None, device_id: int | None) -> Iterator[ACSQuirk]:
    """Give the rows that the kernel would ask about a device, in its order.  Pure."""
    for quirk in _ACS_BY_VENDOR.get(vendor_id, ()):
        if quirk.device_ids is None or device_id in quirk.device_ids:
            yield quirk


def acs_quirks_of_vendor(vendor_id: int) -> tuple[ACSQuirk, ...]:
    """Give the rows that the kernel might ask about some device of a vendor.  Pure."""
    return _ACS_BY_VENDOR.get(vendor_id, ())


def alias_quirk_of(vendor_id: int | None, device_id: int | None) -> AliasQuirk | None:
    """Give the row of a device that changes its requester IDs.  Pure."""
    return _ALIAS_BY_ID.get((vendor_id, device_id))


_ACS_BY_VENDOR: dict[int | None, tuple[ACSQuirk, ...]] = {
    vendor: tuple(quirk for quirk in ACS_QUIRKS if quirk.vendor_id == vendor)
    for vendor in {quirk.vendor_id for quirk in ACS_QUIRKS}
}
_ALIAS_BY_ID: dict[tuple[int | None, int | None], AliasQuirk] = {
    (quirk.vendor_id, device): quirk for quirk in ALIAS_QUIRKS for device in quirk.device_ids
}
