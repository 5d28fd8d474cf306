"""Composition root of the daemon: builds the live host around it, and maps errors to exit codes."""

from __future__ import annotations

import gc
import os
import sys

from sriovctl.daemon.arguments import check_arguments, find_state, parse_arguments
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, SriovctlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.daemon.interface import Interface
    from sriovctl.daemon.keeper import Keeper
    from sriovctl.daemon.log import Log
    from sriovctl.daemon.watch import Watch
    from sriovctl.host.events_api import Received
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.host.live import LiveHost

# With --once: what waits for no longer than this is waited for.
_ONCE_PATIENCE_S = 10.0
_OBJECTS_BEFORE_COLLECTION = 100_000


def run() -> None:
    """Entry point of the command ``sriovctld``."""
    # As for the command: a look at a thousand VFs makes thousands of records, and none of them goes
    # in circles, so that to look for those at each 700 is a fifth of it.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run the daemon.

    :return: the exit code: 0 done, 1 failed, 2 usage, 4 refused.
    """
    args = parse_arguments(arguments)
    try:
        check_arguments(args)
        return _check(args) if args.check else _keep(args)
    except SriovctlError as error:
        if args.debug:
            raise
        print(f"sriovctld: {error}", file=sys.stderr)
        return error.exit_code


def _check(args: argparse.Namespace) -> int:
    from sriovctl.codec.state_file import parse_states
    from sriovctl.host.state_files import read_state_texts

    path = find_state(args.state)
    state = parse_states(read_state_texts(path))
    print(f"{path}: right; entries for PFs: {len(state.pfs)}")
    return EXIT_DONE


def _keep(args: argparse.Namespace) -> int:
    from sriovctl.daemon.log import Log, Priority
    from sriovctl.host.live import LiveHost

    path = find_state(args.state)
    least = Priority.DEBUG if args.debug else Priority.INFO
    log = Log(sys.stderr, priorities="JOURNAL_STREAM" in os.environ, least=least)
    host = LiveHost(write_timeout_s=args.write_timeout)
    try:
        if args.once:
            return _once(args, path, host, log)
        return _serve(args, path, host, log)
    finally:
        host.close()


def _serve(args: argparse.Namespace, path: str, host: LiveHost, log: Log) -> int:
    import asyncio

    from sriovctl.daemon.notify import Notifier
    from sriovctl.daemon.service import Service
    from sriovctl.daemon.watch import Watch
    from sriovctl.host.events import KernelEvents

    events = KernelEvents()  # before the first look, so that nothing is missed in between
    watch = Watch(host.clock, events)
    keeper = _make_keeper(args, path, host, log, watch)
    notifier = Notifier(os.environ)

    async def serve() -> None:
        service = Service(
            keeper,
            watch,
            events,
            notifier=notifier,
            log=log,
            clock=host.clock,
            wait_s=args.wait,
            interface=_make_interface(args, log, keeper),
        )
        await service.run()

    try:
        asyncio.run(serve())
    finally:
        events.close()
    return EXIT_DONE


def _make_interface(args: argparse.Namespace, log: Log, keeper: Keeper) -> Interface | None:
    from sriovctl.daemon.log import Priority

    if args.no_api:
        return None
    try:
        import h11  # noqa: F401
    except ModuleNotFoundError:
        lacks = "needs the library h11: install 'sriovctl[daemon]', or Debian's python3-h11"
        log.say(Priority.NOTICE, f"the REST interface is not served: it {lacks}")
        return None
    from contextlib import closing

    from sriovctl.api.audit import AuditLog
    from sriovctl.api.doors import Building
    from sriovctl.api.options import find_openers, make_access
    from sriovctl.api.service import Service
    from sriovctl.daemon.doors import live_doors
    from sriovctl.daemon.interface import Interface
    from sriovctl.host.database import state_directory

    def tell(line: str) -> None:
        log.say(Priority.INFO, line)

    def warn(line: str) -> None:
        log.say_once(Priority.WARNING, "what the interface reads", line)

    access = make_access(args, warn)
    building = Building(
        lambda: closing(live_doors(write_timeout_s=args.write_timeout, warn=warn)),
        state_directory=os.path.abspath(state_directory()),
    )
    return Interface(
        lambda keeping: Service(
            building, access, audit=AuditLog(tell), log=tell, hears_events=True, keeping=keeping
        ),
        find_openers(args, os.environ),
        conditions=lambda: keeper.conditions,
        log=log,
        forget=access.forget,
    )


def _once(args: argparse.Namespace, path: str, host: LiveHost, log: Log) -> int:
    from sriovctl.daemon.watch import Watch
    from sriovctl.model.health import Health

    watch = Watch(host.clock, _NoEvents())
    keeper = _make_keeper(args, path, host, log, watch)
    keeper.load(anew=False)
    health = keeper.look_all().health
    end = host.clock.now() + max(_ONCE_PATIENCE_S, args.wait)
    while health is not Health.HEALTHY:
        due_at = watch.due_at()
        if due_at is None or due_at > end:
            break
        host.clock.sleep(max(0.0, due_at - host.clock.now()))
        watch.take_due()
        health = keeper.look_all().health
    if health is Health.HEALTHY:
        return EXIT_DONE
    return EXIT_REFUSED if health is Health.BLOCKED else EXIT_FAILED


class _NoEvents:
    def filenos(self) -> tuple[int, ...]:
        return ()

    def receive(self) -> Received:
        from sriovctl.host.events_api import Received as Nothing

        return Nothing()

    def close(self) -> None:
        pass


def _make_keeper(
    args: argparse.Namespace, path: str, host: LiveHost, log: Log, watch: Watch
) -> Keeper:
    from sriovctl.daemon.declaration import Declaration
    from sriovctl.daemon.keeper import Keeper
    from sriovctl.daemon.log import Priority
    from sriovctl.daemon.mending import SOURCE
    from sriovctl.engine.boot import read_boot_id
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.host.baseline_file import BaselineFile
    from sriovctl.host.database import state_directory
    from sriovctl.host.journal import SQLiteJournal
    from sriovctl.host.leases import SQLiteLeaseBook
    from sriovctl.host.state_files import read_state_texts

    directory = state_directory()
    journal = SQLiteJournal(directory, asked_by=lambda: SOURCE)
    site = Site(host, journal, lambda text: log.say(Priority.DEBUG, text))
    book = SQLiteLeaseBook(directory)
    declaration = Declaration(
        lambda: read_state_texts(path),
        site.journal,
        BaselineFile(directory),
        boot_id=read_boot_id(host.files),
    )
    users = Users(
        site,
        open_libvirt=_LibvirtDoor().open,
        open_leases=lambda: book,
        warn=lambda text: log.say(Priority.WARNING, text),
    )
    return Keeper(site, declaration, users, log, remind=watch.remind, allowed=frozenset(args.allow))


class _LibvirtDoor:
    # A connection does not outlive a restart of libvirt, and a daemon does: each question has one
    # of its own.

    def __init__(self) -> None:
        self._last: Libvirt | None = None

    def open(self) -> Libvirt:
        from sriovctl.host.patient_libvirt import connect_to_libvirt

        if self._last is not None:
            self._last.close()
        self._last = connect_to_libvirt()
        return self._last


if __name__ == "__main__":
    run()
