"""Requests that ask a driver what it can do, and that no kernel can carry out.  Pure.

``do_setvfinfo()`` in kernel ``net/core/rtnetlink.c`` answers EOPNOTSUPP when the driver has no
operation for an attribute, and otherwise calls it.  So a request that must fail for another reason
tells by its errno whether there is an operation:

- a VLAN list without a VLAN, and a minimum rate above the maximum, are refused by the kernel
  itself, after it has looked for the operation and before the driver is called;
- a multicast MAC is refused by every driver;
- for the other attributes there is no value that could not be, so they are asked of a VF that
  cannot be: the driver compares its number with that of the VFs there are.

Who sends the last kind, and to which drivers: see ``engine/abilities.py``.
"""

from __future__ import annotations

from sriovctl.codec.netlink import encode_attribute
from sriovctl.codec.rtnl import IFLA_VFINFO_LIST, RTM_SETLINK, encode_link_message
from sriovctl.codec.rtnl_change import encode_set_vf
from sriovctl.codec.rtnl_vf import IFLA_VF_INFO, IFLA_VF_VLAN_LIST
from sriovctl.model.state import WantedVF

# NumVFs is a register of 16 bits, so the last VF of a PCI device has the index 65534 at most.
NO_PCI_VF = 0xFFFF
# Beyond PCI, the last one that the kernel passes on: do_setvfinfo() refuses INT_MAX itself.
NO_VF = 0x7FFF_FFFE

_MULTICAST_MAC = "01:00:00:00:00:00"
_SEQUENCE = slice(8, 12)


def encode_vlan_probe(ifindex: int) -> bytes:
    """Ask for no VLAN at all: EINVAL if the driver can set one."""
    entry = encode_attribute(IFLA_VF_INFO, encode_attribute(IFLA_VF_VLAN_LIST, b""))
    return encode_link_message(RTM_SETLINK, ifindex, [encode_attribute(IFLA_VFINFO_LIST, entry)])


def is_vlan_probe(message: bytes, ifindex: int) -> bool:
    """Say whether a message asks for no VLAN at all."""
    ours, theirs = bytearray(encode_vlan_probe(ifindex)), bytearray(message)
    ours[_SEQUENCE] = theirs[_SEQUENCE] = b""
    # Flags: the door asks for an ack besides.
    ours[6:8] = theirs[6:8] = b""
    return ours == theirs


def encode_rate_probe(ifindex: int) -> bytes:
    """Ask for a guarantee above the limit: EINVAL from the kernel itself if rates can be set."""
    return _encode(ifindex, NO_PCI_VF, WantedVF(min_tx_rate_mbps=2, max_tx_rate_mbps=1))


def encode_mac_probe(ifindex: int, vf_index: int) -> bytes:
    """Ask for a MAC that no VF can have."""
    return _encode(ifindex, vf_index, WantedVF(admin_mac=_MULTICAST_MAC))


def encode_vf_probe(ifindex: int, vf_index: int, key: str) -> bytes:
    """Ask for one attribute of a VF that cannot be.

    :param vf_index: ``NO_PCI_VF`` or ``NO_VF``.
    :param key: spoofchk, trust, rss_query, link_state or max_tx_rate_mbps.
    """
    return _encode(ifindex, vf_index, _HARMLESS[key])


_HARMLESS = {
    "max_tx_rate_mbps": WantedVF(min_tx_rate_mbps=0, max_tx_rate_mbps=1),
    "spoofchk": WantedVF(spoofchk=True),
    "trust": WantedVF(trust=False),
    "rss_query": WantedVF(rss_query=False),
    "link_state": WantedVF(link_state="auto"),
}


def _encode(ifindex: int, vf_index: int, wanted: WantedVF) -> bytes:
    return encode_set_vf(ifindex, vf_index, wanted, current=None)
