"""Five attributes for each of many VFs, other ones at each turn, and a PF to set them on."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from case import CannotRunError, Site
from measure import wall_time
from netdevsim import netdev_with_vfs
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import find_mismatches, write_vf_attributes
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.state import UNSET, WantedVF

IP_BATCH = ("ip", "-batch", "-")
Changes = list[tuple[int, WantedVF]]
_turns = itertools.count(1)


class Subject(NamedTuple):
    """A netdev whose VFs may be set."""

    netdev: str
    vfs: int


@contextmanager
def subject(site: Site, num_vfs: int) -> Iterator[Subject]:
    """Make a PF with VFs in the lab; elsewhere take the one that was lent, and set all back."""
    if site.is_lab:
        with netdev_with_vfs(num_vfs) as netdev:
            yield Subject(netdev, num_vfs)
        return
    netdev = _lent_netdev(site)
    with KernelRouteNetlink() as rtnl:
        before = read_link(rtnl, netdev).vfs
        if not before:
            raise CannotRunError(f"{netdev} has no VFs")
        try:
            yield Subject(netdev, len(before))
        finally:
            write_vf_attributes(rtnl, netdev, [(vf.vf_index, _as_it_was(vf)) for vf in before])


def _lent_netdev(site: Site) -> str:
    netdevs = sorted(Path(f"/sys/bus/pci/devices/{site.pf}/net").glob("*"))
    if not netdevs:
        raise CannotRunError(f"{site.pf} has no netdev")
    return netdevs[0].name


def _as_it_was(vf: VFAttributes) -> WantedVF:
    known = {
        name: UNSET if (value := getattr(vf, name)) is None else value
        for name in ("admin_mac", "vlan", "spoofchk", "trust", "min_tx_rate_mbps")
    }
    rate = UNSET if vf.max_tx_rate_mbps is None else vf.max_tx_rate_mbps
    return WantedVF(**known, max_tx_rate_mbps=rate)


def five_for_all(num_vfs: int) -> Changes:
    """Make changes that differ from those of the time before in each value."""
    turn = next(_turns)
    return [
        (
            index,
            WantedVF(
                admin_mac=f"52:54:{turn % 256:02x}:6d:{index >> 8:02x}:{index & 255:02x}",
                vlan=VLAN((index + turn) % 4094 + 1, 3),
                spoofchk=turn % 2 == 0,
                trust=turn % 2 == 1,
                min_tx_rate_mbps=turn + 1,
                max_tx_rate_mbps=turn + 100,
            ),
        )
        for index in range(num_vfs)
    ]


def ip_lines(netdev: str, changes: Changes) -> str:
    """Write them in the form that is kindest to ip.

    One line per VF, and both rates: with one, ip reads all VFs back for each line, and beyond 221
    of them fails.
    """
    return "".join(_ip_line(netdev, index, wanted) for index, wanted in changes)


def _ip_line(netdev: str, index: int, wanted: WantedVF) -> str:
    assert wanted.vlan is not UNSET
    return (
        f"link set dev {netdev} vf {index} mac {wanted.admin_mac}"
        f" vlan {wanted.vlan.id} qos {wanted.vlan.qos}"
        f" max_tx_rate {wanted.max_tx_rate_mbps} min_tx_rate {wanted.min_tx_rate_mbps}"
        f" spoofchk {_on_off(wanted.spoofchk)} trust {_on_off(wanted.trust)}\n"
    )


def _on_off(setting: object) -> str:
    return "on" if setting else "off"


def set_by_ip(netdev: str, num_vfs: int) -> float:
    """Make changes by a process of ip, prove them, and return how long it took."""
    changes = five_for_all(num_vfs)
    took = wall_time(IP_BATCH, ip_lines(netdev, changes))
    prove(netdev, changes, "ip -batch")
    return took


def prove(netdev: str, changes: Changes, who: str) -> None:
    """End the case unless each VF has what it was given."""
    with KernelRouteNetlink() as rtnl:
        mismatches = find_mismatches(read_link(rtnl, netdev), changes)
    if mismatches:
        sys.exit(f"{who} did not set what it should: {mismatches[0]}, {len(mismatches)} in all")
