"""What is mounted, as the kernel's tables say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.mounts import Mount, parse_mountinfo, parse_swaps

MOUNTINFO = """\
21 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
22 21 0:21 / /proc rw,nosuid - proc proc rw
30 21 259:3 /sub\\040dir /srv/my\\040data\\134x rw shared:9 master:3 - xfs /dev/nvme0n1p3 rw
31 21 0:4 net:[4026532178] /run/netns/box rw shared:11 - nsfs nsfs rw
32 21 0:40 /@home /home rw,relatime - btrfs /dev/mapper/vg-home rw,space_cache=v2
"""
SWAPS = """\
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/dm-1                               partition\t1048572\t\t0\t\t-2
/swap\\040file                           file\t\t524284\t\t0\t\t-3
"""


def test_mountinfo() -> None:
    assert parse_mountinfo(MOUNTINFO) == (
        Mount("259:2", "/", "/", "ext4", "/dev/nvme0n1p2"),
        Mount("0:21", "/", "/proc", "proc", "proc"),
        Mount("259:3", "/sub dir", "/srv/my data\\x", "xfs", "/dev/nvme0n1p3"),
        Mount("0:4", "net:[4026532178]", "/run/netns/box", "nsfs", "nsfs"),
        Mount("0:40", "/@home", "/home", "btrfs", "/dev/mapper/vg-home"),
    )


def test_swaps() -> None:
    assert parse_swaps(SWAPS) == ("/dev/dm-1", "/swap file")
    assert parse_swaps("") == ()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_mountinfo(text)
    parse_swaps(text)
