"""Five attributes for each of many VFs, other ones at each turn, and a PF to set them on."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from shutil import which
from typing import NamedTuple

from case import CannotRunError, Site
from lent import Lent
from measure import wall_time
from netdevsim import netdev_with_vfs
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import find_mismatches, write_vf_attributes
from sriovctl.errors import SriovctlError
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.state import UNSET, WantedVF
from stopping import NotSetBackError

IP_BATCH = ("ip", "-batch", "-")
Changes = list[tuple[int, WantedVF]]
MAC, RATES = ("admin_mac",), ("min_tx_rate_mbps", "max_tx_rate_mbps")
FIVE = (MAC, ("vlan",), ("spoofchk",), ("trust",), RATES)
MAXIMUM = RATES[1:]  # all that some drivers know of rates
PATIENCE_S = 10.0  # for a driver that is busy with what it was told before
_turns = itertools.count(1)


class Subject(NamedTuple):
    """A netdev with VFs that may be set.

    :param num_vfs: how many it has.
    :param indices: of those that may be set.
    :param attributes: fields of WantedVF that may be set, for each of the five attributes.
    """

    netdev: str
    num_vfs: int
    indices: Sequence[int]
    attributes: Sequence[tuple[str, ...]] = FIVE

    def changes(self) -> Changes:
        """Make changes that differ from those of the time before in each value."""
        turn = next(_turns)
        return [(index, _limited(_five(turn, index), self.attributes)) for index in self.indices]

    def set_by_ip(self) -> float:
        """Make changes by a process of ip, prove them, and return how long it took."""
        changes = self.changes()
        took = wall_time(IP_BATCH, ip_lines(self.netdev, changes))
        self.prove(changes, "ip -batch")
        return took

    def prove(self, changes: Changes, who: str) -> None:
        """End the case unless each VF has what it was given."""
        with KernelRouteNetlink() as rtnl:
            mismatches = find_mismatches(read_link(rtnl, self.netdev), changes)
        if mismatches:
            sys.exit(f"{who} did not set what it should: {mismatches[0]}, {len(mismatches)} in all")


@contextmanager
def subject(site: Site, num_vfs: int) -> Iterator[Subject]:
    """Make a PF with VFs in the lab; elsewhere take the one that was lent, and set all back."""
    if which("ip") is None:
        raise CannotRunError("ip is not installed")
    if site.lent is None:
        with netdev_with_vfs(num_vfs) as netdev:
            yield Subject(netdev, num_vfs, range(num_vfs))
    else:
        with _lent_subject(site.lent) as one:
            yield one


@contextmanager
def _lent_subject(lent: Lent) -> Iterator[Subject]:
    netdev, free = lent.netdev, lent.free_vfs()
    with KernelRouteNetlink() as rtnl:
        all_vfs = read_link(rtnl, netdev).vfs
    before = [vf for vf in all_vfs if vf.vf_index in free]
    if not before:
        raise CannotRunError(f"the driver of {netdev} says nothing of its VFs")
    # A driver may have given its VF a MAC, which from here on would be the administrator's.
    has_driver = any(lent.has_driver(vf.vf_index) for vf in before)
    wanted = [names for names in FIVE if names != MAC or not has_driver]
    with lent.back.afterwards(lambda: set_back(netdev, before, wanted)):
        attributes = [found for names in wanted for found in _settable(netdev, before[0], names)]
        if not attributes:
            raise CannotRunError(f"the driver of {netdev} takes none of the attributes now")
        yield Subject(netdev, len(all_vfs), [vf.vf_index for vf in before], attributes)


def _settable(netdev: str, vf: VFAttributes, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Find out by trying: what a driver takes depends on the link, too.

    What it does not take as it is now is left alone, for it could not be set back.
    """
    tried = (names, MAXIMUM) if names == RATES else (names,)
    for some in tried:
        as_it_is = _as_it_was(vf, (some,))
        other = _five(0, 0)._replace(spoofchk=not vf.spoofchk, trust=not vf.trust)
        both = [(vf.vf_index, one) for one in (as_it_is, _limited(other, (some,)))]
        is_told = all(getattr(as_it_is, name) is not UNSET for name in some)
        if is_told and all(_is_taken(netdev, change) for change in both):
            return [some]
    return []


def _is_taken(netdev: str, change: tuple[int, WantedVF]) -> bool:
    with KernelRouteNetlink() as rtnl:
        try:
            write_vf_attributes(rtnl, netdev, [change])
            return not find_mismatches(read_link(rtnl, netdev), [change])
        except SriovctlError:
            return False


def set_back(
    netdev: str, before: Sequence[VFAttributes], attributes: Sequence[tuple[str, ...]]
) -> None:
    """Give VFs the attributes that they had, kind by kind, for a driver may not take them all now.

    :raises NotSetBackError: some are otherwise all the same.
    """
    wanted = [(vf.vf_index, _as_it_was(vf, attributes)) for vf in before]
    deadline = time.monotonic() + PATIENCE_S
    with KernelRouteNetlink() as rtnl:
        while mismatches := find_mismatches(read_link(rtnl, netdev), wanted):
            if time.monotonic() > deadline:
                raise NotSetBackError("; ".join(f"{netdev} {one}" for one in mismatches))
            kinds = [some for some in attributes if {one.attribute for one in mismatches} & {*some}]
            for kind in kinds:
                with suppress(SriovctlError):
                    changes = [(index, _limited(one, (kind,))) for index, one in wanted]
                    write_vf_attributes(rtnl, netdev, changes)
            time.sleep(0.1)


def _as_it_was(vf: VFAttributes, attributes: Sequence[tuple[str, ...]]) -> WantedVF:
    names = [name for some in attributes for name in some if getattr(vf, name) is not None]
    return WantedVF(**{name: getattr(vf, name) for name in names})


def _limited(wanted: WantedVF, attributes: Sequence[tuple[str, ...]]) -> WantedVF:
    return WantedVF(**{name: getattr(wanted, name) for names in attributes for name in names})


def _five(turn: int, index: int) -> WantedVF:
    return WantedVF(
        admin_mac=f"52:54:{turn % 256:02x}:6d:{index >> 8:02x}:{index & 255:02x}",
        vlan=VLAN((index + turn) % 4094 + 1, 3),
        spoofchk=turn % 2 == 0,
        trust=turn % 2 == 1,
        min_tx_rate_mbps=turn + 1,
        max_tx_rate_mbps=turn + 100,
    )


def ip_lines(netdev: str, changes: Changes) -> str:
    """Write them in the form that is kindest to ip.

    One line per VF, and both rates: with one, ip reads all VFs back for each line, and beyond 221
    of them fails.
    """
    return "".join(
        f"link set dev {netdev} vf {index}{_ip_words(wanted)}\n" for index, wanted in changes
    )


def _ip_words(wanted: WantedVF) -> str:
    words = ""
    if wanted.admin_mac is not UNSET:
        words += f" mac {wanted.admin_mac}"
    if wanted.vlan is not UNSET:
        words += f" vlan {wanted.vlan.id} qos {wanted.vlan.qos}"
    if wanted.max_tx_rate_mbps is not UNSET:
        least = 0 if wanted.min_tx_rate_mbps is UNSET else wanted.min_tx_rate_mbps
        words += f" max_tx_rate {wanted.max_tx_rate_mbps} min_tx_rate {least}"
    if wanted.spoofchk is not UNSET:
        words += f" spoofchk {_on_off(wanted.spoofchk)}"
    if wanted.trust is not UNSET:
        words += f" trust {_on_off(wanted.trust)}"
    return words


def _on_off(setting: object) -> str:
    return "on" if setting else "off"
