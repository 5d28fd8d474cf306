"""Which PF drivers count for their VFs: one row per driver, read from its source.

Theory of operation.  ``IFLA_VF_STATS`` has the same eight counters for every VF of every driver:
the kernel fills them with zeros and lets the driver overwrite them, if it has a function for it.
So a zero may mean "nothing yet" or "nobody counts", and the message does not tell which.  Three
things do:

- A counter that is not zero, of any VF of the PF, proves that this driver counts it.
- A row here says which counters a driver fills in.
- The rows hold for Linux 6.1 to 6.12.  An older kernel's driver may lack the function: there only
  a counter that is not zero proves it.

Source: kernel ``net/core/rtnetlink.c``, ``rtnl_fill_vfinfo()``; ``ndo_get_vf_stats`` of each
driver.
"""

from __future__ import annotations

import re

from sriovctl.model.functions import VFCounters
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.model.functions import PF, VFAttributes

_READ_FROM = (6, 1)


class DriverCounters(NamedTuple):
    """What one driver counts for its VFs."""

    driver: str
    counts: frozenset[str]  # fields of VFCounters
    source: str  # below drivers/
    remark: str | None = None


_BASIC = frozenset(("rx_packets", "tx_packets", "rx_bytes", "tx_bytes"))
_CAST = frozenset(("broadcast", "multicast"))
_ALL = frozenset(VFCounters._fields)

_ETHERNET = (
    DriverCounters(
        "fm10k",
        _BASIC | {"rx_dropped"},
        "net/ethernet/intel/fm10k/fm10k_iov.c: fm10k_ndo_get_vf_stats()",
    ),
    DriverCounters(
        "i40e",
        _ALL,
        "net/ethernet/intel/i40e/i40e_virtchnl_pf.c: i40e_get_vf_stats()",
        "each reading of a VF in reset writes a line into the kernel log, and shows zeros",
    ),
    DriverCounters(
        "ice",
        _ALL,
        "net/ethernet/intel/ice/ice_sriov.c: ice_get_vf_stats()",
        "a VF in reset shows zeros",
    ),
    DriverCounters(
        "ionic",
        _ALL,
        "net/ethernet/pensando/ionic/ionic_lif.c: ionic_get_vf_stats()",
        "packets and bytes are those of unicast alone",
    ),
    DriverCounters(
        "ixgbe",
        _BASIC | {"multicast"},
        "net/ethernet/intel/ixgbe/ixgbe_main.c: ixgbe_ndo_get_vf_stats()",
    ),
    DriverCounters(
        "LiquidIO",
        _BASIC | _CAST,
        "net/ethernet/cavium/liquidio/lio_main.c: liquidio_get_vf_stats()",
        "asks the driver of each VF, and waits up to a second for one that does not answer",
    ),
    DriverCounters(
        "mlx4_core",
        _BASIC,
        "net/ethernet/mellanox/mlx4/cmd.c: mlx4_get_vf_stats()",
    ),
    DriverCounters(
        "mlx5_core",
        _ALL,
        "net/ethernet/mellanox/mlx5/core/eswitch.c: mlx5_eswitch_get_vport_stats()",
        "in mode switchdev too",
    ),
)
_INFINIBAND = (
    DriverCounters(
        "mlx5_core",
        _BASIC | {"multicast"},
        "infiniband/hw/mlx5/ib_virt.c: mlx5_ib_get_vf_stats()",
        "on InfiniBand; packets and bytes are those of unicast alone",
    ),
)

ROWS = (*_ETHERNET, *_INFINIBAND)
_ON_ETHERNET = {row.driver: row for row in _ETHERNET}
_ON_INFINIBAND = {row.driver: row for row in _INFINIBAND}


class DriverRepresentors(NamedTuple):
    """A driver whose representors count all that their VFs send and receive.

    Those of other drivers count only what passes through the host's own network stack, or nothing.
    What the representor receives is what its VF sent.
    """

    driver: str
    source: str  # below drivers/


REPRESENTOR_ROWS = (
    DriverRepresentors(
        "mlx5_core", "net/ethernet/mellanox/mlx5/core/en_rep.c: mlx5e_rep_get_stats()"
    ),
    DriverRepresentors(
        "nfp", "net/ethernet/netronome/nfp/nfp_net_repr.c: nfp_repr_vnic_get_stats64()"
    ),
)
_REPRESENTORS = frozenset(row.driver for row in REPRESENTOR_ROWS)


def representors_count(pf: PF) -> bool:
    """Say whether the representors of a PF count all that their VFs send and receive.  Pure."""
    return pf.driver in _REPRESENTORS


def meaningful_counters(
    pf: PF, vfs: Iterable[VFAttributes], *, kernel: str | None
) -> frozenset[str]:
    """Say which of the counters that the kernel shows of a PF's VFs anybody counts.  Pure.

    :param vfs: as the kernel described them, with counters.
    :param kernel: its release, as "6.12.117+deb12-amd64".
    :return: fields of ``VFCounters``.
    """
    counted = _seen_counting(vfs)
    row = _row_of(pf)
    if row is None or not (counted or _is_covered(kernel)):
        return counted
    return row.counts | counted


def _row_of(pf: PF) -> DriverCounters | None:
    if pf.driver is None:
        return None
    return (_ON_INFINIBAND if pf.on_infiniband else _ON_ETHERNET).get(pf.driver)


def _seen_counting(vfs: Iterable[VFAttributes]) -> frozenset[str]:
    counters = [vf.counters for vf in vfs if vf.counters is not None]
    return frozenset(
        name
        for name, values in zip(VFCounters._fields, zip(*counters, strict=True), strict=False)
        if any(values)
    )


def _is_covered(kernel: str | None) -> bool:
    found = re.match(r"(\d+)\.(\d+)", kernel or "")
    return found is not None and (int(found[1]), int(found[2])) >= _READ_FROM
