"""Programs that tests in a lab machine run, and what the kernel shows by other ways than ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PCI = Path("/sys/bus/pci/devices")


def run(*words: str) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def ip(*words: str) -> str:
    return run("ip", *words)


def sriovctl(*words: str, stdin: str = "", expect: int = 0) -> str:
    """Run our own command; its answer, or what it complains of when it is to fail."""
    done = subprocess.run(
        ["sriovctl", *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    # Notes may stand on standard error beside an answer.
    return done.stdout if expect in (0, 3) else done.stdout + done.stderr


def netdev_of(pf: str) -> str:
    return next((PCI / pf / "net").iterdir()).name


def vfs_by_ip(netdev: str) -> list[dict[str, object]]:
    """What iproute2 says of all VFs of a netdev."""
    (shown,) = json.loads(ip("-j", "-d", "link", "show", "dev", netdev))
    found: list[dict[str, object]] = shown.get("vfinfo_list", [])
    return found


def vf_drivers(pf: str) -> list[str | None]:
    """The driver of each VF, read from sysfs."""
    vfs = sorted((PCI / pf).glob("virtfn*"), key=lambda path: int(path.name[6:]))
    links = [vf / "driver" for vf in vfs]
    return [link.resolve().name if link.exists() else None for link in links]
