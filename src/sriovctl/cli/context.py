"""What a verb gets from the composition root."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from sriovctl.host.api import Host, Journal
    from sriovctl.host.libvirt_api import Libvirt


class Context:
    """The host that the user chose, the way to libvirt, and the way to the user."""

    def __init__(
        self,
        *,
        open_host: Callable[[], Host],
        open_libvirt: Callable[[], Libvirt],
        open_journal: Callable[[], Journal],
        out: TextIO,
        color: bool,
    ) -> None:
        self._open_host = open_host
        self._open_libvirt = open_libvirt
        self._open_journal = open_journal
        self._host: Host | None = None
        self._libvirt: Libvirt | None = None
        self._journal: Journal | None = None
        self._out = out
        self.color = color

    def writing_to(self, out: TextIO) -> Context:
        """Return a context of the same host and journal that writes elsewhere."""
        return Context(
            open_host=self.host,
            open_libvirt=self.libvirt,
            open_journal=self.journal,
            out=out,
            color=self.color,
        )

    def host(self) -> Host:
        """Return the host to read and write; opened once.

        :raises InputError: the recording that the user named is none.
        """
        if self._host is None:
            self._host = self._open_host()
        return self._host

    def libvirt(self) -> Libvirt:
        """Return the connection to libvirt; opened once.

        :raises UnsupportedError: the Python binding is not installed.
        :raises HostError: libvirtd does not answer.
        """
        if self._libvirt is None:
            self._libvirt = self._open_libvirt()
        return self._libvirt

    def journal(self) -> Journal:
        """Return the journal of this host's runs; opened once."""
        if self._journal is None:
            self._journal = self._open_journal()
        return self._journal

    def close(self) -> None:
        """End what was opened."""
        if self._journal is not None:
            self._journal.close()
        if self._libvirt is not None:
            self._libvirt.close()

    def print(self, text: str) -> None:
        """Write *text* and a newline to the user."""
        self._out.write(text + "\n")

    def print_json(self, verb: str, payload: Mapping[str, object]) -> None:
        """Write *payload* as one JSON document whose first key names its schema.

        Laid out for a person at a terminal, on one line for a program: json's C encoder cannot
        indent, and its Python one takes half of the time of a big ``ls``.
        """
        from json import dumps

        document = {"schema": f"sriovctl/{verb}/1", **payload}
        self._out.write(dumps(document, indent=2 if self._out.isatty() else None) + "\n")

    def progress(self, text: str) -> None:
        """Tell a person at a terminal what takes time; silent in scripts."""
        if sys.stderr.isatty():
            sys.stderr.write(text + "\n")
