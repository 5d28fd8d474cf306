"""A netdev as a kernel would report it, for recordings and the simulated host.  Pure.

Source: kernel ``rtnl_fill_ifinfo()`` in ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from sriovctl.codec.netlink import encode_attribute, encode_wrapping_nest
from sriovctl.codec.rtnl import (
    ARPHRD_ETHER,
    ARPHRD_INFINIBAND,
    IFF_LOWER_UP,
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NUM_VF,
    IFLA_PARENT_DEV_BUS_NAME,
    IFLA_PARENT_DEV_NAME,
    IFLA_PERM_ADDRESS,
    IFLA_PHYS_PORT_NAME,
    IFLA_VFINFO_LIST,
    RTM_NEWLINK,
    U32,
    encode_ifname,
    encode_link_message,
)
from sriovctl.codec.rtnl_stats import encode_stats
from sriovctl.codec.rtnl_vf import INFINIBAND_MAC_SIZE
from sriovctl.codec.rtnl_vf_encode import encode_vf_attributes, mac_octets
from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.link import LinkReport


def encode_link(report: LinkReport) -> bytes:
    """Encode the ``RTM_NEWLINK`` that a kernel would send, wrapped list length and all.  Pure.

    :raises InputError: the report holds a value that no kernel could report.
    """
    parts = [encode_ifname(report.ifname)]
    if report.mac is not None:
        parts.append(encode_attribute(IFLA_ADDRESS, mac_octets(report.mac)))
    parts += _encode_place(report)
    if report.counters is not None:
        parts.append(encode_stats(report.counters))
    parts += _encode_vfs(report)
    if report.permanent_mac is not None:
        parts.append(encode_attribute(IFLA_PERM_ADDRESS, mac_octets(report.permanent_mac)))
    for kind, text in (
        (IFLA_PHYS_PORT_NAME, report.phys_port_name),
        (IFLA_PARENT_DEV_NAME, report.parent_device),
        (IFLA_PARENT_DEV_BUS_NAME, report.parent_bus),
    ):
        if text is not None:
            raw = text.encode("utf-8", "surrogateescape")
            parts.append(encode_attribute(kind, raw + b"\0"))
    return encode_link_message(
        RTM_NEWLINK,
        report.ifindex,
        parts,
        hardware=_hardware_type(report),
        flags=IFF_UP * report.up | IFF_LOWER_UP * report.carrier,
        message_flags=0,
    )


def _encode_place(report: LinkReport) -> list[bytes]:
    parts = [
        encode_attribute(kind, U32.pack(number))
        for kind, number in (
            (IFLA_MTU, report.mtu),
            (IFLA_LINK, report.lower),
            (IFLA_MASTER, report.master),
        )
        if number is not None
    ]
    if report.kind is not None:
        name = encode_attribute(IFLA_INFO_KIND, report.kind.encode() + b"\0")
        parts.append(encode_attribute(IFLA_LINKINFO, name))
    if report.lower_nsid is not None:
        number = report.lower_nsid & 0xFFFFFFFF
        parts.append(encode_attribute(IFLA_LINK_NETNSID, U32.pack(number)))
    return parts


def _encode_vfs(report: LinkReport) -> list[bytes]:
    if report.num_vfs is None:
        return []
    vfs = b"".join(encode_vf_attributes(vf) for vf in report.vfs)
    if not len(report.vfs) <= report.num_vfs <= 0xFFFF:  # PCI has no more routing IDs
        raise InputError("num_vfs does not fit the VFs", subject=report.ifname)
    return [
        encode_attribute(IFLA_NUM_VF, U32.pack(report.num_vfs)),
        encode_wrapping_nest(IFLA_VFINFO_LIST, vfs),
    ]


def _hardware_type(report: LinkReport) -> int:
    macs = [report.mac, *(vf.admin_mac for vf in report.vfs[:1])]
    long = any(mac is not None and len(mac_octets(mac)) == INFINIBAND_MAC_SIZE for mac in macs)
    return ARPHRD_INFINIBAND if long else ARPHRD_ETHER
