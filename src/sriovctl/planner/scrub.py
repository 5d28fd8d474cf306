"""What a lent VF is to be like when it comes back, and the steps that make it so.

- What the pool's state says of a VF, it is again: driver and attributes.
- Where the state says nothing, it is as its driver makes new VFs.  What that is can be told of
  MAC, VLAN, trust, link state and rates; of the rest (``spoofchk``, GUIDs), and of what the driver
  cannot set, it is what the VF had when it was lent.  So is its driver.
- A pool made up on the command line has no state: all is as it was when the VF was lent.

A driver of the host is taken off and put on again even if nothing else changed: with it goes all
that hangs on the VF's netdev (its MTU, filters, offloads, XDP programs, MAC).  A driver for user
space resets the VF whenever it is opened.
"""

from __future__ import annotations

from sriovctl.model.functions import name_of_vf
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.state import ATTRIBUTES, AUTO_MAC, RATES, UNSET
from sriovctl.planner.abilities import NEW_VF, card_of, object_to
from sriovctl.planner.auto_mac import auto_mac, pf_identity
from sriovctl.planner.drivers import VFIO_DRIVERS
from sriovctl.planner.pf_steps import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.functions import PF, VF
    from sriovctl.model.state import WantedVF
    from sriovctl.planner.abilities import Card

# Others report the speed of the link where there is no limit (qede: qed_get_vf_config()), and a
# limit that was taken away could not be verified.
_TELL_NO_LIMIT = ("igb", "ixgbe", "i40e", "ice", "mlx5_core", "bnxt_en", "netdevsim")


def clean_state(pf: PF, vf: VF, wanted: WantedVF | None) -> dict[str, object]:
    """Work out what a VF that is about to be lent is to be like afterwards.  Pure.

    :param wanted: what the pool's state says of it; None: the pool has no state.
    :return: plain values by field of ``WantedVF``; a key that is missing is left alone.
    """
    clean = {} if vf.address is None else {"driver": _clean_driver(vf, wanted)}
    if vf.attributes is None or pf.netdev is None:
        return clean
    card = card_of(pf)
    for key in ATTRIBUTES:
        now = getattr(vf.attributes, key)
        if now is not None:
            clean[key] = plain(_clean_value(card, vf, key, wanted))
    return clean


def _clean_driver(vf: VF, wanted: WantedVF | None) -> object:
    said = UNSET if wanted is None else wanted.driver
    return vf.driver if said is UNSET else said


def _clean_value(card: Card, vf: VF, key: str, wanted: WantedVF | None) -> object:
    now = getattr(vf.attributes, key)
    if wanted is None:
        return now
    said = getattr(wanted, key)
    if said == AUTO_MAC:
        return auto_mac(pf_identity(card.pf), vf.vf_index)
    if said is not UNSET:
        return said
    if key not in NEW_VF or (key in RATES and card.pf.driver not in _TELL_NO_LIMIT):
        return now
    new = NEW_VF[key]
    objection = object_to(card, key, new, eswitch_mode=card.pf.eswitch_mode)
    return new if objection is None else now


def scrub_steps(pf: PF, vf: VF, clean: Mapping[str, object]) -> tuple[Step, ...]:
    """Work out the steps that make a VF clean, from what it is now.  Pure.

    :param clean: as :func:`clean_state` said when it was lent.
    """
    return tuple(_steps(pf, vf, clean))


def _steps(pf: PF, vf: VF, clean: Mapping[str, object]) -> Iterator[Step]:
    driver = vf.driver
    wanted_driver = clean.get("driver", driver)
    if driver is not None and (driver not in VFIO_DRIVERS or driver != wanted_driver):
        yield _step(pf, vf, Action.BIND_DRIVER, {"driver": driver}, {"driver": None})
        driver = None
    known = {key: plain(getattr(vf.attributes, key, None)) for key in clean if key != "driver"}
    changed = {
        key: value
        for key, value in clean.items()
        if key != "driver" and known[key] is not None and not _is_same(known[key], value)
    }
    if changed:
        before = {key: known[key] for key in changed}
        yield _step(pf, vf, Action.SET_VF, before, changed)
    if driver != wanted_driver:
        yield _step(pf, vf, Action.BIND_DRIVER, {"driver": driver}, {"driver": wanted_driver})


# No tag has no protocol either.
def _is_same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        untagged = not any((one["id"], one["qos"], other["id"], other["qos"]))
        return untagged or one == other
    return one == other


def _step(
    pf: PF, vf: VF, action: Action, before: dict[str, object], after: dict[str, object]
) -> Step:
    return Step(
        action=action,
        subject=name_of_vf(pf, vf),
        device=pf.device,
        vf_index=vf.vf_index,
        before=before,
        after=after,
        disruption=Disruption.NONE,
        reason="as it is to be when it is not lent",
        commands=(),
    )
