"""Open a link in the user's browser, so that no other user of this host sees it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def has_browser(environment: Mapping[str, str]) -> bool:
    """Say whether a person sits at a desktop, who may be shown a page.

    Root's desktop is mostly somebody else's.
    """
    has_desktop = "DISPLAY" in environment or "WAYLAND_DISPLAY" in environment
    return has_desktop and os.geteuid() != 0 and sys.stdout.isatty()


@contextmanager
def leading_to(open_page: Callable[[str], object]) -> Iterator[Callable[[str], None]]:
    """Hand out what opens a link, and take away at the end what it left.

    A browser's arguments are anybody's to read, so it is given a file of this user's that leads on.

    :param open_page: shows an address; that of the file.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="sriovctl-page-", dir=_directory(os.environ)) as directory:

        def open_link(link: str) -> None:
            path = os.path.join(directory, "open.html")
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(handle, "w", encoding="ascii") as stream:
                stream.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={link}">\n')
            open_page(f"file://{path}")

        yield open_link


def _directory(environment: Mapping[str, str]) -> str | None:
    own = environment.get("XDG_RUNTIME_DIR", "")
    return own if os.path.isdir(own) else None
