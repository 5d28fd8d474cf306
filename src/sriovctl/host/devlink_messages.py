"""What :mod:`sriovctl.host.devlink` asks of a way to devlink: of a kernel's, or of a simulated one.

Source: kernel ``include/uapi/linux/devlink.h``.
"""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CMD_PORT_GET = 5
CMD_ESWITCH_GET = 29
CMD_ESWITCH_SET = 30


class Refused(Exception):
    """A refusal of the kernel, on its way to be sorted.

    :param errno: positive; ENOENT means that there is no devlink.
    :param words: the kernel's own (extended ack), if it said any.
    """

    def __init__(self, errno: int, words: str | None = None) -> None:
        super().__init__(errno, words)
        self.errno = errno
        self.words = words


class DevlinkMessages(Protocol):
    """An open way to devlink.  Names of attributes are the kernel's without ``DEVLINK_ATTR_``."""

    def ask(self, command: int, attributes: Mapping[str, object]) -> list[dict[str, object]]:
        """Send one request and return the attributes of each answer.

        :raises Refused: the kernel did.
        """

    def dump(self, command: int) -> list[dict[str, object]]:
        """Ask for all there are of a kind.

        :raises Refused: the kernel did.
        """
