"""Who runs this process, for the journal: the user, and who logged in and became that user."""

from __future__ import annotations

import os

_LOGIN_UID = "/proc/self/loginuid"  # of the kernel's audit; su and sudo leave it as it is
_NOBODY = 0xFFFFFFFF


def describe_user() -> str:
    """Name the user, as "uid 0 (root), logged in as uid 1000 (anna)"."""
    uid, login = os.getuid(), _login_uid()
    if login is None or login == uid:
        return _describe(uid)
    return f"{_describe(uid)}, logged in as {_describe(login)}"


def _login_uid() -> int | None:
    try:
        with open(_LOGIN_UID, encoding="utf-8") as stream:
            uid = int(stream.read())
    except (OSError, ValueError):  # a kernel without audit
        return None
    return None if uid == _NOBODY else uid


def _describe(uid: int) -> str:
    import pwd

    try:
        return f"uid {uid} ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"uid {uid}"
