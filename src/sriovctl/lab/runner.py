"""One lab machine's life: start, command, end.

The guest reports over three virtio-serial ports: a control port with the lines ``booted``,
``started`` and ``exit STATUS``, and one each for the command's standard output and error.
They arrive here as pipes.  A machine that goes away, or stays away, before ``exit`` is lost
(VMLostError), which says nothing about the command.

Nothing outlives a run: QEMU gets SIGKILL from the kernel when this process dies however it
does, and the run directory of a process that was killed is swept by the next run.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sriovctl.errors import InputError, LostError, UnsupportedError
from sriovctl.lab.accel import Accel, use_kvm
from sriovctl.lab.argv import PORTS, Boot, Forward, qemu_argv
from sriovctl.lab.image import GUEST_SCRIPTS, Image, prepare_image
from sriovctl.lab.machines import Machine, Service, disks_of
from sriovctl.lab.programs import SETUP_HINT, require_programs, run_program
from sriovctl.lab.progress import busy, say
from sriovctl.lab.settings import format_settings

DEFAULT_TIMEOUT_S = 900.0
# From QEMU's start to the command's.  Emulation on a loaded host takes 10 to 40 s.
_BOOT_TIMEOUT_S = 240.0
_SYSTEMD_BOOT_TIMEOUT_S = 600.0
# The host's disks, swap and encrypted volumes are not there, and waiting for them takes minutes.
_SYSTEMD_KERNEL_ARGS = (
    "systemd.unit=sriovctl-lab.target",
    "systemd.gpt_auto=0",
    "fstab=no",
    "luks=no",
    "cloud-init=disabled",
    # An empty machine-id file would make it a first boot, which enables what is preset.
    "systemd.machine_id=5219c7c4c5404aaa1f6d2a48adfda482",
)
# What QEMU may map beyond the guest's RAM: translated code, firmware, and the vIOMMU's
# tables, which grow with the square of the VFs and once ate a whole host.
_MEMORY_BEYOND_RAM = 6 << 30
SYSTEMD = Path("/lib/systemd/systemd")  # on this host, so inside too: see guest/systemd
# Read by the guest from the share: see guest/start.
_SHARED_SCRIPTS = ("start", "systemd", "command")
_RUN_PREFIX = "sriovctl-lab-"
_CONSOLE_TAIL_LINES = 25
_LINES_AFTER_PANIC = 15

Sink = Callable[[bytes], object]


class VMLostError(LostError):
    """The machine panicked, hung or died; what the command would have said is not known.

    :param console: the last of what the guest's kernel and QEMU itself said.
    """

    code = "vm-lost"

    def __init__(self, cause: str, *, subject: object, console: str) -> None:
        super().__init__(cause, subject=subject)
        self.console = console

    def __str__(self) -> str:
        return f"{super().__str__()}\nits console:\n{self.console}"


@dataclass(frozen=True, slots=True)
class Job:
    """What to run, where.

    :param results: directory that gets what the command left in $SRIOVCTL_LAB_RESULTS.
    :param disk: directory with what an earlier machine had in its $SRIOVCTL_LAB_DISK, for this
        one to go on from.
    :param timeout_s: for the command; the boot has a limit of its own.
    :param forwards: ports of this host's loopback that reach the machine's.
    :param terminal_size: columns and lines: the command gets a terminal, which is this
        process's own.
    """

    machine: Machine
    command: tuple[str, ...]
    services: frozenset[Service] = frozenset()
    results: Path | None = None
    disk: Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    accel: Accel = Accel.AUTO
    environment: Mapping[str, str] = field(default_factory=dict)
    terminal_size: tuple[int, int] | None = None
    forwards: tuple[Forward, ...] = ()


@dataclass(slots=True)
class _Progress:
    # What the guest has said so far on its control port.
    said: bytes = b""

    def feed(self, data: bytes) -> None:
        self.said += data

    @property
    def started(self) -> bool:
        return b"started\n" in self.said

    @property
    def status(self) -> int | None:
        for line in self.said.split(b"\n")[:-1]:
            if line.startswith(b"exit "):
                return int(line[5:])
        return None


def run_job(job: Job, *, stdout: Sink, stderr: Sink) -> int:
    """Boot a machine, run one command in it, and return the command's exit status.

    A machine that is lost before its command began is booted once more.

    :param stdout: gets the command's output as it comes.
    :raises VMLostError: the machine went away; the message ends with its console.
    :raises UnsupportedError: what the lab needs is not installed.
    """
    require_programs("qemu-system-x86_64", "setpriv", "prlimit")
    if Service.SYSTEMD in job.services and not SYSTEMD.exists():
        raise UnsupportedError("not installed", subject="systemd", hint=SETUP_HINT)
    image = prepare_image()
    _sweep_run_directories()
    kvm = use_kvm(job.accel, image)
    try:
        return _run_once(job, image, kvm=kvm, stdout=stdout, stderr=stderr)
    except _LostAtBootError as lost:
        # Under emulation on a loaded host a kernel now and then misses its timer.
        say(f"{lost.cause}; booting once more")
    return _run_once(job, image, kvm=kvm, stdout=stdout, stderr=stderr)


class _LostAtBootError(VMLostError):
    pass


def _run_once(job: Job, image: Image, *, kvm: bool, stdout: Sink, stderr: Sink) -> int:
    with _run_directory() as run, ExitStack() as stack:
        _write_share(run / "share", job, image)
        for disk in disks_of(job.machine):
            with (run / f"{disk.name}.raw").open("wb") as file:
                file.truncate(disk.size_mib << 20)
        pipes = [stack.enter_context(_pipe()) for _ in PORTS]
        boot = _boot(job, image, run, [pipe.write_path for pipe in pipes], kvm=kvm)
        process = stack.enter_context(_qemu(job, boot, [pipe.write_fd for pipe in pipes]))
        for pipe in pipes:
            pipe.close_write()
        life = _Life(job, process, boot.console_log)
        sinks = dict(
            zip([pipe.read_fd for pipe in pipes], (life.feed, stdout, stderr), strict=True)
        )
        try:
            return life.follow(sinks)
        finally:
            _keep_results(run / "share/results", job.results)


class _Life:
    # Follows one QEMU process from its start until the command's exit status is known.

    def __init__(self, job: Job, process: subprocess.Popen[bytes], console: Path) -> None:
        self._job = job
        self._process = process
        self._console = console
        self._progress = _Progress()
        self.feed: Sink = self._progress.feed
        by_systemd = Service.SYSTEMD in job.services
        self._boot_timeout_s = _SYSTEMD_BOOT_TIMEOUT_S if by_systemd else _BOOT_TIMEOUT_S

    def follow(self, sinks: dict[int, Sink]) -> int:
        with selectors.DefaultSelector() as selector:
            for fd, sink in sinks.items():
                selector.register(fd, selectors.EVENT_READ, sink)
            with busy(f"booting {self._job.machine.name}"):
                self._pump(selector, self._boot_timeout_s, until=lambda: self._progress.started)
            self._pump(
                selector, self._job.timeout_s, until=lambda: self._progress.status is not None
            )
            # Whatever the command wrote is in the pipes by now: the guest's writes wait
            # for the host.  The end of QEMU ends the pipes.
            _stop(self._process)
            self._pump(selector, 10.0, until=lambda: not selector.get_map())
        status = self._progress.status
        assert status is not None
        return status

    def _pump(
        self, selector: selectors.BaseSelector, timeout_s: float, *, until: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + timeout_s
        while not until():
            if not selector.get_map():
                raise self._lost(_cause_of_death(self._process))
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                raise self._lost(f"no end after {timeout_s:.0f} s")
            for key, _events in ready:
                _forward(selector, key)

    def _lost(self, cause: str) -> VMLostError:
        console = self._console.read_text(errors="replace")
        family = VMLostError if self._progress.started else _LostAtBootError
        when = "" if self._progress.started else " at boot"
        return family(
            f"the machine was lost{when}: {find_panic(console) or cause}",
            subject=f"lab machine {self._job.machine.name}",
            console=console_tail(console),
        )


def find_panic(console: str) -> str | None:
    """Find the line in which a kernel says why it panicked.  Pure."""
    return next((line for line in console.splitlines() if "Kernel panic" in line), None)


def console_tail(console: str) -> str:
    """Cut out what a person wants to see: the lines up to a panic and some after, or the last.

    Pure.
    """
    lines = console.splitlines()
    panic = find_panic(console)
    end = lines.index(panic) + _LINES_AFTER_PANIC if panic else len(lines)
    return "\n".join(lines[:end][-_CONSOLE_TAIL_LINES:])


def _forward(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    data = os.read(key.fd, 65536)
    if data:
        key.data(data)
    else:
        selector.unregister(key.fd)


def _cause_of_death(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(10)
    except subprocess.TimeoutExpired:
        return "QEMU closed its output"
    if status < 0:
        return f"QEMU was killed by signal {-status}"
    return "reset or powered off" if status == 0 else f"QEMU failed with status {status}"


@dataclass(slots=True)
class _Pipe:
    read_fd: int
    write_fd: int

    @property
    def write_path(self) -> Path:
        return Path(f"/proc/self/fd/{self.write_fd}")

    def close_write(self) -> None:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1


@contextmanager
def _pipe() -> Iterator[_Pipe]:
    pipe = _Pipe(*os.pipe())
    try:
        yield pipe
    finally:
        pipe.close_write()
        os.close(pipe.read_fd)


def _boot(job: Job, image: Image, run: Path, port_paths: list[Path], *, kvm: bool) -> Boot:
    return Boot(
        kernel=image.kernel,
        initramfs=image.initramfs,
        share=run / "share",
        disk_dir=run,
        console_log=run / "console.log",
        port_paths=tuple(port_paths),
        kvm=kvm,
        interactive=job.terminal_size is not None,
        forwards=job.forwards,
        extra_kernel_args=_SYSTEMD_KERNEL_ARGS if Service.SYSTEMD in job.services else (),
    )


@contextmanager
def _qemu(job: Job, boot: Boot, pass_fds: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    interactive = job.terminal_size is not None
    memory = (job.machine.memory_mib << 20) + _MEMORY_BEYOND_RAM
    # QEMU's own complaints go where the kernel's are.
    with boot.console_log.open("ab") as console:
        process = subprocess.Popen(
            (
                *("setpriv", "--pdeathsig", "KILL", "--"),
                *("prlimit", f"--as={memory}", "--core=0", "--"),
                *qemu_argv(job.machine, boot),
            ),
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=None if interactive else subprocess.DEVNULL,
            stderr=console,
            pass_fds=pass_fds,
            # A Ctrl-C on the terminal is for us; a shell inside needs the terminal's group.
            start_new_session=not interactive,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # It has nothing to save, and SIGTERM would wait for its threads.
    process.kill()
    process.wait()


def _write_share(share: Path, job: Job, image: Image) -> None:
    (share / "results").mkdir(parents=True)
    for script in _SHARED_SCRIPTS:
        shutil.copy(GUEST_SCRIPTS / script, share)
    if job.disk is not None:
        _copy_tree(job.disk, share / "disk")
    settings = format_settings(
        job.machine,
        job.command,
        services=job.services,
        modules_tree=image.modules_tree,
        cwd=Path.cwd(),
        environment=job.environment,
        terminal_size=job.terminal_size,
        is_reached=bool(job.forwards),
    )
    (share / "settings").write_text(settings)


def _keep_results(source: Path, target: Path | None) -> None:
    if target is not None:
        _copy_tree(source, target)


def _copy_tree(source: Path, target: Path) -> None:
    # Owners too, and the device nodes by which an overlay marks what was deleted.
    target.mkdir(parents=True, exist_ok=True)
    run_program(("cp", "-a", f"{source}/.", str(target)))


def _run_root() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())


@contextmanager
def _run_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_RUN_PREFIX, dir=_run_root()) as name:
        run = Path(name)
        # Held as long as this process lives: see _sweep_run_directories.
        with (run / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield run


def _sweep_run_directories() -> None:
    for lock in _run_root().glob(f"{_RUN_PREFIX}*/lock"):
        with lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.parent, ignore_errors=True)


def check_results_directory(path: Path) -> Path:
    """Make sure that results can be kept in a directory; make it if need be.

    :raises InputError: something else is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("not a directory for results", subject=path) from error
    return path
