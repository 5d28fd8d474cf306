"""The certificate that is shown to who asks over TCP, and how it is renewed."""

from __future__ import annotations

import os
import ssl

from sriovctl.errors import InputError


class Certificate:
    """A certificate with its key, version 1.2 of TLS at least.

    :param path: of the certificate and its chain, as PEM.
    :param key: path of its private key.
    :raises InputError: they cannot be read, or do not belong together.
    """

    def __init__(self, path: str, key: str) -> None:
        self.path = path
        self._key = key
        self._seen = self._look()
        self.context = self._read()

    def has_changed(self) -> bool:
        """Whether the files are others than those that were read last."""
        return self._look() != self._seen

    def read_again(self) -> None:
        """Show what the files hold now to who connects from now on; if it is wrong, the old.

        :raises InputError: they cannot be read, or do not belong together.
        """
        seen = self._look()
        self.context = self._read()
        self._seen = seen

    def _look(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_identity(path) for path in (self.path, self._key))

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.path, self._key)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"cannot be used for TLS: {error}", subject=self.path) from error
        return context


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
