from __future__ import annotations

import os
import struct
from pathlib import Path

from sriovctl.lab import image
from sriovctl.lab.image import parse_bzimage_payload, parse_release

ZSTD = b"\x28\xb5\x2f\xfd"


def bzimage(payload: bytes, *, setup_sectors: int = 3, offset: int = 16) -> bytes:
    head = bytearray((setup_sectors + 1) * 512 + offset)
    head[0x1F1] = setup_sectors
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, offset, len(payload) + 4)
    return bytes(head) + payload + b"size"


def test_the_payload_of_a_kernel_is_cut_out_without_its_size() -> None:
    assert parse_bzimage_payload(bzimage(ZSTD + b"kernel")) == ZSTD + b"kernel"


def test_zero_setup_sectors_mean_four() -> None:
    image = bytearray(bzimage(ZSTD + b"kernel", setup_sectors=4))
    image[0x1F1] = 0
    assert parse_bzimage_payload(bytes(image)) == ZSTD + b"kernel"


def test_another_compression_is_left_to_the_kernel_itself() -> None:
    assert parse_bzimage_payload(bzimage(b"\xfd7zXZ")) is None


def test_something_that_is_no_kernel_has_no_payload() -> None:
    assert parse_bzimage_payload(bytes(4096)) is None


def test_releases_sort_by_number_not_by_letter() -> None:
    releases = ["6.12.107+deb12-amd64", "6.12.9+deb12-amd64", "6.1.0-42-amd64"]
    assert max(releases, key=parse_release) == "6.12.107+deb12-amd64"


def test_only_an_initramfs_that_nobody_uses_any_more_is_swept(tmp_path: Path) -> None:
    old, of_another_checkout = tmp_path / "initramfs-1.cpio", tmp_path / "initramfs-2.cpio"
    old.touch()
    of_another_checkout.touch()
    os.utime(old, (0, 0))
    image._sweep_initramfs(tmp_path)
    assert list(tmp_path.iterdir()) == [of_another_checkout]
