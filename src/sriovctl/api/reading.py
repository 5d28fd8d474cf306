"""Documents that tell what a host is: what the command's ``--json`` says, from the same functions.

Each function here blocks, and is called in the thread that reads.
"""

from __future__ import annotations

from sriovctl.api.contract.paging import cut_page
from sriovctl.api.contract.problems import not_found
from sriovctl.engine.inventory import read_inventory
from sriovctl.host.pci_ids import PCINames
from sriovctl.model.lease import LeaseStatus
from sriovctl.model.owner import name_owners
from sriovctl.model.record import NamedTuple
from sriovctl.planner.match import pf_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sriovctl.engine.doors import Doors
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Lease, StoredPool

    Query = Mapping[str, object]
    Document = dict[str, object]


_NO_PFS = "version: 1\npfs: {}\n"


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
    from sriovctl.render.inventory_json import pf_as_json

    pfs = [pf_as_json(pf) for pf in _owned_pfs(doors)]
    return page("ls", "pfs", pfs, query, key_of=lambda pf: pf["device"])


def show_pf(doors: Doors, named: str) -> Document:
    """Show one PF."""
    from sriovctl.render.inventory_json import pf_as_json

    return document("pf", {"pf": pf_as_json(find_pf(_owned_pfs(doors), named))})


def list_vfs(doors: Doors, query: Query) -> Document:
    """List VFs, each with the device of its PF."""
    from sriovctl.render.inventory_json import vfs_as_json

    pfs = _owned_pfs(doors)
    if "pf" in query:
        pfs = (find_pf(pfs, str(query["pf"])),)
    vfs = [{"pf": pf.device, **shaped} for pf in pfs for shaped in vfs_as_json(pf.vfs)]
    return page("vfs", "vfs", vfs, query, key_of=lambda vf: f"{vf['pf']} {vf['vf_index']}")


def find_pf(pfs: Sequence[PF], text: str) -> PF:
    """Find a PF by PCI address, device or netdev.

    :raises Refusal: there is none.
    """
    pf = pf_named(pfs, text)
    if pf is None:
        raise not_found(text, "is no PF here")
    return pf


def show_function(doors: Doors, named: str) -> Document:
    """Decode one function's capabilities."""
    from sriovctl.api.tree_reading import find_function
    from sriovctl.engine.describe import read_function
    from sriovctl.render.show_json import function_as_json

    host = doors.host()
    found = read_function(host, find_function(host, named), name_of=PCINames().name_of)
    return document("show", function_as_json(found))


def list_abilities(doors: Doors, query: Query) -> Document:
    """List what the driver of each PF can set."""
    from sriovctl.engine.abilities import read_abilities
    from sriovctl.render.abilities import abilities_as_json

    host = doors.host()
    pfs = read_inventory(host, name_of=lambda *_: None)
    if "pf" in query:
        pfs = (find_pf(pfs, str(query["pf"])),)
    told = [abilities_as_json(*read_abilities(host, pf, probe=False)) for pf in pfs]
    return page("abilities", "pfs", told, query, key_of=lambda pf: pf["device"])


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


def metrics(doors: Doors, *, recorded: bool, is_open: bool) -> str:
    """Write counters and states for Prometheus.

    :param recorded: journal and leases are of this host, and tell nothing of a recording.
    :param is_open: write OpenMetrics.
    """
    from sriovctl import __version__
    from sriovctl.engine.counters import read_traffic, read_wedged
    from sriovctl.render.exposition import format_openmetrics, format_prometheus
    from sriovctl.render.metrics import HostMetrics, metric_families

    pfs = read_traffic(doors.host(), name_of=PCINames().name_of)
    owners = doors.owner_report([one.pf for one in pfs]).owners
    if not recorded:
        pfs = read_wedged(doors.journal(), pfs)
    leases = None if recorded else doors.desk().leases()
    found = HostMetrics(pfs, __version__, leases=leases, owners=owners)
    return (format_openmetrics if is_open else format_prometheus)(metric_families(found))


def counters(doors: Doors, *, recorded: bool) -> Document:
    """Tell what PFs and VFs have sent and received so far, and how each PF is.

    :param recorded: the journal is of this host, and tells nothing of a recording.
    """
    from sriovctl.engine.counters import read_settled_traffic, read_wedged
    from sriovctl.render.metrics import traffic_as_json

    host = doors.host()
    pfs = read_settled_traffic(host)
    if not recorded:
        pfs = read_wedged(doors.journal(), pfs)
    told = [traffic_as_json(one) for one in pfs]
    return document("counters", {"time_s": host.clock.now(), "pfs": told})


# --- changes and leases ----------------------------------------------------------------------


class ShownState(NamedTuple):
    """What the host is, in both ways of writing it."""

    document: Document
    yaml: str


def show_state(doors: Doors) -> ShownState:
    """Say in a state what the host is."""
    from sriovctl.codec.state_text import format_state, state_as_tree
    from sriovctl.engine.exchange.export_host import export_host

    state, left_out = export_host(doors.host())
    said = [f"{one.where}: {one.key}: {one.why}" for one in left_out]
    text = format_state(state) if state.pfs else _NO_PFS
    comments = "".join(f"# left out: {one}\n" for one in said)
    shaped = document("state", {"state": state_as_tree(state), "left_out": said})
    return ShownState(shaped, comments + text)


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
    from sriovctl.planner.lending import shares_of
    from sriovctl.render.pools import capacity_as_json, pool_as_json

    pools = [(read_stored(one), one) for one in doors.leases().pools()]
    members = doors.desk().members(*(pool for pool, _ in pools)) if pools else {}
    leases = _keeping(doors) if pools else []
    listed = [
        {
            **pool_as_json(pool, stored),
            "capacity": capacity_as_json(shares_of(members[stored.name], leases)),
        }
        for pool, stored in pools
    ]
    return page("pool-list", "pools", listed, query, key_of=lambda one: one["name"])


def show_pool(doors: Doors, name: str) -> Document:
    """Show one pool, and what each of its VFs does."""
    from sriovctl.engine.leases.pools import join_leases, read_stored
    from sriovctl.render.pools import pool_as_json, vf_as_json

    stored = find_pool(doors, name)
    pool = read_stored(stored)
    vfs = join_leases(doors.desk().members(pool)[name], _keeping(doors))
    shaped = {**pool_as_json(pool, stored), "members": [vf_as_json(vf) for vf in vfs]}
    return document("pool-show", shaped)


def find_pool(doors: Doors, name: str) -> StoredPool:
    """Find a pool.

    :raises Refusal: there is none of this name.
    """
    for pool in doors.leases().pools():
        if pool.name == name:
            return pool
    raise not_found(f"pool {name}", "there is no such pool")


# Leases that keep their VF from others, as they are at this moment.
def _keeping(doors: Doors) -> list[Lease]:
    return [one for one in doors.desk().leases() if one.status is not LeaseStatus.LOST]
