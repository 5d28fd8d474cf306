"""The plan: ordered steps between what is and what is wanted.

A plan is data.  ``plan`` prints exactly the steps that ``apply`` runs, verifies and undoes.
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum


class Disruption(StrEnum):
    """The worst that a step does to others."""

    NONE = "none"
    LINK_FLAP = "link flap"
    VF_DESTROYED = "VF destroyed"
    GUEST_AFFECTED = "guest affected"


class Action(StrEnum):
    """What a step does; each has one performer in ``engine/runs/steps.py``."""

    SET_NUM_VFS = "set-num-vfs"
    SET_AUTOPROBE = "set-drivers-autoprobe"
    SET_LINK_UP = "set-link-up"
    SET_MTU = "set-mtu"
    SET_ESWITCH_MODE = "set-eswitch-mode"
    SET_VF = "set-vf"
    SET_MSIX = "set-msix-count"
    BIND_DRIVER = "bind-driver"
    MOVE_NETDEV = "move-netdev"


class Step(NamedTuple):
    """One change.

    ``before`` and ``after`` hold plain values only (int, bool, str, None, or a dict of these),
    so that a step can be journalled as JSON and read back.
    """

    action: Action
    subject: str  # the sysfs device: a PCI address, netdevsim10, or "DEVICE vf N"
    device: str  # sysfs device name of the PF
    vf_index: int | None
    before: dict[str, object]
    after: dict[str, object]
    disruption: Disruption
    reason: str  # why this step, and why here in the order
    commands: tuple[str, ...]  # the classic commands that would do the same
    affected: tuple[str, ...] = ()  # tokens of the owners who will feel it, as guest:MyGuest


class Plan(NamedTuple):
    """Ordered steps; empty when the host is as wanted."""

    steps: tuple[Step, ...]

    @property
    def disruption(self) -> Disruption:
        """The worst disruption of all steps."""
        order = list(Disruption)
        return max((s.disruption for s in self.steps), key=order.index, default=Disruption.NONE)
