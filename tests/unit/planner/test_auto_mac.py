from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.mac import parse_mac
from sriovctl.planner.auto_mac import auto_mac, pf_identity
from tests.unit.planner.samples import igb_pf

IDENTITIES = st.text(st.characters(codec="utf-8"), max_size=40)
INDICES = st.integers(0, 0xFFFF)
SERIAL = "52-54-00-ff-ff-00-01-00"


@pytest.mark.parametrize(
    ("identity", "vf_index", "mac"),
    [
        ("permanent_mac 52:54:00:00:01:00", 0, "46:75:8b:b3:00:00"),
        ("permanent_mac 52:54:00:00:01:00", 6, "46:75:8b:b3:00:06"),
        ("permanent_mac 52:54:00:00:01:01", 0, "26:a8:3f:92:00:00"),
        (f"serial {SERIAL} function 0", 255, "22:a2:a3:e1:00:ff"),
        (f"serial {SERIAL} function 1", 256, "4e:51:8b:8e:01:00"),
        ("device 0000:01:00.0", 65535, "3a:41:fe:78:ff:ff"),
        ("device netdevsim10", 1, "3a:ea:71:b8:00:01"),
    ],
)
def test_a_mac_never_changes_from_one_version_to_the_next(
    identity: str, vf_index: int, mac: str
) -> None:
    assert auto_mac(identity, vf_index) == mac


@given(IDENTITIES, INDICES)
def test_it_is_unicast_locally_administered_and_not_libvirts(identity: str, vf_index: int) -> None:
    mac = auto_mac(identity, vf_index)
    assert parse_mac(mac) == mac
    first = int(mac[:2], 16)
    assert (first & 3, first < 0x80) == (2, True)


@given(IDENTITIES, INDICES, INDICES)
def test_two_vfs_of_one_pf_never_share_one(identity: str, one: int, other: int) -> None:
    assert (auto_mac(identity, one) == auto_mac(identity, other)) == (one == other)


def test_a_pf_is_known_by_its_permanent_mac_before_its_serial_before_its_place() -> None:
    pf = igb_pf()._replace(serial=SERIAL)
    assert pf_identity(pf) == "permanent_mac 52:54:00:00:01:00"
    assert pf_identity(pf._replace(permanent_mac=None)) == f"serial {SERIAL} function 0"
    assert pf_identity(pf._replace(permanent_mac=None, serial=None)) == "device 0000:01:00.0"


def test_the_pfs_of_one_card_differ_though_its_serial_is_the_same() -> None:
    first = igb_pf()._replace(serial=SERIAL, permanent_mac=None)
    assert first.address is not None
    second = first._replace(address=first.address._replace(function=1))
    assert pf_identity(second) == f"serial {SERIAL} function 1"


def test_a_card_keeps_its_identity_in_another_slot() -> None:
    pf = igb_pf()._replace(serial=SERIAL, permanent_mac=None)
    assert pf.address is not None
    moved = pf._replace(device="0000:04:00.0", address=pf.address._replace(bus=4))
    assert pf_identity(moved) == pf_identity(pf)


def test_a_pf_beyond_pci_needs_no_function_number() -> None:
    pf = igb_pf()._replace(serial="S1", permanent_mac=None, address=None, device="netdevsim10")
    assert pf_identity(pf) == "serial S1"
