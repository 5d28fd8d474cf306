"""Who runs this process, as the journal is to tell it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from sriovctl.host import whoever
from sriovctl.host.whoever import describe_user


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("0", ", logged in as uid 0 (root)"),
        ("4294967295", ""),  # nobody logged in: a service
        ("nonsense", ""),
        (None, ""),  # a kernel without audit
    ],
)
def test_it_names_the_user_and_who_became_it(
    login: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)  # has no name
    path = tmp_path / "loginuid"
    if login is not None:
        path.write_text(login)
    monkeypatch.setattr(whoever, "_LOGIN_UID", str(path))
    assert describe_user() == f"uid 4000000001{expected}"


def test_it_is_the_user_of_this_process() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert describe_user().startswith(f"uid {os.getuid()} ({name})")
