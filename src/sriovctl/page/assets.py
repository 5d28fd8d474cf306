"""The files of the page, as they are sent: with type and ETag, and packed once.

A name is looked up step by step below one directory, and a link is no step.  So whatever a name
says, nothing else is read.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
from hashlib import sha256

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

STATIC = os.path.join(os.path.dirname(__file__), "static")
_INDEX = ("index.html",)
_STEP = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_MOST_STEPS = 8
_TEXT = "text/plain; charset=utf-8"
# What is not here is not sent: no editor's copies, no sources of anything else.
_TYPES = {
    "": _TEXT,  # licences
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": _TEXT,
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": _TEXT,
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_PACKED_ALREADY = (".ico", ".png", ".woff2")


class Asset(NamedTuple):
    """A file, as it is sent."""

    body: bytes
    content_type: str
    etag: str
    packed: bytes | None = None  # with gzip; None: that would make it no smaller


class _Kept(NamedTuple):
    stamp: tuple[int, ...]
    asset: Asset


class Assets:
    """Finds files, and keeps them as they are sent.

    :param directory: where they are; a file that changes there is read anew.
    """

    def __init__(self, directory: str = STATIC) -> None:
        self._directory = directory
        self._kept: dict[str, _Kept] = {}

    def find(self, steps: Sequence[str]) -> Asset | None:
        """Find a file by its path below the directory, or the first page when there is none.

        :return: None: there is no such file, or it is none that is sent.
        """
        steps = steps or _INDEX
        if len(steps) > _MOST_STEPS or not all(map(_STEP.fullmatch, steps)):
            return None
        content_type = _TYPES.get(_suffix(steps[-1]))
        path = None if content_type is None else self._regular_file(steps)
        if path is None or content_type is None:
            return None
        return self._read(path, content_type)

    def _regular_file(self, steps: Sequence[str]) -> str | None:
        path = self._directory
        for number, step in enumerate(steps, 1):
            path = os.path.join(path, step)
            is_wanted = stat.S_ISREG if number == len(steps) else stat.S_ISDIR
            try:
                if not is_wanted(os.lstat(path).st_mode):
                    return None
            except OSError:
                return None
        return path

    def _read(self, path: str, content_type: str) -> Asset | None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with open(handle, "rb") as stream:
            found = os.fstat(handle)
            stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
            kept = self._kept.get(path)
            if kept is None or kept.stamp != stamp:
                kept = _Kept(stamp, _as_asset(stream.read(), content_type, _suffix(path)))
                self._kept[path] = kept
        return kept.asset


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _as_asset(body: bytes, content_type: str, suffix: str) -> Asset:
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    packed = None if suffix in _PACKED_ALREADY else gzip.compress(body, mtime=0)
    if packed is not None and len(packed) >= len(body):
        packed = None
    return Asset(body, content_type, etag, packed)
