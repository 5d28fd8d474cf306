from __future__ import annotations

import pytest

from sriovctl.planner.drivers import RULES, STAGES, Stage, rules_of


@pytest.mark.parametrize("name", RULES)
def test_each_row_has_its_own_order_and_source(name: str) -> None:
    rules = rules_of(name)
    assert rules.driver == name
    assert sorted(rules.stages) == sorted(Stage)
    assert ".c: " in rules.source
    assert bool(rules.retry_errnos) == bool(rules.retry_until_s)
    assert not rules.vf_count_parameter or rules.fixed_count


def test_a_driver_without_a_row_is_taken_to_flap_its_link() -> None:
    rules = rules_of("brand_new")
    assert rules.driver is None
    assert rules.creating.flaps_link
    assert rules.creating.reason.startswith("brand_new may")
    assert rules.mtu_flaps_link
    assert rules.stages == STAGES


def test_only_ice_changes_the_eswitch_mode_without_vfs() -> None:
    assert [name for name in RULES if rules_of(name).eswitch_without_vfs] == ["ice"]
