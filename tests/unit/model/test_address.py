from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import (
    PCIAddress,
    is_pci_address,
    parse_pci_address,
    parse_pci_addresses,
    vf_address,
)

PATTERN = re.compile(r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]")
addresses = st.builds(
    PCIAddress,
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.integers(0, 31),
    st.integers(0, 7),
)


@given(addresses)
def test_text_round_trips(address: PCIAddress) -> None:
    assert parse_pci_address(str(address)) == address


@given(st.text("0123456789abcdefABCDEF:.g -", max_size=16) | st.from_regex(PATTERN))
def test_only_addresses_are_taken(text: str) -> None:
    assert is_pci_address(text) == (PATTERN.fullmatch(text) is not None)


@given(st.lists(addresses.map(str) | st.from_regex(PATTERN, fullmatch=True)))
def test_many_are_read_as_one_by_one(names: list[str]) -> None:
    assert parse_pci_addresses(names) == [parse_pci_address(name) for name in names]
    assert [str(one) for one in parse_pci_addresses(names)] == [
        str(parse_pci_address(name)) for name in names
    ]


@given(st.lists(addresses.map(str).map(str.upper) | addresses.map(str), min_size=1))
def test_many_are_written_in_lower_case(names: list[str]) -> None:
    assert [str(one) for one in parse_pci_addresses(names)] == [name.lower() for name in names]


@pytest.mark.parametrize("text", ["0000:01:20.0", "0000:01:00.8", "0000 01:00.0", "0000:0 :00.0"])
def test_none_among_many_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"{text}: is not a PCI address"):
        parse_pci_addresses(["0000:01:00.0", text, "0000:01:00.1"])


def test_short_and_long_forms() -> None:
    assert parse_pci_address("3b:00.1") == PCIAddress(0, 0x3B, 0, 1)
    assert parse_pci_address("10000:E0:1d.0") == PCIAddress(0x10000, 0xE0, 0x1D, 0)
    assert str(parse_pci_address("10000:E0:1d.0")) == "10000:e0:1d.0"


@pytest.mark.parametrize("text", ["", "eth0", "0000:01:00", "0000:01:20.0", "01:00.8", "1:00.0"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a PCI address; write it as 0000:01:00.0"):
        parse_pci_address(text)


def test_82576_vfs_interleave_between_its_two_pfs() -> None:
    # The card reports offset 128 and stride 2: even functions belong to port 0.
    pf = parse_pci_address("0000:03:00.0")
    got = [str(vf_address(pf, n, first_vf_offset=128, vf_stride=2)) for n in (0, 1)]
    assert got == ["0000:03:10.0", "0000:03:10.2"]


def test_vfs_end_at_the_last_bus() -> None:
    pf = parse_pci_address("0000:ff:00.0")
    assert str(vf_address(pf, 0, first_vf_offset=0xFF, vf_stride=1)) == "0000:ff:1f.7"
    with pytest.raises(UnsupportedError, match="VF 1 would fall beyond bus ff"):
        vf_address(pf, 1, first_vf_offset=0xFF, vf_stride=1)
