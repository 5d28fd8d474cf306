"""What the drivers of this host's PFs can do: as the table says, and as they answer themselves.

Asking a driver means sending it a change that it must refuse; ``codec/rtnl_probe.py`` has the
requests.  It is done only when the user says so, never on the way to a plan, and with care:

- What the kernel itself refuses before the driver is called is asked of every driver: VLAN and
  rates.
- What reaches the driver is asked only of drivers whose source was read for it, ``_REVIEWED``.
  It goes to a VF that cannot be, and each of them compares that number with its VFs' before it
  does anything else (it may log "Invalid VF").
- mlx5_core is not among them.  It cuts the number plus one to 16 bits, and looks it up among
  eswitch ports that are not all VFs: 65535 is its PF's own port, 65534 the wire's
  (``mlx5e_set_vf_mac()``, ``mlx5_eswitch_get_vport()``).  Some other drivers do not look at all:
  cxgb4 writes behind its list of VFs (``cxgb4_mgmt_set_vf_mac()``), and so does mlx5 on
  InfiniBand (``set_vf_node_guid()``).  Of these the table and the VFs that exist must tell.
"""

from __future__ import annotations

import errno

from sriovctl.codec.rtnl_probe import (
    NO_PCI_VF,
    NO_VF,
    encode_mac_probe,
    encode_rate_probe,
    encode_vf_probe,
    encode_vlan_probe,
)
from sriovctl.engine.eswitch import read_eswitch_mode
from sriovctl.engine.link import read_link
from sriovctl.engine.msix import with_msix_counts
from sriovctl.errors import HostError, LostError, PermissionDenied, SriovctlError
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.ability import Ability, Can, Known
from sriovctl.model.record import NamedTuple
from sriovctl.planner.ability_report import abilities_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.host.api import Host
    from sriovctl.model.functions import PF
    from sriovctl.model.netlink import NetlinkAnswer

# ndo_set_vf_* of these, in Linux 6.12, refuse a VF that is not there first of all: igb and ixgbe
# (vf >= vfs_allocated_count, num_vfs), i40e (num_alloc_vfs), ice (ice_get_vf_by_id(), which cuts
# to 16 bits), bnxt_en (bnxt_vf_ndo_prep()), netdevsim (nsim_dev_get_vfs()).
_REVIEWED = frozenset({"igb", "ixgbe", "i40e", "ice", "bnxt_en", "netdevsim"})
_ASKED_OF_REVIEWED = ("max_tx_rate_mbps", "spoofchk", "trust", "rss_query", "link_state")

_ENOTSUPP = 524  # the kernel's own, without a name in user space; some drivers let it out
_CANNOT = (errno.EOPNOTSUPP, _ENOTSUPP)


class PFAbilities(NamedTuple):
    """One PF and what its driver can do."""

    pf: PF
    abilities: tuple[Ability, ...]


def read_abilities(host: Host, pf: PF, *, probe: bool) -> PFAbilities:
    """Say of each key whether a PF's driver can set it.

    :param probe: ask the driver, too.
    :raises PermissionDenied: the kernel lets only root ask.
    :raises LostError: the PF or its netdev is gone.
    :raises HostError: the kernel accepted what it cannot do, or could not be asked.
    """
    pf = with_msix_counts(host, pf._replace(eswitch_mode=_eswitch_mode(host, pf)))
    abilities = abilities_of(pf)
    if probe and pf.netdev is not None:
        answers = ask_driver(host, pf)
        abilities = tuple(_merged(one, answers) for one in abilities)
    return PFAbilities(pf, abilities)


def _eswitch_mode(host: Host, pf: PF) -> str | None:
    try:
        return read_eswitch_mode(host, pf.device)
    except SriovctlError:  # no pyroute2, a recording, not root: the table must do
        return None


def _merged(told: Ability, answers: Mapping[str, Ability]) -> Ability:
    answer = answers.get(told.key)
    if answer is None or answer.can is Can.UNKNOWN:
        return told
    if answer.can is told.can:  # it has an operation: the limits are still the table's
        return told._replace(known=Known.PROBED)
    return answer


def ask_driver(host: Host, pf: PF) -> dict[str, Ability]:
    """Ask the driver of a PF with a netdev which attributes of VFs it can set; changes nothing.

    :raises PermissionDenied: the kernel lets only root ask.
    :raises LostError: the netdev is gone.
    :raises HostError: the kernel accepted what it cannot do.
    """
    assert pf.netdev is not None
    requests = _requests(pf, read_link(host.rtnl, pf.netdev).ifindex)
    answers = host.rtnl.exchange(tuple(requests.values()))
    found = {
        key: _understand(pf, key, answer) for key, answer in zip(requests, answers, strict=True)
    }
    if found["max_tx_rate_mbps"].can is Can.NO:
        found["min_tx_rate_mbps"] = found["max_tx_rate_mbps"]._replace(key="min_tx_rate_mbps")
    return found


def _requests(pf: PF, ifindex: int) -> dict[str, bytes]:
    requests = {"vlan": encode_vlan_probe(ifindex), "max_tx_rate_mbps": encode_rate_probe(ifindex)}
    if pf.driver in _REVIEWED:
        vf_index = NO_VF if pf.address is None else NO_PCI_VF
        requests["admin_mac"] = encode_mac_probe(ifindex, vf_index)
        for key in _ASKED_OF_REVIEWED:
            requests[key] = encode_vf_probe(ifindex, vf_index, key)
    return requests


def _understand(pf: PF, key: str, answer: NetlinkAnswer) -> Ability:
    if answer.errno in (errno.EPERM, errno.EACCES):
        raise PermissionDenied(
            "the kernel lets only root ask a driver", subject=pf.device, hint="run as root"
        )
    if answer.errno == errno.ENODEV:
        raise LostError("the netdev is gone", subject=pf.netdev)
    if answer.errno == 0:
        raise HostError(
            f"accepted a request for {key} that nothing can do",
            subject=pf.device,
            hint="please report it, with the kernel's version and the driver's",
        )
    name = errno_name(answer.errno)
    if answer.errno not in _CANNOT:
        return Ability(key, Can.YES, f"the driver has the operation ({name})", Known.PROBED)
    if not pf.num_vfs:  # igb says so of spoofchk then, though it has it
        return Ability(key, Can.UNKNOWN, f"refused while there are no VFs ({name})", None)
    return Ability(key, Can.NO, f"the driver has no such operation ({name})", Known.PROBED)
