"""Perform the steps of a plan, and read back what they left.

Each action has a performer (takes all consecutive steps of one PF, so that a thousand VFs are set
with a few messages) and an observer (what the kernel says now of the keys that a step sets).
"""

from __future__ import annotations

from sriovctl.engine.eswitch import see_eswitch_modes, set_eswitch_modes
from sriovctl.engine.inventory import read_bool, read_int, read_netdev
from sriovctl.engine.link import read_link
from sriovctl.engine.locate import find_directory, vf_index_of
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import LostError
from sriovctl.model.functions import VLAN
from sriovctl.model.plan import Action, Step
from sriovctl.model.state import RATES, WantedVF
from sriovctl.planner.drivers import RATES_NEED_LINK
from sriovctl.planner.pf_steps import NOT_PLAIN, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sriovctl.host.api import Host
    from sriovctl.model.functions import VFAttributes

# Steps that are taken, and taken back, with what is imported above.
_LIGHT = (Action.SET_VF, Action.SET_LINK_UP, Action.SET_MTU, Action.SET_AUTOPROBE)

CARRIER_TIMEOUT_S = 10.0  # igb takes about 3 s


def make_ready(steps: Sequence[Step]) -> None:
    """Import now what taking these steps, and taking them back, may need.

    Once a PF is touched, the disk that it is read from may not be there: a root on NFS, say.
    """
    if any(step.action not in _LIGHT for step in steps):
        import sriovctl.engine.binding
        import sriovctl.engine.msix  # noqa: F401


def perform(host: Host, steps: Sequence[Step]) -> None:
    """Carry out steps of one action on one PF.

    :raises LostError: the PF or VF is gone.
    :raises BusyError: the kernel is not ready for it.
    :raises HostError: the kernel refused.
    """
    _PERFORMERS[steps[0].action](host, steps)


def observe(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Read, for each step, the present values of the keys that it sets.

    :raises LostError: the PF or VF is gone.
    """
    return _OBSERVERS[steps[0].action](host, steps)


def _set_num_vfs(host: Host, steps: Sequence[Step]) -> None:
    for step in steps:
        directory = find_directory(host.files, step.device)
        host.files.write_text(f"{directory}/sriov_numvfs", str(step.after["num_vfs"]))


def _see_num_vfs(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    directory = find_directory(host.files, steps[0].device)
    return [{"num_vfs": read_int(host.files, f"{directory}/sriov_numvfs")} for _ in steps]


def _set_autoprobe(host: Host, steps: Sequence[Step]) -> None:
    for step in steps:
        path = f"{find_directory(host.files, step.device)}/sriov_drivers_autoprobe"
        host.files.write_text(path, "1" if step.after["drivers_autoprobe"] else "0")


def _see_autoprobe(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    path = f"{find_directory(host.files, steps[0].device)}/sriov_drivers_autoprobe"
    return [{"drivers_autoprobe": read_bool(host.files, path)} for _ in steps]


def _netdev(host: Host, device: str) -> str:
    netdev = read_netdev(host.files, find_directory(host.files, device))
    if netdev is None:
        raise LostError("the PF has no netdev any more", subject=device)
    return netdev


def _set_link_up(host: Host, steps: Sequence[Step]) -> None:
    for step in steps:
        link = read_link(host.rtnl, _netdev(host, step.device))
        write_link(host.rtnl, link.ifindex, up=bool(step.after["up"]))


def _see_link_up(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    up = read_link(host.rtnl, _netdev(host, steps[0].device)).up
    return [{"up": up} for _ in steps]


def _set_mtu(host: Host, steps: Sequence[Step]) -> None:
    for step in steps:
        mtu = step.after["mtu"]
        assert isinstance(mtu, int)
        write_link(host.rtnl, _netdev(host, step.device), mtu=mtu)


def _see_mtu(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    mtu = read_link(host.rtnl, _netdev(host, steps[0].device)).mtu
    return [{"mtu": mtu} for _ in steps]


def _set_vfs(host: Host, steps: Sequence[Step]) -> None:
    changes = [(vf_index_of(step), _as_wanted(step.after)) for step in steps]
    if any(key in step.after for step in steps for key in RATES):
        _wait_for_carrier(host, steps[0].device)
    write_vf_attributes(host.rtnl, _netdev(host, steps[0].device), changes)


def _wait_for_carrier(host: Host, device: str) -> None:
    # At most: when the link stays down, the kernel's own answer tells more than we could.
    directory = find_directory(host.files, device)
    if host.files.read_link(f"{directory}/driver") not in RATES_NEED_LINK:
        return
    netdev = _netdev(host, device)
    deadline = host.clock.now() + CARRIER_TIMEOUT_S
    while host.clock.now() < deadline and read_link(host.rtnl, netdev).up:
        if read_int(host.files, f"/sys/class/net/{netdev}/carrier"):
            return
        host.clock.sleep(0.1)


def _see_vfs(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    indices = [vf_index_of(step) for step in steps]
    link = read_link(host.rtnl, _netdev(host, steps[0].device), only=set(indices))
    vfs = {vf.vf_index: vf for vf in link.vfs}
    wanted = zip(indices, steps, strict=True)
    return [_as_seen(vfs.get(vf_index), step.after) for vf_index, step in wanted]


def _as_seen(vf: VFAttributes | None, keys: Iterable[str]) -> dict[str, object]:
    seen = {key: getattr(vf, key, None) for key in keys}
    for key in NOT_PLAIN:
        if key in seen:
            seen[key] = plain(seen[key])
    return seen


def _bind_drivers(host: Host, steps: Sequence[Step]) -> None:
    from sriovctl.engine.binding import bind_drivers

    bind_drivers(host, steps)


def _see_bindings(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    from sriovctl.engine.binding import see_bindings

    return see_bindings(host, steps)


def _set_msix_counts(host: Host, steps: Sequence[Step]) -> None:
    from sriovctl.engine.msix import set_msix_counts

    set_msix_counts(host, steps)


def _see_msix_counts(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    from sriovctl.engine.msix import see_msix_counts

    return see_msix_counts(host, steps)


def _as_wanted(values: dict[str, object]) -> WantedVF:
    typed = dict(values)
    if isinstance(vlan := typed.get("vlan"), dict):
        typed["vlan"] = VLAN(**vlan)
    return WantedVF(**typed)  # type: ignore[arg-type]


# Few move netdevs, and all who apply would pay for the import.
def _move_netdevs(host: Host, steps: Sequence[Step]) -> None:
    from sriovctl.engine.netns.netdevs import move_netdevs

    move_netdevs(host, steps)


def _see_netdevs(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    from sriovctl.engine.netns.netdevs import see_netdevs

    return see_netdevs(host, steps)


_PERFORMERS: dict[Action, Callable[[Host, Sequence[Step]], None]] = {
    Action.SET_NUM_VFS: _set_num_vfs,
    Action.SET_AUTOPROBE: _set_autoprobe,
    Action.SET_LINK_UP: _set_link_up,
    Action.SET_ESWITCH_MODE: set_eswitch_modes,
    Action.SET_MTU: _set_mtu,
    Action.SET_VF: _set_vfs,
    Action.SET_MSIX: _set_msix_counts,
    Action.BIND_DRIVER: _bind_drivers,
    Action.MOVE_NETDEV: _move_netdevs,
}

_OBSERVERS: dict[Action, Callable[[Host, Sequence[Step]], list[dict[str, object]]]] = {
    Action.SET_NUM_VFS: _see_num_vfs,
    Action.SET_AUTOPROBE: _see_autoprobe,
    Action.SET_LINK_UP: _see_link_up,
    Action.SET_ESWITCH_MODE: see_eswitch_modes,
    Action.SET_MTU: _see_mtu,
    Action.SET_VF: _see_vfs,
    Action.SET_MSIX: _see_msix_counts,
    Action.BIND_DRIVER: _see_bindings,
    Action.MOVE_NETDEV: _see_netdevs,
}
