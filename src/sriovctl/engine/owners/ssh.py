"""From where somebody is logged in over SSH.

Two sources: ``SSH_CONNECTION`` in the environment of this process or of one it descends from
(sudo takes it out of ours, but the shell before it still has it), and the sessions of
systemd-logind, which know those who are logged in elsewhere as well.
"""

from __future__ import annotations

from sriovctl.codec.inet import format_ip, parse_ip
from sriovctl.errors import InputError, SriovctlError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.host.api import FileTree

_SESSIONS = "/run/systemd/sessions"
_VARIABLE = b"SSH_CONNECTION="
_MAX_ANCESTORS = 64


class SSHClient(NamedTuple):
    """Somebody who is logged in from elsewhere."""

    address: str
    server: str | None  # the address of this host that was called
    netdev: str | None  # only with a link-local address
    evidence: str


def read_ssh_clients(files: FileTree) -> tuple[SSHClient, ...]:
    """Read who is logged in over SSH, each address once."""
    found: dict[str, SSHClient] = {}
    for client in (*_from_environments(files), *_from_sessions(files)):
        found.setdefault(client.address, client)
    return tuple(found.values())


def parse_ssh_connection(text: str, evidence: str) -> SSHClient | None:
    """Read ``CLIENT PORT SERVER PORT``; None if it is something else.  Pure.

    IPv4 mapped into IPv6 becomes IPv4; a link-local address brings its netdev: ``fe80::1%ens1``.
    """
    words = text.split()
    client, _, netdev = words[0].partition("%") if words else ("", "", "")
    server = words[2].partition("%")[0] if len(words) > 2 else ""
    address = _plain(client)
    if address is None:
        return None
    return SSHClient(address, _plain(server), netdev or None, evidence)


def _plain(text: str) -> str | None:
    try:
        return format_ip(parse_ip(text))
    except InputError:
        return None


def _from_environments(files: FileTree) -> Iterator[SSHClient]:
    pid = "self"
    for _ in range(_MAX_ANCESTORS):
        try:
            environment = files.read_bytes(f"/proc/{pid}/environ") or b""
            status = files.read_text(f"/proc/{pid}/status") or ""
        except SriovctlError:  # somebody else's process; those above are too
            return
        for entry in environment.split(b"\0"):
            if entry.startswith(_VARIABLE):
                text = entry.removeprefix(_VARIABLE).decode("utf-8", "replace")
                client = parse_ssh_connection(text, f"SSH_CONNECTION of process {_pid(status)}")
                if client is not None:
                    yield client
                    return
        pid = _field(status, "PPid:")
        if pid in ("", "0"):
            return


def _pid(status: str) -> str:
    return _field(status, "Pid:")


def _field(status: str, name: str) -> str:
    for line in status.splitlines():
        if line.startswith(name):
            return line.removeprefix(name).strip()
    return ""


def _from_sessions(files: FileTree) -> Iterator[SSHClient]:
    for session in files.list_dir(_SESSIONS):
        # Beside each session stands a pipe, "3.ref", and whoever reads it waits for its end.
        if not session.isalnum():
            continue
        text = files.read_text(f"{_SESSIONS}/{session}") or ""
        known = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if known.get("REMOTE") == "1" and known.get("STATE") != "closing":
            client = parse_ssh_connection(
                known.get("REMOTE_HOST", ""), f"session {session} of systemd-logind"
            )
            if client is not None:
                yield client
