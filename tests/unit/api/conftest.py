from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.api.rig import Rig, rig_on


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a unix socket's."""
    with TemporaryDirectory(prefix="api") as name:
        yield Path(name)


@pytest.fixture
def rig(short_path: Path) -> Iterator[Rig]:
    with rig_on(short_path) as rig:
        yield rig
