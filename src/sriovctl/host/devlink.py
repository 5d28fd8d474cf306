"""The door to devlink: pyroute2, with the kernel's refusals sorted into our families.

pyroute2 knows generic netlink, devlink's messages, and where a refusal has the kernel's own words;
a codec of ours would add nothing but code.  It is imported when an eswitch is first asked for, and
never before: that takes longer than all of sriovctl, seconds on a slow machine.

Source: kernel ``net/devlink/dev.c``, ``devlink_nl_eswitch_get_doit()`` and ``…_set_doit()``;
``include/uapi/linux/devlink.h``.
"""

from __future__ import annotations

import errno
import os

from sriovctl.errors import (
    BusyError,
    HostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.devlink_messages import (
    CMD_ESWITCH_GET,
    CMD_ESWITCH_SET,
    CMD_PORT_GET,
    Refused,
)
from sriovctl.host.kernel_errors import errno_name, kernel_error
from sriovctl.model.eswitch import DevlinkPort
from sriovctl.model.functions import EswitchMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sriovctl.host.devlink_messages import DevlinkMessages

    OpenSocket = Callable[[], AbstractContextManager[DevlinkMessages]]
    Question = Callable[[DevlinkMessages], list[dict[str, object]]]

# By the kernel's numbers; a number that comes later is shown as such.
_MODES = (EswitchMode.LEGACY, EswitchMode.SWITCHDEV)
_FLAVOURS = ("physical", "cpu", "dsa", "pcipf", "pcivf", "virtual", "unused", "pcisf")

_RUN_AS_ROOT = "run as root (CAP_NET_ADMIN)"
_FAMILIES: dict[int, tuple[type[SriovctlError], str | None]] = {
    errno.EPERM: (PermissionDenied, _RUN_AS_ROOT),
    errno.EACCES: (PermissionDenied, _RUN_AS_ROOT),
    errno.ENOENT: (UnsupportedError, "this kernel has no devlink"),
    errno.ENODEV: (UnsupportedError, "devlink does not know it: its driver has no eswitch to set"),
    # Also how drivers refuse as things are (ice with VFs, mlx5 with IPsec); then they say why.
    errno.EOPNOTSUPP: (UnsupportedError, "its driver has no eswitch to set, or not as it is now"),
    errno.EBUSY: (BusyError, "the kernel log may say what holds it"),
    errno.EAGAIN: (BusyError, "try again"),
}
# "It has none" is an answer: no devlink at all, not a device of it, a driver without the operation.
_HAS_NONE = frozenset((errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP))


class DevlinkDoor:
    """devlink of the network namespace that this process is in.

    Each question opens a socket of its own: there are few of them, and nothing is left to close.

    :param open_socket: opens the way to devlink; raises :class:`Refused` with ENOENT if the kernel
        has none.
    """

    def __init__(self, open_socket: OpenSocket | None = None) -> None:
        self._open = open_socket or _open_kernel_socket

    def read_eswitch(self, bus: str, device: str) -> str | None:
        """Mode of a device's eswitch; see :class:`sriovctl.host.api.Devlink`."""
        try:
            answers = self._with_socket(lambda s: s.ask(CMD_ESWITCH_GET, _handle(bus, device)))
        except Refused as refusal:
            if refusal.errno in _HAS_NONE:
                return None
            raise _error(refusal, device, "cannot read the mode of its eswitch") from refusal
        mode = answers[0].get("ESWITCH_MODE") if answers else None
        return None if mode is None else _word(_MODES, mode)

    def write_eswitch(self, bus: str, device: str, mode: str) -> None:
        """Set the mode of a device's eswitch; see :class:`sriovctl.host.api.Devlink`."""
        wanted = {**_handle(bus, device), "ESWITCH_MODE": _MODES.index(EswitchMode(mode))}
        try:
            self._with_socket(lambda socket: socket.ask(CMD_ESWITCH_SET, wanted))
        except Refused as refusal:
            raise _error(refusal, device, f"cannot set its eswitch to {mode}") from refusal

    def list_ports(self, bus: str, device: str) -> tuple[DevlinkPort, ...]:
        """Ports of a device; see :class:`sriovctl.host.api.Devlink`."""
        try:
            found = self._with_socket(lambda socket: socket.dump(CMD_PORT_GET))
        except Refused as refusal:
            if refusal.errno == errno.ENOENT:
                return ()
            raise _error(refusal, device, "cannot list its devlink ports") from refusal
        handle = _handle(bus, device)
        ports = [_port(one) for one in found if handle.items() <= one.items()]
        return tuple(sorted(ports, key=lambda port: port.port_index))

    def _with_socket(self, question: Question) -> list[dict[str, object]]:
        try:
            with self._open() as socket:
                return question(socket)
        except OSError as error:
            raise kernel_error(error, subject="devlink", action="cannot use the socket") from error


def _open_kernel_socket() -> AbstractContextManager[DevlinkMessages]:
    try:
        from sriovctl.host.devlink_socket import DevlinkSocket
    except ImportError as error:
        raise UnsupportedError(
            "the mode of an eswitch is read and set with the Python package pyroute2",
            hint="pip install 'sriovctl[devlink]'",
            evidence={"import": error},
        ) from error
    return DevlinkSocket()


def _handle(bus: str, device: str) -> dict[str, object]:
    return {"BUS_NAME": bus, "DEV_NAME": device}


def _port(answer: Mapping[str, object]) -> DevlinkPort:
    flavour, external = answer.get("PORT_FLAVOUR"), answer.get("PORT_EXTERNAL")
    return DevlinkPort(
        port_index=_number(answer, "PORT_INDEX") or 0,
        flavour=None if flavour is None else _word(_FLAVOURS, flavour),
        netdev=None if (name := answer.get("PORT_NETDEV_NAME")) is None else str(name),
        pf_number=_number(answer, "PORT_PCI_PF_NUMBER"),
        vf_number=_number(answer, "PORT_PCI_VF_NUMBER"),
        external=None if external is None else bool(external),
    )


def _number(answer: Mapping[str, object], name: str) -> int | None:
    value = answer.get(name)
    return value if isinstance(value, int) else None


def _word(words: tuple[str, ...], number: object) -> str:
    if isinstance(number, int) and number < len(words):
        return str(words[number])
    return str(number)


def _error(refusal: Refused, device: str, action: str) -> SriovctlError:
    family, hint = _FAMILIES.get(refusal.errno, (HostError, None))
    evidence = {"errno": errno_name(refusal.errno)}
    if refusal.words:
        evidence["kernel"] = refusal.words
    return family(
        f"{action}: {refusal.words or os.strerror(refusal.errno)}",
        subject=device,
        hint=None if refusal.words and family is UnsupportedError else hint,
        evidence=evidence,
    )
