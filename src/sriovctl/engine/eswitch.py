"""The eswitch of a PF: its mode, read and set through devlink, and the representors of its VFs.

Two sources tell of representors.  devlink lists the ports of an eswitch, with the number of the VF
that each stands for; some drivers (bnxt_en) make no devlink ports for VFs.  sysfs lists the netdevs
of the PF, and the kernel names their ports (``phys_port_name``); a representor in another network
namespace is not among them.  So both are asked.
"""

from __future__ import annotations

from sriovctl.engine.inventory import vf_links
from sriovctl.errors import HostError, LostError, PermissionDenied, UnsupportedError
from sriovctl.model.address import is_pci_address
from sriovctl.model.eswitch import (
    VF_FLAVOUR,
    EswitchReport,
    Representor,
    is_representor,
    represented_vf,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import TypeVar

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.eswitch import DevlinkPort
    from sriovctl.model.functions import PF
    from sriovctl.model.link import LinkReport
    from sriovctl.model.plan import Step

    T = TypeVar("T")

BUSES = "/sys/bus"


def bus_of(files: FileTree, device: str) -> str:
    """Name the bus of a sysfs device: ``pci``, ``netdevsim``.

    :raises LostError: it is on none.
    """
    for bus in ("pci",) if is_pci_address(device) else files.list_dir(BUSES):
        if files.exists(f"{BUSES}/{bus}/devices/{device}"):
            return bus
    raise LostError("the PF is gone", subject=device, hint="'sriovctl ls' shows what is there")


# --- the mode ----------------------------------------------------------------------------------


def read_eswitch_mode(host: Host, device: str) -> str | None:
    """Read the mode of a PF's eswitch; None if it has none.

    :raises LostError: the PF is gone.
    :raises PermissionDenied: the kernel tells it to root only.
    :raises UnsupportedError: pyroute2 is not installed, or the host is a recording.
    :raises HostError: any other failure.
    """
    return host.devlink.read_eswitch(bus_of(host.files, device), device)


def in_switchdev(host: Host, pf: PF) -> bool:
    """Say whether a PF has representors, which it has in mode switchdev only.

    Costs next to nothing and needs no devlink; a PF without VFs gives nothing away.

    :raises LostError: the PF is gone.
    """
    directory = f"{BUSES}/{bus_of(host.files, pf.device)}/devices/{pf.device}/net"
    netdevs = host.files.list_dir(directory)
    return len(netdevs) > 1 and any(
        is_representor(host.files.read_text(f"{directory}/{netdev}/phys_port_name"))
        for netdev in netdevs
    )


def set_eswitch_modes(host: Host, steps: Sequence[Step]) -> None:
    """Perform steps ``set-eswitch-mode``.  With hundreds of VFs each takes seconds.

    :raises LostError: the PF is gone.
    :raises UnsupportedError: it has no eswitch to set, or its driver refuses as things are.
    :raises BusyError: something holds the eswitch as it is.
    :raises HostError: any other refusal.
    """
    for step in steps:
        bus = bus_of(host.files, step.device)
        host.devlink.write_eswitch(bus, step.device, str(step.after["eswitch_mode"]))


def see_eswitch_modes(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Observe what steps ``set-eswitch-mode`` set."""
    return [{"eswitch_mode": read_eswitch_mode(host, step.device)} for step in steps]


# --- representors ------------------------------------------------------------------------------


def read_eswitch_report(host: Host, pf: PF) -> EswitchReport:
    """Read the mode of a PF's eswitch, and the representors of its VFs.

    What devlink does not tell here is left open, and noted; the representors that sysfs shows are
    listed all the same.

    :raises LostError: the PF is gone.
    :raises HostError: the kernel refused a read.
    """
    bus, notes = bus_of(host.files, pf.device), list[str]()
    mode = _or_note(lambda: host.devlink.read_eswitch(bus, pf.device), notes)
    ports = _or_note(lambda: host.devlink.list_ports(bus, pf.device), notes) or ()
    found = tuple(_representors(host, bus, pf.device, ports))
    return EswitchReport(pf, mode, found, tuple(dict.fromkeys(notes)))


def _or_note(ask: Callable[[], T], notes: list[str]) -> T | None:
    try:
        return ask()
    except (UnsupportedError, PermissionDenied) as error:
        notes.append(str(error))
        return None


def _representors(
    host: Host, bus: str, device: str, ports: Sequence[DevlinkPort]
) -> Iterator[Representor]:
    directory = f"{BUSES}/{bus}/devices/{device}"
    addresses = vf_links(host.files, directory)
    links = _links_by_vf(host, host.files.list_dir(f"{directory}/net"))
    of_vfs = _ports_by_vf(ports)
    for vf_index in sorted({*links, *of_vfs}):
        link, port = links.get(vf_index), of_vfs.get(vf_index)
        yield Representor(
            vf_index=vf_index,
            vf_address=addresses.get(vf_index),
            netdev=link.ifname if link else port.netdev if port else None,
            port_name=link.phys_port_name if link else None,
            up=link.up if link else None,
            devlink_port=f"{bus}/{device}/{port.port_index}" if port else None,
        )


def _ports_by_vf(ports: Sequence[DevlinkPort]) -> dict[int, DevlinkPort]:
    # A DPU has ports for the functions of its host as well: those are not VFs of this PF.
    return {
        port.vf_number: port
        for port in ports
        if port.flavour == VF_FLAVOUR and port.vf_number is not None and not port.external
    }


def _links_by_vf(host: Host, netdevs: Collection[str]) -> dict[int, LinkReport]:
    # One dump, not a question for each: there may be a thousand.
    if len(netdevs) < 2:  # the PF's own
        return {}
    from sriovctl.codec.rtnl import decode_link, encode_link_dump
    from sriovctl.host.kernel_errors import errno_name

    (answer,) = host.rtnl.exchange([encode_link_dump(with_vfs=False)])
    if answer.errno:
        evidence = {"errno": errno_name(answer.errno)}
        raise HostError("the kernel did not list its netdevs", evidence=evidence)
    links = [decode_link(payload) for payload in answer.payloads]
    of_vfs = {represented_vf(link.phys_port_name): link for link in links if link.ifname in netdevs}
    return {vf_index: link for vf_index, link in of_vfs.items() if vf_index is not None}
