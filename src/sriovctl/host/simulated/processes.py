"""The processes of the simulated host, and what they have open."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from sriovctl.host.simulated.functions import Function
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.tree import Attribute, Link, constant, refuse

INIT = 1
SELF = 4000
_FIRST = 5000
_VFIO_DEVICE = "anon_inode:[vfio-device]"


@dataclass(eq=False, slots=True)
class SimulatedProcess:
    """One process; :class:`SimulatedProcesses` makes them."""

    pid: int
    open_files: list[str] = field(default_factory=list)


class SimulatedProcesses:
    """``/proc``, with init and this process itself; VFIO lets one process open a group."""

    def __init__(self, kernel: SimulatedKernel, *, own_namespace: str) -> None:
        self._kernel = kernel
        self._own_namespace = own_namespace
        self._tree = kernel.tree
        self._last_pid = _FIRST
        self._groups: dict[str, SimulatedProcess] = {}
        for pid, program, parent in ((INIT, "systemd", 0), (SELF, "sriovctl", INIT)):
            self._start(SimulatedProcess(pid), program, parent, (), {})
            self._place(pid, own_namespace, "0::/init.scope")
        self._tree.add("/proc/self", Link(f"/proc/{SELF}"))

    def start(
        self,
        program: str,
        *,
        parent: int = INIT,
        command_line: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        namespace: str | None = None,
        cgroup: str = "/user.slice",
    ) -> SimulatedProcess:
        """Start a process.

        :param namespace: handle of its network namespace; None: the host's.
        """
        self._last_pid += 1
        process = SimulatedProcess(self._last_pid)
        self._start(process, program, parent, command_line, environment or {})
        self._place(process.pid, namespace or self._own_namespace, f"0::{cgroup}")
        return process

    def _place(self, pid: int, namespace: str, cgroup: str) -> None:
        self._tree.add(f"/proc/{pid}/ns/net", Link(namespace))
        self._tree.add(f"/proc/{pid}/cgroup", constant(cgroup))

    def adopt_self(self, parent: SimulatedProcess) -> None:
        """Make this process a child of another."""
        self._tree.add(f"/proc/{SELF}/status", _status(SELF, "sriovctl", parent.pid))

    def _start(
        self,
        process: SimulatedProcess,
        program: str,
        parent: int,
        command_line: tuple[str, ...],
        environment: dict[str, str],
    ) -> None:
        directory = f"/proc/{process.pid}"
        pairs = (f"{name}={value}" for name, value in environment.items())
        self._tree.add(f"{directory}/comm", constant(program))
        self._tree.add(f"{directory}/cmdline", constant(_joined(command_line or (program,))))
        self._tree.add(f"{directory}/environ", constant(_joined(tuple(pairs))))
        self._tree.add(f"{directory}/status", _status(process.pid, program, parent))
        self._tree.add(f"{directory}/stat", _stat(process.pid, program, parent))
        self._tree.add_directory(f"{directory}/fd")
        self._tree.add_directory(f"{directory}/fdinfo")
        self.open(process, "/dev/null")

    def end(self, process: SimulatedProcess) -> None:
        """Let a process end: all that it had open is closed."""
        for number, holder in tuple(self._groups.items()):
            if holder is process:
                del self._groups[number]
                for function in self._members(number):
                    function.times_open = 0
        self._tree.remove(f"/proc/{process.pid}")

    def open(self, process: SimulatedProcess, target: str, *, fdinfo: str = "pos:\t0") -> None:
        """Let a process open a file, and show it in its ``fd`` and ``fdinfo``."""
        number = len(process.open_files)
        process.open_files.append(target)
        self._tree.add(f"/proc/{process.pid}/fd/{number}", Link(target))
        self._tree.add(f"/proc/{process.pid}/fdinfo/{number}", constant(fdinfo))

    def open_vfio_group(self, process: SimulatedProcess, function: str) -> None:
        """Let a process open the IOMMU group of a function.

        :raises OSError: EBUSY, somebody has it open (``vfio_group_fops_open()``).
        """
        number = str(self._find(function).iommu_group)
        if number in self._groups:
            raise refuse(errno.EBUSY)
        self._groups[number] = process
        self.open(process, f"/dev/vfio/{number}")

    def open_vfio_device(
        self, process: SimulatedProcess, function: str, *, named_in_fdinfo: bool = False
    ) -> None:
        """Let a process take a function out of its open group, which enables the function.

        :param named_in_fdinfo: as Linux does since 6.18.
        """
        found = self._find(function)
        found.times_open += 1
        path = f"pos:\t0\nvfio-device-syspath: {found.path}" if named_in_fdinfo else "pos:\t0"
        self.open(process, _VFIO_DEVICE, fdinfo=path)

    def holds_vfio_group(self, process: SimulatedProcess, function: str) -> bool:
        """Say whether a process has the IOMMU group of a function open."""
        return self._groups.get(str(self._find(function).iommu_group)) is process

    def close_vfio(self, process: SimulatedProcess, function: str) -> None:
        """Let a process close a function, and with its last one the IOMMU group."""
        found = self._find(function)
        found.times_open -= 1
        self._close(process, _VFIO_DEVICE)
        number = str(found.iommu_group)
        if not any(member.times_open for member in self._members(number)):
            del self._groups[number]
            self._close(process, f"/dev/vfio/{number}")

    def _close(self, process: SimulatedProcess, target: str) -> None:
        number = process.open_files.index(target)
        process.open_files[number] = ""  # so that the others keep their numbers
        self._tree.remove(f"/proc/{process.pid}/fd/{number}")
        self._tree.remove(f"/proc/{process.pid}/fdinfo/{number}")

    def _find(self, name: str) -> Function:
        function = self._kernel.find_by_name(name)
        if function is None:
            raise refuse(errno.ENODEV)
        return function

    def _members(self, number: str) -> list[Function]:
        return [f for f in self._kernel.functions.values() if str(f.iommu_group) == number]


# proc(5): the 18th value after the name is the number of threads, the 20th when it began.
def _stat(pid: int, program: str, parent: int) -> Attribute:
    values = ["S", str(parent), *["0"] * 15, "1", "0", str(pid * 100), *["0"] * 30]
    return constant(f"{pid} ({program}) {' '.join(values)}")


def _status(pid: int, program: str, parent: int) -> Attribute:
    return constant(f"Name:\t{program}\nPid:\t{pid}\nPPid:\t{parent}")


def _joined(words: tuple[str, ...]) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)
