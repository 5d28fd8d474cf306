"""MSI-X vectors of simulated VFs: how a PF's driver shares them out.

Source: kernel ``drivers/pci/iov.c``, ``sriov_vf_msix_count_store()``; of drivers, see
:class:`~sriovctl.host.simulated.drivers.MSIXPool`.
"""

from __future__ import annotations

import errno
import re

from sriovctl.host.simulated.tree import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.simulated.drivers import MSIXPool
    from sriovctl.host.simulated.functions import Function

_WITHOUT_POOL = 3  # Table Size of a VF whose driver shares nothing out
_INT_MAX = 0x7FFFFFFF
_NUMBER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\n?")


def total_vectors(pf: Function) -> int:
    """What ``sriov_vf_total_msix`` shows: 0 if the driver does not share them out."""
    pool = _pool_of(pf)
    return 0 if pool is None else pool.total


def initial_vectors(pf: Function, num_vfs: int) -> int:
    """Table Size of each of *num_vfs* new VFs."""
    pool = _pool_of(pf)
    return _WITHOUT_POOL if pool is None else _default(pool, num_vfs) + pool.extra


def set_vectors(vf: Function, text: str) -> None:
    """Write to ``sriov_vf_msix_count``.  The order of the tests is the kernel's.

    :raises OSError: as the kernel refuses.
    """
    pf = vf.physfn
    assert pf is not None
    assert pf.sriov is not None
    number = _parse_int(text)
    pool = _pool_of(pf)
    if pool is None:
        raise refuse(errno.EOPNOTSUPP)
    if vf.driver is not None:
        raise refuse(errno.EBUSY)
    if number == 0:
        if not pool.zero_is_default:
            return
        number = _default(pool, len(pf.sriov.vfs))
    if number < pool.minimum:
        raise refuse(errno.EINVAL)
    if number > pool.maximum:
        raise refuse(pool.errno_beyond_maximum)
    others = sum(_vectors(other) for other in pf.sriov.vfs if other is not vf)
    if others + number + pool.extra > pool.total:
        raise refuse(pool.errno_when_empty)
    vf.config_options["msix_vectors"] = number + pool.extra


def _pool_of(pf: Function) -> MSIXPool | None:
    return None if pf.driver is None else pf.driver.msix


def _default(pool: MSIXPool, num_vfs: int) -> int:
    fair = pool.total // num_vfs - pool.extra
    return max(min(fair, pool.default_maximum), pool.minimum)


def _vectors(vf: Function) -> int:
    vectors = vf.config_options["msix_vectors"]
    assert isinstance(vectors, int)
    return vectors


def _parse_int(text: str) -> int:
    # kstrtoint(…, 0, …), then no negative numbers.
    found = _NUMBER.fullmatch(text)
    if found is None or found[1] == "-":
        raise refuse(errno.EINVAL)
    digits = found[2].lower()
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    number = int(digits, base)
    if number > _INT_MAX:
        raise refuse(errno.EINVAL)
    return number
