"""Composition root: builds the real host and turns errors into exit codes; nothing else does."""

from __future__ import annotations

import gc
import os
import sys

from sriovctl import __version__
from sriovctl.errors import EXIT_FAILED, InputError, SriovctlError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.cli.context import Context
    from sriovctl.host.api import Host, Journal
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.host.events_api import EventSource
    from sriovctl.host.guardian import Guardian
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.host.qmp_api import QMP
    from sriovctl.model.snapshot import HostSnapshot


_OBJECTS_BEFORE_COLLECTION = 100_000
_STAYING = ("api", "page")  # whose host is looked at again and again


def run() -> None:
    """Entry point of the command ``sriovctl``; does not return."""
    # A command makes all that it makes once, and little of it goes in circles: to look for those
    # seven hundred objects at a time is a tenth of an apply with a thousand VFs.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    status = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # nobody reads it, or the disk is full
        status = status or EXIT_FAILED
    # The kernel frees all memory at once, where Python would free object by object.
    os._exit(status)


def main(arguments: Sequence[str]) -> int:
    """Run one command line.

    :return: the exit code: 0 done, 1 failed, 2 usage, 3 changes pending, 4 refused.
    """
    if list(arguments) == ["--version"]:  # before argparse, which costs as much as Python's start
        print(f"sriovctl {__version__}")
        return 0
    try:
        return _run(arguments)
    except SriovctlError as error:
        return _report(error, arguments)
    except KeyboardInterrupt:
        print("sriovctl: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`sriovctl ls | head`): not our failure, and nothing to say.
        sys.stderr.close()
        return EXIT_FAILED
    except Exception as bug:
        return _report_bug(bug, arguments)


def _run(arguments: Sequence[str]) -> int:
    from sriovctl.cli.main import parse_arguments, run_verb

    args = parse_arguments(arguments)
    context = _make_context(args)
    try:
        status = run_verb(args, context)
    finally:
        context.close()
    sys.stdout.flush()
    return status


def _make_context(args: argparse.Namespace) -> Context:
    from sriovctl.cli.context import Context, HostKind

    kind = HostKind.SIMULATED if args.simulated else HostKind.LIVE
    if args.lspci == "-" and args.dmesg == "-":
        raise InputError("standard input can be only one of --lspci and --dmesg")
    return Context(
        open_host=lambda: _open_host(args),
        open_libvirt=lambda: _open_libvirt(args),
        open_journal=lambda: _open_journal(args),
        open_leases=lambda: _open_leases(args),
        has_leases=lambda: _has_leases(args),
        open_qmp=_open_qmp,
        kind=kind if args.host_tree is None else HostKind.RECORDED,
        start_guardian=None if args.simulated else _start_guardian,
        open_boot=lambda root: _open_boot(args, root),
        find_daemon=lambda: _find_daemon(args),
        sees_little=os.geteuid() != 0,
        open_events=None if args.host_tree is not None or args.simulated else _open_events,
        out=sys.stdout,
        color=not args.no_color and sys.stdout.isatty(),
        read_dump=None if args.lspci is None else lambda: _read_dump(args.lspci),
        read_log=None if args.dmesg is None else lambda: _read_log(args.dmesg),
    )


def _open_host(args: argparse.Namespace) -> Host:
    _refuse_dump(args)
    if args.host_tree is not None:
        from sriovctl.host.recorded import RecordedHost

        return RecordedHost(args.host_tree)
    if args.simulated:
        return _simulated_host(args.verb)
    from sriovctl.host.live import LiveHost
    from sriovctl.host.sysfs import WRITE_TIMEOUT_S

    return LiveHost(write_timeout_s=getattr(args, "write_timeout", WRITE_TIMEOUT_S))


def _simulated_host(verb: str) -> Host:
    from sriovctl.host.simulated import simulated_82576

    host = simulated_82576()
    if verb in _STAYING:
        import time

        host.clock.go_on(time.monotonic)
    return host


def _refuse_dump(args: argparse.Namespace) -> None:
    if args.lspci is not None:
        raise InputError(
            f"'{args.verb}' needs a host, and a dump is none",
            subject=_name_of(args.lspci),
            hint="leave --lspci out, or read a recording (sriovctl record DIR) with --host-tree",
        )


def _read_dump(path: str) -> HostSnapshot:
    from sriovctl.codec.lspci import parse_lspci
    from sriovctl.host.pci_ids import PCINames

    return parse_lspci(_read_pasted(path), source=_name_of(path), ids_of=PCINames().ids_of)


def _read_log(path: str) -> str:
    from sriovctl.codec.kernel_log import check_is_kernel_log
    from sriovctl.codec.pasted_text import unwrap_pasted

    text = unwrap_pasted(_read_pasted(path))
    check_is_kernel_log(text, source=_name_of(path))
    return text


def _name_of(path: str) -> str:
    from sriovctl.host.pasted import name_of_source

    return name_of_source(path)


def _read_pasted(path: str) -> str:
    from sriovctl.host.pasted import read_pasted_text

    return read_pasted_text(path)


def _open_libvirt(args: argparse.Namespace) -> Libvirt:
    _refuse_dump(args)
    from sriovctl.host.patient_libvirt import connect_to_libvirt

    return connect_to_libvirt()


def _open_qmp(socket: str) -> QMP:
    from sriovctl.host.qmp import QMPConnection

    return QMPConnection(socket)


# On a host where none runs, this is all that it costs.
def _find_daemon(args: argparse.Namespace) -> Daemon | None:
    from sriovctl.api.place import SOCKET, SOCKET_VARIABLE

    is_live = args.host_tree is None and not args.simulated and args.lspci is None
    path = os.environ.get(SOCKET_VARIABLE, SOCKET)
    if args.direct or not is_live or not os.path.exists(path):
        return None
    from sriovctl.api.client.daemon import Daemon
    from sriovctl.host.database import state_directory

    return Daemon(path, state_directory=os.path.abspath(state_directory()))


def _open_events() -> EventSource:
    from sriovctl.host.events import KernelEvents

    return KernelEvents()


def _open_journal(args: argparse.Namespace) -> Journal:
    from sriovctl.host.journal import SQLiteJournal

    _refuse_dump(args)
    if args.host_tree is not None or args.simulated:
        return SQLiteJournal(None)
    return _live_journal()


def _open_leases(args: argparse.Namespace) -> LeaseBook:
    from sriovctl.host.database import state_directory
    from sriovctl.host.leases import SQLiteLeaseBook

    _refuse_dump(args)
    is_live = args.host_tree is None and not args.simulated
    return SQLiteLeaseBook(state_directory() if is_live else None)


# On most hosts nothing was ever lent, and the book need not be opened, nor its code be imported.
def _has_leases(args: argparse.Namespace) -> bool:
    from sriovctl.host.database import file_exists, state_directory

    is_live = args.host_tree is None and not args.simulated
    return is_live and file_exists(f"{state_directory()}/leases.db")


def _live_journal() -> Journal:
    from sriovctl.host.database import state_directory
    from sriovctl.host.journal import SQLiteJournal
    from sriovctl.host.whoever import describe_user

    return SQLiteJournal(state_directory(), asked_by=describe_user)


def _open_boot(args: argparse.Namespace, root: str | None) -> BootDoors:
    from sriovctl.host.boot import open_host_boot, open_image_boot

    if root is not None:
        return open_image_boot(root)
    _refuse_dump(args)
    if args.host_tree is not None or args.simulated:
        raise UnsupportedError(
            "works on this host, or on an image of one",
            subject=args.verb,
            hint="leave --host-tree and --simulated out, or add --root DIR",
        )
    from sriovctl.host.database import state_directory

    return open_host_boot(os.path.abspath(state_directory()))


def _start_guardian() -> Guardian:
    # What it will need when the host can no longer be reached, nor perhaps its disks.
    import sriovctl.engine.binding
    import sriovctl.engine.msix
    import sriovctl.engine.runs.confirm
    import sriovctl.host.guarded
    import sriovctl.host.journal
    import sriovctl.host.live
    import sriovctl.host.rtnl  # noqa: F401
    from sriovctl.host.guardian import start_guardian

    return start_guardian(_expire_run)


def _expire_run(run_id: int) -> None:
    from sriovctl.engine.runs.confirm import expire_run
    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.live import LiveHost

    expire_run(Site(LiveHost(), _live_journal(), lambda _: None), run_id)


def _report(error: SriovctlError, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        raise error
    print(f"sriovctl: {error}", file=sys.stderr)
    return error.exit_code


def _report_bug(bug: Exception, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        raise bug
    print(
        f"sriovctl: this is a bug of sriovctl: {type(bug).__name__}: {bug}; "
        "please report it with the output of the same command and --debug",
        file=sys.stderr,
    )
    return EXIT_FAILED


if __name__ == "__main__":
    run()
