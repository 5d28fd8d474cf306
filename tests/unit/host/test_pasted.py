from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from sriovctl.errors import InputError
from sriovctl.host import pasted
from sriovctl.host.pasted import read_pasted_text

TEXT = "00:1f.0 ISA bridge: é\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
    ],
)
def test_encodings(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(data)
    assert read_pasted_text(str(tmp_path / "f")) == TEXT


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\xe9b")
    assert read_pasted_text(str(tmp_path / "f")) == "a\ufffdb"


@pytest.mark.parametrize(
    ("data", "words"), [(b"\x7fELF\0\0", "is not text"), (b"\x1f\x8b\x08\0", "is compressed")]
)
def test_other_files(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_pasted_text(str(tmp_path / "f"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_pasted_text(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="directory"):
        read_pasted_text(str(tmp_path))


def test_far_too_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pasted, "_MOST", 10)
    (tmp_path / "f").write_bytes(b"x" * 11)
    with pytest.raises(InputError, match="bigger than"):
        read_pasted_text(str(tmp_path / "f"))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert read_pasted_text("-") == TEXT
