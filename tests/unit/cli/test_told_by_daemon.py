"""Who may not look for themselves is told by the daemon, and sees what root sees."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.cli.test_by_daemon import (
    Quiet,
    Said,
    Side,
    make_side,
    serving,
    short_path,  # noqa: F401
    without_times,
)

from sriovctl.api.access import PeerPolicy
from sriovctl.api.client.daemon import Daemon
from sriovctl.api.client.guest_answers import parse_guests
from sriovctl.api.contract.messages import Peer
from sriovctl.cli.context import HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import PermissionDenied, SriovctlError
from sriovctl.host.api import Host, Journal
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import DeviceKind, Guest, GuestDevice, HotplugRoom
from sriovctl.model.guest_network import (
    NativeMode,
    NetworkInterface,
    VirtualPort,
    VirtualPortKind,
    VLANTrunk,
)
from sriovctl.render.guests import format_guests, guests_as_json

if TYPE_CHECKING:
    from sriovctl.host.lease_api import LeaseBook

PF, VF = "0000:01:00.0", "0000:01:10.0"
OPERATOR = Peer(1, 4242, 77)
POLICY = PeerPolicy(operators=frozenset((77,)))


class Closed:
    """A journal or a book that root alone may open."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        def refuse(*_: object, **__: object) -> AbstractContextManager[object]:
            raise PermissionDenied("cannot read", subject="/var/lib/sriovctl", hint="run as root")

        return (lambda: None) if name == "close" else refuse


class CutFiles:
    """Files as the kernel shows them to others than root."""

    def __init__(self, host: Host) -> None:
        self._files = host.files

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._files, name)

    def read_bytes(self, path: str) -> bytes | None:
        data = self._files.read_bytes(path)
        if path.startswith("/sys/firmware/acpi/tables/") and data is not None:
            raise PermissionDenied("cannot read", subject=path)
        return data[:64] if data is not None and path.endswith("/config") else data


class CutHost:
    """A host as others than root see it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.files = CutFiles(host)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._host, name)


def as_other(side: Side, *argv: str) -> Said:
    """Run a command as somebody who is not root."""
    out = io.StringIO()
    path = side.daemon

    def find() -> Daemon | None:
        return None if path is None else Daemon(str(path), state_directory=str(side.directory))

    context = Quiet(
        open_host=lambda: cast("Host", CutHost(side.host)),
        open_libvirt=lambda: SimulatedLibvirt(side.host.clock),
        open_journal=lambda: cast("Journal", Closed()),
        open_leases=lambda: cast("LeaseBook", Closed()),
        find_daemon=find,
        sees_little=True,
        out=out,
        color=False,
        kind=HostKind.SIMULATED,
    )
    context.told, context.warned = [], []
    status, error = 0, None
    try:
        status = run_verb(parse_arguments(argv), context)
    except SriovctlError as raised:
        status, error = raised.exit_code, str(raised)
    finally:
        context.close()
    return Said(status, out.getvalue(), error, (), tuple(context.warned))


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    with TemporaryDirectory(prefix="cli") as name:
        yield from prepared(Path(name))


def prepared(directory: Path) -> Iterator[Side]:
    side = make_side(directory / "s", directory)
    file = side.state(2, vlan=42)
    side.run("apply", file)
    side.run("pool", "define", file)
    side.run("lease", "take", "finance", "--owner", "anna", "--ttl", "8h")
    with serving(side, policy=POLICY, peer=OPERATOR):
        yield side


@pytest.mark.parametrize(
    "words",
    [
        ["history"],
        ["history", "1"],
        ["history", "--json"],
        ["history", "7"],
        ["owners", "--json"],
        ["ls", "--owners"],
        ["lease", "list"],
        ["lease", "list", "--all", "--json"],
        ["lease", "show", "1"],
        ["pool", "list", "--json"],
        ["pool", "show", "finance"],
        ["pool", "capacity", "finance"],
        ["metrics", "--owners"],
        ["show", PF],
        ["explain", VF],
        ["groups", "--json"],
        ["predict"],
        ["tree"],
        ["capacity", "--json"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_who_may_not_look_sees_what_root_sees(side: Side, words: list[str]) -> None:
    told = as_other(side, *words)
    path, side.daemon = side.daemon, None
    seen = side.run(*words)
    alone = as_other(side, *words)
    side.daemon = path
    assert without_times(told.out) == without_times(without_wedged(seen.out))
    assert (told.status, told.error, told.warnings) == (
        seen.status,
        seen.error and seen.error.partition(" ")[2],
        seen.warnings,
    )
    assert (alone.out, alone.error) != (told.out, told.error), "without the daemon it is less"


def without_wedged(text: str) -> str:
    """Leave out the one thing that nobody is told: whether the kernel hangs on a PF."""
    return "".join(line for line in text.splitlines(keepends=True) if "pf_wedged" not in line)


def test_a_plan_names_users_whom_only_root_sees(side: Side) -> None:
    file = Path(side.state(2))
    file.write_text(file.read_text().replace("num_vfs: 2", "num_vfs: 3"))
    assert "affects: lease:1" in as_other(side, "plan", str(file)).out


def test_a_member_defines_and_removes_pools(side: Side) -> None:
    file = Path(side.state(2))
    file.write_text(file.read_text().replace("finance:", '"b c":'))
    assert as_other(side, "pool", "define", str(file)).out == "pool b c is defined\n"
    listed = json.loads(as_other(side, "pool", "list", "--json").out)["pools"]
    assert [(one["name"], one["source"]) for one in listed if one["name"] != "finance"] == [
        ("b c", "api: uid 4242 (no name)")
    ]
    assert "is forgotten" in as_other(side, "pool", "remove", "b c").out
    assert as_other(side, "pool", "remove", "b c").status == 2


def test_whoever_is_told_nothing_is_refused_as_ever(short_path: Path) -> None:  # noqa: F811
    side = make_side(short_path / "s", short_path)
    with serving(side, policy=PeerPolicy(), peer=OPERATOR):
        said = as_other(side, "history")
    assert said.error is not None
    assert said.error.startswith("/var/lib/sriovctl: cannot read")
    assert as_other(side, "ls").status == 0


def test_guests_that_are_told_are_shown_as_they_were() -> None:
    source, place = parse_pci_address(VF), parse_pci_address("0000:05:00.0")
    port = VirtualPort(VirtualPortKind.QBG, None, 1, 2, 3, None)
    trunk = VLANTrunk((10, 20), 10, NativeMode.TAGGED)
    first = GuestDevice(DeviceKind.INTERFACE, source, "m", 42, "ua-x", place, True, False)
    devices = (
        first,
        first._replace(vlan=None, trunk=trunk, guest_address=None, config=True),
        first._replace(kind=DeviceKind.HOSTDEV, vlan=None, virtual_port=port, network="pool1"),
    )
    coming = (NetworkInterface("pool1", "n", 7, None),)
    room = HotplugRoom("slots", 4, 2)
    guests = [
        Guest("A", "u", "running", True, True, "q35", True, devices, (), room, coming),
        Guest("B", "v", "shut off", False, True, None, True, (), (), None),
    ]
    document = json.loads(json.dumps(guests_as_json(guests, {"pool1"})))
    told, networks = parse_guests(document)
    assert guests_as_json(told, networks) == guests_as_json(guests, {"pool1"})
    assert format_guests(told, networks) == format_guests(guests, {"pool1"})
