"""A netdev as a kernel would report it, for recordings and the simulated host.  Pure.

Source: kernel ``rtnl_fill_ifinfo()`` and ``rtnl_fill_vfinfo()`` in ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from struct import error as StructError

from sriovctl.codec.netlink import encode_attribute, encode_wrapping_nest
from sriovctl.codec.rtnl import (
    ARPHRD_ETHER,
    ARPHRD_INFINIBAND,
    COUNTERS,
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
    IFLA_STATS64,
    IFLA_VFINFO_LIST,
    RTM_NEWLINK,
    U32,
    encode_ifname,
    encode_link_message,
)
from sriovctl.codec.rtnl_vf import (
    COUNTER,
    FIELD_NUMBERS,
    IFLA_VF_BROADCAST,
    IFLA_VF_IB_NODE_GUID,
    IFLA_VF_IB_PORT_GUID,
    IFLA_VF_INFO,
    IFLA_VF_LINK_STATE,
    IFLA_VF_RATE,
    IFLA_VF_RSS_QUERY_EN,
    IFLA_VF_SPOOFCHK,
    IFLA_VF_STATS,
    IFLA_VF_TRUST,
    IFLA_VF_TX_RATE,
    IFLA_VF_VLAN,
    INFINIBAND_MAC_SIZE,
    UNKNOWN,
)
from sriovctl.codec.rtnl_vf_encode import (
    encode_guid,
    encode_mac,
    encode_pair,
    encode_triple,
    encode_vlan_list,
    link_state_number,
    mac_octets,
)
from sriovctl.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import VFAttributes, VFCounters
    from sriovctl.model.link import LinkReport, NetdevCounters

_STATS_SIZE = 200  # of struct rtnl_link_stats64, which has grown since its first counters


def encode_link(report: LinkReport) -> bytes:
    """Encode the ``RTM_NEWLINK`` that a kernel would send, wrapped list length and all.  Pure.

    :raises InputError: the report holds a value that no kernel could report.
    """
    parts = [encode_ifname(report.ifname)]
    if report.mac is not None:
        parts.append(encode_attribute(IFLA_ADDRESS, mac_octets(report.mac)))
    parts += _encode_place(report)
    if report.counters is not None:
        parts.append(_encode_stats(report.counters))
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


def _encode_stats(counters: NetdevCounters) -> bytes:
    # What is not kept here is 0.
    try:
        known = COUNTERS.pack(*counters)
    except StructError:
        raise InputError("a counter does not fit into 64 bits") from None
    return encode_attribute(IFLA_STATS64, known.ljust(_STATS_SIZE, b"\0"))


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


# --- VFs -------------------------------------------------------------------------------------

_MAC_FIELD_SIZE = 32  # MAX_ADDR_LEN


def encode_vf_attributes(vf: VFAttributes) -> bytes:
    """Encode one ``IFLA_VF_INFO`` as the kernel reports it, in its order and size.  Pure.

    A known ``min_tx_rate_mbps`` needs a known ``max_tx_rate_mbps``.

    :raises InputError: a value does not fit into its field.
    """
    try:
        return encode_attribute(IFLA_VF_INFO, b"".join(_reported_parts(vf)))
    except StructError:
        raise InputError("a value does not fit", subject=f"vf {vf.vf_index}") from None


def _reported_parts(vf: VFAttributes) -> list[bytes]:
    index = vf.vf_index
    parts = []
    if vf.admin_mac is not None:
        parts.append(encode_mac(index, mac_octets(vf.admin_mac)))
    parts.append(encode_attribute(IFLA_VF_BROADCAST, b"\xff" * 6 + bytes(_MAC_FIELD_SIZE - 6)))
    if vf.vlan is not None:
        parts.append(encode_triple(IFLA_VF_VLAN, index, vf.vlan.id, vf.vlan.qos))
    parts += _reported_rates(vf)
    parts.append(encode_pair(IFLA_VF_SPOOFCHK, index, _switch(vf.spoofchk)))
    if vf.link_state is not None:
        state = link_state_number(vf.link_state)
        parts.append(encode_pair(IFLA_VF_LINK_STATE, index, state))
    parts.append(encode_pair(IFLA_VF_RSS_QUERY_EN, index, _switch(vf.rss_query)))
    parts.append(encode_pair(IFLA_VF_TRUST, index, _switch(vf.trust)))
    for kind, guid in (
        (IFLA_VF_IB_NODE_GUID, vf.node_guid),
        (IFLA_VF_IB_PORT_GUID, vf.port_guid),
    ):
        if guid is not None:
            parts.append(encode_guid(kind, index, guid))
    if vf.vlan is not None:
        parts.append(encode_vlan_list(index, vf.vlan))
    if vf.counters is not None:
        parts.append(_encode_counters(vf.counters))
    return parts


def _reported_rates(vf: VFAttributes) -> list[bytes]:
    if vf.max_tx_rate_mbps is None:
        return []
    maximum = encode_pair(IFLA_VF_TX_RATE, vf.vf_index, vf.max_tx_rate_mbps)
    if vf.min_tx_rate_mbps is None:
        return [maximum]
    both = encode_triple(IFLA_VF_RATE, vf.vf_index, vf.min_tx_rate_mbps, vf.max_tx_rate_mbps)
    return [both, maximum]


def _switch(setting: bool | None) -> int:
    return UNKNOWN if setting is None else int(setting)


def _encode_counters(counters: VFCounters) -> bytes:
    return encode_attribute(
        IFLA_VF_STATS,
        b"".join(
            encode_attribute(FIELD_NUMBERS[name], COUNTER.pack(value))
            for name, value in zip(counters._fields, counters, strict=True)
            if value is not None
        ),
    )
