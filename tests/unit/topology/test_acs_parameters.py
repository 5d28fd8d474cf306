"""What the command line does to ACS."""

from __future__ import annotations

import pytest

from sriovctl.topology.acs_parameters import ACSParameters, Override, parse_acs_parameters
from sriovctl.topology.tree import build_tree

from .synthetic import REQUIRED, Machine, sets

MACHINE = Machine().port("00:01.0", 1, "1234:0001", bridge=(1, 3))
MACHINE.add("01:00.0", kind=5, bridge=(2, 3)).port("02:03.0", 3, kind=6, ids="1234:0002")
MACHINE.add("03:00.0")
TREE = build_tree(MACHINE.snapshot())
PORT = next(f for a, f in TREE.functions.items() if str(a) == "0000:02:03.0")


def control(cmdline: str, *, firmware: int = 0, old: bool = False, capability: int = 0x1F) -> int:
    parameters = parse_acs_parameters(cmdline)
    return parameters.control(TREE, PORT, capability=capability, firmware=firmware, old=old)


@pytest.mark.parametrize(
    "device",
    [
        "0000:02:03.0", "02:03.0", "2:3.0", "00:01.0/00.0/03.0", "01:00.0/3.0",
        "pci:1234:0002", "pci:1234:0", "pci:0:0", "pci:1234:2:0:0",
    ],
)  # fmt: skip
def test_ways_to_name_a_device(device: str) -> None:
    assert control(f"pci=noaer,disable_acs_redir={device}") == 0
    assert control(f"quiet pci=config_acs=xx1xx@{device}") == 0x04
    assert parse_acs_parameters(f"pci=config_acs=1@{device}").is_hit(TREE, PORT)


@pytest.mark.parametrize(
    "device", ["02:03.1", "0001:02:03.0", "00:01.0/00.0/04.0", "pci:1234:9", "pci:x:y", "x", "",
               "02:03.0/00.0/00.0", "00:01.0/zz"]
)  # fmt: skip
def test_other_devices(device: str) -> None:
    assert control(f"pci=disable_acs_redir={device}") == REQUIRED


def test_without_parameters_the_offered_bits_are_set() -> None:
    assert control("quiet") == REQUIRED
    assert control("", capability=0x05, firmware=0x40) == 0x45


def test_redirect_before_and_since_6_11() -> None:
    assert control("pci=disable_acs_redir=02:03.0", old=True) == 0x11
    assert control("pci=disable_acs_redir=02:03.0") == 0
    assert control("pci=disable_acs_redir=02:03.0", firmware=0x1D) == 0x11


def test_config_acs_wins_and_starts_from_firmware() -> None:
    both = "pci=disable_acs_redir=02:03.0,config_acs=1x@02:03.0"
    assert control(both, firmware=0x0D) == 0x0F
    assert control("pci=config_acs=10@0:1.0;x1@02:03.0;00@02:03.0", firmware=0x10) == 0x11


@pytest.mark.parametrize("flags", ["12345678", "11111111", "10y", "nothing"])
def test_senseless_flags_are_ignored_and_said(flags: str) -> None:
    parameters = parse_acs_parameters(f"pci=config_acs={flags}@02:03.0")
    assert parameters.config == ()
    assert flags in parameters.problems[0]
    assert parse_acs_parameters("pci=config_acs=101").problems


def test_later_parameters_replace_earlier_ones_and_init_has_its_own() -> None:
    twice = parse_acs_parameters("pci=disable_acs_redir=a pci=disable_acs_redir=b")
    assert [setting.device for setting in twice.disable_redirect] == ["b"]
    assert parse_acs_parameters("quiet -- pci=disable_acs_redir=a") == ACSParameters()
    assert parse_acs_parameters(None) == ACSParameters()


def test_override_is_read() -> None:
    found = parse_acs_parameters("pcie_acs_override=downstream,multifunction,id:1234:56,id:zz:1")
    assert found.override == Override(True, True, frozenset(((0x1234, 0x56),)))


def test_override_parts_what_the_hardware_does_not() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).port("00:02.0", 2, control=0)
    machine.port("00:03.0", 3).add("01:00.0").add("02:00.0")
    machine.add("03:00.0", multifunction=True).add("03:00.1")
    machine.add("00:1f.0", kind=None, multifunction=True).add("00:1f.1", kind=None)
    cmdline = "pcie_acs_override=downstream"
    rest = ("00:03.0", "00:1f.0 00:1f.1")
    # A port that has an ACS capability is none of the patch's business.
    assert machine.partition(cmdline=cmdline) == sets(
        "00:01.0", "01:00.0", "00:02.0 02:00.0", "03:00.0 03:00.1", *rest
    )
    assert machine.partition(cmdline="pcie_acs_override=multifunction") == sets(
        "00:01.0 01:00.0", "00:02.0 02:00.0", "03:00.0", "03:00.1", *rest
    )
    assert machine.partition(cmdline="pcie_acs_override=id:1234:0001") == sets(
        "00:01.0", "01:00.0", "00:02.0 02:00.0", "03:00.0 03:00.1", *rest
    )
    prediction = machine.predict(cmdline=cmdline)
    assert any("pcie_acs_override" in text for text in prediction.assumptions)


def test_override_without_the_patch_does_nothing() -> None:
    machine = Machine().port("00:01.0", 1, acs=None).add("01:00.0")
    cmdline = "pcie_acs_override=downstream"
    stock = ("Linux version 6.12.0 (gcc)", "Command line: pcie_acs_override=downstream")
    assert machine.partition(kernel_log=stock, cmdline=cmdline) == sets("00:01.0 01:00.0")
    patched = (*stock, "Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected")
    assert machine.partition(kernel_log=patched, cmdline=cmdline) == sets("00:01.0", "01:00.0")


def test_override_of_a_port_whose_capabilities_are_cut_is_unknown() -> None:
    machine = Machine().port("00:01.0", 1, cut_at=256).add("01:00.0")
    assert machine.predict(cmdline="pcie_acs_override=downstream").unknown
