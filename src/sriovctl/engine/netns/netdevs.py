"""Find the netdev of a VF in whatever network namespace it is, move it, and read back.

sysfs shows a netdev in its own namespace only, but its device's ``net`` directory everywhere: where
that is empty, the other namespaces are asked which of their netdevs has the VF for its parent.

A namespace that ends gives back the netdevs of cards: they come to the first namespace of the
system, down, with the name they had there, or ``devN`` where that is taken
(``default_device_exit_net()``).  Netdevs that stand on them end with it.

Source: kernel ``net/core/dev.c`` (``__dev_change_net_namespace()``), ``net/core/rtnetlink.c``
(``do_setlink()``).
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.engine.inventory import PCI_DEVICES, read_netdev
from sriovctl.engine.link import read_link
from sriovctl.engine.locate import vf_devices
from sriovctl.engine.netns.namespaces import read_namespaces
from sriovctl.errors import BusyError, HostError, LostError, PermissionDenied, UnsupportedError
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.netns import HOST, NetdevPlace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.errors import SriovctlError
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.link import LinkReport
    from sriovctl.model.netlink import NetlinkAnswer
    from sriovctl.model.netns import Namespace
    from sriovctl.model.plan import Step

APPEARS_WITHIN_S = 10.0  # drivers that ask their PF first make the netdev after they are bound
_POLL_S = 0.1
_ATTEMPTS = 3
_FAMILIES: dict[int, tuple[type[SriovctlError], str | None]] = {
    errno.EPERM: (PermissionDenied, "run as root (CAP_NET_ADMIN)"),
    errno.EEXIST: (BusyError, "a netdev there has this name, or one of its other names: --name"),
    errno.EINVAL: (UnsupportedError, "its driver may keep it in the namespace where it is"),
    errno.ENODEV: (LostError, None),
}


def find_netdev(host: Host, device: str) -> NetdevPlace | None:
    """Find the netdev of a function; None: it has none, or it is where nobody can see it.

    :raises HostError: a namespace refused to be asked.
    """
    here = _find_here(host, device)
    if here is not None:
        return here
    parents = _parents_of_hidden(host.files, device)
    if not parents:
        return None
    for namespace in read_namespaces(host.files).others:
        for link in read_links(host, namespace):
            if link.parent_device in parents:
                return _place(link, namespace)
    return None


def _find_here(host: Host, device: str) -> NetdevPlace | None:
    for _ in range(_ATTEMPTS):
        name = read_netdev(host.files, f"{PCI_DEVICES}/{device}")
        if name is None:
            return None
        with suppress(LostError):  # udev renames what has just appeared
            return _place(read_link(host.rtnl, name), None)
    return None


# Sysfs devices below which a netdev is that is not shown here: the function, or a virtio device.
def _parents_of_hidden(files: FileTree, device: str) -> set[str]:
    directory = f"{PCI_DEVICES}/{device}"
    parents = {device} if files.exists(f"{directory}/net") else set()
    children = [one for one in files.list_dir(directory) if one.startswith("virtio")]
    return parents | {one for one in children if files.exists(f"{directory}/{one}/net")}


def read_links(host: Host, namespace: Namespace) -> tuple[LinkReport, ...]:
    """Read the netdevs of another namespace; none if it has ended.

    :raises PermissionDenied: it may not be entered.
    """
    try:
        (answer,) = host.namespaces.exchange(namespace.path, [encode_link_dump(with_vfs=False)])
    except LostError:
        return ()
    return tuple(map(decode_link, answer.payloads))


def _place(link: LinkReport, namespace: Namespace | None) -> NetdevPlace:
    return NetdevPlace(
        namespace=HOST if namespace is None else namespace.handle,
        path=None if namespace is None else namespace.path,
        ifindex=link.ifindex,
        ifname=link.ifname,
        up=link.up,
        mac=link.mac,
    )


# --- as steps of a run -----------------------------------------------------------------------


def move_netdevs(host: Host, steps: Sequence[Step]) -> None:
    """Carry out steps that move netdevs of VFs of one PF; what is there already is not moved.

    :raises LostError: a VF, its netdev or the namespace is gone.
    :raises BusyError: the name is taken there.
    :raises SriovctlError: as the kernel refuses.
    """
    devices = vf_devices(host.files, steps)
    for device, step in zip(devices, steps, strict=True):
        now = _await_netdev(host, device)
        if now.namespace != step.after["namespace"]:
            _send(host, now, step)
            now = _await_netdev(host, device)
        _settle(host, now, step)


def _await_netdev(host: Host, device: str) -> NetdevPlace:
    deadline = host.clock.now() + APPEARS_WITHIN_S
    while (found := find_netdev(host, device)) is None:
        if host.clock.now() >= deadline:
            raise LostError(
                "has no netdev that could be moved",
                subject=device,
                hint="'sriovctl ls' shows its driver, and 'dmesg | tail' what became of it",
            )
        host.clock.sleep(_POLL_S)
    return found


def _send(host: Host, now: NetdevPlace, step: Step) -> None:
    answer = host.namespaces.move_netdev(
        now.ifindex, source=now.path, target=_way_into(host, step), name=_name_in(step)
    )
    _require(answer, step, f"netdev {now.ifname} cannot be moved")


def _way_into(host: Host, step: Step) -> str | None:
    handle = step.after["namespace"]
    if handle == HOST:
        return None
    namespace = read_namespaces(host.files).with_handle(handle)
    if namespace is None:
        raise LostError("the network namespace is gone", subject=str(handle))
    return namespace.path


def _name_in(step: Step) -> str | None:
    name = step.after.get("netdev")
    return None if name is None else str(name)


# The name of one that came back by itself; and up or down, as it is to be.
def _settle(host: Host, now: NetdevPlace, step: Step) -> None:
    name, up = _name_in(step), step.after.get("up")
    change = LinkChange(
        now.ifindex,
        up=None if up in (None, now.up) else bool(up),
        name=None if name == now.ifname else name,
    )
    if change == LinkChange(now.ifindex):
        return
    request = [encode_set_link(change)]
    if now.path is None:
        (answer,) = host.rtnl.exchange(request)
    else:
        (answer,) = host.namespaces.exchange(now.path, request)
    _require(answer, step, f"netdev {now.ifname} cannot be brought up, or be renamed")


def _require(answer: NetlinkAnswer, step: Step, what: str) -> None:
    if not answer.errno:
        return
    family, hint = _FAMILIES.get(answer.errno, (HostError, "the kernel log may say why"))
    evidence: dict[str, object] = {"errno": errno_name(answer.errno), "wanted": step.after}
    if answer.message:
        evidence["kernel"] = answer.message
    cause = f"{what}: {os.strerror(answer.errno)}"
    raise family(cause, subject=step.subject, hint=hint, evidence=evidence)


def see_netdevs(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Read, for each step on VFs of one PF, where its netdev is, as far as the step says.

    :raises LostError: a VF is gone.
    """
    devices = vf_devices(host.files, steps)
    return [_seen(find_netdev(host, one), step) for one, step in zip(devices, steps, strict=True)]


def _seen(now: NetdevPlace | None, step: Step) -> dict[str, object]:
    if now is None:
        return dict.fromkeys(step.after)
    known = {"namespace": now.namespace, "netdev": now.ifname, "up": now.up}
    return {key: known[key] for key in step.after}
