"""Why a function is in its IOMMU group, and what would part it from its neighbours."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.groups import Explanation, Remedy
from sriovctl.topology.acs_parameters import CONFIG_ACS_SINCE
from sriovctl.topology.groups import JoinCode
from sriovctl.topology.isolation import IsolationCode
from sriovctl.topology.quirks import ACS_REQUIRED, RULES_RELEASE, RULES_RELEASE_TEXT, ACSRule
from sriovctl.topology.surroundings import may_be_arm
from sriovctl.topology.tree import DOWNSTREAM_PORT, PCIE_TO_PCI, ROOT_PORT, UPSTREAM_PORT
from sriovctl.topology.wording import explain_join, explain_undecided, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import Join, PredictedGroup, Prediction
    from sriovctl.topology.isolation import Verdict

_PORTS = (ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT)
_OVERRIDE_DANGER = (
    "a kernel with the ACS override patch and pcie_acs_override= would show separate groups, but "
    "only hides the danger: the hardware still lets these devices reach each other's guests"
)


def explain(snapshot: HostSnapshot, prediction: Prediction, address: PCIAddress) -> Explanation:
    """Explain the group of one function.  Pure.

    :param prediction: of the same snapshot.
    :raises InputError: there is no such function.
    """
    if address not in prediction.tree.functions:
        raise InputError("there is no such function", subject=address)
    group = prediction.group_of(address)
    kernel_group, kernel_members = _kernel_view(snapshot, address)
    return Explanation(
        address=address,
        members=group.members if group else None,
        kernel_group=kernel_group,
        kernel_members=kernel_members,
        reason=reason_of(prediction, group) if group else None,
        sentences=tuple(_sentences(prediction, group, address)),
        remedies=tuple(_remedies(prediction, group, address)),
        differences=tuple(_differences(snapshot, prediction, address)),
        assumptions=prediction.assumptions,
    )


# --- why -----------------------------------------------------------------------------------------


def _sentences(
    prediction: Prediction, group: PredictedGroup | None, address: PCIAddress
) -> Iterator[str]:
    if group is None:
        yield from _why_no_group(prediction, address)
        return
    chain = list(_chain(group, address))
    told = set()
    for join in chain:
        # One bad port joins all that is below it, level by level: said once, it is enough.
        key = (join.code, join.culprit or join.member)
        if key not in told and (join.code is not JoinCode.FOUNDER or len(chain) == 1):
            told.add(key)
            yield explain_join(prediction, join)
    if chain[0].code is JoinCode.FOUNDER:
        yield explain_join(prediction, group.cause)


def _chain(group: PredictedGroup, address: PCIAddress) -> Iterator[Join]:
    # What joined the function, what joined the one that it joined, … to where the group begins.
    joins = {join.member: join for join in group.joins}
    join: Join | None = joins[address]
    while join is not None:
        del joins[join.member]
        yield join
        join = None if join.hop is None else joins.get(join.hop)


def _why_no_group(prediction: Prediction, address: PCIAddress) -> Iterator[str]:
    because = prediction.ungrouped_because.get(address)
    if because is not None:
        yield f"{address} has no group: {because}"
        return
    for unknown in prediction.unknown:
        if address in unknown.members:
            most = len(unknown.members) - 1
            others = "one other" if most == 1 else f"up to {most} others"
            yield f"the group of {address} is not known: it may share one with {others}"
            yield from dict.fromkeys(explain_undecided(prediction, a) for a in unknown.undecided)


# --- what would part it --------------------------------------------------------------------------


def _remedies(
    prediction: Prediction, group: PredictedGroup | None, address: PCIAddress
) -> Iterator[Remedy]:
    if group is None:
        if prediction.surroundings.iommu_is_on is False and not prediction.iommu_on:
            yield Remedy("iommu", "turn the IOMMU on in the firmware and the kernel; with "
                         "--iommu-on sriovctl says what the groups will be")  # fmt: skip
        return
    if len(group.members) == 1:
        return
    seen: set[Remedy] = set()
    for join in _causes(group, address):
        for remedy in _against(prediction, join):
            if remedy not in seen:
                seen.add(remedy)
                yield remedy


def _causes(group: PredictedGroup, address: PCIAddress) -> Iterator[Join]:
    # What joined this function to others first, then what joined others to it.
    own = next(join for join in group.joins if join.member == address)
    if own.code is not JoinCode.FOUNDER:
        yield own
    yield from (j for j in group.joins if j.code is not JoinCode.FOUNDER and j.hop == address)
    yield group.cause


def _against(prediction: Prediction, join: Join) -> Iterator[Remedy]:
    if join.code is JoinCode.VMD:
        yield Remedy("firmware", "turn VMD (Volume Management Device) off in the firmware")
    elif join.code is JoinCode.BRIDGE_ALIAS:
        yield Remedy("slot", f"only a PCIe slot helps: what is behind {join.hop} stays together")
    elif join.code is JoinCode.DMA_ALIAS:
        yield Remedy("device", f"nothing parts {join.member} and {join.hop}: it is how they work")
    elif join.culprit is not None and join.verdict is not None:
        yield from _against_verdict(prediction, join.culprit, join.verdict)


def _against_verdict(
    prediction: Prediction, culprit: PCIAddress, verdict: Verdict
) -> Iterator[Remedy]:
    is_port = prediction.tree.functions[culprit].port_type in _PORTS
    if verdict.code is IsolationCode.ACS_OFF:
        yield from _against_bits_off(prediction, culprit, verdict)
        return
    if verdict.code is IsolationCode.QUIRK_REFUSES and _is_pch(verdict):
        yield Remedy(
            "firmware",
            f"the kernel could not set up {culprit}: look for a PCH or ACS option in the firmware",
        )
    if is_port:
        yield Remedy(
            "firmware",
            "look for an ACS option (ACS Enable, ACS Control, PCIe ARI/ACS) in the firmware; some "
            f"hide the capability of ports such as {culprit} until it is on",
        )
        yield Remedy("slot", f"move the device to a slot that is not below {culprit}")
    elif prediction.tree.functions[culprit].port_type == PCIE_TO_PCI:
        yield Remedy("slot", f"only a PCIe slot helps: what is behind {culprit} stays together")
    else:
        yield Remedy("slot", "functions of one device cannot be parted; use another device or slot")
    if verdict.code in (IsolationCode.NO_ACS, IsolationCode.QUIRK_REFUSES):
        yield from _newer_kernel(prediction)
        yield Remedy("override", _OVERRIDE_DANGER)


def _is_pch(verdict: Verdict) -> bool:
    return verdict.quirk is not None and verdict.quirk.rule is ACSRule.INTEL_PCH


def _against_bits_off(
    prediction: Prediction, culprit: PCIAddress, verdict: Verdict
) -> Iterator[Remedy]:
    around = prediction.surroundings
    if around.parameters.is_hit(prediction.tree, prediction.tree.functions[culprit]):
        yield Remedy(
            "command-line",
            "the kernel's command line turned these bits off: take disable_acs_redir or "
            f"config_acs for {culprit} away",
        )
        return
    if around.iommu_is_on is not True and not prediction.iommu_on:
        yield Remedy("iommu", f"with its IOMMU on, the kernel sets the bits of {culprit} itself")
    if verdict.quirk is None and not around.is_older_than(CONFIG_ACS_SINCE):
        value = f"pci=config_acs={_flags(prediction, culprit)}@{culprit}"
        yield Remedy("command-line", f"Linux 6.11 and later set the bits when told: {value}", value)


def _flags(prediction: Prediction, address: PCIAddress) -> str:
    # The rightmost letter is SV, the lowest bit; x leaves a bit alone.
    config = prediction.tree.functions[address].snapshot.config
    offered = config.acs.capabilities if config and config.acs else ACS_REQUIRED
    wanted = offered & ACS_REQUIRED
    return "".join("1" if wanted >> bit & 1 else "x" for bit in reversed(range(5)))


def _newer_kernel(prediction: Prediction) -> Iterator[Remedy]:
    release = prediction.surroundings.release
    if release is not None and release > RULES_RELEASE:
        yield Remedy(
            "kernel",
            f"the rules used here are those of {RULES_RELEASE_TEXT}; your kernel is newer and may "
            "know an exception for this device",
        )


# --- where the rules and the kernel differ -------------------------------------------------------


def _kernel_view(
    snapshot: HostSnapshot, address: PCIAddress
) -> tuple[int | None, tuple[PCIAddress, ...] | None]:
    groups = {f.address: f.iommu_group for f in snapshot.functions}
    number = groups.get(address)
    if number is None:
        return None, () if snapshot.groups_known else None
    return number, tuple(sorted(a for a, group in groups.items() if group == number))


def _differences(
    snapshot: HostSnapshot, prediction: Prediction, address: PCIAddress
) -> Iterator[str]:
    number, actual = _kernel_view(snapshot, address)
    group = prediction.group_of(address)
    unknown = any(address in u.members for u in prediction.unknown)
    if actual is None or unknown or actual == (group.members if group else ()):
        return
    yield _difference(number, actual, group)
    yield from _why_different(snapshot, prediction, group)
    if number is None and may_be_arm(snapshot):
        yield from _why_none_on_arm(prediction, address)


def _why_none_on_arm(prediction: Prediction, address: PCIAddress) -> Iterator[str]:
    # Source: kernel changes "iommu: Get DT/ACPI parsing into the proper probe path", and
    # "iommu/arm-smmu-v3: Fix iommu_device_probe bug due to duplicated stream ids".
    around = prediction.surroundings
    if around.release is not None and not around.is_older_than((6, 15)):
        return
    function = prediction.tree.functions[address]
    if function.snapshot.driver is None:
        yield "on Arm, Linux before 6.15 gave a function its group when a driver first tried it"
    if any(bridge.port_type == PCIE_TO_PCI for bridge in prediction.tree.bridges_above(address)):
        yield (
            "on Arm, Linux before 6.15 refused a function that has one requester ID twice, as "
            "behind a PCIe-to-PCI bridge"
        )


def _difference(
    number: int | None, actual: tuple[PCIAddress, ...], group: PredictedGroup | None
) -> str:
    rules = ", ".join(map(str, group.members)) if group else "no group"
    if number is None:
        return f"the kernel gives it no group, the rules say: {rules}"
    names = ", ".join(map(str, actual))
    return f"the kernel's group {number} is {names}; the rules say: {rules}"


def _why_different(
    snapshot: HostSnapshot, prediction: Prediction, group: PredictedGroup | None
) -> Iterator[str]:
    around = prediction.surroundings
    if prediction.iommu_on and around.iommu_is_on is not True:
        yield "the IOMMU is off now; the rules were asked what holds when it is on"
    if around.parameters.override is not None:
        yield "pcie_acs_override is on the command line: the kernel's groups may be a pretence"
    if around.parameters.config or around.parameters.disable_redirect:
        yield "config_acs or disable_acs_redir is on the command line"
    if around.release is None:
        yield f"the kernel is not known; the rules are those of {RULES_RELEASE_TEXT}"
    elif around.release > RULES_RELEASE:
        yield f"the kernel is newer than the rules, which are those of {RULES_RELEASE_TEXT}"
    elif around.release in ((5, 9), (6, 11)):
        yield (
            f"early releases of Linux {around.release[0]}.{around.release[1]} forgot the set-up "
            "of Intel root ports without an ACS capability; later ones do it"
        )
    for member in group.members if group else ():
        verdict = prediction.rules.judge(prediction.tree.functions[member])
        device_id = prediction.tree.functions[member].device_id
        when = verdict.quirk.added_in(device_id) if verdict.quirk else None
        if when is not None:
            yield f"kernels from before {when} do not have the exception for {member}"
    if not snapshot.groups_known:
        yield "the source shows only some of the kernel's groups"
    yield "a device plugged in while the host ran, or taken away, keeps the group it met then"
