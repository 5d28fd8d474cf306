"""pyroute2's generic netlink socket, as far as devlink needs it.  Import it late: see devlink.py.

pyroute2 opens the socket, finds the family, and puts messages together and takes them apart.
"""

from __future__ import annotations

import errno
import os

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.devlink import devlinkcmd
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from sriovctl.host.devlink_messages import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    Attributes = Mapping[str, object]

_PREFIX = "DEVLINK_ATTR_"
_PORT_EXTERNAL = (149, f"{_PREFIX}PORT_EXTERNAL", "uint8")  # pyroute2 0.9 does not know it
_ATTEMPTS = 3


class _Message(devlinkcmd):  # type: ignore[misc]  # the library has no types
    nla_map = (
        *((number, *entry) for number, entry in enumerate(devlinkcmd.nla_map)),
        _PORT_EXTERNAL,
    )


class DevlinkSocket:
    """A socket of the family ``devlink``; names of attributes are without ``DEVLINK_ATTR_``.

    :raises OSError: it cannot be opened.
    :raises Refused: ENOENT, the kernel has no such family.
    """

    def __init__(self) -> None:
        self._socket = GenericNetlinkSocket(ext_ack=True)
        # It would write to the log, hence to the terminal, what is told in another way here.
        self._socket.asyncore.module_err_level = "debug"
        try:
            self._socket.bind("devlink", _Message)
        except NetlinkError as error:
            self._socket.close()
            raise _refused(error) from error

    def __enter__(self) -> DevlinkSocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, command: int, attributes: Attributes) -> list[dict[str, object]]:
        """Send one request and return the attributes of each answer.

        :raises Refused: the kernel did.
        """
        try:
            return self._exchange(command, attributes, NLM_F_REQUEST | NLM_F_ACK)
        except NetlinkError as error:
            raise _refused(error) from error

    def dump(self, command: int) -> list[dict[str, object]]:
        """Ask for all there are of a kind; begun anew when they change meanwhile.

        :raises Refused: the kernel did; EAGAIN when they change all the time.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._exchange(command, {}, NLM_F_REQUEST | NLM_F_DUMP)
            except NetlinkDumpInterrupted:
                continue
            except NetlinkError as error:
                raise _refused(error) from error
        raise Refused(errno.EAGAIN)

    def _exchange(
        self, command: int, attributes: Attributes, flags: int
    ) -> list[dict[str, object]]:
        message = _Message()
        message["cmd"], message["version"] = command, 1
        message["attrs"] = [(_PREFIX + name, value) for name, value in attributes.items()]
        prid = self._socket.prid
        answers = self._socket.nlm_request(message, msg_type=prid, msg_flags=flags)
        return [
            {name.removeprefix(_PREFIX): value for name, value in answer.get("attrs", ())}
            for answer in answers
        ]


def _refused(error: NetlinkError) -> Refused:
    code, words = error.args
    return Refused(code, None if words == os.strerror(code) else words)
