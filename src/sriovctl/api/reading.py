"""Documents that tell what a host is: what the command's ``--json`` says, from the same functions.

Each function here blocks, and is called in the thread that reads.
"""

from __future__ import annotations

from sriovctl.api.contract.paging import cut_page
from sriovctl.api.contract.problems import not_found
from sriovctl.engine.inventory import read_inventory
from sriovctl.host.pci_ids import PCINames
from sriovctl.model.owner import name_owners
from sriovctl.planner.match import pf_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sriovctl.engine.doors import Doors
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Lease
    from sriovctl.model.snapshot import HostSnapshot

    Query = Mapping[str, object]
    Document = dict[str, object]


def document(verb: str, payload: Mapping[str, object]) -> Document:
    """Name the schema, as the command does."""
    return {"schema": f"sriovctl/{verb}/1", **payload}


def page(
    verb: str,
    name: str,
    items: Sequence[Mapping[str, object]],
    query: Query,
    *,
    key_of: Callable[[Mapping[str, object]], object],
    more: Mapping[str, object] | None = None,
) -> Document:
    """Shape a list, or a page of it when a limit was given.

    :raises InputError: the cursor is none of ours.
    """
    limit, cursor = query.get("limit"), query.get("cursor")
    if limit is None and cursor is None:
        return document(verb, {name: items, **(more or {})})
    assert limit is None or isinstance(limit, int)
    assert cursor is None or isinstance(cursor, str)
    cut = cut_page(items, key_of, limit=limit or max(len(items), 1), cursor=cursor)
    next_cursor = {"next_cursor": cut.next_cursor} if cut.next_cursor else {}
    return document(verb, {name: cut.items, **(more or {}), **next_cursor})


# --- PFs and VFs -----------------------------------------------------------------------------


def _owned_pfs(doors: Doors) -> tuple[PF, ...]:
    pfs = read_inventory(doors.host(), name_of=PCINames().name_of)
    return name_owners(pfs, doors.owner_report(pfs).owners)


def list_pfs(doors: Doors, query: Query) -> Document:
    """List PFs with their VFs and who uses them."""
    from sriovctl.render.inventory import pf_as_json

    pfs = [pf_as_json(pf) for pf in _owned_pfs(doors)]
    return page("ls", "pfs", pfs, query, key_of=lambda pf: pf["device"])


def show_pf(doors: Doors, named: str) -> Document:
    """Show one PF."""
    from sriovctl.render.inventory import pf_as_json

    return document("pf", {"pf": pf_as_json(find_pf(_owned_pfs(doors), named))})


def list_vfs(doors: Doors, query: Query) -> Document:
    """List VFs, each with the device of its PF."""
    from sriovctl.render.inventory import vf_as_json

    pfs = _owned_pfs(doors)
    if "pf" in query:
        pfs = (find_pf(pfs, str(query["pf"])),)
    vfs = [{"pf": pf.device, **vf_as_json(vf)} for pf in pfs for vf in pf.vfs]
    return page("vfs", "vfs", vfs, query, key_of=lambda vf: f"{vf['pf']} {vf['vf_index']}")


def find_pf(pfs: Sequence[PF], text: str) -> PF:
    """Find a PF by PCI address, device or netdev.

    :raises Refusal: there is none.
    """
    pf = pf_named(pfs, text)
    if pf is None:
        raise not_found(text, "is no PF here")
    return pf


# --- what follows from the PCI tree ----------------------------------------------------------


def _snapshot(doors: Doors) -> HostSnapshot:
    from sriovctl.engine.snapshot import read_snapshot

    return read_snapshot(doors.host(), progress=lambda _: None)


def list_groups(doors: Doors, query: Query) -> Document:
    """List IOMMU groups, and why they are so."""
    from sriovctl.engine.inventory import read_iommu_groups
    from sriovctl.render.groups import groups_as_json
    from sriovctl.topology.groups import predict_groups
    from sriovctl.topology.report import report_kernel_groups

    groups = read_iommu_groups(doors.host().files)
    prediction = predict_groups(_snapshot(doors), iommu_on=False)
    shaped = groups_as_json(report_kernel_groups(groups, prediction))
    listed = shaped.pop("groups")
    assert isinstance(listed, list)
    return page("groups", "groups", listed, query, key_of=lambda one: one["id"], more=shaped)


def doctor(doors: Doors) -> Document:
    """Judge the host."""
    from sriovctl.checks.run import is_ready, run_checks
    from sriovctl.render.doctor import doctor_as_json

    snapshot = _snapshot(doors)
    findings = run_checks(snapshot)
    ready = is_ready(findings)
    return document("doctor", doctor_as_json(findings, ready=ready, notes=snapshot.notes))


def capacity(doors: Doors, query: Query) -> Document:
    """Say how many VFs PFs can have."""
    from sriovctl.render.capacity import capacity_as_json
    from sriovctl.topology.capacity import capacity_of, pfs_of
    from sriovctl.topology.tree import build_tree

    snapshot = _snapshot(doors)
    tree = build_tree(snapshot)
    wanted = [pf.address for pf in pfs_of(snapshot)]
    if "pf" in query:
        pf = find_pf(read_inventory(doors.host(), name_of=lambda *_: None), str(query["pf"]))
        wanted = [address for address in wanted if str(address) == pf.device]
    found = [capacity_as_json(capacity_of(snapshot, one, tree=tree)) for one in wanted]
    return document("capacity", {"pfs": found})


# --- users -----------------------------------------------------------------------------------


def list_owners(doors: Doors, query: Query) -> Document:
    """List who uses what, and how it is known."""
    from sriovctl.render.owners import owners_as_json, select_functions

    pfs = read_inventory(doors.host(), name_of=lambda *_: None)
    report = doors.owner_report(pfs)
    shaped = owners_as_json(select_functions(pfs, None), report)
    listed = shaped.pop("owners")
    assert isinstance(listed, list)
    return page(
        *("owners", "owners", listed, query),
        key_of=lambda one: f"{one['device']} {one['token']}",
        more=shaped,
    )


def list_guests(doors: Doors, query: Query) -> Document:
    """List guests and the functions they hold."""
    from sriovctl.engine.guests.holders import read_guests, vf_networks_of
    from sriovctl.render.guests import guests_as_json

    guests = read_guests(doors.libvirt())
    networks = vf_networks_of(guests, doors.host, doors.libvirt())
    listed = guests_as_json(guests, networks)["guests"]
    assert isinstance(listed, list)
    return page("guests", "guests", listed, query, key_of=lambda one: one["uuid"])


# --- metrics ---------------------------------------------------------------------------------


def metrics(doors: Doors, *, recorded: bool) -> str:
    """Write counters and states for Prometheus.

    :param recorded: journal and leases are of this host, and tell nothing of a recording.
    """
    from sriovctl import __version__
    from sriovctl.engine.counters import read_traffic, read_wedged
    from sriovctl.render.exposition import format_prometheus
    from sriovctl.render.metrics import HostMetrics, metric_families

    pfs = read_traffic(doors.host(), name_of=PCINames().name_of)
    owners = doors.owner_report([one.pf for one in pfs]).owners
    if not recorded:
        pfs = read_wedged(doors.journal(), pfs)
    leases = None if recorded else doors.desk().leases()
    found = HostMetrics(pfs, __version__, leases=leases, owners=owners)
    return format_prometheus(metric_families(found))


# --- changes and leases ----------------------------------------------------------------------


def show_state(doors: Doors) -> Document:
    """Say in a state what the host is."""
    from sriovctl.codec.state_text import state_as_tree
    from sriovctl.engine.exchange.export_host import export_host

    state, left_out = export_host(doors.host())
    said = [f"{one.where}: {one.key}: {one.why}" for one in left_out]
    return document("state", {"state": state_as_tree(state), "left_out": said})


def list_runs(doors: Doors, query: Query) -> Document:
    """List runs, the newest first."""
    from sriovctl.render.history import run_as_json

    now_s = doors.host().clock.now()
    runs = [run_as_json(one, (), now_s=now_s) for one in doors.journal().runs()]
    return page("history", "runs", runs, query, key_of=lambda one: one["run"])


def show_run(doors: Doors, run_id: int) -> Document:
    """Show one run, and how far each of its steps came."""
    from sriovctl.render.history import run_as_json

    journal = doors.journal()
    run = journal.run(run_id)
    if run is None:
        raise not_found(f"run {run_id}", "there is no such run", hint="sriovctl history")
    now_s = doors.host().clock.now()
    return document("run", {"run": run_as_json(run, journal.steps(run_id), now_s=now_s)})


def list_leases(doors: Doors, query: Query) -> Document:
    """List leases, each as it is at this moment."""
    leases = [
        lease
        for lease in doors.desk().leases(ended=bool(query.get("all")))
        if query.get("owner", lease.owner) == lease.owner
        and query.get("pool", lease.pool) == lease.pool
    ]
    listed = leases_as_json(doors, leases)
    return page("lease-list", "leases", listed, query, key_of=lambda one: one["lease"])


def show_lease(doors: Doors, lease_id: int) -> Document:
    """Show one lease, also one that has ended."""
    shown = leases_as_json(doors, [find_lease(doors, lease_id)])
    return document("lease-show", {"leases": shown})


def find_lease(doors: Doors, lease_id: int) -> Lease:
    """Find a lease, also one that has ended.

    :raises Refusal: there is none of this number.
    """
    for lease in doors.desk().leases(ended=True):
        if lease.lease_id == lease_id:
            return lease
    raise not_found(f"lease {lease_id}", "there is no such lease", hint="sriovctl lease list")


def leases_as_json(doors: Doors, leases: Sequence[Lease]) -> list[dict[str, object]]:
    """Shape leases, with what the host says of them."""
    from sriovctl.engine.leases.on_host import seen_on_host
    from sriovctl.render.leases import lease_as_json

    return [lease_as_json(one) for one in seen_on_host(doors.host(), leases)]


def list_pools(doors: Doors, query: Query) -> Document:
    """List pools, and how many of their VFs are free."""
    from sriovctl.engine.leases.pools import read_stored
    from sriovctl.model.lease import LeaseStatus
    from sriovctl.planner.lending import shares_of
    from sriovctl.render.pools import capacity_as_json, pool_as_json

    pools = [(read_stored(one), one) for one in doors.leases().pools()]
    desk = doors.desk()
    members = desk.members(*(pool for pool, _ in pools)) if pools else {}
    leases = [one for one in desk.leases() if one.status is not LeaseStatus.LOST] if pools else []
    listed = [
        {
            **pool_as_json(pool, stored),
            "capacity": capacity_as_json(shares_of(members[stored.name], leases)),
        }
        for pool, stored in pools
    ]
    return page("pool-list", "pools", listed, query, key_of=lambda one: one["name"])
