from __future__ import annotations

import errno

import pytest

from sriovctl.engine.identity import read_serial, with_identities
from sriovctl.engine.inventory import PCI_DEVICES, read_inventory
from sriovctl.errors import PermissionDenied
from sriovctl.host.simulated import Card, MachineSpec, SimulatedHost, simulate
from sriovctl.host.simulated.cards import INTEL_82576, QEMU_NVME
from sriovctl.host.simulated.tree import constant
from sriovctl.model.functions import PF
from sriovctl.model.state import AUTO_MAC, DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.auto_mac import pf_identity

IGB, OTHER_IGB, NVME = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
SERIAL = "52-54-00-ff-ff-6d-91-01"
CARDS = (
    Card(INTEL_82576, serial_number=SERIAL),
    Card(INTEL_82576, serial_number="00-00-00-00-00-00-00-00"),
    Card(QEMU_NVME, serial="lab3"),
)
AUTO = WantedVF(admin_mac=AUTO_MAC)


@pytest.fixture
def host() -> SimulatedHost:
    return simulate(MachineSpec(cards=CARDS))


def pfs_of(host: SimulatedHost, *, permanent_macs: bool = True) -> tuple[PF, ...]:
    pfs = read_inventory(host, name_of=lambda *_: None)
    return pfs if permanent_macs else tuple(pf._replace(permanent_mac=None) for pf in pfs)


def wanted(match: PFMatch, **said: object) -> DesiredState:
    return DesiredState((WantedPF("a", match, **said),))  # type: ignore[arg-type]


def config_of(device: str) -> str:
    return f"{PCI_DEVICES}/{device}/config"


def forbid_reading(host: SimulatedHost, *devices: str) -> None:
    for device in devices:
        host.files.fail(config_of(device), errno.EIO)


def show_the_header_alone(host: SimulatedHost, device: str) -> None:
    config = host.files.read_bytes(config_of(device))
    directory = host.files.resolve(f"{PCI_DEVICES}/{device}")
    assert config is not None
    host.files.add(f"{directory}/config", constant(config[:64]))


def test_nothing_is_read_that_no_state_needs(host: SimulatedHost) -> None:
    pfs = pfs_of(host)
    forbid_reading(host, IGB, OTHER_IGB, NVME)
    assert with_identities(host, pfs, wanted(PFMatch(netdev="eth0"), vf_default=AUTO)) == pfs
    assert with_identities(host, pfs, wanted(PFMatch(driver="nvme"))) == pfs


def test_a_match_by_serial_reads_those_of_all_pfs(host: SimulatedHost) -> None:
    found = with_identities(host, pfs_of(host), wanted(PFMatch(serial=SERIAL)))
    assert [pf.serial for pf in found] == [SERIAL, None, "lab3"]


def test_a_match_by_more_reads_only_what_fits_otherwise(host: SimulatedHost) -> None:
    forbid_reading(host, IGB, OTHER_IGB)
    found = with_identities(host, pfs_of(host), wanted(PFMatch(serial="lab3", driver="nvme")))
    assert [pf.serial for pf in found] == [None, None, "lab3"]


def test_an_automatic_mac_without_a_permanent_one_needs_the_serial(host: SimulatedHost) -> None:
    pfs = pfs_of(host, permanent_macs=False)
    forbid_reading(host, OTHER_IGB)
    for said in ({"vf_default": AUTO}, {"vfs": ((1, AUTO),)}):
        found = with_identities(host, pfs, wanted(PFMatch(address=IGB), **said))
        assert [pf.serial for pf in found] == [SERIAL, None, None]
        assert pf_identity(found[0]) == f"serial {SERIAL} function 0"


def test_a_device_without_serial_is_known_by_its_place(host: SimulatedHost) -> None:
    pfs = pfs_of(host, permanent_macs=False)
    found = with_identities(host, pfs, wanted(PFMatch(address=OTHER_IGB), vf_default=AUTO))
    assert pf_identity(found[1]) == f"device {OTHER_IGB}"


def test_what_only_root_may_read_is_told_so(host: SimulatedHost) -> None:
    show_the_header_alone(host, IGB)
    with pytest.raises(PermissionDenied, match="by root alone"):
        with_identities(host, pfs_of(host), wanted(PFMatch(serial=SERIAL)))


def test_an_nvme_serial_is_for_everybody(host: SimulatedHost) -> None:
    show_the_header_alone(host, NVME)
    nvme = pfs_of(host)[2]
    assert read_serial(host.files, nvme) == "lab3"


def test_an_nvme_drive_that_another_driver_has_says_what_config_space_does() -> None:
    host = simulate(MachineSpec(cards=(Card(QEMU_NVME, serial="lab3", serial_number=SERIAL),)))
    (nvme,) = pfs_of(host)
    assert read_serial(host.files, nvme) == "lab3"
    host.files.write_text("/sys/bus/pci/drivers/nvme/unbind", nvme.device)
    assert read_serial(host.files, nvme) == SERIAL


def test_a_pf_beyond_pci_has_none(host: SimulatedHost) -> None:
    pf = pfs_of(host)[0]._replace(address=None, device="netdevsim10")
    assert read_serial(host.files, pf) is None


def test_a_recording_without_config_space_has_none(host: SimulatedHost) -> None:
    pf = pfs_of(host)[0]
    directory = host.files.resolve(f"{PCI_DEVICES}/{IGB}")
    host.files.remove(f"{directory}/config")
    assert read_serial(host.files, pf) is None
