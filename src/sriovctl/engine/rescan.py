"""Read again of one PF what an event is about, and nothing that it cannot have changed.

As much is read for a PF with a thousand VFs as for one with seven, but for the answer of route
netlink, which has all VFs or none.  Read each time is what no event tells: whether new VFs get a
driver, and the number of VFs (that of a PF on the PCI bus is told, as they come and go).
"""

from __future__ import annotations

from itertools import compress, count
from operator import is_not

from sriovctl.engine.inventory import (
    NET_CLASS,
    PCI_DEVICES,
    read_bool,
    read_int,
    read_iommu_group,
    read_netdev,
)
from sriovctl.engine.link import read_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sriovctl.codec.rtnl_vf_list import KnownVFs
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import PF, VF, VFAttributes


def read_again(host: Host, pf: PF, places: Collection[int] = (), *, known: KnownVFs) -> PF | None:
    """Read what may have changed of a PF: its netdev with the VFs' attributes, and some VFs.

    None: it differs in more than that from what it was, and has to be read as a whole.

    :param pf: as it was read before.
    :param places: of the VFs in it whose drivers and netdevs are read, too.
    :param known: what *pf* was read with; or an empty one, and then all attributes are new.
    :raises LostError: its netdev is gone, or has another name.
    :raises HostError: the kernel refused a read.
    """
    directory = _directory(pf)
    found = None if directory is None else _with_link(host, directory, pf, known)
    if directory is None or found is None:
        return None
    autoprobe = read_bool(host.files, f"{directory}/sriov_drivers_autoprobe")
    if autoprobe != found.drivers_autoprobe:
        found = found._replace(drivers_autoprobe=autoprobe)
    return read_functions(host.files, found, places) if places else found


# Through the netdev, where it is not on the PCI bus: the answer of route netlink tells whose it is.
def _directory(pf: PF) -> str | None:
    if pf.address is not None:
        return f"{PCI_DEVICES}/{pf.device}"
    return None if pf.netdev is None else f"{NET_CLASS}/{pf.netdev}/device"


def _with_link(host: Host, directory: str, pf: PF, known: KnownVFs) -> PF | None:
    if pf.netdev is None:
        return pf if read_int(host.files, f"{directory}/sriov_numvfs") == pf.num_vfs else None
    before = known.vfs
    link = read_link(host.rtnl, pf.netdev, known=known)
    # Names move from netdev to netdev.
    if link.parent_device != pf.device or link.num_vfs != pf.num_vfs:
        return None
    return pf._replace(
        vfs=_with_attributes(pf.vfs, link.vfs, before),
        up=link.up,
        permanent_mac=link.permanent_mac,
        mtu=link.mtu,
        phys_port_name=link.phys_port_name,
    )


# What the kernel says as before comes as the very records of before, so that of a thousand VFs
# those few are found that have changed.
def _with_attributes(
    vfs: tuple[VF, ...], told: Sequence[VFAttributes], before: Sequence[VFAttributes]
) -> tuple[VF, ...]:
    if told is before:
        return vfs
    changed = [*compress(count(), map(is_not, told, before))]
    same_places = len(told) == len(before) == len(vfs) and all(
        told[place].vf_index == vfs[place].vf_index for place in changed
    )
    if not same_places:
        found = {one.vf_index: one for one in told}
        return tuple(vf._replace(attributes=found.get(vf.vf_index)) for vf in vfs)
    fresh = list(vfs)
    for place in changed:
        fresh[place] = vfs[place]._replace(attributes=told[place])
    return tuple(fresh)


def read_functions(files: FileTree, pf: PF, places: Collection[int]) -> PF | None:
    """Read the drivers and netdevs of some VFs of a PF; None: there is another VF in a place.

    VFs of another bus than PCI have neither.
    """
    vfs = list(pf.vfs)
    for place in places:
        vf = vfs[place]
        if vf.address is None:
            continue
        link = f"{PCI_DEVICES}/{pf.device}/virtfn{vf.vf_index}"
        if files.read_link(link) != str(vf.address):
            return None
        vfs[place] = _read_function(files, vf)
    return pf._replace(vfs=tuple(vfs))


def _read_function(files: FileTree, vf: VF) -> VF:
    directory = f"{PCI_DEVICES}/{vf.address}"
    driver = files.read_link(f"{directory}/driver")
    return vf._replace(
        driver=driver,
        netdev=read_netdev(files, directory, driver=driver) if driver else None,
        # One without an IOMMU that VFIO takes all the same gets a group with the driver.
        iommu_group=read_iommu_group(files, directory),
    )
