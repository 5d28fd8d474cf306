"""This host's files, written through a process of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.errors import LostError
from sriovctl.host.live import LiveTree


@pytest.fixture
def tree() -> Iterator[LiveTree]:
    one = LiveTree()
    yield one
    one.close()


def test_several_are_written_and_the_first_that_is_refused_is_named(
    tree: LiveTree, tmp_path: Path
) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "c").touch()
    with pytest.raises(LostError) as caught:
        tree.write_each([(str(tmp_path / name), name) for name in "abc"])
    assert caught.value.subject == str(tmp_path / "b")
    assert caught.value.evidence == {"errno": "ENOENT", "value": "'b'"}
    assert ((tmp_path / "a").read_text(), (tmp_path / "c").read_text()) == ("a", "")


def test_nothing_to_write_needs_no_process(tree: LiveTree) -> None:
    tree.write_each([])
    assert tree._writer._child is None
