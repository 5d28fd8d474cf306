"""The door to libvirt: libvirt-python, with its errors sorted into our families.

The binding is imported when the first connection is opened, and never by a verb that does not
need it: it costs as much start-up time as everything else together.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.qmp_api import QEMU_BUSY_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.host.libvirt_api import NetworkReport

# virErrorNumber -> family.  What is not listed is a HostError.  Source: libvirt/virterror.h
_FAMILIES: dict[str, type[SriovctlError]] = {
    "VIR_ERR_NO_DOMAIN": LostError,
    "VIR_ERR_NO_SUPPORT": UnsupportedError,
    "VIR_ERR_CONFIG_UNSUPPORTED": UnsupportedError,
    "VIR_ERR_OPERATION_UNSUPPORTED": UnsupportedError,
    "VIR_ERR_ARGUMENT_UNSUPPORTED": UnsupportedError,
    "VIR_ERR_ACCESS_DENIED": PermissionDenied,
    "VIR_ERR_OPERATION_DENIED": PermissionDenied,
    "VIR_ERR_AUTH_FAILED": PermissionDenied,
    "VIR_ERR_AUTH_CANCELLED": PermissionDenied,
    "VIR_ERR_AUTH_UNAVAILABLE": PermissionDenied,
    "VIR_ERR_RESOURCE_BUSY": BusyError,
    "VIR_ERR_OPERATION_TIMEOUT": BusyError,
    "VIR_ERR_RPC": LostError,
}
# These come with codes that say nothing.  In order: libvirt's virHostdevPreparePCIDevices(); its
# networkAllocatePort() when a pool has no VF left; what it passes on from QEMU.
_BUSY_WORDS = (
    "is in use by driver",
    "requires exclusive access to interfaces, but none are available",
    *QEMU_BUSY_WORDS,
)
# virDomainState -> the words of ``virsh list``.
_STATES = (
    "no state",
    "running",
    "idle",
    "paused",
    "in shutdown",
    "shut off",
    "crashed",
    "pmsuspended",
)
_NEAREST = 3


class LibvirtConnection:
    """A connection to one libvirt daemon.

    :param uri: which daemon; the machine's own QEMU guests by default.
    :raises UnsupportedError: libvirt-python is not installed.
    :raises PermissionDenied: libvirt does not let this user.
    :raises HostError: the daemon does not answer.
    """

    def __init__(self, uri: str = "qemu:///system") -> None:
        self.uri = uri
        self._api = _import_binding()
        self._closed = False
        try:
            self._opened = self._api.open(uri)
        except self._api.libvirtError as error:
            raise self._connection_error(error) from error

    @property
    def _connection(self) -> Any:  # noqa: ANN401  the binding has no types
        # A daemon that was restarted has closed it; what is asked next may go to the new one.
        if not (self._closed or self._alive()):
            try:
                self._opened = self._api.open(self.uri)
            except self._api.libvirtError as error:
                raise self._gone(error) from error
        return self._opened

    def names(self) -> tuple[str, ...]:
        """Names of all guests, running or not, sorted."""
        with self._sorted_errors(None):
            return tuple(sorted(domain.name() for domain in self._connection.listAllDomains()))

    def state(self, name: str) -> str:
        """State in the words of ``virsh list``."""
        domain = self._domain(name)
        with self._sorted_errors(name):
            number = int(domain.state()[0])
        return _STATES[number] if number < len(_STATES) else f"state {number}"

    def is_active(self, name: str) -> bool:
        """Say whether the guest runs or is paused."""
        domain = self._domain(name)
        with self._sorted_errors(name):
            return bool(domain.isActive())

    def is_persistent(self, name: str) -> bool:
        """Say whether the guest is defined beyond its present run."""
        domain = self._domain(name)
        with self._sorted_errors(name):
            return bool(domain.isPersistent())

    def domain_xml(self, name: str, *, inactive: bool, secure: bool = False) -> str:
        """XML of the running guest, or with *inactive* that of its next boot."""
        domain = self._domain(name)
        flags = self._api.VIR_DOMAIN_XML_INACTIVE if inactive else 0
        flags |= self._api.VIR_DOMAIN_XML_SECURE if secure else 0
        with self._sorted_errors(name):
            return str(domain.XMLDesc(flags))

    def define_domain(self, xml: str) -> None:
        """Write the definition that counts from a guest's next boot."""
        with self._sorted_errors(None):
            self._connection.defineXML(xml)

    def network_xmls(self) -> tuple[str, ...]:
        """XML of each virtual network, running or not."""
        with self._sorted_errors(None):
            return tuple(str(each.XMLDesc(0)) for each in self._connection.listAllNetworks())

    def network_names(self) -> tuple[str, ...]:
        """Names of all virtual networks, started or not, sorted."""
        with self._sorted_errors(None):
            return tuple(sorted(each.name() for each in self._connection.listAllNetworks()))

    def network(self, name: str) -> NetworkReport | None:
        """Read one virtual network; None if there is none of that name."""
        from sriovctl.host.libvirt_api import NetworkReport

        network = self._network_or_none(name)
        if network is None:
            return None
        with self._sorted_errors(name):
            inactive = self._api.VIR_NETWORK_XML_INACTIVE
            return NetworkReport(
                live_xml=str(network.XMLDesc(0)) if network.isActive() else None,
                config_xml=str(network.XMLDesc(inactive)) if network.isPersistent() else None,
                autostart=bool(network.isPersistent() and network.autostart()),
            )

    def define_network(self, xml: str) -> None:
        """Write the definition of a virtual network; it is not started."""
        with self._sorted_errors(None):
            self._connection.networkDefineXML(xml)

    def start_network(self, name: str) -> None:
        """Start a virtual network."""
        network = self._network(name)
        with self._sorted_errors(name):
            network.create()

    def autostart_network(self, name: str) -> None:
        """Have a virtual network started with libvirt."""
        network = self._network(name)
        with self._sorted_errors(name):
            network.setAutostart(1)

    def stop_network(self, name: str) -> None:
        """Stop a virtual network, whoever uses it; one without a definition is gone then."""
        network = self._network(name)
        with self._sorted_errors(name):
            network.destroy()

    def undefine_network(self, name: str) -> None:
        """Forget the definition of a virtual network."""
        network = self._network(name)
        with self._sorted_errors(name):
            network.undefine()

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Give a device to the running guest, to its definition, or to both at once."""
        domain = self._domain(name)
        with self._sorted_errors(name):
            domain.attachDeviceFlags(xml, self._affect(live=live, config=config))

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Ask for a device back; a running guest may still hold it on return."""
        domain = self._domain(name)
        with self._sorted_errors(name):
            domain.detachDeviceFlags(xml, self._affect(live=live, config=config))

    def hmp(self, name: str, command: str) -> str:
        """Answer of QEMU's human monitor."""
        import libvirt_qemu  # type: ignore[import-not-found,import-untyped,unused-ignore]

        domain = self._domain(name)
        with self._sorted_errors(name):
            flag = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
            return str(libvirt_qemu.qemuMonitorCommand(domain, command, flag))

    def close(self) -> None:
        """End the connection."""
        with self._sorted_errors(None):
            self._opened.close()
        self._closed = True

    def _domain(self, name: str) -> Any:  # noqa: ANN401  the binding has no types
        try:
            return self._connection.lookupByName(name)
        except self._api.libvirtError as error:
            if error.get_error_code() == self._api.VIR_ERR_NO_DOMAIN:
                raise _no_such_guest(name, self.names()) from error
            raise self._family_of(error, name) from error

    def _network(self, name: str) -> Any:  # noqa: ANN401
        network = self._network_or_none(name)
        if network is None:
            raise InputError("no such network", subject=name, hint="sriovctl network list")
        return network

    def _network_or_none(self, name: str) -> Any:  # noqa: ANN401
        try:
            return self._connection.networkLookupByName(name)
        except self._api.libvirtError as error:
            if error.get_error_code() == self._api.VIR_ERR_NO_NETWORK:
                return None
            raise self._family_of(error, name) from error

    def _affect(self, *, live: bool, config: bool) -> int:
        live_flag = self._api.VIR_DOMAIN_AFFECT_LIVE if live else 0
        config_flag = self._api.VIR_DOMAIN_AFFECT_CONFIG if config else 0
        return int(live_flag | config_flag)

    @contextmanager
    def _sorted_errors(self, subject: str | None) -> Iterator[None]:
        try:
            yield
        except self._api.libvirtError as error:
            raise self._family_of(error, subject) from error

    def _family_of(self, error: Any, subject: str | None) -> SriovctlError:  # noqa: ANN401
        code = error.get_error_code()
        families = {getattr(self._api, name, None): kind for name, kind in _FAMILIES.items()}
        kind = families.get(code, HostError)
        clause = _clause(error)
        if any(words in clause for words in _BUSY_WORDS):
            kind = BusyError
        if not self._alive():
            return self._gone(error)
        return kind(clause, subject=subject or self.uri, evidence={"libvirt code": code})

    def _alive(self) -> bool:
        try:
            return bool(self._opened.isAlive())
        except self._api.libvirtError:
            return False

    def _gone(self, error: Any) -> LostError:  # noqa: ANN401
        return LostError(
            "libvirt's daemon went away meanwhile",
            subject=self.uri,
            hint="once it is back (systemctl start libvirtd), run the same command again: it goes "
            "on from what there is",
            evidence={"libvirt": _clause(error), "libvirt code": error.get_error_code()},
        )

    def _connection_error(self, error: Any) -> SriovctlError:  # noqa: ANN401
        code, message = error.get_error_code(), _clause(error)
        if _FAMILIES.get(_name_of(self._api, code)) is PermissionDenied or "denied" in message:
            return PermissionDenied(
                message, subject=self.uri, hint="run as root, or join the group libvirt"
            )
        # Newer distributions split libvirtd into one daemon for each kind of guest.
        daemon = "virtqemud" if "virtqemud" in message else "libvirtd"
        return HostError(
            f"libvirt does not answer: {message}",
            subject=self.uri,
            hint=f"systemctl start {daemon}",
            evidence={"libvirt code": code},
        )


def _import_binding() -> Any:  # noqa: ANN401  the binding has no types
    try:
        import libvirt  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise UnsupportedError(
            "talking to libvirt needs the Python package libvirt-python",
            hint="pip install 'sriovctl[libvirt]', or apt install python3-libvirt",
            evidence={"import": error},
        ) from error
    # Without a handler of ours the binding prints every error to stderr, also those we handle.
    libvirt.registerErrorHandler(_keep_quiet, None)
    return libvirt


def _keep_quiet(_context: object, _error: object) -> None:
    """Leave reporting to the exception."""


def _name_of(api: Any, code: int) -> str:  # noqa: ANN401
    return next((name for name in _FAMILIES if getattr(api, name, None) == code), "")


def _clause(error: Any) -> str:  # noqa: ANN401
    return str(error.get_error_message() or error).strip().rstrip(".")


def _no_such_guest(name: str, names: tuple[str, ...]) -> InputError:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=_NEAREST, cutoff=0.5) or list(names[:_NEAREST])
    hint = f"did you mean {', '.join(near)}?" if near else "libvirt knows no guests here"
    return InputError("no such guest", subject=name, hint=hint)
