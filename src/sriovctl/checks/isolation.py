"""Is each PF apart from its neighbours, hop by hop up to the root?"""

from __future__ import annotations

from sriovctl.checks.facts import (
    cmdline_source,
    config_source,
    iommu_works,
    is_live,
    option_evidence,
    options,
)
from sriovctl.checks.remedies import remove_option
from sriovctl.model.capabilities import acs_names
from sriovctl.model.finding import HOST, Evidence, Finding, Severity
from sriovctl.topology.capacity import pfs_of
from sriovctl.topology.isolation import IsolationCode, IsolationRules
from sriovctl.topology.surroundings import read_surroundings
from sriovctl.topology.tree import ENDPOINT, LEGACY_ENDPOINT, PCIE_TO_PCI, build_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.isolation import Verdict
    from sriovctl.topology.tree import PCITree, TreeFunction

_GAIN = "each VF can go to a guest of its own"
_WHY = {
    IsolationCode.NO_ACS: "no ACS capability",
    IsolationCode.QUIRK_REFUSES: "its ACS is known not to work",
    IsolationCode.NOT_PCIE: "a conventional PCI bridge",
    IsolationCode.NEVER: "a bridge to conventional PCI",
}
_CONVENTIONAL = (IsolationCode.NOT_PCIE, IsolationCode.NEVER)


def check_isolation(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell for each PF which hop above it lets its VFs share an IOMMU group."""
    tree = build_tree(snapshot)
    # Without a working IOMMU the kernel leaves ACS off; what matters then is what it could do.
    rules = IsolationRules(
        tree, read_surroundings(snapshot), iommu_on=iommu_works(snapshot) is not True
    )
    for pf in pfs_of(snapshot):
        open_hops, hidden = [], []
        for hop in tree.bridges_above(pf.address):
            verdict = rules.judge(hop)
            if verdict.isolated is None:
                hidden.append(hop)
            elif not verdict.isolated:
                open_hops.append((hop, verdict))
        if open_hops:
            yield _not_apart(snapshot, tree, pf.address, open_hops)
        elif hidden or _lacks_ports(snapshot, tree.functions[pf.address]):
            yield _unknown(snapshot, pf.address, hidden)


# A dump may show one card alone.  A plug-in card hangs below a port, so the port was left out;
# only in guests does it sit on a root bus, and a dump of a guest has its bus 00.
def _lacks_ports(snapshot: HostSnapshot, pf: TreeFunction) -> bool:
    plugged = pf.port_type in (ENDPOINT, LEGACY_ENDPOINT) and pf.address.bus != 0
    return not is_live(snapshot) and pf.bridge is None and plugged


def _not_apart(
    snapshot: HostSnapshot,
    tree: PCITree,
    pf: PCIAddress,
    open_hops: list[tuple[TreeFunction, Verdict]],
) -> Finding:
    top, _ = open_hops[-1]
    conventional = any(
        verdict.code in _CONVENTIONAL or hop.port_type == PCIE_TO_PCI for hop, verdict in open_hops
    )
    shared = _sharing(snapshot, tree, pf, top)
    return Finding(
        id="behind-conventional-bridge" if conventional else "acs-missing",
        severity=Severity.ERROR,
        subject=str(pf),
        evidence=(
            *(_evidence(snapshot, hop, verdict) for hop, verdict in open_hops),
            Evidence("shares a group with", " ".join(shared)),
        ),
        meaning=(
            "Behind a conventional bridge devices cannot be told apart. "
            if conventional
            else "This port does not keep what is below it apart (ACS). "
        )
        + f"The card, all its VFs and everything below {top.address} that is not kept apart form "
        "one IOMMU group, which can go to one guest only, as a whole.",
        fix=_fixes(open_hops, conventional=conventional),
        gain=_GAIN,
    )


def _evidence(snapshot: HostSnapshot, hop: TreeFunction, verdict: Verdict) -> Evidence:
    why = _WHY.get(verdict.code)
    if why is None:
        why = f"ACS controls off: {' '.join(acs_names(verdict.missing))}"
    return Evidence(config_source(snapshot, hop.address), why)


# The kernel's own answer where there is one, else the ports and functions on the way.
def _sharing(snapshot: HostSnapshot, tree: PCITree, pf: PCIAddress, top: TreeFunction) -> list[str]:
    group = tree.functions[pf].snapshot.iommu_group
    if group is not None:
        members = (one.address for one in snapshot.functions if one.iommu_group == group)
        return [str(one) for one in members if one != pf]
    below = (
        address
        for address in tree.functions
        if address != pf and any(hop.address == top.address for hop in tree.bridges_above(address))
    )
    return [str(top.address), *map(str, below)]


def _fixes(open_hops: list[tuple[TreeFunction, Verdict]], *, conventional: bool) -> tuple[str, ...]:
    move = "put the card into a slot that hangs on the processor's own root port"
    if conventional:
        return (move,)
    off = any(verdict.code is IsolationCode.ACS_OFF for _, verdict in open_hops)
    return (
        *(("take pci=config_acs and pci=disable_acs_redir off the command line",) if off else ()),
        "firmware: switch on 'ACS' or 'ACS Enable' (AMD: 'AMD CBS' > 'NBIO', with 'AER Cap')",
        move + " (sriovctl tree and sriovctl explain ADDRESS show what is apart)",
        "or give all functions of the group to the same guest",
        "the patch behind pcie_acs_override only hides it: guests could then reach each other and "
        "the host",
    )


def _unknown(snapshot: HostSnapshot, pf: PCIAddress, hidden: list[TreeFunction]) -> Finding:
    return Finding(
        id="isolation-unknown",
        severity=Severity.UNKNOWN,
        subject=str(pf),
        evidence=tuple(
            Evidence(config_source(snapshot, hop.address), "capabilities not readable")
            for hop in hidden
        )
        or (Evidence(snapshot.description, "without the port that the card is plugged into"),),
        meaning="Whether the ports above this card keep it apart cannot be seen.",
        fix=("sudo sriovctl doctor", "a dump: sudo lspci -vvvxxxx"),
    )


def check_acs_options(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell of options that make IOMMU groups differ from what the hardware guarantees."""
    if override := option_evidence(snapshot, "pcie_acs_override"):
        yield Finding(
            id="acs-override-active",
            severity=Severity.WARNING,
            subject=HOST,
            evidence=override,
            meaning="With the patch that this option belongs to, IOMMU groups look smaller than "
            "the hardware makes them: guests may reach each other's devices, and the host's, past "
            "the IOMMU. A kernel without the patch ignores the option.",
            fix=remove_option(override[0].value),
            gain="groups that can be trusted",
        )
    changed = [
        value
        for value in options(snapshot, "pci")
        if value.startswith(("config_acs=", "disable_acs_redir="))
    ]
    if changed:
        yield Finding(
            id="acs-changed-by-command-line",
            severity=Severity.WARNING,
            subject=HOST,
            evidence=(Evidence(cmdline_source(snapshot), f"pci={','.join(changed)}"),),
            meaning="The command line changes what ports keep apart. Peer-to-peer traffic then "
            "goes past the IOMMU, and IOMMU groups may grow.",
            fix=remove_option(f"pci={','.join(changed)}"),
            gain="the groups that the hardware itself can guarantee",
        )
