"""Network namespaces, most of them containers', that have a function's netdev or stand on it.

sysfs shows a netdev in its own namespace only, but its device's ``net`` directory everywhere.
Where that is empty the netdev is elsewhere, and each other namespace is asked for its netdevs.
They are asked also when none is missing: a macvlan or VLAN in a container stands on the PF's
netdev here, which nothing here shows.
"""

from __future__ import annotations

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.engine.netns.namespaces import PROC, name_of, read_namespaces
from sriovctl.engine.owners.network import below
from sriovctl.errors import LostError, SriovctlError
from sriovctl.model.owner import OwnerKind
from sriovctl.topology.stacking import stands_on_lower

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.engine.owners.ledger import Function, Ledger
    from sriovctl.engine.owners.network import Base
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.link import LinkReport
    from sriovctl.model.netns import Namespace

UNKNOWN = "unknown"


def find_namespaces(host: Host, ledger: Ledger, bases: Sequence[Base]) -> None:
    """Write down the namespaces that have a function's netdev, or something that stands on it.

    :param bases: the functions' netdevs of this namespace.
    """
    missing = _netdevs_elsewhere(host.files, ledger)
    if not (missing or bases):
        return
    known = read_namespaces(host.files)
    if known.hidden:
        ledger.note_hidden(known.hidden)
    for namespace in known.others:
        answer = _ask(host, ledger, namespace)
        if answer is None:
            continue
        links, own_number = answer
        name = name_of(host.files, namespace)
        found = _write_netdevs(ledger, links, name, namespace)
        missing -= found
        _write_what_stands_here(ledger, bases, links, own_number, name)
    for device in sorted(missing):
        evidence = "it has a netdev, which is in none of the network namespaces that can be seen"
        ledger.add(device, OwnerKind.NAMESPACE, UNKNOWN, evidence)


def _netdevs_elsewhere(files: FileTree, ledger: Ledger) -> set[str]:
    places = {f"{ledger.functions[d].directory}/{c}": d for c, d in ledger.children.items()}
    places |= {function.directory: function.device for function in ledger.functions.values()}
    return {
        device
        for directory, device in places.items()
        if _may_have_netdev(ledger.functions[device]) and files.exists(f"{directory}/net")
    }


def _may_have_netdev(function: Function) -> bool:
    return function.netdev is None and function.driver is not None and not function.is_on_vfio


# --- what is in one --------------------------------------------------------------------------


def _ask(
    host: Host, ledger: Ledger, namespace: Namespace
) -> tuple[list[LinkReport], int | None] | None:
    from sriovctl.codec.rtnl_nsid import decode_nsid, encode_get_nsid

    own_pid = host.files.read_link(f"{PROC}/self") or "0"
    requests = (encode_link_dump(with_vfs=False), encode_get_nsid(int(own_pid)))
    try:
        links, number = host.namespaces.exchange(namespace.path, requests)
    except LostError:
        return None  # its last process ended
    except SriovctlError as error:
        ledger.note(f"a network namespace could not be looked into: {error}")
        return None
    if links.errno:
        ledger.note(f"netdevs of the network namespace {namespace.path} could not be read")
        return None
    known = decode_nsid(number.payloads[0]) if number.payloads else None
    return [decode_link(payload) for payload in links.payloads], known


def _write_netdevs(
    ledger: Ledger, links: Iterable[LinkReport], name: str, namespace: Namespace
) -> set[str]:
    found = set()
    for link in links:
        device = ledger.function_of(link.parent_device)
        if device is not None:
            evidence = f"its netdev {link.ifname} is in the network namespace {namespace.path}"
            ledger.add(device, OwnerKind.NAMESPACE, name, evidence)
            found.add(device)
    return found


def _write_what_stands_here(
    ledger: Ledger,
    bases: Sequence[Base],
    links: Iterable[LinkReport],
    own_number: int | None,
    name: str,
) -> None:
    for link in links:
        if own_number is None or link.lower_nsid != own_number or not stands_on_lower(link):
            continue
        for base, perch in below(bases, link.lower or 0):
            evidence = f"the {link.kind} {link.ifname} in it stands on {perch.way}"
            ledger.add(base.device, OwnerKind.NAMESPACE, name, evidence)
