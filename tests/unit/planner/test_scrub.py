"""What a VF is to be like when it comes back, and the way there."""

from __future__ import annotations

import pytest

from sriovctl.model.functions import PF, VF, VLAN, VFAttributes
from sriovctl.model.plan import Action
from sriovctl.model.state import AUTO_MAC, WantedVF
from sriovctl.planner.auto_mac import auto_mac, pf_identity
from sriovctl.planner.scrub import clean_state, scrub_steps
from tests.unit.planner.samples import igb_pf, igb_vf

NO_MAC = "00:00:00:00:00:00"
MAC = "52:54:00:6d:90:02"
UNTAGGED = {"id": 0, "qos": 0, "protocol": "802.1q"}
USED = VFAttributes(
    vf_index=0,
    admin_mac=MAC,
    vlan=VLAN(42, 3),
    spoofchk=False,
    trust=True,
    link_state="auto",
    min_tx_rate_mbps=0,
    max_tx_rate_mbps=500,
)
FRESH = VFAttributes(
    vf_index=0,
    admin_mac=NO_MAC,
    vlan=VLAN(0),
    spoofchk=True,
    trust=False,
    link_state="auto",
    min_tx_rate_mbps=0,
    max_tx_rate_mbps=0,
)


def pf_with(vf: VF) -> PF:
    return igb_pf(1)._replace(vfs=(vf,))


def pair(known: VFAttributes | None, **said: object) -> tuple[PF, VF]:
    one = igb_vf(0)._replace(attributes=known, **said)  # type: ignore[arg-type]
    return pf_with(one), one


def test_where_the_state_says_nothing_it_is_as_the_driver_makes_it() -> None:
    pf, vf = pair(USED, driver="igbvf")
    assert clean_state(pf, vf, WantedVF()) == {
        "driver": "igbvf",
        "admin_mac": NO_MAC,
        "vlan": UNTAGGED,
        "spoofchk": False,  # what drivers begin with differs: as it was when it was lent
        "trust": False,
        "link_state": "auto",
        "min_tx_rate_mbps": 0,
        "max_tx_rate_mbps": 0,
    }


def test_what_the_state_says_it_is_again() -> None:
    pf, vf = pair(USED, driver="igbvf")
    wanted = WantedVF(
        admin_mac=AUTO_MAC, vlan=VLAN(7), spoofchk=True, max_tx_rate_mbps=100, driver="vfio-pci"
    )
    clean = clean_state(pf, vf, wanted)
    assert clean["admin_mac"] == auto_mac(pf_identity(pf), 0)
    assert clean["vlan"] == {"id": 7, "qos": 0, "protocol": "802.1q"}
    assert (clean["spoofchk"], clean["trust"]) == (True, False)
    assert (clean["max_tx_rate_mbps"], clean["driver"]) == (100, "vfio-pci")
    assert clean_state(pf, vf, WantedVF(driver=None))["driver"] is None


def test_without_a_state_it_is_as_it_was() -> None:
    pf, vf = pair(USED, driver="vfio-pci")
    clean = clean_state(pf, vf, None)
    assert (clean["admin_mac"], clean["trust"], clean["max_tx_rate_mbps"]) == (MAC, True, 500)
    assert (clean["vlan"], clean["driver"]) == (
        {"id": 42, "qos": 3, "protocol": "802.1q"},
        "vfio-pci",
    )


def test_what_the_driver_cannot_set_is_left_alone() -> None:
    pf, vf = pair(USED)
    on_qede = clean_state(pf._replace(driver="qede"), vf, WantedVF())
    assert on_qede["admin_mac"] == MAC  # it cannot take a MAC away
    assert on_qede["max_tx_rate_mbps"] == 500  # and tells the link's speed where there is no limit
    on_mlx5 = pf._replace(driver="mlx5_core", eswitch_mode="switchdev")
    assert clean_state(on_mlx5, vf, WantedVF())["trust"] is True


@pytest.mark.parametrize("pf_netdev", ["eth0", None])
def test_without_attributes_only_the_driver_comes_back(pf_netdev: str | None) -> None:
    pf, vf = pair(None if pf_netdev else USED, driver="nvme")
    assert clean_state(pf._replace(netdev=pf_netdev), vf, WantedVF()) == {"driver": "nvme"}
    inside = vf._replace(address=None, driver=None, attributes=None)
    assert clean_state(pf, inside, WantedVF()) == {}


# --- the way ---------------------------------------------------------------------------------


def way(vf: VF, clean: dict[str, object]) -> list[tuple[Action, dict[str, object]]]:
    pf = pf_with(vf)
    return [(step.action, step.after) for step in scrub_steps(pf, vf, clean)]


def test_a_vf_of_a_host_driver_is_taken_off_it_set_and_put_back() -> None:
    _, lent = pair(FRESH, driver="igbvf")
    clean = clean_state(pf_with(lent), lent, WantedVF())
    _, back = pair(USED._replace(spoofchk=True), driver="igbvf")
    assert way(back, clean) == [
        (Action.BIND_DRIVER, {"driver": None}),
        (
            Action.SET_VF,
            {"admin_mac": NO_MAC, "vlan": UNTAGGED, "trust": False, "max_tx_rate_mbps": 0},
        ),
        (Action.BIND_DRIVER, {"driver": "igbvf"}),
    ]
    # Also when nothing changed: its netdev may have been changed.
    assert [action for action, _ in way(lent, clean)] == [Action.BIND_DRIVER] * 2


def test_a_vf_of_a_driver_for_user_space_stays_with_it() -> None:
    _, lent = pair(FRESH, driver="vfio-pci")
    clean = clean_state(pf_with(lent), lent, WantedVF())
    assert way(lent, clean) == []
    _, back = pair(FRESH, driver="igbvf")
    assert way(back, clean) == [
        (Action.BIND_DRIVER, {"driver": None}),
        (Action.BIND_DRIVER, {"driver": "vfio-pci"}),
    ]


def test_a_driver_that_was_not_there_before_is_taken_off() -> None:
    _, back = pair(FRESH, driver="vfio-pci")
    assert way(back, {"driver": None}) == [(Action.BIND_DRIVER, {"driver": None})]
    assert way(back._replace(driver=None), {"driver": None}) == []


def test_only_what_differs_is_set_and_no_tag_is_no_tag() -> None:
    _, back = pair(FRESH._replace(vlan=VLAN(0, 0, "0x9100")))
    clean: dict[str, object] = {"driver": None, "vlan": UNTAGGED, "admin_mac": NO_MAC}
    clean["rss_query"] = False  # which igb does not report
    assert way(back, clean) == []


def test_a_vf_without_a_function_of_its_own_has_no_driver_to_give_back() -> None:
    _, back = pair(USED)
    back = back._replace(address=None, driver=None)
    assert way(back, {"trust": False}) == [(Action.SET_VF, {"trust": False})]
    (step,) = scrub_steps(pf_with(back), back, {"trust": False})
    assert (step.subject, step.before) == ("0000:01:00.0 vf 0", {"trust": True})
