"""Write and verify the attributes of many VFs at once.

Theory of operation.  The kernel takes the attributes of hundreds of VFs in one message and is ten
times faster so than with one message each.  But when one VF fails it says neither which, nor why:
it stops there, keeps what it has done, and returns a bare errno.  So the fast way is tried first;
where it fails, the VFs are read back and what is still missing is sent one VF at a time, then for
the first failing VF one attribute at a time.  Nothing is sent twice that has taken effect already,
because with some cards each write resets the VF.

An accepted write proves nothing: drivers exist that ignore attributes, and the kernel itself
acknowledges a message that was too long and had no effect.  Whoever writes reads back, and
compares: runs do (``runs/execute.py``).

Source: ``do_setlink()`` and ``do_setvfinfo()`` in kernel ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

import errno
from operator import attrgetter, itemgetter

from sriovctl.codec.rtnl import RTM_NEWLINK, decode_link_body
from sriovctl.codec.rtnl_change import (
    LinkChange,
    decode_set_vfs,
    encode_set_link,
    encode_set_vf,
    encode_set_vfs,
)
from sriovctl.engine.link import ask_link, read_link, refusal, subject_of
from sriovctl.errors import SriovctlError
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import ATTRIBUTES, UNSET, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.host.api import RouteNetlink
    from sriovctl.model.link import LinkReport
    from sriovctl.model.netlink import NetlinkAnswer

    Changes = Sequence[tuple[int, WantedVF]]

# No VF is to blame for these: asking VF by VF would only repeat them.
_ABOUT_THE_PF = (errno.EPERM, errno.EACCES, errno.ENODEV)


class Mismatch(NamedTuple):
    """One attribute that does not read back as wanted."""

    vf_index: int
    attribute: str  # field of WantedVF; "vf_index" when the VF is not there at all
    wanted: object
    found: object  # None: the driver reports no such thing

    def __str__(self) -> str:
        if self.attribute == "vf_index":
            return f"vf {self.vf_index} is not there"
        found = "is not reported" if self.found is None else f"reads back as {_show(self.found)}"
        return f"vf {self.vf_index} {self.attribute} {found}, not {_show(self.wanted)}"


# --- comparing -------------------------------------------------------------------------------


def find_mismatches(link: LinkReport, changes: Changes) -> tuple[Mismatch, ...]:
    """Compare what a netdev's VFs have with what is wanted of them.  Pure.

    An attribute that the driver does not report counts as a mismatch: nothing proves it.
    """
    by_index = dict(zip(map(_vf_index, link.vfs), link.vfs, strict=True))
    found = [by_index.get(vf_index) for vf_index, _ in changes]
    return tuple(
        mismatch
        for number in _unequal([wanted for _, wanted in changes], found)
        for mismatch in _vf_mismatches(*changes[number], found[number])
    )


# Which are not plainly equal.  Attribute by attribute: to compare those of a thousand VFs with each
# other is one step in C, where a thousand VFs would be ten thousand steps.
def _unequal(wanted: Sequence[WantedVF], found: Sequence[VFAttributes | None]) -> Iterable[int]:
    there = [vf for vf in found if vf is not None]
    if len(there) < len(found):
        return range(len(found))
    seen = dict(zip(VFAttributes._fields, zip(*there, strict=True), strict=False))
    unequal: set[int] = set()
    for name, values in zip(ATTRIBUTES, zip(*wanted, strict=True), strict=False):
        if values != seen[name] and values.count(UNSET) < len(values):
            pairs = enumerate(zip(values, seen[name], strict=True))
            unequal.update(n for n, (value, now) in pairs if value is not UNSET and value != now)
    return sorted(unequal)


_vf_index = itemgetter(VFAttributes._fields.index("vf_index"))


def _vf_mismatches(
    vf_index: int, wanted: WantedVF, found: VFAttributes | None
) -> Iterable[Mismatch]:
    if found is None:
        yield Mismatch(vf_index, "vf_index", vf_index, None)
        return
    for name, value, seen in zip(ATTRIBUTES, wanted, _observed(found), strict=False):
        if value is not UNSET and value != seen and not _is_same(value, seen):
            yield Mismatch(vf_index, name, value, seen)


_observed = attrgetter(*ATTRIBUTES)


# Says whether unequal values mean the same.
def _is_same(wanted: object, found: object) -> bool:
    if isinstance(wanted, VLAN) and isinstance(found, VLAN) and not (wanted.id or wanted.qos):
        return not (found.id or found.qos)  # no tag, hence no protocol either
    if isinstance(wanted, str) and isinstance(found, str):
        return wanted.lower() == found.lower()
    return False


# --- writing ---------------------------------------------------------------------------------


def write_vf_attributes(rtnl: RouteNetlink, netdev: str | int, changes: Changes) -> None:
    """Set what is wanted of VFs; does not read back what was accepted.

    When a VF is refused the others are still set, and the error names the first refused one and
    says in its evidence which were applied and which not.

    :param netdev: name or ifindex of the PF.
    :param changes: (vf_index, what is wanted); UNSET is left alone, and so is ``driver``.
    :raises InputError: a value that cannot be sent.
    :raises LostError: there is no such netdev.
    :raises PermissionDenied: the kernel refuses this user.
    :raises UnsupportedError: the driver does not offer one of the attributes.
    :raises BusyError: the driver is busy.
    :raises HostError: any other refusal.
    """
    ifindex = _find_ifindex(rtnl, netdev)
    messages = encode_set_vfs(ifindex, changes, current_of=_Current(rtnl, ifindex).of)
    answers = rtnl.exchange(messages)
    refused = [(m, a) for m, a in zip(messages, answers, strict=True) if a.errno]
    if not refused:
        return
    for _, answer in refused:
        if answer.errno in _ABOUT_THE_PF:
            raise refusal(answer, subject_of(netdev), "the kernel refused")
    left = [change for message, _ in refused for change in decode_set_vfs(message)[1]]
    _write_one_by_one(rtnl, ifindex, left, changes)


def _find_ifindex(rtnl: RouteNetlink, netdev: str | int) -> int:
    if isinstance(netdev, int):
        return netdev
    message = ask_link(rtnl, netdev, with_counters=False, with_vfs=False)
    ifindex, _, _, _ = decode_link_body(message, RTM_NEWLINK)
    return ifindex


class _Current:
    # What VFs have now, read when somebody asks: it matters for a minimum rate alone.

    def __init__(self, rtnl: RouteNetlink, ifindex: int) -> None:
        self._rtnl = rtnl
        self._ifindex = ifindex
        self._vfs: dict[int, VFAttributes] | None = None

    def of(self, vf_index: int) -> VFAttributes | None:
        if self._vfs is None:
            self._vfs = {vf.vf_index: vf for vf in read_link(self._rtnl, self._ifindex).vfs}
        return self._vfs.get(vf_index)


def _write_one_by_one(rtnl: RouteNetlink, ifindex: int, left: Changes, changes: Changes) -> None:
    missing = _still_missing(read_link(rtnl, ifindex), left)
    messages = [encode_set_vf(ifindex, index, w, current=None) for index, w in missing]
    answers = rtnl.exchange(messages)
    failed = [(c, a) for c, a in zip(missing, answers, strict=True) if a.errno]
    if failed:
        raise _name_the_attribute(rtnl, ifindex, failed, changes)


# What is wanted, reduced to what a VF does not have yet.
def _still_missing(link: LinkReport, changes: Changes) -> list[tuple[int, WantedVF]]:
    found = {vf.vf_index: vf for vf in link.vfs}
    reduced = ((index, _reduce(wanted, found.get(index))) for index, wanted in changes)
    return [(index, wanted) for index, wanted in reduced if wanted != WantedVF()]


def _reduce(wanted: WantedVF, found: VFAttributes | None) -> WantedVF:
    if found is None:
        return wanted
    names = {mismatch.attribute for mismatch in _vf_mismatches(0, wanted, found)}
    # The rates travel together: without the maximum the minimum could not be sent.
    if "min_tx_rate_mbps" in names:
        names.add("max_tx_rate_mbps")
    return WantedVF(**{name: getattr(wanted, name) for name in names})


def _name_the_attribute(
    rtnl: RouteNetlink,
    ifindex: int,
    failed: Sequence[tuple[tuple[int, WantedVF], NetlinkAnswer]],
    changes: Changes,
) -> SriovctlError:
    (vf_index, wanted), answer = failed[0]
    attribute, answer = _first_refused(rtnl, ifindex, vf_index, wanted) or ("it", answer)
    link = read_link(rtnl, ifindex)
    not_applied = {mismatch.vf_index for mismatch in find_mismatches(link, changes)}
    evidence = {
        "applied to vfs": _format_indexes({i for i, _ in changes} - not_applied),
        "not to": _format_indexes(not_applied),
    }
    subject = f"{link.ifname} vf {vf_index}"
    hint = None
    if link.num_vfs is not None and vf_index >= link.num_vfs:
        hint = f"{link.ifname} has {link.num_vfs} VFs now, numbered from 0"
    return refusal(answer, subject, f"the kernel refused {attribute}", evidence, hint)


# The kernel stops at a VF's first failing attribute, so nothing more is set than it would have.
def _first_refused(
    rtnl: RouteNetlink, ifindex: int, vf_index: int, wanted: WantedVF
) -> tuple[str, NetlinkAnswer] | None:
    for single in _split(wanted):
        message = encode_set_vf(ifindex, vf_index, single, current=None)
        (answer,) = rtnl.exchange([message])
        if answer.errno:
            return _describe(single), answer
    return None


# In the order of do_setvfinfo().
_ORDER = (
    ("admin_mac",),
    ("vlan",),
    ("min_tx_rate_mbps", "max_tx_rate_mbps"),
    ("spoofchk",),
    ("link_state",),
    ("rss_query",),
    ("trust",),
    ("node_guid",),
    ("port_guid",),
)


def _split(wanted: WantedVF) -> list[WantedVF]:
    singles = [WantedVF(**{name: getattr(wanted, name) for name in names}) for names in _ORDER]
    return [single for single in singles if single != WantedVF()]


def _describe(wanted: WantedVF) -> str:
    values = zip(wanted._fields, wanted, strict=True)
    return " and ".join(f"{name} {_show(value)}" for name, value in values if value is not UNSET)


def write_link(
    rtnl: RouteNetlink, netdev: str | int, *, up: bool | None = None, mtu: int | None = None
) -> None:
    """Bring a netdev up or down, administratively, or set its MTU.

    :param netdev: name or ifindex.
    :raises LostError: there is no such netdev.
    :raises PermissionDenied: the kernel refuses this user.
    :raises HostError: any other refusal.
    """
    ifindex = _find_ifindex(rtnl, netdev)
    (answer,) = rtnl.exchange([encode_set_link(LinkChange(ifindex, up=up, mtu=mtu))])
    if answer.errno:
        wanted = {None: f"set mtu {mtu}", True: "bring it up", False: "bring it down"}[up]
        raise refusal(answer, subject_of(netdev), f"the kernel did not {wanted}")


# --- words ---------------------------------------------------------------------------------


def _show(value: object) -> str:
    if isinstance(value, VLAN):
        return f"{value.id} qos {value.qos} {value.protocol}"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _format_indexes(indexes: Iterable[int]) -> str:
    """Write "0-4,6", or "none"."""
    runs: list[list[int]] = []
    for index in sorted(set(indexes)):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "none"
