"""One PF with what is wanted of it, and what follows from both for all its steps."""

from __future__ import annotations

from sriovctl.model.functions import EswitchMode
from sriovctl.model.owner import Owner
from sriovctl.model.plan import Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET, WantedVF, overlay
from sriovctl.planner.abilities import card_of, unquestioned
from sriovctl.planner.drivers import Effect, effect_on, rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.model.functions import PF
    from sriovctl.model.plan import Action
    from sriovctl.model.state import WantedPF
    from sriovctl.planner.abilities import Card
    from sriovctl.planner.drivers import DriverRules

    Owners = Mapping[str, tuple[Owner, ...]]


class Case(NamedTuple):
    """One PF on its way to what is wanted."""

    wanted: WantedPF
    pf: PF
    card: Card  # what it can do
    rules: DriverRules
    num_vfs: int  # in the end
    aims: tuple[WantedVF, ...]  # of each VF in the end, as the state says
    recreated: bool  # the VFs there are, if any, are destroyed, and those wanted made anew
    up: bool | None  # its netdev, while VFs come and go; None: not known
    autoprobe: bool  # the host's drivers take VFs that are made
    eswitch_before: str | None  # mode when its turn comes; None: none, or not known
    eswitch_after: str | None
    unquestioned: frozenset[str]  # attributes that its VFs can have with any value
    owners: Owners | None

    @property
    def changes_eswitch(self) -> bool:
        """Whether the eswitch mode is to be set."""
        return self.eswitch_after is not None and self.eswitch_after != self.eswitch_before

    def effect(self, effect: Effect) -> Effect:
        """Say what a change does to this PF while its VFs come and go."""
        return effect_on(self.pf, effect, up=self.up)


def make_case(wanted: WantedPF, pf: PF, now: int, owners: Owners | None) -> Case:
    """Work out where a PF is going.  Pure.

    :param now: how many VFs it has.
    """
    wanted = _known_wish(wanted, pf)
    rules = rules_of(pf.driver)
    num_vfs = now if wanted.num_vfs is UNSET else wanted.num_vfs
    recreated = num_vfs != now or _needs_no_vfs(wanted, pf, rules, now)
    lost = rules.eswitch_resets_at_zero and recreated and now and pf.eswitch_mode
    before = EswitchMode.LEGACY if lost else pf.eswitch_mode
    after = pf.eswitch_mode if wanted.eswitch_mode is UNSET else wanted.eswitch_mode
    if wanted.eswitch_mode is UNSET and not num_vfs:
        after = before  # nobody said that a mode which goes with the last VF shall come again
    card = card_of(pf)
    return Case(
        wanted=wanted,
        pf=pf,
        card=card,
        rules=rules,
        num_vfs=num_vfs,
        aims=_aims(wanted, num_vfs),
        recreated=recreated,
        up=True if wanted.link_up is True else pf.up,
        autoprobe=_autoprobe(wanted, pf),
        eswitch_before=before,
        eswitch_after=after,
        unquestioned=unquestioned(card, eswitch_mode=after),
        owners=owners,
    )


def _known_wish(wanted: WantedPF, pf: PF) -> WantedPF:
    # Legacy is what a card does that has no eswitch: VFs with attributes of the PF's giving.
    if wanted.eswitch_mode == EswitchMode.LEGACY and pf.eswitch_mode is None:
        return wanted._replace(eswitch_mode=UNSET)
    return wanted


def _aims(wanted: WantedPF, num_vfs: int) -> tuple[WantedVF, ...]:
    single = dict(wanted.vfs)
    if wanted.vf_default == WantedVF():  # nothing lies below what is said of each
        return tuple(single.get(n, wanted.vf_default) for n in range(num_vfs))
    return tuple(
        overlay(wanted.vf_default, single[n]) if n in single else wanted.vf_default
        for n in range(num_vfs)
    )


def _needs_no_vfs(wanted: WantedPF, pf: PF, rules: DriverRules, now: int) -> bool:
    changes = wanted.eswitch_mode is not UNSET and wanted.eswitch_mode != pf.eswitch_mode
    return bool(now) and changes and rules.eswitch_without_vfs


def _autoprobe(wanted: WantedPF, pf: PF) -> bool:
    if wanted.drivers_autoprobe is not UNSET:
        return wanted.drivers_autoprobe
    return pf.drivers_autoprobe is not False


def pf_step(
    case: Case,
    action: Action,
    values: tuple[dict[str, object], dict[str, object]],
    effect: Effect,
    command: str,
) -> Step:
    """Make a step that is about the PF itself.

    :param values: before and after.
    """
    before, after = values
    return Step(
        action=action,
        subject=case.pf.device,
        device=case.pf.device,
        vf_index=None,
        before=before,
        after=after,
        disruption=effect.disruption,
        reason=effect.reason,
        commands=(command,),
    )


def vf_step(
    case: Case,
    action: Action,
    vf_index: int,
    values: tuple[dict[str, object], dict[str, object]],
    *,
    effect: Effect,
    commands: tuple[str, ...],
) -> Step:
    """Make a step that is about one VF.

    :param values: before and after.
    """
    device = case.pf.device
    subject = f"{device} vf {vf_index}"
    # By place: by name it takes twice as long, and there may be one for each of a thousand VFs.
    return Step(action, subject, device, vf_index, *values, *effect, commands)
