"""The steps from what is to what is wanted.

Order within one PF, and why:

1. ``drivers_autoprobe``: it decides what happens to the VFs that step 3 creates.
2. PF link: a VF driver that probes while the PF is down finds it "still in reset" (igbvf), and
   some PF drivers refuse to create VFs (bnxt).
3. ``num_vfs``: through 0, since the kernel answers EBUSY to N -> M (drivers/pci/pci-sysfs.c and
   iov.c, sriov_numvfs_store).
4. Attributes: before a driver binds, since a VF driver reads its MAC when it probes.
5. VF drivers.
"""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.functions import VLAN
from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.model.state import ATTRIBUTES, UNSET, WantedVF, overlay
from sriovctl.planner.commands import bind, device_directory, echo, ip_link_vf
from sriovctl.planner.drivers import VFIO_DRIVERS, effect_on, rules_of
from sriovctl.planner.match import match_pfs
from sriovctl.planner.safety import name_affected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.functions import PF, VF, VFAttributes
    from sriovctl.model.owner import OwnerMap
    from sriovctl.model.state import DesiredState, WantedPF

__all__ = ["VFIO_DRIVERS", "plain", "plan_pf", "plan_state", "remember_vf"]


def plan_state(state: DesiredState, pfs: Sequence[PF], *, owners: OwnerMap | None = None) -> Plan:
    """Work out the ordered steps from *pfs* to *state*; empty when they agree.  Pure.

    :param owners: who uses which function; None when nobody looked: a VF that vfio-pci holds is
        then taken to be in use.
    :raises InputError: a match fits no PF or several, or names a VF that will not exist.
    :raises UnsupportedError: the PF can't do it.
    """
    steps: list[Step] = []
    for wanted, pf in match_pfs(state.pfs, pfs):
        steps += plan_pf(wanted, pf)
    return name_affected(Plan(tuple(steps)), pfs, owners)


def plan_pf(wanted: WantedPF, pf: PF) -> tuple[Step, ...]:
    """Work out the steps of one PF."""
    if pf.num_vfs is None:  # only a dump leaves it open, never a host
        raise UnsupportedError(
            "how many VFs it has is not known, so nothing can be planned",
            subject=pf.device,
            hint="plan on the host itself, or on a recording of it",
        )
    num_vfs = pf.num_vfs if wanted.num_vfs is UNSET else wanted.num_vfs
    _check(wanted, pf, num_vfs)
    recreated = num_vfs != pf.num_vfs
    return (
        *_autoprobe_steps(wanted, pf),
        *_link_steps(wanted, pf),
        *_count_steps(wanted, pf, num_vfs),
        *_vf_steps(wanted, pf, num_vfs, recreated=recreated),
    )


def _check(wanted: WantedPF, pf: PF, num_vfs: int) -> None:
    if pf.total_vfs is not None and num_vfs > pf.total_vfs:
        raise UnsupportedError(
            f"can have at most {pf.total_vfs} VFs, not {num_vfs}",
            subject=pf.device,
            evidence={"sriov_totalvfs": pf.total_vfs},
            hint="lower num_vfs, or raise the limit in the card's firmware",
        )
    if num_vfs != pf.num_vfs and pf.driver is None:
        raise UnsupportedError(
            "has no driver, and only a driver can change its VFs",
            subject=pf.device,
            hint="bind the PF's driver first",
        )
    if wanted.vfs and wanted.vfs[-1][0] >= num_vfs:
        raise InputError(
            f"VF {wanted.vfs[-1][0]} is out of range: there will be {num_vfs}",
            subject=wanted.label,
            hint="raise num_vfs",
        )


def _autoprobe_steps(wanted: WantedPF, pf: PF) -> Iterator[Step]:
    if wanted.drivers_autoprobe is UNSET or wanted.drivers_autoprobe == pf.drivers_autoprobe:
        return
    if pf.drivers_autoprobe is None:
        raise UnsupportedError("has no sriov_drivers_autoprobe", subject=pf.device)
    after = wanted.drivers_autoprobe
    yield Step(
        action=Action.SET_AUTOPROBE,
        subject=pf.device,
        device=pf.device,
        vf_index=None,
        before={"drivers_autoprobe": pf.drivers_autoprobe},
        after={"drivers_autoprobe": after},
        disruption=Disruption.NONE,
        reason="decides whether the host's own drivers take new VFs",
        commands=(echo(int(after), f"{device_directory(pf)}/sriov_drivers_autoprobe"),),
    )


def _link_steps(wanted: WantedPF, pf: PF) -> Iterator[Step]:
    if wanted.link_up is UNSET or wanted.link_up == pf.up:
        return
    if pf.netdev is None or pf.up is None:
        raise UnsupportedError("has no netdev whose link could be set", subject=pf.device)
    word = "up" if wanted.link_up else "down"
    yield Step(
        action=Action.SET_LINK_UP,
        subject=pf.device,
        device=pf.device,
        vf_index=None,
        before={"up": pf.up},
        after={"up": wanted.link_up},
        disruption=Disruption.NONE if wanted.link_up else Disruption.LINK_FLAP,
        reason=(
            "VF drivers that probe while the PF is down find it 'still in reset'"
            if wanted.link_up
            else "most cards take the link of all VFs down with that of the PF"
        ),
        commands=(f"ip link set dev {pf.netdev} {word}",),
    )


def _count_steps(wanted: WantedPF, pf: PF, num_vfs: int) -> Iterator[Step]:
    if num_vfs == pf.num_vfs:
        return
    if pf.num_vfs:
        yield _destroy_step(pf)
    if num_vfs:
        up = pf.up if wanted.link_up is UNSET else pf.up or wanted.link_up
        disruption, reason = effect_on(pf, rules_of(pf.driver).creating, up=up)
        yield _count_step(pf, {"num_vfs": 0}, num_vfs, disruption, reason)


def _destroy_step(pf: PF) -> Step:
    named = ", ".join(str(vf.address or f"VF {vf.vf_index}") for vf in pf.vfs[:8])
    more = f" and {len(pf.vfs) - 8} more" if len(pf.vfs) > 8 else ""
    # What dies is kept in full: undo makes the VFs anew and gives it back to them.
    before: dict[str, object] = {"num_vfs": pf.num_vfs, "vfs": [remember_vf(vf) for vf in pf.vfs]}
    reason = f"the count only changes through 0; destroys {named}{more}"
    return _count_step(pf, before, 0, Disruption.VF_DESTROYED, reason)


def _count_step(
    pf: PF, before: dict[str, object], after: int, disruption: Disruption, reason: str
) -> Step:
    return Step(
        action=Action.SET_NUM_VFS,
        subject=pf.device,
        device=pf.device,
        vf_index=None,
        before=before,
        after={"num_vfs": after},
        disruption=disruption,
        reason=reason,
        commands=(echo(after, f"{device_directory(pf)}/sriov_numvfs"),),
    )


def remember_vf(vf: VF) -> dict[str, object]:
    """Write down what a VF has, so that it can be given back to a new one."""
    known = vf.attributes
    values = {key: plain(getattr(known, key)) for key in ATTRIBUTES} if known else {}
    return {
        "vf_index": vf.vf_index,
        "driver": vf.driver,
        **{key: value for key, value in values.items() if value is not None},
    }


def plain(value: object) -> object:
    """Turn a value into what JSON can hold."""
    if isinstance(value, VLAN):
        return {"id": value.id, "qos": value.qos, "protocol": str(value.protocol)}
    return str(value) if isinstance(value, str) else value


def _vf_steps(wanted: WantedPF, pf: PF, num_vfs: int, *, recreated: bool) -> Iterator[Step]:
    existing = {vf.vf_index: vf for vf in pf.vfs}
    attributes: list[Step] = []
    drivers: list[Step] = []
    for vf_index in range(num_vfs):
        old = existing.get(vf_index)
        aim = wanted.wanted_vf(vf_index)
        if recreated and old is not None:  # a VF that survives the resize keeps what it had
            aim = overlay(_as_wanted(old), aim)
        now = None if recreated else old
        attributes += _attribute_steps(pf, vf_index, now, aim)
        drivers += _driver_steps(pf, vf_index, now, aim)
    yield from attributes
    yield from drivers


def _as_wanted(vf: VF) -> WantedVF:
    known = {key: getattr(vf.attributes, key) for key in ATTRIBUTES} if vf.attributes else {}
    values = {key: value for key, value in known.items() if value is not None}
    if vf.driver in VFIO_DRIVERS:  # other drivers come back by themselves, as autoprobe says
        values["driver"] = vf.driver
    return WantedVF(**values)


def _attribute_steps(pf: PF, vf_index: int, now: VF | None, aim: WantedVF) -> Iterator[Step]:
    wanted = {key: getattr(aim, key) for key in ATTRIBUTES if getattr(aim, key) is not UNSET}
    known = now.attributes if now else None
    changed = {k: v for k, v in wanted.items() if known is None or getattr(known, k) != v}
    if not changed:
        return
    if pf.netdev is None:
        raise UnsupportedError(
            f"cannot set {', '.join(changed)} of VF {vf_index}: the PF has no netdev",
            subject=pf.device,
            hint="MAC, VLAN and the like are set through the netdev of a network card's PF",
        )
    after = {key: plain(value) for key, value in changed.items()}
    yield Step(
        action=Action.SET_VF,
        subject=f"{pf.device} vf {vf_index}",
        device=pf.device,
        vf_index=vf_index,
        before=_before(known, changed),
        after=after,
        disruption=_disruption_of_change(now),
        reason="set before a driver binds, which reads it once" if now is None else _why(now),
        commands=(ip_link_vf(pf.netdev, vf_index, after),),
    )


def _before(known: VFAttributes | None, changed: dict[str, object]) -> dict[str, object]:
    return {key: plain(getattr(known, key)) if known else None for key in changed}


def _disruption_of_change(now: VF | None) -> Disruption:
    if now is None or now.driver is None:
        return Disruption.NONE
    return Disruption.NONE if now.driver in VFIO_DRIVERS else Disruption.LINK_FLAP


def _why(now: VF) -> str:
    if now.driver is None:
        return "no driver holds the VF"
    return f"{now.driver} holds the VF and may be reset by the change"


def _driver_steps(pf: PF, vf_index: int, now: VF | None, aim: WantedVF) -> Iterator[Step]:
    if aim.driver is UNSET or (now is not None and now.driver == aim.driver):
        return
    if pf.address is None:
        raise UnsupportedError("has VFs that are no PCI functions", subject=pf.device)
    before = now.driver if now else None
    yield Step(
        action=Action.BIND_DRIVER,
        subject=f"{pf.device} vf {vf_index}",
        device=pf.device,
        vf_index=vf_index,
        before={"driver": before},
        after={"driver": aim.driver},
        disruption=_disruption_of_change(now),
        reason="by driver_override, which binds this VF alone (new_id would catch others)",
        commands=_bind_commands(pf, vf_index, now, aim.driver),
    )


def _bind_commands(pf: PF, vf_index: int, now: VF | None, driver: str | None) -> tuple[str, ...]:
    if now is not None:
        return bind(str(now.address), driver)
    # The address of a VF that is yet to be made is known once it is there.
    find = f"vf=$(basename $(readlink {device_directory(pf)}/virtfn{vf_index}))"
    return (find, *bind("$vf", driver))
