"""Each rule alone, on machines made up for it."""

from __future__ import annotations

import pytest

from sriovctl.model.address import parse_pci_address
from sriovctl.model.picture import NodeKind
from sriovctl.model.snapshot import FunctionSnapshot, RootBus, SourceKind
from sriovctl.topology.explain import explain
from sriovctl.topology.groups import JoinCode, predict_groups
from sriovctl.topology.picture import picture_of

from .synthetic import REQUIRED, USB, Machine, partition, pf_capability, sets


def code_of(machine: Machine, member: str, release: str | None = None) -> JoinCode:
    prediction = machine.predict(kernel_release=release)
    (join,) = (j for g in prediction.groups for j in g.joins if str(j.member).endswith(member))
    return join.code


def test_endpoints_below_good_ports_are_alone() -> None:
    machine = Machine().port("00:01.0", 1).port("00:02.0", 2).add("01:00.0").add("02:00.0")
    assert machine.partition() == sets("00:01.0", "00:02.0", "01:00.0", "02:00.0")


def test_a_bad_port_joins_what_is_below() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).add("01:00.0")
    assert machine.partition() == sets("00:01.0 01:00.0")
    assert code_of(machine, "01:00.0") is JoinCode.PATH


def test_bad_ports_of_one_slot_join_and_of_two_slots_do_not() -> None:
    machine = Machine()
    machine.port("00:01.0", 1, acs=None, multifunction=True).port("00:01.1", 2, acs=None)
    machine.port("00:02.0", 3, acs=None)
    for bus in ("01", "02", "03"):
        machine.add(f"{bus}:00.0")
    assert machine.partition() == sets("00:01.0 00:01.1 01:00.0 02:00.0", "00:02.0 03:00.0")


def test_a_good_function_stays_apart_from_bad_ones_of_its_slot() -> None:
    machine = Machine().port("00:01.0", 1, multifunction=True).port("00:01.1", 2, acs=None)
    machine.port("00:01.2", 3, acs=None)
    assert machine.partition() == sets("00:01.0", "00:01.1 00:01.2")


def test_an_acs_capability_that_offers_nothing_passes() -> None:
    machine = Machine().port("00:01.0", 1, acs=0).add("01:00.0")
    assert machine.partition() == sets("00:01.0", "01:00.0")


def test_egress_control_and_translation_blocking_do_not_matter() -> None:
    machine = Machine().port("00:01.0", 1, acs=0x7F, control=REQUIRED).add("01:00.0")
    assert machine.partition() == sets("00:01.0", "01:00.0")


@pytest.mark.parametrize("missing", [0x01, 0x04, 0x08, 0x10])
def test_each_needed_bit_matters(missing: int) -> None:
    machine = Machine().port("00:01.0", 1, control=REQUIRED & ~missing).add("01:00.0")
    assert machine.partition() == sets("00:01.0 01:00.0")
    assert machine.partition(iommu_on=True) == sets("00:01.0", "01:00.0")


def test_multifunction_endpoint_without_acs() -> None:
    machine = Machine().port("00:01.0", 1)
    machine.add("01:00.0", multifunction=True).add("01:00.1")
    assert machine.partition() == sets("00:01.0", "01:00.0 01:00.1")
    assert code_of(machine, "01:00.1") is JoinCode.FUNCTIONS


def test_multifunction_endpoint_that_the_kernel_excepts() -> None:
    machine = Machine().port("00:01.0", 1)
    machine.add("01:00.0", "8086:1521", multifunction=True).add("01:00.1", "8086:1521")
    assert machine.partition() == sets("00:01.0", "01:00.0", "01:00.1")


def test_function_1_is_multifunction_whatever_its_header_says() -> None:
    # Function 0 without the bit counts as a single function; function 1 joins nobody but is bad.
    machine = Machine().port("00:01.0", 1).add("01:00.1").add("01:00.2")
    assert machine.partition() == sets("00:01.0", "01:00.1 01:00.2")


def test_lone_multifunction_upstream_port_without_acs() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 3))
    machine.add("01:00.0", kind=5, bridge=(2, 3), multifunction=True)
    machine.port("02:00.0", 3, kind=6).add("03:00.0")
    # The bit alone makes it a port that does not keep traffic apart, so all below joins it.
    assert machine.partition() == sets("00:01.0", "01:00.0 02:00.0 03:00.0")


def test_text_shows_no_multifunction_bit() -> None:
    machine = Machine(source=SourceKind.LISTING).port("00:01.0", 1, bridge=(1, 3))
    machine.add("01:00.0", kind=5, bridge=(2, 3))
    machine.port("02:00.0", 3, kind=6).add("03:00.0")
    assert machine.partition() == sets("00:01.0", "01:00.0", "02:00.0", "03:00.0")


def test_downstream_port_without_acs_below_good_ports() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 4)).add("01:00.0", kind=5, bridge=(2, 4))
    machine.port("02:00.0", 3, kind=6, acs=None).port("02:01.0", 4, kind=6, acs=None)
    machine.add("03:00.0").add("04:00.0")
    assert machine.partition() == sets("00:01.0", "01:00.0", "02:00.0 03:00.0", "02:01.0 04:00.0")


def test_ports_named_the_wrong_way_round() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 3))
    # "Downstream" right below a root port is the upstream end; it needs no ACS when alone.
    machine.add("01:00.0", kind=6, bridge=(2, 3)).add("02:00.0", kind=5, bridge=3)
    assert machine.partition() == sets("00:01.0", "01:00.0", "02:00.0")
    machine = Machine().port("00:01.0", 1, bridge=(1, 3)).add("01:00.0", kind=5, bridge=(2, 3))
    machine.add("02:00.0", kind=5, bridge=3).add("03:00.0")  # really a downstream port
    assert machine.partition() == sets("00:01.0", "01:00.0", "02:00.0 03:00.0")


def test_pcie_to_pci_bridge_and_conventional_bridge() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 3)).add("01:00.0", kind=7, bridge=(2, 3))
    machine.add("02:00.0", kind=None).add("02:01.0", kind=None, bridge=3).add("03:00.0", kind=None)
    assert machine.partition() == sets("00:01.0", "01:00.0 02:00.0 02:01.0 03:00.0")
    assert code_of(machine, "03:00.0") is JoinCode.BRIDGE_ALIAS


def test_conventional_bridge_without_pcie_capability() -> None:
    machine = Machine().add("00:1e.0", "1b21:1080", kind=None, bridge=1)
    machine.add("01:00.0", kind=None).add("01:01.0", kind=None)
    assert machine.partition() == sets("00:1e.0 01:00.0 01:01.0")


@pytest.mark.parametrize(
    ("release", "code"),
    [("6.12.107", JoinCode.BRIDGE_ALIAS), ("7.0.1", JoinCode.PATH), (None, JoinCode.PATH)],
)
def test_bridge_that_keeps_requester_ids_since_7_0(release: str | None, code: JoinCode) -> None:
    machine = (
        Machine().port("00:01.0", 1, bridge=(1, 2)).add("01:00.0", "1a03:1150", kind=7, bridge=2)
    )
    machine.add("02:00.0", "1a03:2000", kind=None)
    assert machine.partition(kernel_release=release) == sets("00:01.0", "01:00.0 02:00.0")
    assert code_of(machine, "02:00.0", release) is code


def test_bridge_that_translates_ends_the_walk() -> None:
    machine = Machine().add("00:01.0", "14e4:9000", kind=None, bridge=1).add("01:00.0", kind=None)
    assert machine.partition() == sets("00:01.0 01:00.0")
    assert code_of(machine, "01:00.0") is JoinCode.PATH


def test_alias_to_function_1() -> None:
    machine = Machine().port("00:01.0", 1, multifunction=True)
    machine.add("01:00.0", "1b4b:9230", acs=REQUIRED, control=REQUIRED, multifunction=True)
    machine.add("01:00.1", "1b4b:91a4", acs=REQUIRED, control=REQUIRED)
    assert machine.partition() == sets("00:01.0", "01:00.0 01:00.1")
    assert code_of(machine, "01:00.1") is JoinCode.DMA_ALIAS


def test_alias_that_does_not_exist_joins_nobody() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0", "1b4b:9230")
    assert machine.partition() == sets("00:01.0", "01:00.0")


def test_alias_to_function_0_and_to_all() -> None:
    machine = Machine().port("00:01.0", 1).port("00:02.0", 2)
    machine.add("01:00.0", acs=REQUIRED, control=REQUIRED, multifunction=True)
    machine.add("01:00.4", "1180:e832", acs=REQUIRED, control=REQUIRED)
    machine.add("02:00.0", "10b5:87b0").add("02:05.0").add("02:06.0")
    assert machine.partition() == sets(
        "00:01.0", "00:02.0", "01:00.0 01:00.4", "02:00.0 02:05.0 02:06.0"
    )


def test_aliases_that_cannot_be_seen_are_said() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0", "11f8:8531", class_code=0x068000)
    machine.add("01:01.0", "9005:0285")
    assert len([a for a in machine.predict().assumptions if "requester ID" in a]) == 2


@pytest.mark.parametrize(
    ("release", "apart"), [("6.12.1", False), ("7.0.0", True), ("7.2.13", True)]
)
def test_idt_switch_without_source_validation(release: str, *, apart: bool) -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 3)).add("01:00.0", kind=5, bridge=(2, 3))
    machine.port("02:00.0", 3, "111d:80b5", kind=6, control=REQUIRED & ~1).add("03:00.0")
    wanted = ("02:00.0", "03:00.0") if apart else ("02:00.0 03:00.0",)
    assert machine.partition(kernel_release=release) == sets("00:01.0", "01:00.0", *wanted)


def test_zhaoxin_port_that_is_not_listed_is_refused_though_it_has_acs() -> None:
    machine = Machine().port("00:01.0", 1, "1d17:0999").port("00:02.0", 2, "1d17:0710", acs=None)
    machine.add("01:00.0").add("02:00.0")
    assert machine.partition() == sets("00:01.0 01:00.0", "00:02.0", "02:00.0")


def test_wangxun_functions() -> None:
    machine = Machine().port("00:01.0", 1).port("00:02.0", 2)
    machine.add("01:00.0", "8088:1001", multifunction=True).add("01:00.1", "8088:1001")
    machine.add("02:00.0", "8088:9999", multifunction=True).add("02:00.1", "8088:9999")
    assert machine.partition() == sets(
        "00:01.0", "00:02.0", "01:00.0", "01:00.1", "02:00.0 02:00.1"
    )


@pytest.mark.parametrize(("word", "apart"), [(REQUIRED, True), (0, False)])
def test_sunrise_point_ports_have_their_bits_elsewhere(word: int, *, apart: bool) -> None:
    machine = Machine().port("00:1c.0", 1, "8086:a110", control=0, word_at_8=word).add("01:00.0")
    assert machine.partition() == (sets("00:1c.0", "01:00.0") if apart else sets("00:1c.0 01:00.0"))
    assert machine.partition(iommu_on=True) == sets("00:1c.0", "01:00.0")
    cut = "pci=disable_acs_redir=00:1c.0"
    assert machine.partition(iommu_on=True, cmdline=cut) == sets("00:1c.0 01:00.0")


def test_sunrise_point_port_without_acs_has_no_exception() -> None:
    machine = Machine().port("00:1c.0", 1, "8086:a110", acs=None).add("01:00.0")
    assert machine.partition() == sets("00:1c.0 01:00.0")


def test_older_intel_ports_and_what_the_log_says() -> None:
    machine = Machine().port("00:1c.0", 1, "8086:8c10", acs=None).add("01:00.0")
    assert machine.partition() == sets("00:1c.0", "01:00.0")
    assert any("boot log" in text for text in machine.predict().assumptions)
    worked = ("pci 0000:00:1c.0: Intel PCH root port ACS workaround enabled",)
    prediction = machine.predict(kernel_log=worked)
    assert not any("boot log" in text for text in prediction.assumptions)
    failed = ("pci 0000:00:1c.0: Failed to enable Intel PCH ACS quirk",)
    assert machine.partition(kernel_log=failed) == sets("00:1c.0 01:00.0")
    assert machine.partition(kernel_log=failed, iommu_on=True) == sets("00:1c.0", "01:00.0")


def test_integrated_endpoints() -> None:
    machine = Machine()
    machine.add("00:14.0", "8086:1111", kind=9, multifunction=True)
    machine.add("00:14.1", "8086:1112", kind=9)
    machine.add("00:14.2", "8086:1113", kind=None).add("00:14.3", "8086:1114", kind=None)
    machine.add("00:15.0", "1022:1111", kind=9, multifunction=True)
    machine.add("00:15.1", "1022:1112", kind=9)
    machine.add("00:16.0", "1022:1112", kind=10)
    assert machine.partition() == sets(
        "00:14.0", "00:14.1", "00:14.2 00:14.3", "00:15.0 00:15.1", "00:16.0"
    )


def test_amd_southbridge() -> None:
    machine = Machine().add("00:00.0", "1002:5a14", kind=None)
    machine.add("00:14.0", "1002:4385", kind=None, multifunction=True)
    machine.add("00:14.2", "1002:4383", kind=None).add("00:14.5", "1002:4399", kind=None)
    apart = sets("00:00.0", "00:14.0", "00:14.2", "00:14.5")
    together = sets("00:00.0", "00:14.0 00:14.2 00:14.5")
    assert machine.partition() == apart
    assert any("IVRS" in text for text in machine.predict().assumptions)
    assert machine.partition(acpi_tables={"IVRS": b""}) == apart
    assert machine.partition(acpi_tables={}) == together
    assert Machine().add("00:14.0", "1002:4385", kind=None).partition() == sets("00:14.0")


def test_other_port_families() -> None:
    machine = Machine()
    kinds = ("17cb:0400", "177d:a100", "1c36:0031", "1957:8d80", "0014:3c09", "10e8:e004")
    for number, ids in enumerate(kinds, start=1):
        machine.port(f"00:{number:02x}.0", number, ids, acs=None).add(f"{number:02x}:00.0")
    assert all(len(group) == 1 for group in machine.partition())
    unlisted = Machine().port("00:01.0", 1, "177d:0001", acs=None).add("01:00.0")
    assert unlisted.partition() == sets("00:01.0 01:00.0")


def test_types_that_the_kernel_does_not_name_are_apart() -> None:
    machine = Machine().add("00:01.0", kind=3, multifunction=True).add("00:01.1", kind=3)
    assert machine.partition() == sets("00:01.0", "00:01.1")


# --- VFs -----------------------------------------------------------------------------------------


def test_vfs_of_a_dump_are_found_by_their_numbers() -> None:
    sriov = pf_capability(4, offset=128, stride=2, device_id=0x10CA)
    machine = (
        Machine().port("00:01.0", 1).add("01:00.0", "8086:10c9", sriov=sriov, multifunction=True)
    )
    machine.vfs("01:00.0", 4, offset=128, stride=2)
    prediction = machine.predict()
    assert all(len(group.members) == 1 for group in prediction.groups)
    vfs = [f for f in prediction.tree.functions.values() if f.is_vf]
    assert {(f.vendor_id, f.device_id, f.multifunction) for f in vfs} == {(0x8086, 0x10CA, False)}
    assert {str(f.pf_address) for f in vfs} == {"0000:01:00.0"}


def test_vfs_that_cross_a_bus_see_their_pfs_bridges() -> None:
    sriov = pf_capability(3, offset=255, stride=1, device_id=0x1111)
    for acs, joined in ((REQUIRED, False), (None, True)):
        machine = Machine().port("00:01.0", 1, bridge=(1, 2), acs=acs)
        machine.add("01:00.0", sriov=sriov).vfs("01:00.0", 3, offset=255, stride=1)
        names = "00:01.0 01:00.0 01:1f.7 02:00.0 02:00.1"
        assert machine.partition() == (sets(names) if joined else sets(*names.split()))


def test_two_pfs_on_one_ari_bus() -> None:
    first = pf_capability(8, offset=2, stride=1, device_id=0x1016)
    second = pf_capability(8, offset=9, stride=1, device_id=0x1016)
    machine = Machine().port("00:01.0", 1, ari_forwarding=True)
    machine.add("01:00.0", sriov=first, multifunction=True).add("01:00.1", sriov=second)
    machine.vfs("01:00.0", 8, offset=2, stride=1).vfs("01:00.1", 8, offset=9, stride=1)
    groups = machine.partition()
    assert frozenset(("01:00.0", "01:00.1")) in groups
    assert len(groups) == 2 + 16


def test_with_ari_the_device_number_is_part_of_the_function_number() -> None:
    machine = Machine().port("00:01.0", 1, ari_forwarding=True)
    machine.add("01:00.0", multifunction=True).add("01:01.0").add("01:01.1")
    # Slots are still told apart by the upper five bits.
    assert machine.partition() == sets("00:01.0", "01:00.0", "01:01.0 01:01.1")


def test_a_vf_that_cannot_be_read_is_an_endpoint_all_the_same() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0")
    machine.add("01:00.1", config=None, is_vf=True)
    assert machine.partition() == sets("00:01.0", "01:00.0", "01:00.1")


# --- VMD -----------------------------------------------------------------------------------------


def vmd(driver: str | None = None) -> Machine:
    machine = Machine().add("00:0e.0", "8086:467f", kind=9, class_code=0x010400, driver=driver)
    machine.port("10000:e0:06.0", 0xE1).add("10000:e1:00.0")
    return machine


def test_a_vmd_domain_shares_the_group_of_its_controller() -> None:
    together = sets("00:0e.0 10000:e0:06.0 10000:e1:00.0")
    assert vmd().partition() == together
    assert vmd(driver="vmd").partition() == together
    assert code_of(vmd(), "10000:e1:00.0") is JoinCode.VMD


def test_a_vmd_domain_by_path() -> None:
    machine = vmd()
    root = next(iter(machine.functions))
    for address, path in (("10000:e0:06.0", 1), ("10000:e1:00.0", 2)):
        place = next(a for a in machine.functions if str(a) == address)
        port = next(a for a in machine.functions if str(a) == "10000:e0:06.0")
        machine.functions[place] = machine.functions[place]._replace(path=(root, port)[:path])
    assert machine.partition() == sets("00:0e.0 10000:e0:06.0 10000:e1:00.0")


def test_a_high_domain_without_controller_is_said() -> None:
    machine = Machine().port("10000:e0:06.0", 0xE1).add("10000:e1:00.0")
    prediction = machine.predict()
    assert partition(prediction) == sets("10000:e0:06.0", "10000:e1:00.0")
    assert any("VMD" in text for text in prediction.assumptions)


def test_two_vmd_controllers_are_taken_in_order() -> None:
    machine = vmd().add("80:0e.0", "8086:467f", kind=9, class_code=0x010400)
    machine.add("10001:e0:06.0", kind=9)
    prediction = machine.predict()
    assert frozenset(("80:0e.0", "10001:e0:06.0")) in partition(prediction)
    assert any("10001 below 0000:80:0e.0" in text for text in prediction.assumptions)


# --- what is around ------------------------------------------------------------------------------


def test_known_to_be_off_means_no_groups() -> None:
    machine = Machine().port("00:01.0", 1, control=0).add("01:00.0")
    prediction = machine.predict(iommus=())
    assert not prediction.groups
    assert len(prediction.ungrouped) == 2
    assert machine.partition(iommus=(), iommu_on=True) == sets("00:01.0", "01:00.0")


def test_s390_gives_each_function_its_own() -> None:
    machine = Machine().add("00:00.0", multifunction=True).add("00:00.1")
    assert machine.partition(machine="s390x") == sets("00:00.0", "00:00.1")


def test_platforms_with_rules_of_their_own_are_said() -> None:
    machine = Machine().add("00:00.0")
    assert any("Power" in text for text in machine.predict(machine="ppc64le").assumptions)
    smmu = machine.predict(iommus=("smmu.0x0000000009050000",))
    assert any("SMMUv2" in text for text in smmu.assumptions)


def test_a_part_of_a_machine_is_said() -> None:
    machine = Machine().add("03:00.0")
    assert any("no bridge leads to bus" in text for text in machine.predict().assumptions)


def test_bridges_with_senseless_numbers_lead_nowhere() -> None:
    machine = Machine().port("00:01.0", 0, acs=None).port("00:02.0", 5, acs=None, bridge=(5, 4))
    machine.add("05:00.0", kind=9)
    assert machine.partition() == sets("00:01.0", "00:02.0", "05:00.0")


# --- what cannot be seen -------------------------------------------------------------------------


def test_unknown_acs_is_reported_and_not_guessed() -> None:
    machine = Machine().port("00:01.0", 1, cut_at=256).add("01:00.0", cut_at=256)
    machine.port("00:02.0", 2).add("02:00.0", cut_at=256)
    prediction = machine.predict()
    assert partition(prediction) == sets("00:02.0", "02:00.0")
    (unknown,) = prediction.unknown
    assert [str(a) for a in unknown.members] == ["0000:00:01.0", "0000:01:00.0"]
    assert [str(a) for a in unknown.undecided] == ["0000:00:01.0"]


def test_what_holds_either_way_is_certain() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).port("00:02.0", 3, bridge=(3, 5))
    machine.add("01:00.0", cut_at=256, multifunction=True).add("01:00.1", cut_at=256)
    machine.add("03:00.0", kind=7, bridge=4).add("04:00.0", kind=None, cut_at=64)
    prediction = machine.predict()
    assert partition(prediction) == sets("00:01.0 01:00.0 01:00.1", "00:02.0", "03:00.0 04:00.0")
    assert not prediction.unknown


def test_nothing_readable_is_unknown() -> None:
    machine = Machine().add("00:00.0", config=None, multifunction=True).add("00:00.1", config=None)
    machine.add("00:01.0", "8086:8c10", config=None).add("00:02.0", "8086:1521", config=None)
    prediction = machine.predict()
    # Where no other function can matter, a function is alone whatever it is.
    assert partition(prediction) == sets("00:01.0", "00:02.0")
    assert [len(unknown.members) for unknown in prediction.unknown] == [2]


def test_capability_without_its_bits_is_taken_as_the_kernel_sets_it() -> None:
    machine = Machine(source=SourceKind.LISTING).port("00:01.0", 1).add("01:00.0")
    port = next(iter(machine.functions))
    config = machine.functions[port].config
    assert config is not None
    hidden = machine.functions[port]._replace(config=config._replace(acs=None))
    machine.functions[port] = hidden
    prediction = machine.predict()
    assert partition(prediction) == sets("00:01.0", "01:00.0")
    assert any("not shown" in text for text in prediction.assumptions)
    off = machine.predict(cmdline="pci=disable_acs_redir=pci:1234:0001", iommu_on=True)
    assert partition(off) == sets("00:01.0 01:00.0")


def test_a_name_that_stands_for_several_ids_is_unknown() -> None:
    machine = Machine(source=SourceKind.LISTING).port("00:1c.0", 1, "8086:1d10", acs=None)
    machine.add("01:00.0")
    port = next(iter(machine.functions))
    machine.functions[port] = machine.functions[port]._replace(device_id=None)
    prediction = machine.predict()
    assert not prediction.groups
    config = machine.functions[port].config
    assert config is not None
    nameless = config._replace(header=None)
    machine.functions[port] = machine.functions[port]._replace(vendor_id=None, config=nameless)
    prediction = machine.predict()
    assert prediction.rules.judge(prediction.tree.functions[port]).isolated is None
    usb = Machine(source=SourceKind.LISTING)
    for name in ("00:14.0", "00:14.1"):
        usb.add(name, "8086:0000", kind=None, class_code=USB, multifunction=True, device_id=None)
    assert usb.partition() == sets("00:14.0 00:14.1")  # no exception is made for such devices


def test_sunrise_point_port_in_a_listing() -> None:
    machine = Machine(source=SourceKind.LISTING).port("00:1c.0", 1, "8086:a110", control=0)
    machine.add("01:00.0")
    port = next(iter(machine.functions))
    config = machine.functions[port].config
    assert config is not None
    assert config.acs is not None
    # lspci prints the word at +6, which these ports do not use.
    shown = config._replace(acs=config.acs._replace(word_at_8=None))
    machine.functions[port] = machine.functions[port]._replace(config=shown)
    prediction = machine.predict()
    assert partition(prediction) == sets("00:1c.0", "01:00.0")
    assert any("at another place" in text for text in prediction.assumptions)


def test_an_override_of_an_unreadable_vf_changes_nothing() -> None:
    machine = Machine().add("00:01.0", config=None, is_vf=True)
    assert machine.partition(cmdline="pcie_acs_override=id:1234:5678") == sets("00:01.0")


# --- a list of names -------------------------------------------------------------------------


def test_a_list_does_not_tell_which_bridge_leads_where() -> None:
    # As lspci -nn: no bridge shows its bus numbers, so what is below which is not known.
    names = Machine(source=SourceKind.LISTING)
    for address, class_code in (("00:01.0", 0x060400), ("00:1c.0", 0x060400), ("00:14.0", 0x0C0330),
                                ("01:00.0", 0x020000), ("02:00.0", 0x020000)):  # fmt: skip
        place = parse_pci_address(address)
        names.functions[place] = FunctionSnapshot(place, None, 0x8086, 1, class_code)
    prediction = names.predict()
    assert partition(prediction) == {frozenset({"00:14.0"})}
    (unknown,) = prediction.unknown
    assert [str(a)[5:] for a in unknown.members] == ["00:01.0", "00:1c.0", "01:00.0", "02:00.0"]
    told = explain(names.snapshot(), prediction, parse_pci_address("01:00.0"))
    assert "which bridge leads to bus 0000:01 cannot be seen" in " ".join(told.sentences)
    kinds = [root.kind for root in picture_of(names.snapshot()).roots]
    assert kinds == [NodeKind.HOST_BRIDGE, NodeKind.BUS, NodeKind.BUS]
    # The list of host bridges tells, and so does a path.
    root = names.snapshot(root_buses=(RootBus(0, 0), RootBus(0, 1)))
    assert frozenset({"01:00.0"}) in partition(predict_groups(root, iommu_on=False))
    port = names.functions[parse_pci_address("00:01.0")].address
    nic = parse_pci_address("01:00.0")
    names.functions[nic] = names.functions[nic]._replace(path=(port,))
    (first, *_) = names.predict().unknown
    assert [str(a)[5:] for a in first.members] == ["00:01.0", "01:00.0"]
