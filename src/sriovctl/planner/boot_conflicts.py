"""Who else sets, at boot, what the state sets.  Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sriovctl.model.persistence import BootSetting, Conflict, SettingKind
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sriovctl.model.functions import PF
    from sriovctl.model.state import WantedPF


class Surroundings(NamedTuple):
    """What the selectors of others are held against."""

    pairs: tuple[tuple[WantedPF, PF], ...]  # what the state wants, of which PF
    netdevs: frozenset[str]  # all names that the host has now


def find_conflicts(settings: Sequence[BootSetting], around: Surroundings) -> tuple[Conflict, ...]:
    """List others' lines that concern a PF whose VFs the state sets, or that will go wrong anyway.

    A line that does not tell whom it means is listed without a PF: it may mean ours.
    """
    return tuple(found for setting in settings for found in _conflicts(setting, around))


def _conflicts(setting: BootSetting, around: Surroundings) -> Iterator[Conflict]:
    if setting.kind is SettingKind.GROUP_NUMBER:
        yield Conflict(setting, None)
        return
    concerned = [pf for wanted, pf in around.pairs if _concerns(setting.kind, wanted)]
    meant = [pf for pf in concerned if _means(setting, pf)]
    if meant:
        yield from (Conflict(setting, pf.device) for pf in meant)
    elif concerned and _may_mean_any(setting, around.netdevs):
        yield Conflict(setting, None)


def _concerns(kind: SettingKind, wanted: WantedPF) -> bool:
    if kind is SettingKind.VF_COUNT:
        return wanted.num_vfs is not UNSET
    return any(vf.driver is not UNSET for vf in (wanted.vf_default, *(vf for _, vf in wanted.vfs)))


def _means(setting: BootSetting, pf: PF) -> bool:
    selector = setting.selector
    addresses = {pf.device}
    if setting.kind is SettingKind.DRIVER:
        addresses = {str(vf.address) for vf in pf.vfs}
    driver = (pf.driver or "").replace("-", "_")
    return bool(
        addresses & set(selector.addresses)
        or (pf.netdev and any(fnmatchcase(pf.netdev, one) for one in selector.netdevs))
        or (pf.permanent_mac and pf.permanent_mac in selector.macs)
        or (driver and any(fnmatchcase(driver, one) for one in _underscored(selector.drivers)))
    )


def _underscored(drivers: Sequence[str]) -> Iterator[str]:
    return (driver.replace("-", "_") for driver in drivers)


def _may_mean_any(setting: BootSetting, netdevs: Collection[str]) -> bool:
    selector = setting.selector
    if setting.kind is not SettingKind.VF_COUNT:
        return False
    if not any(selector):
        return True
    # udev names netdevs late: a rule may know one by a name that it has only for a moment.
    only_by_name = not (selector.addresses or selector.macs or selector.drivers)
    return only_by_name and not any(
        fnmatchcase(netdev, one) for netdev in netdevs for one in selector.netdevs
    )
