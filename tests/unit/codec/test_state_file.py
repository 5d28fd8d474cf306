from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.codec.state_samples import GOOD, MAC, VALID, WRONG, Wrong, with_pf

from sriovctl.codec.state_file import parse_state, parse_states
from sriovctl.codec.state_keys import LEVELS
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.state import (
    ATTRIBUTES,
    AUTO_MAC,
    UNSET,
    DesiredState,
    PFMatch,
    WantedPF,
    WantedPool,
    WantedVF,
)


def read(name: str) -> DesiredState:
    return parse_state(VALID[name], source="f")


def test_every_level_is_read() -> None:
    state = parse_state(GOOD, source="host.yaml")
    (pf,) = state.pfs
    assert (pf.label, pf.match) == ("uplink", PFMatch(address="0000:01:00.0"))
    assert (pf.num_vfs, pf.drivers_autoprobe) == (4, False)
    assert (pf.link_up, pf.mtu, pf.eswitch_mode) == (True, 9000, "legacy")
    assert pf.wanted_vf(0) == WantedVF(
        admin_mac="52:54:00:6d:90:02", vlan=VLAN(42), spoofchk=True, driver="vfio-pci"
    )
    assert pf.wanted_vf(2).vlan == VLAN(43, 3, "802.1ad")
    assert pf.wanted_vf(2).driver is None
    assert pf.wanted_vf(2).trust is UNSET
    assert state.pools == (
        WantedPool("finance", ("uplink",), (1, 2), "preferred", "spread"),
        WantedPool("rest", ("uplink",), (0, 3)),
    )


def test_every_criterion_is_read() -> None:
    (pf,) = read("all criteria").pfs
    assert pf.match == PFMatch(
        address="0000:01:00.0",
        netdev="enp1s0f0",
        permanent_mac="52:54:00:6d:90:02",
        driver="mlx5_core",
        vendor_id="15b3",
        device_id="1017",
        serial="00-02-c9-03-00-4b-1c-3a",
        phys_port_name="p0",
    )


def test_every_key_of_a_vf_is_read() -> None:
    (pf,) = read("all of a VF").pfs
    assert pf.vf_default == WantedVF(admin_mac=AUTO_MAC)
    assert pf.vfs == (
        (
            7,
            WantedVF(
                admin_mac="02:00:00:00:00:07",
                vlan=VLAN(0),
                spoofchk=False,
                trust=True,
                link_state="disable",
                min_tx_rate_mbps=0,
                max_tx_rate_mbps=4294967295,
                rss_query=True,
                node_guid="00:11:22:33:44:55:66:77",
                port_guid="00:11:22:33:44:55:66:78",
                msix_count=2048,
                driver=None,
            ),
        ),
    )


def test_each_field_of_the_model_has_its_key() -> None:
    fields = {name: {key.field or key.name for key in keys} for name, keys in LEVELS.items()}
    assert fields["vf"] == set(WantedVF._fields)
    assert fields["match"] == set(PFMatch._fields)
    assert fields["vlan"] == set(VLAN._fields)
    assert fields["pool"] | {"name"} == set(WantedPool._fields)
    inside = fields["link"] | fields["eswitch"]
    assert fields["pf"] - {"link", "eswitch"} | inside | {"label"} == set(WantedPF._fields)
    assert set(ATTRIBUTES) < fields["vf"]


def test_what_is_not_said_is_unset() -> None:
    (pf,) = read("one criterion").pfs
    assert pf == WantedPF("a", PFMatch(netdev="eth0"))
    assert pf.wanted_vf(0) == WantedVF()


def test_zeros_and_auto_may_be_for_many() -> None:
    (pf,) = read("several PFs alike").pfs
    assert pf.match.all
    assert [pf.wanted_vf(index).admin_mac for index in (0, 1)] == [AUTO_MAC, "00:00:00:00:00:00"]


def test_an_alias_repeats_a_value() -> None:
    first, second = read("aliases").pfs
    assert first.vf_default == second.vf_default == WantedVF(trust=False, spoofchk=True)


@pytest.mark.parametrize("name", ["line ends of Windows", "a byte order mark"])
def test_files_of_other_editors_say_the_same(name: str) -> None:
    assert read(name) == parse_state(GOOD, source="f")


def test_a_default_mac_for_the_only_vf_without_one_is_as_good_as_its_own() -> None:
    said = f"match: {{netdev: b}}\nnum_vfs: 2\nvf_default: {{admin_mac: {MAC}}}"
    state = parse_state(with_pf(said + "\nvfs: {0: {admin_mac: auto}}"), source="f")
    assert state.pfs[1].wanted_vf(1).admin_mac == MAC


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.where} {wrong.what}")
def test_a_complaint_names_the_place(wrong: Wrong) -> None:
    with pytest.raises(InputError) as caught:
        parse_state(wrong.content, source="f")
    assert (caught.value.subject, wrong.what in str(caught.value)) == (f"f:{wrong.where}", True), (
        caught.value
    )


@pytest.mark.parametrize("content", ["", "# all of it is a comment\n", "\ufeff"])
def test_an_empty_file_is_told_so(content: str) -> None:
    with pytest.raises(InputError, match="f: is empty; a state file starts with 'version: 1'"):
        parse_state(content, source="f")


def test_too_much_is_refused() -> None:
    with pytest.raises(InputError, match="f: is longer than 8 MiB"):
        parse_state("#" * (8 << 20) + "\n", source="f")


def test_all_vfs_of_a_large_card_are_read() -> None:
    vfs = "".join(f"      {n}: {{vlan: {{id: {n % 4094}}}}}\n" for n in range(4096))
    content = f"version: 1\npfs:\n  a:\n    match: {{netdev: a}}\n    vfs:\n{vfs}"
    (pf,) = parse_state(content, source="f").pfs
    assert [index for index, _ in pf.vfs] == list(range(4096))


# --- several files ---------------------------------------------------------------------------

ONE = "version: 1\npfs: {a: {match: {netdev: a}, num_vfs: 2}}\n"
POOLS = "version: 1\npools: {p: {from: [a]}}\n"


def refusal(*contents: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_states((f"{number}.yaml", content) for number, content in enumerate(contents, 1))
    return str(caught.value)


def test_files_together_are_one_state() -> None:
    other = ONE.replace("{a: ", "{b: ").replace("netdev: a", "netdev: b")
    state = parse_states([("1", POOLS), ("2", ONE), ("3", other)])
    assert [pf.label for pf in state.pfs] == ["a", "b"]
    assert [pool.name for pool in state.pools] == ["p"]


def test_a_label_in_two_files_is_refused_with_both_places() -> None:
    assert refusal(ONE, ONE) == (
        "2.yaml:2:10: pfs.a: is named twice, first at 1.yaml:2:10; "
        "say everything about it in one place"
    )


def test_a_pool_in_two_files_is_refused() -> None:
    assert refusal(ONE, POOLS, POOLS).startswith("3.yaml:2:12: pools.p: is named twice, first at 2")


def test_a_pf_in_two_files_is_refused_with_both_places() -> None:
    assert refusal(ONE, ONE.replace("{a: ", "{b: ")).startswith(
        "2.yaml:2:18: pfs.b.match: means the PF that 'a' means, at 1.yaml:2:10"
    )


def test_a_mac_in_two_files_is_refused_with_both_places() -> None:
    first = with_pf(f"match: {{netdev: b}}\nvfs: {{0: {{admin_mac: {MAC}}}}}")
    other = f"version: 1\npfs: {{c: {{match: {{netdev: c}}, vfs: {{1: {{admin_mac: {MAC}}}}}}}}}"
    assert refusal(first, other).startswith(
        f"2.yaml:2:52: pfs.c.vfs.1.admin_mac: {MAC} is given twice, "
        "first by pfs.b.vfs.0.admin_mac at 1.yaml:6:26"
    )


def test_pools_alone_are_no_state() -> None:
    assert refusal(POOLS, POOLS.replace("p:", "q:")).startswith("1.yaml:1:1: names no PF")


# --- any text --------------------------------------------------------------------------------

WORDS = sorted({key.name for keys in LEVELS.values() for key in keys} | {"a", "auto", "up", "0-3"})
SNIPPETS = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from((": ", ", ", "{", "}", "[", "]", "\n", "\n  ", "\n    ", "- ", "? ", "| ",
                         "&x ", "*x ", "<<", "!t ", "'", '"', "#", "---\n", "...\n", "\t", "%")),
        st.integers(-1, 70000).map(str),
        st.characters(),
    ),
    max_size=60,
)  # fmt: skip


@given(st.one_of(st.text(max_size=120), SNIPPETS.map("".join)))
@example("? ? ?")
def test_any_text_is_a_state_or_an_input_error(content: str) -> None:
    with suppress(InputError):
        assert parse_state(content, source="f").pfs


@given(st.data())
def test_a_file_with_any_change_is_a_state_or_an_input_error(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 30)))
    content = GOOD[:start] + "".join(data.draw(SNIPPETS)) + GOOD[end:]
    with suppress(InputError):
        assert parse_state(content, source="f").pfs
