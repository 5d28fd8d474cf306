"""What the units may not do does not keep them from what they are for.

A network namespace with a netdev in it, and an eswitch: for the first the unit enters namespaces,
for the second it speaks devlink, through a library that the others do not need.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from sriovctl.api.place import SOCKET
from sriovctl.model.persistence import APPLY_UNIT, DAEMON_UNIT, SOCKET_UNIT, VERIFY_UNIT
from tests.unit.api.certificates import is_shown, make_certificate
from tests.unit.api.rig import UnixHTTP, exchange
from tests.unit.docs.pages import ROOT

pytestmark = pytest.mark.lab("netdevsim", services=("systemd",))

BUS = Path("/sys/bus/netdevsim")
ID = 77
STATE = """\
version: 1
pfs:
  sim:
    match: {netdev: NETDEV}
    num_vfs: 2
    eswitch: {mode: switchdev}
    vf_default: {admin_mac: auto}
"""


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def start(unit: str) -> None:
    done = subprocess.run(("systemctl", "start", unit), check=False)
    assert done.returncode == 0, run("journalctl", "-b", "-u", unit)


@pytest.fixture
def netdev() -> Iterator[str]:
    if not BUS.exists():
        run("modprobe", "netdevsim")  # no device asks for it, and systemd loads no other
    (BUS / "new_device").write_text(f"{ID} 1")
    run("udevadm", "settle")
    (name,) = os.listdir(BUS / f"devices/netdevsim{ID}/net")
    yield name
    (BUS / "del_device").write_text(str(ID))


@pytest.fixture
def persisted(netdev: str, tmp_path: Path) -> Iterator[str]:
    run("ip", "netns", "add", "elsewhere")
    run("ip", "link", "add", "name", "over-there", "netns", "elsewhere", "type", "dummy")
    file = tmp_path / "host.yaml"
    file.write_text(STATE.replace("NETDEV", netdev))
    run("sriovctl", "persist", str(file))
    yield netdev
    run("systemctl", "stop", APPLY_UNIT, VERIFY_UNIT)
    run("sriovctl", "persist", "--remove")
    run("ip", "netns", "delete", "elsewhere")
    show = ("systemctl", "show", "-P", "UnitFileState", APPLY_UNIT, VERIFY_UNIT)
    assert run(*show).strip() == "", "systemd still knows the units"


def test_the_units_do_their_work(persisted: str) -> None:
    start(APPLY_UNIT)
    (dev,) = json.loads(run("devlink", "-j", "dev", "eswitch", "show", f"netdevsim/netdevsim{ID}"))[
        "dev"
    ].values()
    assert dev["mode"] == "switchdev"
    (link,) = json.loads(run("ip", "-j", "link", "show", "dev", persisted))
    macs = [vf["address"] for vf in link["vfinfo_list"]]
    assert len(set(macs)) == 2
    assert all(int(mac[:2], 16) & 0b11 == 0b10 for mac in macs), "local, and of one station"

    start(VERIFY_UNIT)
    log = run("journalctl", "-b", "-o", "cat", "-u", APPLY_UNIT, "-u", VERIFY_UNIT)
    assert "could not be looked into" not in log, "processes or namespaces of others"
    assert "Operation not permitted" not in log
    assert "0 failed" in log
    assert "verify-boot of this boot: good" in run("sriovctl", "persist", "--status")


# --- the daemon ------------------------------------------------------------------------------

OPERATORS = 7777
KEPT = """\
version: 1
pfs:
  sim:
    match: {netdev: NETDEV}
    num_vfs: 2
    link: {state: up}
    vf_default: {vlan: {id: 42}}
"""


def show(key: str) -> str:
    return run("systemctl", "show", "-P", key, DAEMON_UNIT).strip()


def vlans(netdev: str) -> list[int]:
    (link,) = json.loads(run("ip", "-j", "link", "show", "dev", netdev))
    return [vf["vlan_list"][0]["vlan"] for vf in link.get("vfinfo_list", [])]


def wait_for(netdev: str, wanted: list[int]) -> None:
    deadline = time.monotonic() + 60
    while vlans(netdev) != wanted:
        assert time.monotonic() < deadline, run("journalctl", "-b", "-u", DAEMON_UNIT)
        time.sleep(0.1)


@pytest.fixture
def with_daemon(netdev: str, tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "host.yaml"
    file.write_text(KEPT.replace("NETDEV", netdev))
    run("sriovctl", "persist", str(file), "--daemon")
    yield netdev
    run("systemctl", "stop", DAEMON_UNIT)
    assert (show("ActiveState"), show("Result")) == ("inactive", "success")
    run("sriovctl", "persist", "--remove")
    assert show("UnitFileState") == "", "systemd still knows the unit"


def test_the_daemon_lives_under_systemd_with_what_its_unit_leaves_it(with_daemon: str) -> None:
    with Path("/etc/group").open("a", encoding="ascii") as groups:
        groups.write(f"sriovctl:x:{OPERATORS}:\n")
    start(DAEMON_UNIT)  # returns once it says that it is ready
    assert vlans(with_daemon) == [42, 42]
    assert show("StatusText") == "healthy"
    run("ip", "link", "set", "dev", with_daemon, "vf", "1", "vlan", "99")
    wait_for(with_daemon, [42, 42])
    notices = run("journalctl", "-b", "-o", "cat", "-p", "notice", "-u", DAEMON_UNIT)
    assert "vf 1: vlan 99 -> 42" in notices
    assert "as declared" not in notices, "that is no more than information"
    log = run("journalctl", "-b", "-o", "cat", "-u", DAEMON_UNIT)
    assert "could not be" not in log
    assert "Operation not permitted" not in log

    connection = UnixHTTP(Path(SOCKET))
    deadline = time.monotonic() + 60
    while (health := exchange(connection, "GET", "/v1/health").json)["health"] != "healthy":
        assert time.monotonic() < deadline, health
        time.sleep(0.1)
    runs = exchange(connection, "GET", "/v1/runs").json["runs"]
    assert runs == json.loads(run("sriovctl", "history", "--json"))["runs"]
    assert exchange(connection, "GET", "/v1/doctor").status == 200
    connection.close()
    shown = os.stat(SOCKET)
    assert (shown.st_gid, shown.st_mode & 0o777) == (OPERATORS, 0o660)

    run("systemctl", "reload", DAEMON_UNIT)
    run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", DAEMON_UNIT)
    run("ip", "link", "set", "dev", with_daemon, "vf", "0", "vlan", "98")
    wait_for(with_daemon, [42, 42])
    assert int(show("NRestarts")) == 1
    security = run("systemd-analyze", "security", "--no-pager", DAEMON_UNIT).splitlines()[-1]
    print(security)
    assert "Overall exposure level" in security
    assert float(security.split(":")[1].split()[0]) < 5
    assert f"enabled  {DAEMON_UNIT}" in run("sriovctl", "persist", "--status")


# --- the REST interface under systemd --------------------------------------------------------

CONFIG = Path("/etc/sriovctl")
UNITS_OF_OURS = Path("/etc/systemd/system")
PORT = 8443


def snippet(of: str, number: int) -> str:
    """A drop-in as the page has it, for this sriovctl."""
    page = (ROOT / "docs/daemon.md").read_text(encoding="utf-8")
    found = re.findall(rf"`systemctl edit {re.escape(of)}`:\n\n```ini\n(.*?)```", page, re.DOTALL)
    program = show("ExecStart").partition("path=")[2].partition(" ;")[0]
    text: str = found[number]
    return text.replace("/usr/local/bin/sriovctld", program)


def edit(unit: str, text: str) -> Path:
    """Do what 'systemctl edit' does with a terminal."""
    path = UNITS_OF_OURS / f"{unit}.d/override.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, run("journalctl", "-b", "-u", DAEMON_UNIT)
        time.sleep(0.1)


def status_over_tls(token: str) -> int:
    context = ssl.create_default_context(cafile=str(CONFIG / "host.pem"))
    connection = HTTPSConnection("localhost", PORT, context=context, timeout=60)
    try:
        connection.request("GET", "/v1/pfs", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def status_over_unix() -> int:
    connection = UnixHTTP(Path(SOCKET))
    status = exchange(connection, "GET", "/v1/health").status
    connection.close()
    return status


@pytest.fixture
def token(with_daemon: str) -> Iterator[str]:
    assert with_daemon
    make_certificate(CONFIG)
    yield run("sriovctl", "api", "token", "ci").strip()
    run("systemctl", "stop", SOCKET_UNIT, DAEMON_UNIT, APPLY_UNIT)
    for name in ("host.pem", "host.key", "tokens"):
        (CONFIG / name).unlink()
    for unit in (SOCKET_UNIT, DAEMON_UNIT):
        (UNITS_OF_OURS / f"{unit}.d/override.conf").unlink(missing_ok=True)
        (UNITS_OF_OURS / f"{unit}.d").rmdir()
    run("systemctl", "daemon-reload")


def test_the_rest_interface_is_served_on_tcp_and_on_systemds_sockets_as_the_page_says(
    token: str, tmp_path: Path
) -> None:
    edit(DAEMON_UNIT, snippet("sriovctld", 0))
    run("systemctl", "daemon-reload")
    start(DAEMON_UNIT)
    until(lambda: status_over_tls(token) == 200)
    assert status_over_tls(f"{token}x") == 401

    # From here on the daemon may open no TCP, and systemd has the sockets.
    run("sriovctl", "persist", str(tmp_path / "host.yaml"), "--daemon", "--socket")
    edit(DAEMON_UNIT, snippet("sriovctld", 1))
    edit(SOCKET_UNIT, snippet("sriovctld.socket", 0))
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", DAEMON_UNIT)
    assert run("systemctl", "is-active", SOCKET_UNIT).strip() == "active"
    until(lambda: status_over_tls(token) == 200)
    assert show("RestrictAddressFamilies") == "AF_NETLINK AF_UNIX"
    shown = os.stat(SOCKET)
    assert (shown.st_gid, shown.st_mode & 0o777) in ((OPERATORS, 0o660), (0, 0o600))

    run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", DAEMON_UNIT)
    assert status_over_unix() == 200, "it waits while the daemon is started anew"
    make_certificate(CONFIG)
    assert not is_shown(str(CONFIG / "host.pem"), PORT)
    run("systemctl", "reload", DAEMON_UNIT)
    until(lambda: is_shown(str(CONFIG / "host.pem"), PORT))

    run("systemctl", "stop", DAEMON_UNIT)
    start(APPLY_UNIT)
    assert show("ActiveState") == "inactive", "what it waits for at boot does not wait for it"
    assert status_over_unix() == 200, "who connects starts it"
    assert show("ActiveState") == "active"
    assert f"enabled  {SOCKET_UNIT}" in run("sriovctl", "persist", "--status")
