"""Network namespaces, and what of a VF is in them."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.address import PCIAddress

# What stands in a step for the namespace that sriovctl itself is in; others are told by their
# handle, ``net:[4026532281]``, which a name or a process may lead to today and another tomorrow.
HOST = "host"
_NAME_SIZE = 15  # IFNAMSIZ without the NUL


class Namespace(NamedTuple):
    """One network namespace and the ways into it."""

    handle: str  # net:[NUMBER]
    mount_points: tuple[str, ...]
    pids: tuple[str, ...]  # ascending
    name: str = ""  # of ``ip netns``, or else what tells it from others

    @property
    def path(self) -> str:
        """One way in."""
        return self.mount_points[0] if self.mount_points else f"/proc/{self.pids[0]}/ns/net"


class NetdevPlace(NamedTuple):
    """Where a function's netdev is, and what it is like there."""

    namespace: str  # handle, or HOST
    path: str | None  # a way into that namespace; None: HOST
    ifindex: int
    ifname: str
    up: bool
    mac: str | None


class NetnsWish(NamedTuple):
    """What a netdev is to be like in its namespace."""

    name: str | None = None  # None: as before
    up: bool = False  # False: as the kernel leaves it, which is down
    rebind: bool = False  # take the VF from what drives it, or give it a driver


class NetnsAttachResult(NamedTuple):
    """What ``netns attach`` did, re-read from the kernel."""

    vf: PCIAddress
    vf_index: int
    pf: str
    namespace: Namespace
    netdev: str
    up: bool
    mac: str | None  # of the netdev
    vlan: int | None
    run_id: int | None  # of the changes; None: it needed none
    warnings: tuple[str, ...] = ()


class NetnsDetachResult(NamedTuple):
    """What ``netns detach`` did."""

    vf: PCIAddress
    vf_index: int
    pf: str
    namespace: str | None  # name of the one it was in; None: it was here already
    netdev: str | None  # None: with the driver that it has now it has none
    driver: str | None
    mac: str | None  # set by the administrator
    vlan: int | None
    given_back: int | None  # the run that was undone; None: none was known
    run_id: int | None = None  # that brought it here, where none could be undone
    warnings: tuple[str, ...] = ()


def parse_netdev_name(text: str) -> str:
    """Read the name that a netdev is to have.  Pure.

    :raises InputError: no netdev can be called so (``dev_valid_name()``, ``net/core/dev.c``).
    """
    odd = text in ("", ".", "..") or any(one in "/:%" or one.isspace() for one in text)
    if odd or len(text.encode("utf-8", "surrogateescape")) > _NAME_SIZE:
        raise InputError(
            "cannot be the name of a netdev",
            subject=repr(text),
            hint=f"at most {_NAME_SIZE} characters, without spaces, '/', ':' and '%'",
        )
    return text
