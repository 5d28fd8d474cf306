"""What drivers can do, as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.ability import Ability
    from sriovctl.model.functions import PF


def abilities_as_json(pf: PF, abilities: Sequence[Ability]) -> dict[str, object]:
    """Shape what one PF's driver can do."""
    return {
        "address": None if pf.address is None else str(pf.address),
        "device": pf.device,
        "netdev": pf.netdev,
        "driver": pf.driver,
        "num_vfs": pf.num_vfs,
        "abilities": [_ability_as_json(one) for one in abilities],
    }


def _ability_as_json(ability: Ability) -> dict[str, object]:
    return {
        "key": ability.key,
        "can": str(ability.can),
        "why": ability.why or None,
        "known": None if ability.known is None else str(ability.known),
        "source": ability.source and f"drivers/{ability.source}",
    }


def format_abilities(pf: PF, abilities: Sequence[Ability]) -> str:
    """Show to a person what one PF's driver can do."""
    names = [name for name in (pf.netdev, pf.driver) if name is not None]
    head = pf.device + (f" ({', '.join(names)})" if names else "")
    rows = [(one.key, one.can, one.known, one.why or None) for one in abilities]
    return f"{head}\n" + format_table(("KEY", "CAN", "KNOWN", "WHY"), rows, indent="  ")
