"""A host that was recorded: its files in a directory, its netdevs in one file beside them.

Layout, version 1 (``DIR/recording.json`` names it; recordings without that file are read too)::

    sys/…  proc/…         as on the host, with its symbolic links
    netlink/links.jsonl   one JSON object per netdev: "ifindex", "ifname", and "message", the
                          kernel's RTM_NEWLINK with all its VFs, in hexadecimal
    netlink/devlink.jsonl one JSON object per PF that is a port of an eswitch: "bus", "device",
                          "eswitch_mode", "ports"; missing where devlink could not be asked
    kernel.log            the kernel's messages as dmesg prints them, if they could be read

Without ``netlink/links.jsonl`` the attributes of VFs are unknown: each question is answered with
ENODEV, which readers take for "cannot be known here".
"""

from __future__ import annotations

import errno
import os

from sriovctl.errors import HostError, InputError, PermissionDenied, UnsupportedError
from sriovctl.host.live import MonotonicClock
from sriovctl.host.recorded_devlink import RecordedDevlink
from sriovctl.host.sysfs import SysfsTree
from sriovctl.model.netlink import NetlinkAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LINKS = "/netlink/links.jsonl"
_MUST_HAVE = "sys/bus/pci/devices"


class RecordedHost:
    """A recorded host tree, as a :class:`sriovctl.host.api.Host`.  Read-only.

    :param directory: what ``sriovctl record`` made, or a directory whose ``tree/`` is one.
    :raises InputError: *directory* holds no host tree.
    """

    def __init__(self, directory: str) -> None:
        root = _find_root(directory)
        self.files = RecordedTree(root)
        self.rtnl = RecordedRouteNetlink(self.files)
        self.namespaces = RecordedNamespaces()
        self.devlink = RecordedDevlink(self.files)
        self.clock = MonotonicClock()
        self.description = f"recording {directory}"


def _find_root(directory: str) -> str:
    for root in (directory, os.path.join(directory, "tree")):
        if os.path.isdir(os.path.join(root, _MUST_HAVE)):
            return root
    exists = os.path.exists(directory)
    raise InputError(
        f"is no host tree: it has no {_MUST_HAVE}" if exists else "there is no such directory",
        subject=directory,
        hint="make one with: sriovctl record DIR",
    )


class RecordedTree(SysfsTree):
    """The files of a recording."""

    def write_text(self, path: str, text: str) -> None:
        """Refuse.

        :raises PermissionDenied: always.
        """
        raise _read_only(path, text)


def _read_only(subject: str, value: str) -> PermissionDenied:
    return PermissionDenied(
        "a recording is read-only",
        subject=subject,
        hint="to change a host, leave --host-tree out",
        evidence={"value": repr(value)},
    )


class RecordedNamespaces:
    """A recording knows one network namespace only: that of whoever made it."""

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Refuse.

        :raises UnsupportedError: always.
        """
        raise UnsupportedError(
            "a recording holds no other network namespace",
            subject=path,
            evidence={"requests": len(requests)},
        )

    def move_netdev(
        self, ifindex: int, *, source: str | None, target: str | None, name: str | None
    ) -> NetlinkAnswer:
        """Refuse.

        :raises PermissionDenied: always.
        """
        raise PermissionDenied(
            "a recording is read-only",
            subject=f"netdev {ifindex}",
            evidence={"from": source, "to": target, "name": name},
        )


class RecordedRouteNetlink:
    """Answers ``RTM_GETLINK`` with the messages that the kernel sent when it was recorded."""

    def __init__(self, files: SysfsTree) -> None:
        self._files = files
        self._links: tuple[tuple[int, str, bytes], ...] | None = None

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Answer each request; a netdev that the recording does not hold is ENODEV.

        Questions about anything but netdevs (addresses, routes) are answered with EOPNOTSUPP.
        Whether VFs or counters were asked for makes no difference: the answer is as recorded.

        :raises PermissionDenied: a request would change something.
        :raises HostError: the recording is damaged.
        """
        return tuple(self._answer(request) for request in requests)

    def _answer(self, request: bytes) -> NetlinkAnswer:
        from sriovctl.codec.netlink import NLM_F_DUMP, decode_header, is_question
        from sriovctl.codec.rtnl import RTM_GETLINK, decode_getlink

        header = decode_header(request)
        if header.type != RTM_GETLINK and is_question(request):
            return NetlinkAnswer(errno.EOPNOTSUPP, None, ())
        if header.type != RTM_GETLINK:
            raise _read_only("route netlink", f"message of type {header.type}")
        query, links = decode_getlink(request), self._read_links()
        if header.flags & NLM_F_DUMP == NLM_F_DUMP:
            return NetlinkAnswer(0, None, tuple(message for _, _, message in links))
        for ifindex, ifname, message in links:
            if ifindex == query.ifindex or (query.ifindex is None and ifname == query.ifname):
                return NetlinkAnswer(0, None, (message,))
        return NetlinkAnswer(errno.ENODEV, None, ())

    def _read_links(self) -> tuple[tuple[int, str, bytes], ...]:
        if self._links is None:
            lines = (self._files.read_text(LINKS) or "").splitlines()
            numbered = enumerate(lines, start=1)
            self._links = tuple(_parse_link(number, line) for number, line in numbered if line)
        return self._links


def _parse_link(number: int, line: str) -> tuple[int, str, bytes]:
    import json

    try:
        entry = json.loads(line)
        return int(entry["ifindex"]), str(entry["ifname"]), bytes.fromhex(entry["message"])
    except (ValueError, KeyError, TypeError) as exc:
        raise HostError(
            "the recording is damaged",
            subject=LINKS,
            hint="record the host again",
            evidence={"line": number},
        ) from exc
