"""The module parameter says what is wanted, or the reason why it cannot is said."""

from __future__ import annotations

import pytest

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import PF
from sriovctl.model.persistence import ModuleOption
from sriovctl.model.state import UNSET, PFMatch, Unset, WantedPF
from sriovctl.planner.boot_parameters import (
    DriverFacts,
    check_on_request,
    parameter_of,
    plan_parameters,
)
from tests.unit.planner.samples import igb_pf

FIRST, SECOND, THIRD = "0000:01:00.0", "0000:01:00.1", "0000:81:00.0"
LIST = "array of int"


def pf_of(driver: str, device: str, num_vfs: int = 0) -> PF:
    address = parse_pci_address(device)
    return igb_pf(num_vfs)._replace(device=device, address=address, driver=driver, vfs=())


def option(
    driver: str,
    counts: dict[str, int | Unset],
    others: dict[str, int] | None = None,
    *,
    parameter_type: str | None = None,
    functions: tuple[str, ...] = (FIRST, SECOND, THIRD),
) -> ModuleOption:
    others = others or {}
    pfs = [pf_of(driver, device, num) for device, num in ({d: 0 for d in counts} | others).items()]
    pairs = [
        (WantedPF(device, PFMatch(address=device), num_vfs=counts[device]), pf)
        for device, pf in ((pf.device, pf) for pf in pfs)
        if device in counts
    ]
    facts = {driver: DriverFacts(parameter_type, functions)}
    (found,) = plan_parameters(pairs, pfs, facts, on_request=("igb", "ixgbe"))
    return found


def test_mlx4_has_one_number_whatever_its_type_looks_like() -> None:
    # Its array of bytes has a number for each port, not for each PF.
    found = option("mlx4_core", {FIRST: 4, THIRD: 4}, parameter_type="array of byte")
    assert (found.module, found.parameter, found.value) == ("mlx4_core", "num_vfs", "4")


def test_one_number_cannot_give_two_pfs_different_counts() -> None:
    with pytest.raises(UnsupportedError, match="one number for all PFs") as caught:
        option("lpfc", {FIRST: 4, SECOND: 8})
    assert caught.value.evidence == {"wanted": f"{FIRST} 4, {SECOND} 8"}


def test_one_number_would_reach_a_pf_that_is_not_named() -> None:
    with pytest.raises(UnsupportedError, match="does not name") as caught:
        option("mlx4_core", {FIRST: 4}, {THIRD: 0})
    assert caught.value.evidence == {"not named": THIRD}


def test_the_kernels_own_igb_has_one_number() -> None:
    assert option("igb", {FIRST: 2, SECOND: 2}, parameter_type="uint").value == "2"
    with pytest.raises(UnsupportedError):
        option("igb", {FIRST: 2, SECOND: 3}, parameter_type="uint")


def test_a_list_has_a_number_for_each_function_in_order() -> None:
    found = option("ixgbe", {THIRD: 5, FIRST: 2}, {SECOND: 0}, parameter_type=LIST)
    assert (found.parameter, found.value) == ("max_vfs", "2,0,5")
    assert f"{FIRST}, {SECOND}, {THIRD}" in found.reason


def test_in_a_list_a_pf_that_is_not_named_keeps_its_vfs() -> None:
    assert option("igb", {FIRST: 2}, {THIRD: 7}, parameter_type=LIST).value == "2,0,7"


def test_a_list_counts_functions_without_sriov_too() -> None:
    found = option("igb", {SECOND: 3}, parameter_type=LIST, functions=(FIRST, SECOND))
    assert found.value == "0,3"


def test_a_list_that_is_too_long_is_refused() -> None:
    many = tuple(f"0000:{bus:02x}:00.0" for bus in range(33))
    with pytest.raises(UnsupportedError, match="at most 32"):
        option("igb", {many[0]: 1}, parameter_type=LIST, functions=many)


def test_an_unknown_type_is_not_guessed() -> None:
    with pytest.raises(UnsupportedError, match="keeps the driver from loading"):
        option("igb", {FIRST: 2})


def test_drivers_that_sysfs_can_set_need_no_parameter_unless_asked() -> None:
    assert parameter_of("igb", ()) is None
    assert parameter_of("igb", ("igb",)) == "max_vfs"
    assert parameter_of("mlx4_core", ()) == "num_vfs"
    assert parameter_of("mlx5_core", ("mlx5_core",)) is None
    assert parameter_of(None, ()) is None


def test_a_pf_whose_count_is_not_said_gets_none() -> None:
    pf = pf_of("mlx4_core", FIRST)
    wanted = WantedPF("a", PFMatch(address=FIRST), num_vfs=UNSET)
    assert plan_parameters([(wanted, pf)], [pf], {}) == ()


def test_asking_for_a_parameter_that_does_not_exist_is_an_error() -> None:
    check_on_request(("igb", "ixgbe", "mlx4_core"))
    with pytest.raises(InputError, match="ice has no parameter"):
        check_on_request(("ice",))
