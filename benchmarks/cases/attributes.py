"""Attributes of many VFs, set and read in process."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from case import CannotRunError, Case, Place, Site, Ways
from changes import subject
from measure import seconds
from sriovctl.codec.netlink import NLM_F_REQUEST, with_sequence
from sriovctl.codec.rtnl import encode_getlink
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN
from sriovctl.model.link import LinkReport
from sriovctl.model.state import WantedVF

ROOM = 16 * 1024 * 1024  # for the answer about all VFs


def setting(num_vfs: int) -> Callable[[Site], Iterator[Ways]]:
    """Ours as a daemon does it, from the socket's opening to its end; the rival a whole process."""

    def prepare(site: Site) -> Iterator[Ways]:
        with subject(site, num_vfs) as pf:

            def ours() -> float:
                changes = pf.changes()

                def work() -> None:
                    with KernelRouteNetlink() as rtnl:
                        write_vf_attributes(rtnl, pf.netdev, changes)

                took = seconds(work)
                pf.prove(changes, "sriovctl")
                return took

            yield Ways(ours, pf.set_by_ip, len(pf.indices), len(pf.attributes))

    return prepare


def reading(site: Site) -> Iterator[Ways]:
    """Ours with all decoding; the rival sends one message and takes the bytes."""
    with (
        subject(site, 1000) as pf,
        KernelRouteNetlink() as rtnl,
        bare_question(pf.netdev, pf.num_vfs) as ask,
    ):
        # Each with a MAC and a VLAN of its own, which is the most work.
        write_vf_attributes(rtnl, pf.netdev, pf.changes())
        yield Ways(
            lambda: seconds(lambda: read_link(rtnl, pf.netdev)), lambda: seconds(ask), pf.num_vfs
        )


def reading_again(site: Site) -> Iterator[Ways]:
    """Both after another VF has got another VLAN, as who keeps or watches a PF reads it."""
    with (
        subject(site, 1000) as pf,
        KernelRouteNetlink() as rtnl,
        bare_question(pf.netdev, pf.num_vfs) as ask,
    ):
        if ("vlan",) not in pf.attributes:
            raise CannotRunError(f"the driver of {pf.netdev} takes no VLAN now")
        write_vf_attributes(rtnl, pf.netdev, pf.changes())
        known = KnownVFs()
        turns = itertools.count(1)

        def read_again() -> LinkReport:
            return read_link(rtnl, pf.netdev, known=known)

        def change_one() -> None:
            turn = next(turns)
            index = pf.indices[37 * turn % len(pf.indices)]
            changes = [(index, WantedVF(vlan=VLAN(turn % 4094 + 1, 5)))]
            write_vf_attributes(rtnl, pf.netdev, changes)

        def ours() -> float:
            change_one()
            took = seconds(read_again)
            if known.vfs != read_link(rtnl, pf.netdev).vfs:
                sys.exit("what was read again is not what is there")
            return took

        def rival() -> float:
            change_one()
            took = seconds(ask)
            read_again()  # so that one has changed at the next turn, and not two
            return took

        yield Ways(ours, rival, pf.num_vfs)


@contextmanager
def bare_question(netdev: str, vfs: int) -> Iterator[Callable[[], None]]:
    """Give what asks for a netdev and its VFs, and takes the bytes of the answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as bare:
        bare.setsockopt(socket.SOL_SOCKET, 33, ROOM)  # SO_RCVBUFFORCE
        request = with_sequence(
            encode_getlink(ifindex=None, ifname=netdev, with_counters=False), 1, flags=NLM_F_REQUEST
        )
        room = bytearray(ROOM)

        def ask() -> None:
            bare.send(request)
            assert bare.recv_into(room) > 100 * vfs

        yield ask


CASES = (
    Case(
        "read all attributes of one PF, {vfs} VFs",
        "raw RTM_GETLINK",
        2.0,
        Place.NETDEVSIM,
        contextmanager(reading),
        vfs=1000,
        changes=True,
        runs=21,
    ),
    Case(
        "read them again after one VF changed, {vfs} VFs",
        "raw RTM_GETLINK",
        2.0,
        Place.NETDEVSIM,
        contextmanager(reading_again),
        vfs=1000,
        changes=True,
        runs=21,
    ),
    *(
        Case(
            "set {attributes} attributes on {vfs} VFs, in process",
            "ip -batch",
            1 / times,
            Place.NETDEVSIM,
            contextmanager(setting(num_vfs)),
            vfs=num_vfs,
            changes=True,
            runs=9,
        )
        for num_vfs, times in ((256, 25), (1000, 50))
    ),
)
