"""Why functions share an IOMMU group, or do not, in sentences."""

from __future__ import annotations

from sriovctl.model.capabilities import EXPRESS_TYPES, acs_names
from sriovctl.model.groups import Reason
from sriovctl.topology.groups import JoinCode
from sriovctl.topology.isolation import IsolationCode
from sriovctl.topology.quirks import ACSRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.address import PCIAddress
    from sriovctl.topology.groups import Join, PredictedGroup, Prediction
    from sriovctl.topology.isolation import Verdict

_KINDS = {
    **EXPRESS_TYPES,
    0: "endpoint",
    1: "endpoint",
    4: "root port",
    5: "upstream port",
    6: "downstream port",
    9: "integrated endpoint",
    10: "event collector",
}
_MANUFACTURER_SAYS = {
    ACSRule.RCIEP: "Intel's integrated endpoints never talk to each other directly",
    ACSRule.INTEL_PCH: "the kernel has set up this Intel port's own kind of ACS",
    ACSRule.INTEL_SPT: "its ACS bits, at the place where this Intel port has them, are on",
    ACSRule.AMD_SB: "AMD says that functions of this southbridge cannot reach each other",
}


# Where what the exception asks for was not seen, but taken for granted.
_TAKEN = {
    ACSRule.INTEL_PCH: "the kernel is taken to have set up this Intel port's own kind of ACS",
    ACSRule.INTEL_SPT: "its ACS bits, which this Intel port has elsewhere, are taken to be on",
}
_ALL_ON = "has ACS, and all controls that it offers are on"
_BITS_TAKEN = "has ACS; its bits are not shown here and are taken as the kernel sets them"


def kind_of(prediction: Prediction, address: PCIAddress) -> str:
    """Say what a function is, in two words.  Pure."""
    function = prediction.tree.functions[address]
    if function.is_vf:
        return "VF"
    header = function.snapshot.config.header if function.snapshot.config else None
    is_bridge = header is not None and header.header_type == 1
    if function.port_type is not None:
        return _KINDS.get(function.port_type, f"PCIe type {function.port_type} function")
    if not function.knows_type:
        return "bridge" if is_bridge else "function"
    return "conventional PCI bridge" if is_bridge else "conventional PCI function"


def reason_of(prediction: Prediction, group: PredictedGroup) -> Reason:
    """Say what made a group what it is: the first thing that joined two of its members.  Pure."""
    cause = group.cause
    return Reason(cause.code.value, cause.hop, explain_join(prediction, cause))


def explain_join(prediction: Prediction, join: Join) -> str:
    """Say why one function is in its group.  Pure."""
    if join.code is JoinCode.ALONE:
        return explain_alone(prediction, join.member)
    if join.code is JoinCode.FOUNDER:
        return f"{join.member} is where the group begins: nothing above joins it to others"
    if join.hop is None:  # only a lone function joins nobody
        return f"{join.member} is in this group"
    return _SENTENCES[join.code](prediction, join, join.hop)


def _vmd(_prediction: Prediction, join: Join, hop: PCIAddress) -> str:
    return (
        f"{join.member} does DMA under the requester ID of the VMD controller {hop}, as all "
        "functions of its domain do"
    )


def _bridge_alias(prediction: Prediction, join: Join, hop: PCIAddress) -> str:
    return (
        f"{join.member} is behind the {kind_of(prediction, hop)} {hop}, which does DMA for all "
        "that is behind it under one requester ID"
    )


def _path(prediction: Prediction, join: Join, hop: PCIAddress) -> str:
    culprit = join.culprit or hop
    why = explain_verdict(prediction, culprit, join.verdict)
    place = "" if culprit == hop else f", above {hop}"
    return f"{why}{place}: {join.member} below it can be reached without passing the IOMMU"


def _dma_alias(_prediction: Prediction, join: Join, hop: PCIAddress) -> str:
    return f"{join.member} and {hop} share a requester ID: the IOMMU cannot tell them apart"


def _functions(prediction: Prediction, join: Join, hop: PCIAddress) -> str:
    culprit = join.culprit or join.member
    why = explain_verdict(prediction, culprit, join.verdict)
    other = prediction.rules.judge(prediction.tree.functions[hop])
    theirs = explain_verdict(prediction, hop, other)
    inner = "" if culprit == join.member else f", and {join.member} is below it"
    return f"{why}, and {theirs}: two functions of one device may reach each other{inner}"


_SENTENCES = {
    JoinCode.VMD: _vmd,
    JoinCode.BRIDGE_ALIAS: _bridge_alias,
    JoinCode.PATH: _path,
    JoinCode.DMA_ALIAS: _dma_alias,
    JoinCode.FUNCTIONS: _functions,
}


def explain_alone(prediction: Prediction, address: PCIAddress) -> str:
    """Say why nothing shares a function's group.  Pure."""
    function = prediction.tree.functions[address]
    verdict = prediction.rules.judge(function)
    above = list(prediction.tree.bridges_above(address))
    path = "it sits on a root bus"
    if above:
        path = f"every bridge above, up to {above[-1].address}, keeps traffic apart"
    if function.is_vf:
        return f"{path}, and a VF has a requester ID of its own"
    if verdict.isolated:
        return f"{path}, and {explain_verdict(prediction, address, verdict)}"
    if len(prediction.tree.slots[function.slot]) == 1 or not function.multifunction:
        return f"{path}, and no other function shares its slot"
    return f"{path}, and the other functions of its slot keep their traffic apart"


def explain_undecided(prediction: Prediction, address: PCIAddress) -> str:
    """Say what would have to be known of a function to tell its group.  Pure."""
    function = prediction.tree.functions[address]
    if function.may_be_below:
        return (
            f"which bridge leads to bus {address.pci_domain:04x}:{address.bus:02x} cannot be seen "
            "here (lspci -v shows it)"
        )
    return explain_verdict(prediction, address, prediction.rules.judge(function))


def explain_verdict(prediction: Prediction, address: PCIAddress, verdict: Verdict | None) -> str:
    """Say whether a function keeps its traffic apart, and what that rests on.  Pure."""
    name = f"{kind_of(prediction, address)} {address}"
    if verdict is None:
        return name
    quirk = verdict.quirk.rule if verdict.quirk else None
    missing = " ".join(acs_names(verdict.missing))
    table = f"the kernel's table of exceptions ({quirk})"
    assumed = verdict.assumption is not None
    return {
        IsolationCode.QUIRK: f"{name} keeps traffic apart: {_grounds(verdict, table)}",
        IsolationCode.QUIRK_REFUSES: f"{name} does not keep traffic apart: {table} says so",
        IsolationCode.OVERRIDE: f"{name} counts as apart only through pcie_acs_override",
        IsolationCode.NOT_PCIE: f"{name} has no PCIe capability, and so no way to keep apart",
        IsolationCode.NEVER: f"{name} never keeps traffic apart",
        IsolationCode.ACS: f"{name} {_BITS_TAKEN if assumed else _ALL_ON}",
        IsolationCode.NO_ACS: f"{name} has no ACS capability",
        IsolationCode.ACS_OFF: f"{name} {_BITS_TAKEN}: {missing} off"
        if assumed
        else f"{name} has ACS, but {missing} off",
        IsolationCode.SINGLE_FUNCTION: f"{name} is its device's only function",
        IsolationCode.OTHER_TYPE: f"{name} is of a type that the kernel takes to be apart",
        IsolationCode.UNKNOWN: f"whether {name} keeps traffic apart cannot be seen here",
        IsolationCode.UNKNOWN_ID: (
            f"the name of {name} stands for several device ids, and for some of them the kernel "
            "makes an exception: lspci -nn shows which it is"
        ),
    }[verdict.code]


def _grounds(verdict: Verdict, table: str) -> str:
    rule = verdict.quirk.rule if verdict.quirk else None
    taken = _TAKEN.get(rule) if rule and verdict.assumption else None
    return taken or (_MANUFACTURER_SAYS.get(rule) if rule else None) or f"{table} says so"
