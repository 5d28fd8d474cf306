"""Ask all sources who uses a PF or VF."""

from __future__ import annotations

from sriovctl.engine.owners.guests import find_guests
from sriovctl.engine.owners.ledger import Ledger, functions_of, virtio_children
from sriovctl.engine.owners.namespaces import find_namespaces
from sriovctl.engine.owners.network import find_network_users
from sriovctl.engine.owners.nodes import find_nodes
from sriovctl.engine.owners.processes import find_processes
from sriovctl.engine.owners.storage import find_disks, find_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerReport

    Progress = Callable[[str], None]


def read_owners(
    host: Host,
    pfs: Sequence[PF],
    *,
    open_libvirt: Callable[[], Libvirt] | None,
    progress: Progress,
) -> OwnerReport:
    """Find who uses each PF and VF, and say in notes what could not be seen.

    Costs three questions to the kernel, one more for each SSH client and two for each network
    namespace, one look at each process, and a look at each of its open files only where a function
    has device nodes.

    :param pfs: as the inventory has just read them.
    :param open_libvirt: called only where a daemon of libvirt listens; None: do not ask it.
    :raises HostError: the kernel refused what any user may read.
    """
    functions = functions_of(pfs)
    ledger = Ledger(functions, virtio_children(host.files, functions))
    if ledger.functions:
        progress("looking who uses the PFs and VFs")
        guests = find_guests(host.files, ledger, open_libvirt)
        disks = find_disks(host.files, ledger)
        find_mounts(host.files, ledger, disks)
        nodes = find_nodes(host.files, ledger, disks)
        find_processes(host.files, ledger, nodes, running_guests=guests)
        bases = find_network_users(host, ledger)
        find_namespaces(host, ledger, bases)
    return ledger.report()
