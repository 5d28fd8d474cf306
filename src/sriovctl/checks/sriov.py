"""What each PF can do here: is it a PF at all, can VFs be created, and how many?"""

from __future__ import annotations

from sriovctl.checks.facts import (
    IOMMU_GROUPS,
    PCI_DEVICES,
    cmdline_source,
    config_source,
    iommu_works,
    is_live,
    options,
    sysfs_path,
)
from sriovctl.checks.remedies import ABOVE_4G, REBOOT, add_option, remove_option
from sriovctl.model.capacity import LimitKind
from sriovctl.model.finding import HOST, Evidence, Finding, Severity
from sriovctl.topology.capacity import capacity_of, names_sriov_only, pfs_of
from sriovctl.topology.tree import build_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.capacity import Capacity, Limit
    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

# Cards whose firmware shows the SR-IOV capability only once it was told to, and the command that
# tells it: vendor -> (device ids of PFs, commands).  Source: pci.ids, and the makers' manuals.
_MELLANOX = frozenset(
    (
        *(0x1003, 0x1007, 0x1011, 0x1013, 0x1015, 0x1017, 0x1019, 0x101B, 0x101D, 0x101F),
        *(0x1021, 0x1023, 0x1025, 0xA2D2, 0xA2D6, 0xA2DC),
    )
)
_BROADCOM = frozenset((0x16C9, 0x16D6, 0x16D7, 0x16D8, 0x16D9, 0x1750, 0x1751, 0x1760))
_HIDING = {
    0x15B3: (
        _MELLANOX,
        (
            "mlxconfig -d {address} set SRIOV_EN=1 NUM_OF_VFS=8   (package mstflint: mstconfig)",
            REBOOT,
        ),
    ),
    0x14E4: (
        _BROADCOM,
        (
            "firmware: in the card's own menu (under 'Device Settings') switch on 'SR-IOV'",
            "or: bnxtnvm -dev=NETDEV setoption=enable_sriov:0#1",
            REBOOT,
        ),
    ),
}
_FIRMWARE_SRIOV = "firmware: switch on 'SR-IOV Support' (also 'SR-IOV Global Enable')"
_GAIN_VFS = "VFs can be switched on"


def check_capabilities_are_readable(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Say so when the capabilities of some functions could not be seen."""
    hidden = _hidden(snapshot)
    if not hidden:
        return
    seen = (
        f"{len(hidden)} of {_count(snapshot)} without extended capabilities, "
        f"{hidden[0].address} first"
    )
    yield Finding(
        id="config-space-hidden",
        severity=Severity.UNKNOWN,
        subject=HOST,
        evidence=(Evidence(_functions_source(snapshot, "/*/config"), seen),),
        meaning="SR-IOV, ACS and ARI of these functions cannot be seen, so nothing is said of "
        "them. Only root may read them.",
        fix=("sudo sriovctl doctor", "a dump: sudo lspci -vvvxxxx"),
    )


def _hidden(snapshot: HostSnapshot) -> list[FunctionSnapshot]:
    return [
        one
        for one in snapshot.functions
        if not one.is_vf and (one.config is None or not one.config.knows_extended)
    ]


def _count(snapshot: HostSnapshot) -> str:
    count = len(snapshot.functions)
    return "1 function" if count == 1 else f"{count} functions"


def _functions_source(snapshot: HostSnapshot, below: str = "") -> str:
    return PCI_DEVICES + below if is_live(snapshot) else snapshot.description


def check_there_is_a_pf(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when no function can have VFs."""
    if not snapshot.functions or pfs_of(snapshot) or _hidden(snapshot):
        return
    seen = f"{_count(snapshot)}, none with SR-IOV"
    yield Finding(
        id="no-sriov-device",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=(Evidence(_functions_source(snapshot), seen),),
        meaning="None of the functions that were read has an SR-IOV capability.",
        fix=(
            _FIRMWARE_SRIOV,
            "switch SR-IOV on in the card's own firmware (see sriov-off-in-firmware)",
            "or use a card that has it",
        ),
        gain=_GAIN_VFS,
    )


def check_numbers_are_listed(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Say so when SR-IOV is named, but not how many VFs there can be."""
    for one in snapshot.functions:
        if names_sriov_only(one) and one.sriov_total_vfs is None:
            yield Finding(
                id="sriov-numbers-not-listed",
                severity=Severity.UNKNOWN,
                subject=str(one.address),
                evidence=(
                    Evidence(config_source(snapshot, one.address), "SR-IOV, without its numbers"),
                ),
                meaning="This function has SR-IOV. How many VFs it offers and how many are on is "
                "not shown, and may be none.",
                fix=("a dump with numbers: sudo lspci -vv, better -vvvxxxx",),
            )


def check_hidden_capability(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell of cards that are known to have SR-IOV and do not show it."""
    for one in snapshot.functions:
        if one.is_vf or one.vendor_id not in _HIDING or one.config is None:
            continue
        devices, _ = _HIDING[one.vendor_id]
        if one.device_id in devices and one.config.knows_extended and not _has_sriov(one):
            yield _off_in_firmware(
                one, Evidence(config_source(snapshot, one.address), "no SR-IOV capability")
            )


def _has_sriov(function: FunctionSnapshot) -> bool:
    config = function.config
    return config is not None and (config.sriov is not None or config.names_sriov_only)


def check_empty_capability(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell of cards whose capability offers no VFs."""
    for one in snapshot.functions:
        sriov = one.config.sriov if one.config else None
        if sriov is not None and sriov.total_vfs == 0:
            yield _off_in_firmware(
                one, Evidence(config_source(snapshot, one.address), "SR-IOV capability, TotalVFs 0")
            )


def _commands_for(function: FunctionSnapshot) -> tuple[str, ...]:
    _, commands = _HIDING.get(function.vendor_id or 0, (frozenset(), ()))
    return tuple(command.format(address=function.address) for command in commands)


def _off_in_firmware(function: FunctionSnapshot, seen: Evidence) -> Finding:
    return Finding(
        id="sriov-off-in-firmware",
        severity=Severity.WARNING,
        subject=str(function.address),
        evidence=(seen,),
        meaning="This card can have VFs, and its firmware offers none: SR-IOV is switched off in "
        "the card, or its number of VFs is 0. (Inside a guest the card may also be hidden by "
        "the host below.)",
        fix=(*_commands_for(function), _FIRMWARE_SRIOV),
        gain="the card shows its SR-IOV capability, and VFs can be switched on",
    )


def check_capacity(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell what keeps each PF from having the VFs that it offers."""
    pfs = pfs_of(snapshot)
    tree = build_tree(snapshot) if pfs else None
    for pf in pfs:
        capacity = capacity_of(snapshot, pf.address, tree=tree)
        for limit in capacity.limits:
            # A dump may show one card alone: what it lacks need not be missing.
            if limit.kind is LimitKind.DEPENDENCY_LINK and not is_live(snapshot):
                continue
            finding = _of_limit(pf, capacity, limit)
            if finding is not None:
                yield finding


LIMIT_IDS = {
    LimitKind.KERNEL: "sriov-refused-by-kernel",
    LimitKind.DRIVER: "pf-driver-without-sriov",
    LimitKind.INITIAL_VFS: "initial-vfs-differ",
    LimitKind.MMIO: "vf-mmio-missing",
    LimitKind.BUS_NUMBERS: "vf-buses-missing",
    LimitKind.DEPENDENCY_LINK: "linked-pf-missing",
}
_LIMIT_MEANINGS = {
    LimitKind.KERNEL: "The card has an SR-IOV capability that the kernel does not use: there is no "
    "sriov_numvfs to write.",
    LimitKind.DRIVER: "The driver that holds the PF cannot create VFs.",
    LimitKind.INITIAL_VFS: "The card's registers contradict each other (InitialVFs and TotalVFs), "
    "so the kernel creates no VFs.",
    LimitKind.MMIO: "There is no room for the registers of the VFs: each VF BAR needs its size "
    "times TotalVFs in the window of every bridge above.",
    LimitKind.BUS_NUMBERS: "VFs would need bus numbers beyond the range of the bridge above.",
    LimitKind.DEPENDENCY_LINK: "The card wants VFs of another PF switched on together with its "
    "own, and that PF is not there.",
}
_LIMIT_FIXES: dict[LimitKind, tuple[str, ...]] = {
    LimitKind.KERNEL: ("grep CONFIG_PCI_IOV /boot/config-$(uname -r)", _FIRMWARE_SRIOV),
    LimitKind.MMIO: (ABOVE_4G, *add_option("pci=realloc")),
    LimitKind.BUS_NUMBERS: (
        *add_option("pci=assign-busses"),
        "firmware: switch on 'ARI Support', and 'PCI Bus Padding' where there is one",
    ),
}


def _of_limit(pf: FunctionSnapshot, capacity: Capacity, limit: Limit) -> Finding | None:
    if limit.kind is LimitKind.SRIOV_TOTALVFS:
        return _fewer_than_hardware(pf, capacity, limit)
    offered = capacity.total_vfs
    if limit.kind not in LIMIT_IDS or limit.max_vfs is None or limit.max_vfs >= _wanted(capacity):
        return None
    none_work = limit.max_vfs == 0
    finding_id = LIMIT_IDS[limit.kind]
    meaning = _LIMIT_MEANINGS[limit.kind]
    if limit.kind is LimitKind.DRIVER and pf.driver is None:
        finding_id, meaning = "pf-without-driver", "No driver holds the PF, and only one can ask "
        meaning += "the card for VFs."
    asked = f" Asking for more answers {limit.refusal}." if limit.refusal else ""
    room = "" if none_work else f" {limit.max_vfs} of {offered} VFs work."
    if limit.kind is LimitKind.BUS_NUMBERS and capacity.is_forecast:
        room += " It is a forecast: a card may move its VFs when they are switched on."
    return Finding(
        id=finding_id,
        severity=Severity.ERROR if none_work else Severity.WARNING,
        subject=str(pf.address),
        evidence=_evidence_of(limit),
        meaning=meaning + room + asked,
        fix=((limit.remedy,) if limit.remedy else ()) + _LIMIT_FIXES.get(limit.kind, ()),
        gain=f"{limit.max_vfs_after} VFs" if limit.max_vfs_after else _GAIN_VFS,
    )


# More than the driver lets through is not wanted, so a limit above it is none.
def _wanted(capacity: Capacity) -> int:
    lids = [
        limit.max_vfs
        for limit in capacity.limits
        if limit.kind in (LimitKind.SRIOV_TOTALVFS, LimitKind.TOTAL_VFS)
    ]
    return min((lid for lid in lids if lid is not None), default=1)


def _evidence_of(limit: Limit) -> tuple[Evidence, ...]:
    return tuple(Evidence(one.source, one.value) for one in limit.evidence)


def _fewer_than_hardware(pf: FunctionSnapshot, capacity: Capacity, limit: Limit) -> Finding | None:
    offered = capacity.total_vfs
    if limit.max_vfs is None or offered is None or limit.max_vfs >= offered:
        return None
    return Finding(
        id="fewer-vfs-than-hardware",
        severity=Severity.INFO,
        subject=str(pf.address),
        evidence=(
            Evidence(sysfs_path(pf.address, "sriov_totalvfs"), str(limit.max_vfs)),
            Evidence("SR-IOV capability, TotalVFs", str(offered)),
        ),
        meaning=f"The driver {pf.driver or ''} allows {limit.max_vfs} of the card's {offered} VFs. "
        "Intel's keep one set of queues for the PF; others ask the card's firmware.",
        fix=_commands_for(pf),
    )


def check_pf_has_group(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the IOMMU works, but does not cover a PF."""
    if not snapshot.groups_known or iommu_works(snapshot) is not True:
        return
    for pf in pfs_of(snapshot):
        if pf.iommu_group is None:
            yield Finding(
                id="pf-without-iommu-group",
                severity=Severity.ERROR,
                subject=str(pf.address),
                evidence=(_no_group(snapshot, pf),),
                meaning="An IOMMU works on this host, but none covers this card: the firmware's "
                "table or device tree does not name it. Its VFs cannot be given to guests.",
                fix=("firmware: update it", f"put the card into another slot; see {IOMMU_GROUPS}"),
                gain="VFs of this card can be given to guests",
            )


def _no_group(snapshot: HostSnapshot, pf: FunctionSnapshot) -> Evidence:
    if is_live(snapshot):
        return Evidence(sysfs_path(pf.address, "iommu_group"), "not there")
    return Evidence(config_source(snapshot, pf.address), "no IOMMU group, while others have one")


def check_ari(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when ARI stays off although the card has it."""
    tree = build_tree(snapshot)
    for pf in pfs_of(snapshot):
        above = next(tree.bridges_above(pf.address), None)
        bridge = above.snapshot if above else None
        express = bridge.config.express if bridge and bridge.config else None
        has_ari = pf.config is not None and pf.config.ari is not None
        if bridge is None or express is None or not has_ari or express.ari_forwarding_enable:
            continue
        if express.ari_forwarding_enable is None or pf.address.device != 0:
            continue
        by_option = "noari" in options(snapshot, "pci")
        yield _ari_off(
            snapshot, pf, bridge, supported=express.ari_forwarding_supported, by_option=by_option
        )


def _ari_off(
    snapshot: HostSnapshot,
    pf: FunctionSnapshot,
    bridge: FunctionSnapshot,
    *,
    supported: bool | None,
    by_option: bool,
) -> Finding:
    if by_option:
        why, fix = Evidence(cmdline_source(snapshot), "pci=noari"), remove_option("pci=noari")
    elif supported:
        value = "ARI forwarding supported and off"
        why = Evidence(config_source(snapshot, bridge.address), value)
        fix = ("firmware: switch on 'ARI Support' (also 'ARI Forwarding')", REBOOT)
    else:
        why = Evidence(config_source(snapshot, bridge.address), "ARI forwarding not supported")
        fix = ("put the card below a port that supports ARI, most often one of the processor",)
    return Finding(
        id="ari-off",
        severity=Severity.INFO,
        subject=str(pf.address),
        evidence=(why,),
        meaning="The card knows ARI, and the port above does not use it. Without ARI a bus holds "
        "eight functions per device, so VFs move to further bus numbers (82599: offset 384 "
        "instead of 128), which may run out, and devices with many functions show only eight.",
        fix=fix,
        gain="VFs sit on the card's own bus as far as it reaches",
    )
