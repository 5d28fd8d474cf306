"""What a plan must know of the PFs that a state means, beyond what ``ls`` reads."""

from __future__ import annotations

from sriovctl.engine.eswitch import in_switchdev, read_eswitch_mode
from sriovctl.engine.identity import with_identities
from sriovctl.engine.inventory import PCI_DEVICES, read_int, read_inventory
from sriovctl.model.functions import EswitchMode
from sriovctl.model.state import UNSET
from sriovctl.planner.abilities import may_have_eswitch
from sriovctl.planner.match import fitting_pfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sriovctl.host.api import Host
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState, WantedPF


def read_wanted_pfs(host: Host, state: DesiredState) -> tuple[PF, ...]:
    """Read the PFs of a host with all that *state* asks about them.

    :raises UnsupportedError: the state speaks of an eswitch, and pyroute2 is not installed.
    :raises SriovctlError: the host cannot be read.
    """
    pfs = read_inventory(host, name_of=lambda *_: None)
    return with_wanted_details(host, with_identities(host, pfs, state), state)


def with_wanted_details(
    host: Host,
    pfs: Sequence[PF],
    state: DesiredState,
    *,
    places: Collection[int] | None = None,
) -> tuple[PF, ...]:
    """Fill in the eswitch mode and the VFs' MSI-X counts of the PFs that a state means.

    devlink is asked only where the state speaks of the eswitch.  Elsewhere representors give
    switchdev away, which decides what can be set of VFs, and must come again with them.

    A match that fits no PF, or too many, is the planner's to refuse.

    :param places: of those VFs whose MSI-X counts are read; others keep what they have.  None: all.
    :raises UnsupportedError: the state speaks of an eswitch, and pyroute2 is not installed.
    :raises SriovctlError: the host cannot be read.
    """
    detailed = {
        pf.device: _detail(host, wanted, pf._replace(eswitch_mode=None), places)
        for wanted in state.pfs
        for pf in fitting_pfs(wanted.match, pfs)
    }
    return tuple(detailed.get(pf.device, pf) for pf in pfs)


def _detail(host: Host, wanted: WantedPF, pf: PF, places: Collection[int] | None) -> PF:
    if read_int(host.files, f"{PCI_DEVICES}/{pf.device}/sriov_vf_total_msix"):
        from sriovctl.engine.msix import with_msix_counts

        pf = with_msix_counts(host, pf, places=places)
    if wanted.eswitch_mode is not UNSET and may_have_eswitch(pf):
        return pf._replace(eswitch_mode=read_eswitch_mode(host, pf.device))
    if pf.num_vfs and in_switchdev(host, pf):
        return pf._replace(eswitch_mode=EswitchMode.SWITCHDEV)
    return pf
