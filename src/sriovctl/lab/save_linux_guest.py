"""Boot a guest by libvirt without its daemon, and save it: ``… save_linux_guest DIR <XML``."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt  # type: ignore[import-not-found,import-untyped,unused-ignore]

_READY = b"END 0"
_TIMEOUT_S = 180.0
_QEMU_CONF = """\
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = [ ]
stdio_handler = "file"
remember_owner = 0
"""


def main() -> None:
    """Leave ``guest.xml`` and, when all went well, ``saved`` in the directory."""
    directory, xml = Path(sys.argv[1]), sys.stdin.read()
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_turn, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="sriovctl-") as root:
        (Path(root) / "etc").mkdir()
        (Path(root) / "etc/qemu.conf").write_text(_QEMU_CONF)
        connection = libvirt.open(f"qemu:///embed?root={root}")
        guest = connection.createXML(xml, 0)
        try:
            _save(guest, directory)
        except BaseException:
            guest.destroy()
            raise
        connection.close()


def _save(guest: Any, directory: Path) -> None:  # noqa: ANN401  the binding has no types
    _wait_until_ready(_console_of(guest))
    definition = guest.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    (directory / "guest.xml").write_text(definition)
    guest.save(str(directory / "partial"))
    (directory / "partial").rename(directory / "saved")


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _console_of(guest: Any) -> str:  # noqa: ANN401
    source = ElementTree.fromstring(guest.XMLDesc(0)).find("devices/serial/source")
    assert source is not None
    return source.get("path", "")


def _wait_until_ready(console: str) -> None:
    deadline, said = time.monotonic() + _TIMEOUT_S, b""
    fd = os.open(console, os.O_RDWR | os.O_NOCTTY)
    try:
        while _READY not in said:
            # What was said before we listened is lost: so let it speak again.
            if not select.select([fd], [], [], 1.0)[0]:
                os.write(fd, b"true\n")
            else:
                said += os.read(fd, 4096)
            if time.monotonic() > deadline:
                raise SystemExit(f"the guest does not come up; it said: {said!r}")
    finally:
        os.close(fd)


if __name__ == "__main__":
    main()
