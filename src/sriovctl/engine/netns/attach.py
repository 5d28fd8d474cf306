"""Give a VF's netdev to another network namespace, a container's perhaps, and bring it back.

Theory of operation.  MAC, VLAN, spoof check and trust are set on the PF while no driver has the VF,
which reads its MAC when it binds; then the driver makes the netdev, and that goes into the
namespace.  All of it is one run of the journal.  To bring the netdev back is to undo that run, also
after sriovctl was killed in between, or after the namespace has ended, when the kernel has brought
the netdev back by itself.  All checks come before the first change, and the result is read back
from the namespace and from the card.
"""

from __future__ import annotations

from sriovctl.engine.binding import read_binding
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.guests.attach_checks import check_settings_possible, doubts_about_link
from sriovctl.engine.guests.attach_settings import check_macs_of_plan
from sriovctl.engine.guests.vf_place import read_attributes, read_driver, read_vf_place
from sriovctl.engine.link import read_link
from sriovctl.engine.netns.namespaces import find_namespace, name_of, read_namespaces
from sriovctl.engine.netns.netdevs import find_netdev, read_links
from sriovctl.engine.original_driver import original_driver_of
from sriovctl.engine.runs.apply import refuse_open_runs
from sriovctl.engine.runs.handover import (
    Desk,
    carry_out,
    find_handover,
    give_back,
    plan_candidate,
    read_candidate,
    refuse_owners,
)
from sriovctl.engine.runs.rebind import require_loaded
from sriovctl.errors import (
    BusyError,
    InputError,
    LostError,
    SafetyError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.model.binding import Binding
from sriovctl.model.functions import NO_MAC
from sriovctl.model.netns import HOST, NetnsAttachResult, NetnsDetachResult
from sriovctl.model.owner import OwnerKind
from sriovctl.model.state import AUTO_MAC
from sriovctl.planner.drivers import VFIO_DRIVERS
from sriovctl.planner.netns import plan_move, plan_return

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.handover import Candidate
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import VFAttributes
    from sriovctl.model.netns import Namespace, NetdevPlace, NetnsWish
    from sriovctl.model.plan import Plan
    from sriovctl.model.qemu import HandoverSettings

SOURCE = "netns attach "


def attach(
    desk: Desk, *, vf: PCIAddress, netns: str, settings: HandoverSettings, wish: NetnsWish
) -> NetnsAttachResult:
    """Move the VF's netdev into a namespace; nothing happens if it is there as wanted.

    :param netns: name, process id, container or path.
    :raises InputError: there is no such VF or namespace, or the netdev's name is taken there.
    :raises SafetyError: somebody uses the VF, or has the MAC, or VFIO has the VF.
    :raises UnsupportedError: it is no network function, no driver is for it, or the kernel is
        too old to find it again.
    :raises BusyError: it is there with other settings, or a run on its PF was cut short.
    :raises SriovctlError: a step failed; what was done is taken back.
    """
    host = desk.site.host
    since = desk.users.mark()
    namespace = find_namespace(host.files, netns)
    place = read_vf_place(host.files, vf)
    _require_network(place)
    _refuse_unfinished(desk.site, str(place.pf))
    now = find_netdev(host, str(vf))
    if now is not None and now.namespace == namespace.handle:
        _require_same(now, read_attributes(host, place), settings, wish)
        return _attached(desk, place, namespace, run_id=None)
    _refuse_elsewhere(host.files, place, now)
    candidate = read_candidate(desk, vf)
    refuse_owners(desk, candidate)
    _require_that_it_can_be_found(host, place, now)
    check_settings_possible(place, mac=settings.mac, vlan=settings.vlan)
    plan = _plan(host, candidate, settings, now, (namespace, wish))
    check_macs_of_plan(host, vf, plan)
    outcome = carry_out(desk, plan, source=f"{SOURCE}{vf} {namespace.name}", since=since)
    return _attached(desk, place, namespace, run_id=outcome.run_id)


def _require_network(place: VFPlace) -> None:
    if not place.is_network:
        raise UnsupportedError(
            "is no network function: there is no netdev to be moved", subject=place.address
        )


# To undo it would be to put it there again, which is not what to bring it back means.
def _refuse_elsewhere(files: FileTree, place: VFPlace, now: NetdevPlace | None) -> None:
    other = _namespace_of(files, now)
    if now is not None and other is not None:
        raise SafetyError(
            f"is in use: namespace:{other.name} has its netdev {now.ifname}",
            subject=place.address,
            hint=f"bring it back first: sriovctl netns detach {place.address}",
        )


# In another namespace nothing but its parent tells whose netdev it is.
def _require_that_it_can_be_found(host: Host, place: VFPlace, now: NetdevPlace | None) -> None:
    name = now.ifname if now is not None else place.pf_netdev
    if name is not None and read_link(host.rtnl, name).parent_device is None:
        raise UnsupportedError(
            "this kernel does not say which device a netdev is of, so it could not be found again",
            subject=place.address,
            hint="Linux does so since 5.14",
        )


# Before anything else that such a run left behind is complained of.
def _refuse_unfinished(site: Site, pf: str) -> None:
    with site.journal.locked([pf]):
        refuse_open_runs(site.journal, {pf}, read_boot_id(site.host.files))


def _require_same(
    now: NetdevPlace,
    attributes: VFAttributes | None,
    settings: HandoverSettings,
    wish: NetnsWish,
) -> None:
    differing = dict(_differences(now, attributes, settings, wish))
    if differing:
        raise BusyError(
            "is in this namespace already, and is not as wanted",
            subject=now.ifname,
            evidence=differing,
            hint="bring it back first: sriovctl netns detach",
        )


def _differences(
    now: NetdevPlace,
    attributes: VFAttributes | None,
    settings: HandoverSettings,
    wish: NetnsWish,
) -> Iterator[tuple[str, object]]:
    if wish.name not in (None, now.ifname):
        yield "name", now.ifname
    if wish.up and not now.up:
        yield "link", "down"
    if attributes is None:
        return
    if settings.mac not in (None, AUTO_MAC, attributes.admin_mac):
        yield "MAC", attributes.admin_mac
    for key, wanted, found in (
        ("VLAN", settings.vlan, attributes.vlan_id or 0),
        ("spoofchk", settings.spoofchk, attributes.spoofchk),
        ("trust", settings.trust, attributes.trust),
    ):
        if wanted not in (None, found):
            yield key, found


def _plan(
    host: Host,
    candidate: Candidate,
    settings: HandoverSettings,
    now: NetdevPlace | None,
    aim: tuple[Namespace, NetnsWish],
) -> Plan:
    namespace, wish = aim
    binding = _binding(host.files, candidate, now, rebind=wish.rebind)
    plan = plan_candidate(host, candidate, settings, binding)
    _require_free_name(host, namespace, wish.name or (now.ifname if now else None))
    return plan_move(plan, (candidate.pf, candidate.vf), now, namespace, wish)


def _binding(
    files: FileTree, candidate: Candidate, now: NetdevPlace | None, *, rebind: bool
) -> Binding:
    vf = candidate.vf
    binding = read_binding(files, str(vf.address))
    if now is not None:
        return binding
    if not rebind:
        raise _without_netdev(vf.address, binding.driver)
    original = original_driver_of(files)(str(vf.address), candidate.pf.driver)
    if original is None:
        raise UnsupportedError("no driver of this host is for it", subject=vf.address)
    require_loaded(files, original)
    return Binding(original, None)


def _without_netdev(address: PCIAddress | None, driver: str | None) -> SafetyError | BusyError:
    hint = "--rebind gives it to its network driver first"
    if driver in VFIO_DRIVERS:
        return SafetyError(
            f"is bound to {driver}, for a guest or a program, and so has no netdev",
            subject=address,
            hint=hint,
        )
    what = "no driver" if driver is None else f"the driver {driver}"
    return BusyError(f"has {what}, and so no netdev", subject=address, hint=hint)


def _require_free_name(host: Host, namespace: Namespace, name: str | None) -> None:
    if any(link.ifname == name for link in read_links(host, namespace)):
        raise InputError(
            f"is the name of a netdev in {namespace.name} already",
            subject=name,
            hint="choose another: --name",
        )


def _attached(
    desk: Desk, place: VFPlace, namespace: Namespace, *, run_id: int | None
) -> NetnsAttachResult:
    host = desk.site.host
    now = find_netdev(host, str(place.address))
    if now is None or now.namespace != namespace.handle:
        raise VerifyError(
            "was moved, and is not there any more",
            subject=place.address,
            hint="somebody else moved it, or the namespace ended",
            evidence={"namespace": namespace.name},
        )
    attributes = read_attributes(host, place)
    return NetnsAttachResult(
        vf=place.address,
        vf_index=place.vf_index,
        pf=place.pf_netdev or str(place.pf),
        namespace=namespace,
        netdev=now.ifname,
        up=now.up,
        mac=now.mac,
        vlan=attributes.vlan_id if attributes else None,
        run_id=run_id,
        warnings=tuple(_warnings(place, now, attributes)),
    )


def _warnings(place: VFPlace, now: NetdevPlace, attributes: VFAttributes | None) -> Iterator[str]:
    yield from doubts_about_link(place)
    admin_mac = attributes.admin_mac if attributes else None
    if admin_mac not in (None, NO_MAC, now.mac):
        yield f"its netdev has the MAC {now.mac}, not {admin_mac} that is set on the PF"


# --- and back --------------------------------------------------------------------------------


def detach(desk: Desk, *, vf: PCIAddress) -> NetnsDetachResult:
    """Bring the VF's netdev back, and make the VF what it was before ``attach``.

    Where nobody knows what it was, it keeps driver, MAC and VLAN.

    :raises InputError: there is no such VF.
    :raises SafetyError: somebody uses the VF who is no network namespace.
    :raises LostError: it is where nobody can see it.
    :raises SriovctlError: a step failed.
    """
    since = desk.users.mark()
    place = read_vf_place(desk.site.host.files, vf)
    _require_network(place)
    candidate = read_candidate(desk, vf)
    desk = _allowing_namespaces(desk, candidate)
    now = find_netdev(desk.site.host, str(vf))
    source = _namespace_of(desk.site.host.files, now)
    run = find_handover(desk.site, SOURCE, str(place.pf), place.vf_index)
    if run is not None:
        give_back(desk, run.run_id)
        return _detached(desk, place, source, given_back=run.run_id)
    if now is None or source is None:
        _refuse_unseen(place, now)
        return _detached(desk, place, None)
    refuse_owners(desk, candidate)
    plan = plan_return((candidate.pf, candidate.vf), now, source)
    outcome = carry_out(desk, plan, source=f"netns detach {vf}", since=since)
    return _detached(desk, place, source, run_id=outcome.run_id)


def _refuse_unseen(place: VFPlace, now: NetdevPlace | None) -> None:
    if now is None and place.netdev_elsewhere:
        raise LostError(
            "its netdev is in a network namespace that cannot be seen",
            subject=place.address,
            hint="its driver makes another one here: sriovctl unbind VF; sriovctl bind VF "
            "--driver original; each with --allow namespace:unknown",
        )


# Those are asked to give it back; who else uses it is not.
def _allowing_namespaces(desk: Desk, candidate: Candidate) -> Desk:
    owners = candidate.users.owners.get(str(candidate.vf.address), ())
    tokens = {owner.token for owner in owners if owner.kind is OwnerKind.NAMESPACE}
    return desk._replace(allowed=frozenset({*desk.allowed, *tokens}))


def _namespace_of(files: FileTree, now: NetdevPlace | None) -> Namespace | None:
    if now is None or now.namespace == HOST:
        return None
    found = read_namespaces(files).with_handle(now.namespace)
    return None if found is None else found._replace(name=name_of(files, found))


def _detached(
    desk: Desk,
    place: VFPlace,
    source: Namespace | None,
    *,
    given_back: int | None = None,
    run_id: int | None = None,
) -> NetnsDetachResult:
    host = desk.site.host
    now = find_netdev(host, str(place.address))
    attributes = read_attributes(host, place)
    return NetnsDetachResult(
        vf=place.address,
        vf_index=place.vf_index,
        pf=place.pf_netdev or str(place.pf),
        namespace=None if source is None else source.name,
        netdev=None if now is None else now.ifname,
        driver=read_driver(host.files, place.address),
        mac=attributes.admin_mac if attributes else None,
        vlan=attributes.vlan_id if attributes else None,
        given_back=given_back,
        run_id=run_id,
        warnings=()
        if run_id is None
        else ("nobody knows what the VF was before: it keeps its driver, MAC and VLAN",),
    )
