"""Install what brings a state back at boot, and take it away again.

Theory of operation.  What is wanted is worked out as a list of files and links
(:func:`entries_for`), held against what is there and against the manifest (``planner/persist.py``),
and written in one change of the door, which begins and ends with the manifest: it knows each file
before that can be there, and until it is gone.
"""

from __future__ import annotations

from sriovctl.codec.manifest import format_manifest, parse_manifest
from sriovctl.errors import SriovctlError
from sriovctl.model.persistence import (
    APPLY_UNIT,
    CONFIG_DIRECTORY,
    DAEMON_UNIT,
    MANIFEST_NAME,
    MODPROBE_FILE,
    MODULES_LOAD_FILE,
    PACKAGED_UNIT_DIRECTORIES,
    SOCKET_UNIT,
    SOCKETS_DIRECTORY,
    STATE_DIRECTORY,
    STATE_FILE,
    UNIT_DIRECTORY,
    VERIFY_UNIT,
    WANTS_DIRECTORY,
    Change,
    ChangeKind,
    Entry,
    EntryKind,
    Manifest,
)
from sriovctl.model.record import NamedTuple
from sriovctl.planner.persist import manifest_of, plan_install, plan_remove
from sriovctl.render.module_files import format_modprobe_file, format_modules_load_file
from sriovctl.render.units import (
    VERIFY_TIMEOUT_S,
    format_apply_unit,
    format_command,
    format_daemon_unit,
    format_drop_in,
    format_socket_unit,
    format_verify_unit,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sriovctl.host.boot_api import BootDoors, ConfigFiles
    from sriovctl.model.persistence import ModuleOption

# Beyond the wait for PFs: hundreds of VFs take minutes with some drivers.
APPLY_BEYOND_WAIT_S = 540
DROP_IN = "sriovctl-persist.conf"


class ServedSocket(NamedTuple):
    """A socket that systemd is to open for the daemon.

    :param group: to whom it is given; None: it is for root alone.
    """

    path: str
    group: str | None


class Request(NamedTuple):
    """What is to be there at the next boot.

    :param program: words that start sriovctl, the first an absolute path.
    :param daemon: words that start the daemon; None: it is not wanted.
    :param socket: of the daemon; None: it opens one itself.
    """

    texts: tuple[tuple[str, str], ...]  # name (without directory) and content of the state files
    is_directory: bool  # a directory of state files was given
    source: str  # what was given, for the record
    program: tuple[str, ...]
    wait_s: int
    allowed: tuple[str, ...] = ()  # tokens for apply --allow
    options: tuple[ModuleOption, ...] = ()
    modules: tuple[str, ...] = ()
    daemon: tuple[str, ...] | None = None
    socket: ServedSocket | None = None

    @property
    def state(self) -> str:
        """Where the state is kept."""
        return STATE_DIRECTORY if self.is_directory else STATE_FILE


class Outcome(NamedTuple):
    """What was done, or would be."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()

    @property
    def has_changed(self) -> bool:
        """Whether anything was written or removed."""
        return any(change.kind is not ChangeKind.KEEP for change in self.changes)


def read_manifest(doors: BootDoors) -> Manifest | None:
    """Read what is installed; None when nothing is.

    :raises HostError: the manifest cannot be read, or is none.
    """
    path = manifest_path(doors)
    entry = doors.files.look(path)
    return None if entry is None else parse_manifest(entry.text, source=path)


def manifest_path(doors: BootDoors) -> str:
    """Say where the manifest is."""
    return f"{doors.state_directory}/{MANIFEST_NAME}"


def plan_persist(doors: BootDoors, request: Request, *, force: bool) -> tuple[Change, ...]:
    """Work out what ``persist`` is to do, and change nothing.

    :raises SafetyError: it would overwrite what is somebody else's.
    :raises HostError: what is there cannot be read.
    """
    manifest = read_manifest(doors) or Manifest({})
    wanted = tuple(entries_for(doors, request, manifest))
    found = _look_at(doors.files, (*(entry.path for entry in wanted), *manifest.digests))
    return plan_install(wanted, manifest, found, force=force)


def entries_for(doors: BootDoors, request: Request, manifest: Manifest) -> Iterator[Entry]:
    """List the files and links that a request needs."""
    for name, text in request.texts:
        path = f"{STATE_DIRECTORY}/{name}" if request.is_directory else STATE_FILE
        yield Entry(path, text)
    if request.options:
        yield Entry(MODPROBE_FILE, format_modprobe_file(request.options))
    if request.modules:
        yield Entry(MODULES_LOAD_FILE, format_modules_load_file(request.modules))
    for unit in _units(doors, request):
        yield from _unit_entries(doors.files, unit, request, manifest)


class _Unit(NamedTuple):
    name: str
    command: tuple[str, ...]
    timeout_s: int
    text: str
    wants: str = WANTS_DIRECTORY


def _units(doors: BootDoors, request: Request) -> tuple[_Unit, ...]:
    mounts = (CONFIG_DIRECTORY, doors.state_directory, request.program[0])
    allowed = tuple(word for token in request.allowed for word in ("--allow", token))
    wait = ("--wait", str(request.wait_s), "--skip-missing")
    # Its socket is there before a daemon that starts no sooner than this has ended.
    direct = () if request.socket is None else ("--direct",)
    apply = (*request.program, "apply", *direct, *wait, *allowed, request.state)
    apply_timeout_s = request.wait_s + APPLY_BEYOND_WAIT_S
    verify = (*request.program, "verify-boot", "--record")
    writable, state = doors.state_directory, request.state
    daemon = () if request.daemon is None else _daemon_units(request, mounts, writable)
    return (
        _Unit(
            APPLY_UNIT,
            apply,
            apply_timeout_s,
            format_apply_unit(
                apply, mounts=mounts, state=state, timeout_s=apply_timeout_s, writable=writable
            ),
        ),
        _Unit(
            VERIFY_UNIT,
            verify,
            VERIFY_TIMEOUT_S,
            format_verify_unit(verify, mounts=mounts, state=state, writable=writable),
        ),
        *daemon,
    )


def _daemon_units(request: Request, mounts: tuple[str, ...], writable: str) -> tuple[_Unit, ...]:
    assert request.daemon is not None
    allowed = tuple(word for token in request.allowed for word in ("--allow", token))
    command = (*request.daemon, *allowed, request.state)
    text = format_daemon_unit(
        command,
        mounts=mounts,
        state=request.state,
        timeout_s=APPLY_BEYOND_WAIT_S,
        writable=writable,
        has_socket=request.socket is not None,
    )
    daemon = _Unit(DAEMON_UNIT, command, APPLY_BEYOND_WAIT_S, text)
    if request.socket is None:
        return (daemon,)
    path, group = request.socket
    socket = format_socket_unit(path, group=group, state=request.state)
    return daemon, _Unit(SOCKET_UNIT, (), 0, socket, SOCKETS_DIRECTORY)


def _unit_entries(
    files: ConfigFiles, unit: _Unit, request: Request, manifest: Manifest
) -> Iterator[Entry]:
    path = f"{UNIT_DIRECTORY}/{unit.name}"
    packaged = _packaged(files, unit.name)
    if packaged is None:
        yield Entry(path, unit.text)
    elif unit.command and f"ExecStart={format_command(unit.command)}\n" not in (
        files.read_through(packaged) or ""
    ):
        text = format_drop_in(unit.command, state=request.state, timeout_s=unit.timeout_s)
        yield Entry(f"{path}.d/{DROP_IN}", text)
    link = Entry(f"{unit.wants}/{unit.name}", packaged or path, EntryKind.LINK)
    if not _enabled_by_somebody(files.look(link.path), link, manifest):
        yield link


def _packaged(files: ConfigFiles, unit: str) -> str | None:
    # A unit in /etc would hide the package's for ever, also after that was updated.
    paths = (f"{directory}/{unit}" for directory in PACKAGED_UNIT_DIRECTORIES)
    return next((path for path in paths if files.look(path) is not None), None)


def _enabled_by_somebody(found: Entry | None, link: Entry, manifest: Manifest) -> bool:
    # By 'systemctl enable' or a preset: as good as ours, and not ours to take away.
    if found is None or found.kind is not EntryKind.LINK or link.path in manifest.digests:
        return False
    return found.text.rpartition("/")[2] == link.path.rpartition("/")[2]


def _look_at(files: ConfigFiles, paths: Iterable[str]) -> dict[str, Entry | None]:
    return {path: files.look(path) for path in dict.fromkeys(paths)}


def install(
    doors: BootDoors, changes: Sequence[Change], *, source: str, boot_id: str | None
) -> Outcome:
    """Carry out what :func:`plan_persist` worked out: all of it, or nothing.

    :raises PermissionDenied: this user may not, or a file system is read-only.
    :raises HostError: no space, or any other failure.
    """
    before = read_manifest(doors) or Manifest({})
    wanted = [change.entry for change in changes if change.entry is not None]
    after = Manifest({entry.path: (entry.digest,) for entry in wanted}, boot_id, source)
    if not _is_due(changes) and before.digests == after.digests:
        return Outcome(tuple(changes))
    path = manifest_path(doors)
    doors.files.change(
        [
            Entry(path, format_manifest(manifest_of(wanted, before, after=after))),
            *_steps(changes),
            Entry(path, format_manifest(after)),
        ]
    )
    return Outcome(tuple(changes), tuple(_reload(doors, after.units)))


def remove(doors: BootDoors, *, force: bool, dry_run: bool = False) -> Outcome:
    """Take away exactly what was installed; the host's VFs stay as they are.

    :raises SafetyError: somebody edited one of the files.
    :raises PermissionDenied: this user may not, or a file system is read-only.
    :raises HostError: any other failure.
    """
    manifest = read_manifest(doors)
    if manifest is None:
        return Outcome(())
    changes = plan_remove(manifest, _look_at(doors.files, manifest.digests), force=force)
    if dry_run:
        return Outcome(changes)
    doors.files.change([*_steps(changes), manifest_path(doors)])
    for directory in (STATE_DIRECTORY, CONFIG_DIRECTORY):
        doors.files.remove_empty_directory(directory)
    gone = Change(ChangeKind.REMOVE, manifest_path(doors))
    return Outcome((*changes, gone), tuple(_reload(doors)))


def _is_due(changes: Sequence[Change]) -> bool:
    return any(change.kind is not ChangeKind.KEEP for change in changes)


def _steps(changes: Sequence[Change]) -> Iterator[Entry | str]:
    for change in changes:
        if change.kind is ChangeKind.WRITE and change.entry is not None:
            yield change.entry
        elif change.kind is ChangeKind.REMOVE:
            yield change.path


def _reload(doors: BootDoors, enabled: tuple[str, ...] = ()) -> Iterator[str]:
    # The files are in place, and the next boot reads them anyhow: no error, but to be told.
    if not doors.systemd.is_running:
        return
    try:
        doors.systemd.reload()
        if enabled:
            yield from _not_enabled(doors, enabled)
    except SriovctlError as error:
        yield f"systemd was not told of the new units: {error}; run 'systemctl daemon-reload'"


def _not_enabled(doors: BootDoors, units: tuple[str, ...]) -> Iterator[str]:
    shown = doors.systemd.show(units, ("LoadState", "UnitFileState"))
    for unit, properties in zip(units, shown, strict=True):
        state = properties.get("UnitFileState", "")
        if state != "enabled":
            found = state or properties.get("LoadState", "")
            yield f"{unit} will not run: systemd says it is {found or 'unknown'}"
