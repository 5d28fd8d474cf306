"""Bring the files that programs open into the memory of a lab machine.

A lab machine's disk is the host's, and each file that is opened there costs a millisecond and
more, where a host with a page cache pays some microseconds.  A start of Python opens a hundred,
lspci thirty.  The lab's root is an overlay: a file that was changed is in memory from then on.  Not
so its directory, which Python lists for each package: sriovctl's own are mounted from memory.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import sriovctl

_NOT_ON_DISK = ("/proc", "/sys", "/dev", "/run", "/tmp")
_FILE = re.compile(r'"(/[^"]+)"')
_done: set[tuple[str, ...]] = set()


def bring_into_memory(*commands: Sequence[str]) -> None:
    """Run each command once, and change what it opened without changing it."""
    package = Path(sriovctl.__file__).parent
    if not _is_in_memory(package):
        _mount_from_memory(package)
    for command in commands:
        if tuple(command) not in _done:
            _done.add(tuple(command))
            for path in {one for name in _opened_by(command) for one in _with_links(name)}:
                path.chmod(path.stat().st_mode)


def _is_in_memory(directory: Path) -> bool:
    return f" {directory} tmpfs " in Path("/proc/mounts").read_text(encoding="utf-8")


def _mount_from_memory(directory: Path) -> None:
    copy = tempfile.mkdtemp(dir="/run")  # which is a file system in memory
    subprocess.run(("cp", "-a", f"{directory}/.", copy), check=True)
    subprocess.run(("mount", "--bind", copy, str(directory)), check=True)


def _opened_by(command: Sequence[str]) -> set[str]:
    with tempfile.NamedTemporaryFile() as log:
        trace = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=file", "-o", log.name)
        subprocess.run(
            (*trace, *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        text = Path(log.name).read_text(encoding="utf-8", errors="replace")
    return set(_FILE.findall(text))


def _with_links(name: str) -> Iterator[Path]:
    path = Path(name).resolve()
    if path.is_file() and not str(path).startswith(_NOT_ON_DISK):
        yield path
