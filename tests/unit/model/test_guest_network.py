"""VLAN trunks and port profiles, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import InputError
from sriovctl.model.guest_network import (
    NativeMode,
    VirtualPort,
    VirtualPortKind,
    VLANTrunk,
    parse_network_name,
    parse_qbg,
    parse_qbh,
    parse_vlan_trunk,
)

UUID = "09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"


def test_a_trunk_is_ids_and_ranges_in_any_order() -> None:
    assert parse_vlan_trunk("30, 10-12,11") == VLANTrunk((10, 11, 12, 30))
    assert str(parse_vlan_trunk("10,20")) == "10,20"


@pytest.mark.parametrize(
    ("native", "mode"),
    [
        ("20", NativeMode.UNTAGGED),
        ("20:untagged", NativeMode.UNTAGGED),
        ("20:tagged", NativeMode.TAGGED),
    ],
)
def test_one_vlan_of_a_trunk_may_be_native(native: str, mode: NativeMode) -> None:
    trunk = parse_vlan_trunk("10,20", native=native)
    assert trunk == VLANTrunk((10, 20), 20, mode)
    assert str(trunk) == f"10,20 (native 20 {mode})"


@pytest.mark.parametrize("text", ["", "0", "4095", "10-4095", "20-10", "1-2-3", "x", "²", "10,,20"])
def test_what_is_no_trunk_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="neither a VLAN id nor a range"):
        parse_vlan_trunk(text)


@pytest.mark.parametrize(
    ("native", "words"),
    [("30", "not in the trunk"), ("10:both", "no mode"), ("x", "is not a VLAN id")],
)
def test_a_native_vlan_is_one_of_the_trunk(native: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_vlan_trunk("10,20", native=native)


def test_an_802_1qbh_profile_has_a_name() -> None:
    port = parse_qbh("finance")
    assert port == VirtualPort(VirtualPortKind.QBH, profile_id="finance")
    assert str(port) == "802.1Qbh profile finance"


@pytest.mark.parametrize("text", ["", "x" * 40, "a\nb", "ä" * 20])
def test_a_profile_that_the_kernel_has_no_room_for_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no name of a port profile"):
        parse_qbh(text)


def test_an_802_1qbg_profile_has_numbers() -> None:
    port = parse_qbg(f"typeid=0x123457, managerid=11,typeidversion=2,instanceid={UUID.upper()}")
    assert port == VirtualPort(
        VirtualPortKind.QBG,
        manager_id=11,
        type_id=1193047,
        type_id_version=2,
        instance_id=UUID,
    )
    assert str(port) == "802.1Qbg type 1193047 version 2"


def test_an_instance_that_was_left_to_libvirt_is_any() -> None:
    asked = parse_qbg("managerid=11,typeid=1,typeidversion=2")
    assert asked.is_met_by(asked._replace(instance_id=UUID))
    assert not asked.is_met_by(asked._replace(instance_id=UUID, type_id=2))
    assert not asked.is_met_by(None)
    assert not asked._replace(instance_id=UUID).is_met_by(asked)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_vlan_trunk, parse_qbh, parse_qbg, parse_network_name):
        try:
            parse(text)
        except InputError as error:
            assert error.cause  # noqa: PT017  both ends are right
