from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import UnsupportedError
from sriovctl.model.ability import Ability, Can, Known
from sriovctl.model.functions import (
    NO_MAC,
    PF,
    VLAN,
    EswitchMode,
    LinkState,
    VFAttributes,
    VLANProtocol,
)
from sriovctl.model.state import ATTRIBUTES, WantedVF
from sriovctl.planner.abilities import card_of, object_to, row_of, unquestioned
from sriovctl.planner.ability_report import KEYS, abilities_of
from sriovctl.planner.diff import plan_state
from sriovctl.planner.driver_abilities import ABILITIES, ON_INFINIBAND
from sriovctl.planner.drivers import RULES
from tests.unit.planner.samples import igb_pf, wanted


def card(driver: str, num_vfs: int = 0, **fields: object) -> PF:
    return igb_pf(num_vfs)._replace(driver=driver, **fields)  # type: ignore[arg-type]


def told(pf: PF) -> dict[str, Ability]:
    return {one.key: one for one in abilities_of(pf)}


def refusal(pf: PF, **said: object) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        plan_state(wanted(vf_default=WantedVF(**said)), [pf])  # type: ignore[arg-type]
    return caught.value


def test_each_driver_with_rules_has_abilities() -> None:
    assert set(RULES) <= set(ABILITIES) | set(ON_INFINIBAND)


@pytest.mark.parametrize("driver", ABILITIES)
def test_each_row_names_its_source_and_only_keys_that_there_are(driver: str) -> None:
    row = ABILITIES[driver]
    assert ".c" in row.source
    assert row.sets <= {*KEYS, "eswitch_mode"}
    assert row.not_in_switchdev <= row.sets
    assert row.only_on.keys() <= row.sets
    assert not row.sets & row.why_not.keys()


@pytest.mark.parametrize(
    ("pf", "said", "words"),
    [
        (card("igb", 1), {"link_state": "disable"}, "igb has no operation for it"),
        (card("igb", 1), {"min_tx_rate_mbps": 5}, "refuses every minimum but 0"),
        (card("igb", 1), {"max_tx_rate_mbps": 2500}, "takes 0, or 1 to 1000 Mbit/s"),
        (card("igb", 1, device_id="1521"), {"max_tx_rate_mbps": 5}, "on the 82576 only"),
        (card("igb", 1), {"vlan": VLAN(5, 0, "802.1ad")}, "knows 802.1q only"),
        (card("igb", 1), {"node_guid": "00:11:22:33:44:55:66:77"}, "GUIDs are for InfiniBand"),
        (card("igb", 1), {"msix_count": 4}, "does not share MSI-X vectors out"),
        (card("ixgbe", 1, device_id="10fb"), {"link_state": "enable"}, "acknowledges 'enable'"),
        (card("ixgbe", 1, device_id="1563"), {"rss_query": True}, "on the 82599 and X540 only"),
        (card("ixgbe", 1), {"max_tx_rate_mbps": 10}, "takes 0, or 11 to 10000"),
        (card("bnxt_en", 1), {"vlan": VLAN(0, 3)}, "no qos without a VLAN id"),
        (card("bnxt_en", 1), {"vlan": VLAN(5, 0, "802.1ad")}, "never reports the protocol"),
        (card("qede", 1), {"vlan": VLAN(5, 3)}, "sets no qos"),
        (card("qede", 1), {"admin_mac": "00:00:00:00:00:00"}, "cannot take a MAC away"),
        (card("fm10k", 1), {"vlan": VLAN(4095)}, "ids up to 4094"),
        (card("ena", 1), {"trust": True}, "ena has no operation for it"),
        (
            card("mlx5_core", 1, pci_class="020700"),
            {"admin_mac": "52:54:00:00:00:01"},
            "GUIDs, not MACs and VLANs",
        ),
    ],
)
def test_what_a_driver_cannot_do_is_refused_with_the_reason_and_its_source(
    pf: PF, said: dict[str, object], words: str
) -> None:
    error = refusal(pf, **said)
    assert words in error.cause
    (key,) = said
    assert error.subject == pf.device
    assert error.evidence["key"] == key
    assert str(error.evidence["source"]).startswith("drivers/")
    assert "sriovctl abilities" in str(error.hint)


def test_switchdev_takes_away_what_the_eswitch_does_then() -> None:
    pf = card("mlx5_core", 1, eswitch_mode="switchdev")
    assert "refuses it in mode switchdev" in refusal(pf, vlan=VLAN(5)).cause
    assert plan_state(wanted(vf_default=WantedVF(max_tx_rate_mbps=100)), [pf]).steps
    error = refusal(card("netdevsim", 1, eswitch_mode="switchdev"), max_tx_rate_mbps=100)
    assert "refuses it in mode switchdev" in error.cause


def test_what_a_new_vf_has_anyway_is_left_out_where_there_is_nothing_to_set() -> None:
    plain = WantedVF(
        link_state="auto", trust=False, rss_query=False, min_tx_rate_mbps=0, spoofchk=True
    )
    create, *set_vf = plan_state(wanted(num_vfs=1, vf_default=plain), [igb_pf()]).steps
    assert create.after == {"num_vfs": 1}
    assert [step.after for step in set_vf] == [{"spoofchk": True, "trust": False}]


def test_a_vf_that_has_what_the_table_calls_impossible_is_believed() -> None:
    pf = card("i40e", 2)
    (first, second) = pf.vfs
    assert first.attributes is not None
    shown = first._replace(attributes=first.attributes._replace(vlan=VLAN(7, 0, "802.1ad")))
    taught = pf._replace(vfs=(shown, second))
    said = wanted(vfs=((1, WantedVF(vlan=VLAN(5, 0, "802.1ad"))),))
    assert len(plan_state(said, [taught]).steps) == 1
    assert told(taught)["vlan.protocol"][1:4] == (
        Can.YES,
        "one of its VFs has 802.1ad",
        Known.REPORTED,
    )
    assert "knows 802.1q only" in refusal(pf, vlan=VLAN(5, 0, "802.1ad")).cause


def test_what_the_kernel_reports_of_no_vf_is_not_there() -> None:
    pf = card("brand_new", 1)
    assert told(pf)["rss_query"] == Ability(
        "rss_query", Can.NO, "its driver reports no such thing of its VFs", Known.REPORTED
    )
    assert "reports no such thing" in refusal(pf, rss_query=True).cause
    assert told(card("brand_new"))["rss_query"].can is Can.UNKNOWN
    assert plan_state(wanted(num_vfs=1, vf_default=WantedVF(rss_query=True)), [card("brand_new")])


def test_an_unknown_driver_may_try() -> None:
    said = WantedVF(vlan=VLAN(5, 0, "802.1ad"), min_tx_rate_mbps=5, max_tx_rate_mbps=9)
    assert plan_state(wanted(num_vfs=1, vf_default=said), [card("brand_new")]).steps
    assert told(card("brand_new"))["vlan"] == Ability(
        "vlan", Can.UNKNOWN, "the table does not know this driver", None
    )


def test_infiniband_is_a_row_of_its_own() -> None:
    pf = card("mlx5_core", pci_class="020700", eswitch_mode="legacy")
    assert row_of(pf) is ON_INFINIBAND["mlx5_core"]
    shown = told(pf)
    assert (shown["port_guid"].can, shown["admin_mac"].can) == (Can.YES, Can.NO)
    said = WantedVF(port_guid="00:11:22:33:44:55:66:77", link_state="enable")
    _, step = plan_state(wanted(num_vfs=1, vf_default=said), [pf]).steps
    assert step.commands == (
        "ip link set dev eth0 vf 0 state enable port_guid 00:11:22:33:44:55:66:77",
    )


@pytest.mark.parametrize(
    ("pf", "said", "words"),
    [
        (card("igb"), {"mtu": 9500}, "takes at most 9216"),
        (card("igb", netdev=None, up=None), {"mtu": 9000}, "has no netdev"),
        (card("igb"), {"eswitch_mode": "switchdev"}, "igb has no eswitch mode"),
        (card("brand_new"), {"eswitch_mode": "switchdev"}, "shows none through devlink"),
        (card("ice"), {"eswitch_mode": "switchdev"}, "shows none through devlink"),
        (card("gve"), {"num_vfs": 1}, "has no sriov_configure"),
        (card("c6xx", total_vfs=16), {"num_vfs": 4}, "all its VFs or none"),
        (card("igb", up=False), {"num_vfs": 1, "vf_default": WantedVF(max_tx_rate_mbps=5)}, "down"),
    ],
)
def test_what_a_pf_cannot_do_is_refused(pf: PF, said: dict[str, object], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        plan_state(wanted(**said), [pf])


def test_a_count_that_only_a_module_parameter_sets_points_to_persist() -> None:
    with pytest.raises(UnsupportedError) as caught:
        plan_state(wanted(num_vfs=4), [card("mlx4_core")])
    assert "no sriov_configure" in caught.value.cause
    assert "'sriovctl persist'" in str(caught.value.hint)
    assert "options mlx4_core num_vfs=4" in str(caught.value.hint)


def test_a_pf_without_a_netdev_has_no_network_attributes() -> None:
    shown = told(card("nvme", netdev=None, up=None, pci_class="010802"))
    assert {key for key, one in shown.items() if one.can is Can.YES} == {
        "num_vfs",
        "drivers_autoprobe",
        "driver",
    }
    assert shown["trust"].why == "the PF has no netdev"


def test_the_report_tells_limits() -> None:
    shown = told(card("ixgbe", device_id="10fb"))
    assert shown["link_state"].why == "auto, disable only"
    assert shown["max_tx_rate_mbps"].why == "0, or 11 to 10000; while the PF has a link"
    assert told(card("ice"))["vlan.protocol"].can is Can.UNKNOWN
    assert told(card("bnxt_en"))["num_vfs"].why.endswith("while the PF is down, without an error")


VALUES = {
    "admin_mac": st.sampled_from(("52:54:00:00:00:01", NO_MAC)),
    "vlan": st.builds(
        VLAN, st.integers(0, 4095), st.integers(0, 7), st.sampled_from(tuple(VLANProtocol))
    ),
    "link_state": st.sampled_from(tuple(LinkState)),
    "min_tx_rate_mbps": st.integers(0, 0xFFFFFFFF),
    "max_tx_rate_mbps": st.one_of(st.integers(0, 20), st.integers(0, 0xFFFFFFFF)),
    "node_guid": st.just("00:11:22:33:44:55:66:77"),
    "port_guid": st.just("00:11:22:33:44:55:66:77"),
}


@given(st.data(), st.sampled_from((*ABILITIES, "someone_new")), st.sampled_from(tuple(EswitchMode)))
def test_what_is_not_questioned_has_no_value_that_is_refused(
    data: st.DataObject, driver: str, mode: EswitchMode
) -> None:
    looked_at = card_of(card(driver, data.draw(st.integers(0, 2)), eswitch_mode=mode))
    for key in unquestioned(looked_at, eswitch_mode=mode):
        value = data.draw(VALUES.get(key, st.booleans()))
        assert object_to(looked_at, key, value, eswitch_mode=mode) is None


def test_a_driver_that_takes_all_is_not_questioned() -> None:
    pf = card("netdevsim", 1)
    assert unquestioned(card_of(pf), eswitch_mode="legacy") >= {
        "admin_mac", "vlan", "link_state", "max_tx_rate_mbps",
    }  # fmt: skip
    assert "max_tx_rate_mbps" not in unquestioned(card_of(pf), eswitch_mode="switchdev")


def test_both_records_have_the_attributes_in_one_order() -> None:
    assert VFAttributes._fields[1 : 1 + len(ATTRIBUTES)] == ATTRIBUTES
    assert WantedVF._fields[: len(ATTRIBUTES)] == ATTRIBUTES
