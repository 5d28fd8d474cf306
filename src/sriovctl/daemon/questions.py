"""What an event asks of a PF: as little as can answer it.  Pure.

What a link message of a PF's netdev is about, it does not say: a VLAN of one VF looks like another
MTU.  One netlink message tells all of it, with the attributes of all VFs.  A VF that changes its
driver, or whose netdev does something, adds no more than its own links; that the PF reports another
MAC for it then, is told by the same message.  VFs that come and go, and all that happens to the PF
itself, may change everything.

Source: kernel ``net/core/rtnetlink.c`` (``do_setlink()``), ``drivers/pci/iov.c``
(``sriov_enable()`` tells of each VF and then of the PF, ``sriov_disable()`` of each VF alone).
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.event import HostEvent

MOST_VFS = 64  # beyond them the whole PF takes hardly longer


class MoreToSeeError(Exception):
    """What was read of a PF does not suffice to go on; nothing was done."""


class Question(NamedTuple):
    """What of a PF is to be read anew, beside its netdev with the attributes of all VFs."""

    vfs: frozenset[str] = frozenset()  # sysfs names of VFs, whose driver or netdev may have changed
    whole: bool = False


ATTRIBUTES = Question()
WHOLE = Question(whole=True)

_OF_A_PF = frozenset({"link change"})
_OF_A_VF = frozenset(
    {"pci bind", "pci unbind", "net add", "net move", "net remove", "link change", "link remove"}
)


def question_of(event: HostEvent, *, pf: str) -> Question:
    """Say what has to be read of a PF after an event of its own or of one of its VFs.

    :param pf: what the event's device is, or is a VF of.
    """
    device = event.device
    if device == pf:
        return ATTRIBUTES if event.what in _OF_A_PF else WHOLE
    if device is None or event.what not in _OF_A_VF:
        return WHOLE
    return Question(frozenset({device}))


def wider(one: Question, other: Question) -> Question:
    """Put two questions about one PF into one."""
    if one.whole or other.whole:
        return WHOLE
    vfs = one.vfs | other.vfs
    return WHOLE if len(vfs) > MOST_VFS else Question(vfs)
