"""What the rest of sriovctl may ask of a host.

The doors hand out raw bytes and text; ``codec/`` gives them meaning.  Therefore the same reading
code runs on a live host, on a recording of one, and on the simulated host.

Failures are raised as the families of :mod:`sriovctl.errors`, with the path and the errno as
evidence.  "Not there" is an answer (``None`` or an empty tuple), not a failure.
"""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sriovctl.model.eswitch import DevlinkPort
    from sriovctl.model.netlink import NetlinkAnswer
    from sriovctl.model.plan import Step
    from sriovctl.model.run import Ending, RecordedStep, Run, RunKind, RunStatus, StepStatus


class FileTree(Protocol):
    """The host's files below ``/``: sysfs, and what procfs and the firmware tables show.

    Paths are absolute as on the host (``/sys/bus/pci/devices/…``), whatever the real root is.
    """

    def read_text(self, path: str) -> str | None:
        """Read a small attribute, without its last newline; None if it does not exist.

        :raises PermissionDenied: the kernel refuses.
        :raises HostError: any other failure to read.
        """

    def read_bytes(self, path: str) -> bytes | None:
        """Read a whole binary file (config space, ACPI table); None if it does not exist.

        :raises PermissionDenied: the kernel refuses.
        :raises HostError: any other failure to read.
        """

    def read_link(self, path: str) -> str | None:
        """Last component of a symbolic link's target; None if there is no such link."""

    def read_links(self, directory: str, names: Sequence[str]) -> tuple[str | None, ...]:
        """Last components of many links' targets; None for each name that is no link.

        Twice as fast as one by one.

        :param names: paths of the links, as seen from *directory*.
        """

    def read_target(self, path: str) -> str | None:
        """Whole target of a symbolic link, as it is written; None if there is no such link.

        What a process has open, as ``/proc/PID/fd`` tells, need not be a path:
        ``anon_inode:[eventfd]``.

        :raises PermissionDenied: the kernel refuses.
        :raises HostError: any other failure.
        """

    def resolve(self, path: str) -> str | None:
        """Return the absolute path, as on the host, after all links; None if nothing is there."""

    def list_dir(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty if there is no such directory."""

    def exists(self, path: str) -> bool:
        """Say whether the path leads to something."""

    def birth_of(self, path: str) -> int | None:
        """Number that tells what is at *path* from what will be there when it was made anew.

        None if nothing is there.

        Source: kernel ``fs/kernfs/dir.c`` (``__kernfs_new_node()``): inode numbers go round.
        """

    def write_text(self, path: str, text: str) -> None:
        """Write an attribute in one ``write(2)``.

        :raises LostError: the attribute (or its device) is not there.
        :raises BusyError: EBUSY.
        :raises PermissionDenied: EPERM or EACCES; a recording is read-only.
        :raises HostError: any other errno, in the evidence.
        """

    def write_each(self, writes: Sequence[tuple[str, str]]) -> None:
        """Write several attributes in order, up to the first that is refused.

        Much faster than one by one where a process of its own writes.

        :param writes: path and text of each.
        :raises SriovctlError: for that one, as :meth:`write_text` does.
        """


class RouteNetlink(Protocol):
    """Route netlink: raw messages out, raw messages in."""

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Send requests and collect one answer for each, in order.

        Each request is a whole netlink message; its sequence number is filled in by the door,
        which also asks for an ack.

        :raises HostError: the socket itself failed.
        """


class Devlink(Protocol):
    """The kernel's devlink: what a device is, beyond its netdevs.

    A device is named by its bus and its name there: ``pci`` and ``0000:03:00.0``.
    """

    def read_eswitch(self, bus: str, device: str) -> str | None:
        """Mode of a device's eswitch, an ``EswitchMode``; None if it has none, or none to choose.

        :raises PermissionDenied: the kernel tells it to root only.
        :raises UnsupportedError: there is no way to ask from here.
        :raises HostError: any other failure.
        """

    def write_eswitch(self, bus: str, device: str, mode: str) -> None:
        """Set the mode of a device's eswitch; with many VFs it takes seconds.

        :raises UnsupportedError: it has no eswitch to set, or its driver refuses as things are.
        :raises BusyError: something holds the eswitch as it is.
        :raises PermissionDenied: the kernel refuses this user; a recording is read-only.
        :raises HostError: any other failure.
        """

    def list_ports(self, bus: str, device: str) -> tuple[DevlinkPort, ...]:
        """Ports of a device, by ascending index; empty if devlink does not know it.

        :raises UnsupportedError: there is no way to ask from here.
        :raises HostError: any other failure.
        """


class NetworkNamespaces(Protocol):
    """The host's network namespaces other than this process's own."""

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Send route netlink requests in a namespace, and collect one answer for each, in order.

        :param path: a handle of the namespace: ``/proc/PID/ns/net``, ``/run/netns/NAME``.
        :raises LostError: there is no such namespace any more.
        :raises PermissionDenied: the kernel refuses.
        :raises UnsupportedError: this host is a recording.
        :raises HostError: any other failure.
        """

    def move_netdev(
        self, ifindex: int, *, source: str | None, target: str | None, name: str | None
    ) -> NetlinkAnswer:
        """Move a netdev from one namespace into another, which takes it down.

        :param ifindex: in *source*.
        :param source: a handle; None: this process's own namespace.
        :param target: likewise.
        :param name: that it is to have there; None: the one it has.
        :raises LostError: there is no such namespace any more.
        :raises PermissionDenied: the kernel refuses; a recording is read-only.
        :raises HostError: any other failure.
        """


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class Host(Protocol):
    """One host: live, recorded or simulated."""

    @property
    def files(self) -> FileTree:
        """The host's files."""

    @property
    def rtnl(self) -> RouteNetlink:
        """The host's route netlink."""

    @property
    def devlink(self) -> Devlink:
        """The host's devlink."""

    @property
    def namespaces(self) -> NetworkNamespaces:
        """The host's other network namespaces."""

    @property
    def clock(self) -> Clock:
        """The host's time."""

    @property
    def description(self) -> str:
        """What kind of host this is, for headings: "this host", "recording DIR", …"""


class PFLocks(Protocol):
    """Locks that this process holds on PFs."""

    def abandon(self, device: str) -> None:
        """Leave the lock of one PF to the kernel's write that hangs on it."""


class Journal(Protocol):
    """The durable record of runs, written before the host is touched."""

    def locked(self, devices: Sequence[str]) -> AbstractContextManager[PFLocks]:
        """Keep other sriovctl processes from changing these PFs meanwhile.

        :raises BusyError: another one is at it, or the kernel still is.
        :raises HostError: the state directory cannot be written.
        """

    def wedged(self, devices: Sequence[str]) -> frozenset[str]:
        """Those of *devices* on which the kernel is still at work for a sriovctl that gave up.

        :raises PermissionDenied: this user may not know.
        :raises HostError: the state directory cannot be read.
        """

    def begin(
        self,
        steps: Sequence[Step],
        *,
        kind: RunKind = ...,
        source: str = ...,
        boot_id: str | None = ...,
        undoes: int | None = ...,
        confirm_by: float | None = ...,
    ) -> int:
        """Write down what is about to be done; return the run's number.

        :raises HostError: it cannot be written (disk full, read-only).
        """

    def record(
        self,
        steps: Sequence[Step],
        *,
        source: str,
        boot_id: str | None,
        devices: Sequence[str] = ...,
        note: str | None = ...,
        failed: str | None = ...,
    ) -> int:
        """Write down what was done by other means than a run, to be read and not to be undone.

        :param devices: PFs that it was about, beside those of the steps.
        :param note: what the steps do not tell.
        :param failed: why, when it did.
        :raises HostError: it cannot be written.
        """

    def speak_for(self, who: str) -> None:
        """Have what is begun from now on be asked for by somebody else."""

    def mark(
        self,
        run_id: int,
        positions: Sequence[int],
        status: StepStatus,
        *,
        done: Sequence[int] = (),
    ) -> None:
        """Note how far the steps at *positions* have come, and with it that others are done.

        :raises HostError: it cannot be written.
        """

    def finish(self, *endings: Ending) -> None:
        """Note how runs ended, all in one transaction."""

    def await_confirmation(
        self, run_id: int, confirm_by: float, *, done: Sequence[int] = ()
    ) -> None:
        """Note that a run is done, and stands only if it is confirmed in time.

        :param done: as in :class:`~sriovctl.model.run.Ending`.
        """

    def runs(self) -> tuple[Run, ...]:
        """Read all runs, the newest first."""

    def run(self, run_id: int) -> Run | None:
        """Read one run; None if there is no such."""

    def since(self, run_id: int, boot_id: str | None) -> tuple[Run, ...]:
        """Read the runs of one boot after a run, the oldest first; 0 stands before all."""

    def newest(self) -> int:
        """Read the number of the newest run; 0 without one."""

    def standing(self, boot_id: str | None, statuses: Sequence[RunStatus] = ...) -> tuple[Run, ...]:
        """Read the applies of one boot that are on the host, and what is open; the newest first.

        :param statuses: those of interest; all that stand, when left out.
        """

    def steps(self, run_id: int) -> tuple[RecordedStep, ...]:
        """Read the steps of a run, in order."""

    def vfs_made(self, boot_id: str | None) -> dict[str, int]:
        """Read how many VFs sriovctl left each PF with in one boot, of those that it changed."""

    def close(self) -> None:
        """Let go of the file."""
