"""Explanations: the right hop, the right cause, and remedies that would work."""

from __future__ import annotations

import pytest

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.functions import IOMMUGroup
from sriovctl.model.groups import Explanation
from sriovctl.model.snapshot import SourceKind
from sriovctl.topology.explain import explain
from sriovctl.topology.groups import predict_groups
from sriovctl.topology.report import kernel_groups_of, report_kernel_groups, report_prediction

from .synthetic import REQUIRED, Machine


def why(machine: Machine, address: str, *, iommu_on: bool = False, **facts: object) -> Explanation:
    snapshot = machine.snapshot(**facts)
    prediction = predict_groups(snapshot, iommu_on=iommu_on)
    return explain(snapshot, prediction, parse_pci_address(address))


def kinds(explanation: Explanation) -> list[str]:
    return [remedy.kind for remedy in explanation.remedies]


def test_a_port_without_acs_is_named() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).add("01:00.0")
    told = why(machine, "01:00.0")
    assert "root port 0000:00:01.0 has no ACS capability" in told.sentences[0]
    assert kinds(told) == ["firmware", "slot", "override"]
    assert "danger" in told.remedies[-1].text
    assert told.reason is not None
    assert (told.reason.code, str(told.reason.hop)) == ("path", "0000:00:01.0")
    begins = why(machine, "00:01.0")
    assert "where the group begins" in begins.sentences[0]
    assert "0000:01:00.0 below it" in begins.sentences[1]


def test_bits_that_are_off_get_the_exact_parameter() -> None:
    machine = Machine().port("00:01.0", 1, control=0x01).add("01:00.0")
    told = why(machine, "01:00.0", kernel_release="6.12.1")
    assert "RR CR UF off" in told.sentences[0]
    assert [r.value for r in told.remedies] == [None, "pci=config_acs=111x1@0000:00:01.0"]
    assert kinds(why(machine, "01:00.0", kernel_release="6.1.1")) == ["iommu"]
    narrow = Machine().port("00:01.0", 1, acs=0x05, control=0).add("01:00.0")
    value = why(narrow, "01:00.0").remedies[-1].value
    assert value == "pci=config_acs=xx1x1@0000:00:01.0"
    # What is proposed does what it says.
    assert len(narrow.partition(iommu_on=True, cmdline=value)) == 2


def test_bits_that_the_command_line_cleared() -> None:
    machine = Machine().port("00:01.0", 1, control=0).add("01:00.0")
    told = why(machine, "01:00.0", cmdline="pci=disable_acs_redir=00:01.0")
    assert kinds(told) == ["command-line"]
    assert "take disable_acs_redir" in told.remedies[0].text


def test_one_bad_port_high_up_is_told_once() -> None:
    machine = Machine().port("00:01.0", 1, acs=None, bridge=(1, 3))
    machine.add("01:00.0", kind=5, bridge=(2, 3)).port("02:00.0", 3, kind=6).add("03:00.0")
    told = why(machine, "03:00.0")
    assert len(told.sentences) == 1
    assert "above 0000:02:00.0" in told.sentences[0]


def test_functions_of_one_device() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0", multifunction=True).add("01:00.1")
    told = why(machine, "01:00.1")
    assert "two functions of one device" in told.sentences[0]
    assert "slot" in kinds(told)
    newer = why(machine, "01:00.1", kernel_release="9.9.0")
    assert "kernel" in kinds(newer)


def test_bridges_aliases_and_vmd() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 2)).add("01:00.0", kind=7, bridge=2)
    machine.add("02:00.0", kind=None)
    told = why(machine, "02:00.0")
    assert "behind the PCIe-to-PCI bridge 0000:01:00.0" in told.sentences[0]
    assert kinds(told) == ["slot"]
    machine = Machine().port("00:02.0", 3)
    machine.add("03:00.0", "1b4b:9230", acs=REQUIRED, control=REQUIRED, multifunction=True)
    machine.add("03:00.1", acs=REQUIRED, control=REQUIRED)
    told = why(machine, "03:00.1")
    assert "share a requester ID" in told.sentences[0]
    assert kinds(told) == ["device"]
    machine = Machine().add("00:0e.0", "8086:467f", kind=9).add("10000:e0:00.0", kind=9)
    told = why(machine, "10000:e0:00.0")
    assert "VMD controller 0000:00:0e.0" in told.sentences[0]
    assert kinds(told) == ["firmware"]


def test_an_exception_that_refuses() -> None:
    machine = Machine().port("00:01.0", 1, "1d17:0999").add("01:00.0")
    told = why(machine, "01:00.0")
    assert "pci_quirk_zhaoxin_pcie_ports_acs" in told.sentences[0]
    machine = Machine().port("00:1c.0", 1, "8086:8c10", acs=None).add("01:00.0")
    log = ("pci 0000:00:1c.0: Failed to enable Intel PCH ACS quirk",)
    told = why(machine, "01:00.0", kernel_log=log)
    assert "could not set up 0000:00:1c.0" in told.remedies[0].text


def alone(machine: Machine, address: str) -> str:
    told = why(machine, address)
    assert not told.remedies
    (sentence,) = told.sentences
    return sentence


def test_what_is_taken_for_granted_is_said_to_be() -> None:
    machine = Machine(source=SourceKind.LISTING).port("00:01.0", 1).add("01:00.0")
    port = PCIAddress(0, 0, 1, 0)
    config = machine.functions[port].config
    assert config is not None
    hidden = machine.functions[port]._replace(config=config._replace(acs=None))
    machine.functions[port] = hidden
    said = alone(machine, "00:01.0")
    assert "has ACS; its bits are not shown here and are taken as the kernel sets them" in said
    assert "are on" not in said
    cut = why(machine, "00:01.0", cmdline="pci=disable_acs_redir=00:01.0", iommu_on=True)
    assert "as the kernel sets them: " in " ".join(cut.sentences)
    old = Machine().port("00:1c.0", 1, "8086:8c10", acs=None).add("01:00.0")
    assert "the kernel is taken to have set up" in alone(old, "00:1c.0")
    log = ("pci 0000:00:1c.0: Intel PCH root port ACS workaround enabled",)
    (sentence,) = why(old, "00:1c.0", kernel_log=log).sentences
    assert "the kernel has set up" in sentence


def test_why_a_function_is_alone() -> None:
    machine = Machine().port("00:01.0", 1, multifunction=True)
    machine.add("00:01.1", kind=None).add("01:00.0")
    machine.add("01:00.1", is_vf=True, pf_address=PCIAddress(0, 1, 0, 0))
    machine.add("00:02.0", kind=None).add("00:14.0", "8086:1", kind=9)
    machine.add("00:15.0", "14e4:16d7", multifunction=True).add("00:16.0", kind=3)
    assert "only function" in alone(machine, "01:00.0")
    assert "up to 0000:00:01.0" in alone(machine, "01:00.0")
    assert "all controls that it offers are on" in alone(machine, "00:01.0")
    assert "the other functions of its slot" in alone(machine, "00:01.1")
    assert "a VF has a requester ID of its own" in alone(machine, "01:00.1")
    assert "no other function shares its slot" in alone(machine, "00:02.0")
    assert "integrated endpoints never talk" in alone(machine, "00:14.0")
    assert "table of exceptions (pci_quirk_mf_endpoint_acs)" in alone(machine, "00:15.0")
    assert "takes to be apart" in alone(machine, "00:16.0")


def test_no_group_and_not_known() -> None:
    machine = Machine().port("00:01.0", 1, cut_at=256).add("01:00.0")
    told = why(machine, "01:00.0", iommus=(), groups_known=True)
    assert "no IOMMU is at work" in told.sentences[0]
    assert kinds(told) == ["iommu"]
    assert why(machine, "01:00.0", iommus=(), iommu_on=True).remedies == ()
    told = why(machine, "01:00.0")
    assert told.members is None
    assert "cannot be seen" in told.sentences[1]
    assert not told.remedies
    with pytest.raises(InputError):
        why(machine, "09:00.0")


# --- where the kernel differs --------------------------------------------------------------------


def with_groups(machine: Machine, *numbers: int | None) -> Machine:
    for address, number in zip(sorted(machine.functions), numbers, strict=True):
        machine.functions[address] = machine.functions[address]._replace(iommu_group=number)
    return machine


def test_agreement_is_silent() -> None:
    machine = with_groups(Machine().port("00:01.0", 1, acs=None).add("01:00.0"), 5, 5)
    told = why(machine, "01:00.0", groups_known=True)
    assert told.kernel_group == 5
    assert told.kernel_members == told.members
    assert told.differences == ()


def test_differences_are_told_with_what_may_be_behind_them() -> None:
    machine = with_groups(Machine().port("00:01.0", 1, acs=None).add("01:00.0"), 5, 6)
    cmdline = "pcie_acs_override=id:1:1 pci=config_acs=1@00:09.0"
    told = " ".join(
        why(
            machine, "01:00.0", kernel_release="8.0", cmdline=cmdline, groups_known=True
        ).differences
    )
    for words in ("kernel's group 6 is 0000:01:00.0", "pcie_acs_override", "config_acs", "newer"):
        assert words in told
    assert "early releases" in why(machine, "01:00.0", kernel_release="6.11.0").differences[1]
    assert "not known" in why(machine, "01:00.0").differences[1]
    known = with_groups(Machine().port("00:01.0", 1).add("01:00.0"), 5, None)
    assert "gives it no group" in why(known, "01:00.0", groups_known=True).differences[0]
    ungrouped = with_groups(Machine().add("00:03.0", "1af4:1057"), 3)
    assert "no group" in why(ungrouped, "00:03.0", kernel_release="6.12").differences[0]


def test_who_has_no_group_is_not_left_out() -> None:
    # As on Ampere machines: a host bridge without a driver, graphics behind a conventional bridge.
    machine = Machine().port("00:01.0", 1, bridge=(1, 2)).add("00:02.0", class_code=0x060000)
    machine.add("01:00.0", kind=7, bridge=2).add("02:00.0", kind=None, driver="ast")
    machine = with_groups(machine, 2, None, 8, None)
    snapshot = machine.snapshot(groups_known=True)
    prediction = predict_groups(snapshot, iommu_on=False)
    report = report_kernel_groups(kernel_groups_of(snapshot), prediction)
    assert [name for name, _ in report.ungrouped] == ["0000:00:02.0", "0000:02:00.0"]
    assert "sriovctl explain" in report.ungrouped[0][1]
    bridge, graphics = (why(machine, a, groups_known=True) for a in ("00:02.0", "02:00.0"))
    assert "when a driver first tried it" in bridge.differences[-1]
    assert "requester ID twice" in graphics.differences[-1]
    assert "driver" not in " ".join(graphics.differences)
    newer = why(machine, "00:02.0", groups_known=True, kernel_release="6.15.0")
    assert "on Arm" not in " ".join(newer.differences)
    machine.add("00:00.0", "8086:4660", class_code=0x060000)
    assert "on Arm" not in " ".join(why(machine, "00:02.0", groups_known=True).differences)


def test_a_bridge_is_no_device_of_several_functions() -> None:
    machine = Machine().port("00:01.0", 1, bridge=(1, 2)).add("01:00.0", "1a03:1150", kind=7,
                                                              bridge=2)  # fmt: skip
    machine.add("02:00.0", kind=None)
    told = why(machine, "02:00.0", kernel_release="7.2.0")
    assert [r.text for r in told.remedies] == [
        "only a PCIe slot helps: what is behind 0000:01:00.0 stays together"
    ]


def test_an_exception_that_older_kernels_lack_is_told() -> None:
    machine = Machine().port("00:01.0", 1)
    machine.add("01:00.0", "14e4:1760", multifunction=True).add("01:00.1", "14e4:1760")
    told = why(with_groups(machine, 1, 2, 2), "01:00.0", kernel_release="6.1.0")
    assert any("before 2024-05" in text for text in told.differences)


def test_iommu_on_is_not_held_against_a_host_where_it_is_off() -> None:
    machine = Machine().port("00:01.0", 1).add("01:00.0")
    told = why(machine, "01:00.0", iommu_on=True, groups_known=True)
    assert any("off now" in text for text in told.differences)


# --- reports -------------------------------------------------------------------------------------


def test_reports() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).add("01:00.0").port("00:02.0", 2, cut_at=256)
    machine.add("02:00.0").add("00:03.0", "1af4:1057")
    snapshot = with_groups(machine, 1, 2, None, 1, 2).snapshot()
    prediction = predict_groups(snapshot, iommu_on=False)
    predicted = report_prediction(prediction)
    assert [g.members for g in predicted.groups] == [("0000:00:01.0", "0000:01:00.0")]
    assert [u.members for u in predicted.unknown] == [("0000:00:02.0", "0000:02:00.0")]
    assert predicted.ungrouped == (("0000:00:03.0", "it is the IOMMU itself"),)
    groups = (*kernel_groups_of(snapshot), IOMMUGroup(9, ("platform.0",)))
    codes = [group.reason.code for group in report_kernel_groups(groups, prediction).groups]
    assert codes == ["path", "unknown", "not-pci"]
    wrong = (IOMMUGroup(1, ("0000:00:01.0",)), IOMMUGroup(2, ("0000:00:03.0",)))
    report = report_kernel_groups(wrong, prediction)
    assert [group.reason.code for group in report.groups] == ["differs", "differs"]
    assert "sriovctl explain 0000:00:01.0" in report.groups[0].reason.text
    left_out = [name for name, _ in report.ungrouped]
    assert left_out == ["0000:00:02.0", "0000:01:00.0", "0000:02:00.0"]


def test_kinds_of_functions_in_sentences() -> None:
    machine = Machine().port("00:01.0", 1, config=None, multifunction=True)
    machine.add("00:01.1", cut_at=64).add("01:00.0")
    told = why(machine, "00:01.1")
    assert any("function 0000:00:01.0" in sentence for sentence in told.sentences)
    refused = Machine().port("00:01.0", 1).add("01:00.0", "8088:9999", multifunction=True)
    refused.add("01:00.1", "8088:9999")
    assert "endpoint 0000:01:00.1 does not keep" in why(refused, "01:00.1").sentences[0]
    conventional = Machine().add("00:1e.0", kind=None, bridge=1).add("01:00.0", kind=None)
    assert "conventional PCI bridge 0000:00:1e.0" in why(conventional, "01:00.0").sentences[0]
