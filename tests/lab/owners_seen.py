"""Who uses what, as sriovctl sees it, for tests inside the lab."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.live import LiveHost
from sriovctl.model.owner import OwnerReport

PCI = Path("/sys/bus/pci/devices")


def run(*argv: str) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def report() -> OwnerReport:
    """Ask in this process: each Python costs a second here."""
    host = LiveHost()
    pfs = read_inventory(host, name_of=lambda *_: None)
    found = read_owners(host, pfs, open_libvirt=None, progress=lambda _: None)
    host.close()
    return found


def owners() -> dict[str, dict[str, str]]:
    """Evidence by token by device."""
    return {
        device: {owner.token: owner.evidence for owner in found}
        for device, found in report().owners.items()
    }


def document(*prefix: str) -> dict[str, list[dict[str, str]]]:
    """What the command says, started by another."""
    found = json.loads(run(*prefix, "sriovctl", "owners", "--json"))
    assert isinstance(found, dict)
    # The VFs are this test's, and so foreign to sriovctl.
    found["owners"] = [owner for owner in found["owners"] if owner["kind"] != "foreign"]
    return found


def ip(*argv: str) -> list[dict[str, object]]:
    found = json.loads(run("ip", "-j", *argv))
    assert isinstance(found, list)
    return found


def netdev(device: str) -> str:
    return next((PCI / device / "net").iterdir()).name


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)


def bond(undo: ExitStack, pf: str) -> None:
    """Make the PF's netdev the one port of a bond."""
    # The module leaves a file among the netdevs of sysfs.
    undo.callback(run, "modprobe", "-r", "bonding")
    run("ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup")
    undo.callback(run, "ip", "link", "set", netdev(pf), "up")  # a bond leaves its ports down
    undo.callback(run, "ip", "link", "del", "bond0")
    run("ip", "link", "set", netdev(pf), "down")
    run("ip", "link", "set", netdev(pf), "master", "bond0")
    run("ip", "link", "set", "bond0", "up")
