"""PFs as they were seen last, and how they are looked at again.

An event says what may have changed, and no more than that is read, into what was seen before.
Whatever does not fit (another number of VFs, a VF that is not known, an error) is no answer, and
the PF is to be read as a whole.
"""

from __future__ import annotations

from operator import attrgetter

from sriovctl.codec.link_event import fingerprint_link
from sriovctl.codec.rtnl import encode_getlink
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.daemon.questions import MOST_VFS, MoreToSeeError
from sriovctl.engine.inventory import PCI_DEVICES, read_pf
from sriovctl.engine.rescan import read_again, read_functions
from sriovctl.errors import SriovctlError
from sriovctl.model.state import ATTRIBUTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.daemon.questions import Question
    from sriovctl.host.api import Host
    from sriovctl.model.drift import Difference
    from sriovctl.model.functions import PF

_address_of = attrgetter("address")


class Sight:
    """What is known of a host's PFs; looks may happen in another thread than :meth:`pf_of`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._former: dict[str, PF] = {}
        self._known_vfs: dict[str, KnownVFs] = {}  # by PF
        self._births: dict[str, int | None] = {}  # which device it was that was read
        self._vfs: dict[str, tuple[str, int]] = {}  # VF -> its PF, and its place there
        self._addresses: dict[str, tuple[object, ...]] = {}  # of the VFs of each PF

    def pf_of(self, device: str) -> str:
        """Name the PF of a VF, also of one that is gone; others are their own."""
        physfn = self._host.files.read_link(f"{PCI_DEVICES}/{device}/physfn")
        return physfn or self._vfs.get(device, (device, 0))[0]

    def read(self, device: str) -> PF | None:
        """Read a PF as a whole; None if there is no such PF.

        :raises LostError: it went away while it was read.
        :raises HostError: the kernel refused a read.
        """
        former, born = self._former.pop(device, None), self._births.get(device)
        self._births[device] = self._host.files.birth_of(f"{PCI_DEVICES}/{device}")
        if born is None or born != self._births[device]:
            former = None  # another card may be in its place
        known = self._known_vfs.setdefault(device, KnownVFs())
        pf = read_pf(self._host, device, known=known, former=former)
        if pf is None:
            del self._known_vfs[device], self._births[device]
        else:
            self.keep(pf)
        return pf

    def read_again(self, device: str, question: Question) -> PF | None:
        """Read of a PF what is asked, into what was seen of it; None: read it as a whole."""
        former = self._former.get(device)
        places = [self._vfs.get(vf, ("", 0)) for vf in question.vfs]
        if former is None or question.whole or any(pf != device for pf, _ in places):
            return None
        known = self._known_vfs.setdefault(device, KnownVFs())
        try:
            pf = read_again(self._host, former, [place for _, place in places], known=known)
        except SriovctlError:
            pf = None
        if pf is None:
            self.forget(device)
        else:
            self._former[device] = pf
        return pf

    def fingerprint(self, pf: PF) -> bytes | None:
        """Take what route netlink says of a PF's VFs, to be compared; None: it says nothing."""
        if pf.netdev is None:
            return None
        request = encode_getlink(ifname=pf.netdev, with_counters=False)
        try:
            (answer,) = self._host.rtnl.exchange([request])
            return fingerprint_link(answer.payloads[0]) if answer.payloads else None
        except SriovctlError:
            return None

    def places_of(self, question: Question) -> list[int]:
        """Say where in a PF the VFs stand that a question is about."""
        return [self._vfs[vf][1] for vf in question.vfs]

    def vfs_as_seen(self, pf: PF, differences: Sequence[Difference]) -> frozenset[int]:
        """Name the VFs whose attributes differ, and read whose they are: that is as it was seen.

        :raises MoreToSeeError: it is not, or more differs than attributes of a few VFs.
        """
        numbers = {one.subject.removeprefix(f"{pf.device} vf ") for one in differences}
        others = any(one.key not in ATTRIBUTES for one in differences)
        if others or len(numbers) > MOST_VFS or not all(map(str.isdigit, numbers)):
            raise MoreToSeeError
        about = frozenset(map(int, numbers))
        places = [place for place, vf in enumerate(pf.vfs) if vf.vf_index in about]
        if read_functions(self._host.files, pf, places) != pf:
            raise MoreToSeeError
        return about

    def keep(self, pf: PF) -> None:
        """Keep what was seen of a PF, with what else was asked about it."""
        self._former[pf.device] = pf
        addresses = tuple(map(_address_of, pf.vfs))
        # Of VFs that are gone it is still known whose they were, until there are others.
        if addresses and addresses != self._addresses.get(pf.device):
            self._addresses[pf.device] = addresses
            for vf in [vf for vf, (device, _) in self._vfs.items() if device == pf.device]:
                del self._vfs[vf]
            self._vfs.update(
                (str(address), (pf.device, place))
                for place, address in enumerate(addresses)
                if address is not None
            )

    def keep_all(self, pfs: Iterable[PF]) -> None:
        """Keep what was seen of all PFs of the host."""
        self.forget(None)
        self._known_vfs.clear()  # these were read without
        for pf in pfs:
            self.keep(pf)

    def forget(self, device: str | None) -> None:
        """Have the next look at a PF (None: at any) be at all of it."""
        if device is None:
            self._former.clear()
        else:
            self._former.pop(device, None)
