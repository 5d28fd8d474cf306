"""What the rest of sriovctl may ask of libvirt.

The door hands out XML text; ``codec/libvirt_xml.py`` gives it meaning.  Every method may raise:

* :class:`~sriovctl.errors.InputError`: there is no guest or network of that name;
* :class:`~sriovctl.errors.PermissionDenied`: libvirt does not let this user;
* :class:`~sriovctl.errors.LostError`: libvirtd or the guest went away;
* :class:`~sriovctl.errors.BusyError`: another operation holds the guest, or a guest the device;
* :class:`~sriovctl.errors.UnsupportedError`: this libvirt, QEMU or guest cannot do it;
* :class:`~sriovctl.errors.HostError`: libvirt failed in any other way.
"""

from __future__ import annotations

from typing import Protocol

from sriovctl.model.record import NamedTuple


class NetworkReport(NamedTuple):
    """One virtual network, as libvirt has it."""

    live_xml: str | None  # None: it is not started
    config_xml: str | None  # None: it ends when it is stopped
    autostart: bool


class Libvirt(Protocol):
    """One connection to libvirt."""

    def names(self) -> tuple[str, ...]:
        """Names of all guests, running or not, sorted."""

    def state(self, name: str) -> str:
        """State in the words of ``virsh list``: running, paused, shut off, …"""

    def is_active(self, name: str) -> bool:
        """Say whether the guest runs (or is paused): it has a live definition."""

    def is_persistent(self, name: str) -> bool:
        """Say whether the guest is defined beyond its present run: it has a config."""

    def domain_xml(self, name: str, *, inactive: bool, secure: bool = False) -> str:
        """XML of the running guest, or with *inactive* that of its next boot.

        :param secure: with its passwords, which a definition that is written back must have.
        """

    def define_domain(self, xml: str) -> None:
        """Write the definition that counts from a guest's next boot."""

    def network_xmls(self) -> tuple[str, ...]:
        """XML of each virtual network, running or not."""

    def network_names(self) -> tuple[str, ...]:
        """Names of all virtual networks, started or not, sorted."""

    def network(self, name: str) -> NetworkReport | None:
        """Read one virtual network; None if there is none of that name."""

    def define_network(self, xml: str) -> None:
        """Write the definition of a virtual network; it is not started."""

    def start_network(self, name: str) -> None:
        """Start a virtual network."""

    def autostart_network(self, name: str) -> None:
        """Have a virtual network started with libvirt."""

    def stop_network(self, name: str) -> None:
        """Stop a virtual network, whoever uses it; one without a definition is gone then."""

    def undefine_network(self, name: str) -> None:
        """Forget the definition of a virtual network."""

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Give a device to the running guest, to its definition, or to both at once."""

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Ask for a device back.

        From a running guest this is a request only: libvirt waits for about five seconds and
        then returns, although the guest may still hold the device.
        """

    def hmp(self, name: str, command: str) -> str:
        """Answer of QEMU's human monitor, such as to ``info pci``: a second source for proofs."""

    def close(self) -> None:
        """End the connection."""
