from __future__ import annotations

import pytest
from tests.unit.engine.eswitch_cards import ICE, IGB, MLX5, three_cards

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import UnsupportedError
from sriovctl.host.devlink import DevlinkDoor
from sriovctl.host.simulated import SimulatedHost
from sriovctl.model.functions import PF, EswitchMode
from sriovctl.model.state import DesiredState, PFMatch, WantedPF

SILENT = WantedPF("uplink", PFMatch(driver="mlx5_core"), num_vfs=2)
SPEAKING = SILENT._replace(eswitch_mode=EswitchMode.SWITCHDEV)
ON_ICE = WantedPF("other", PFMatch(driver="ice"))


@pytest.fixture
def host() -> SimulatedHost:
    return three_cards(num_vfs=2)


def details(host: SimulatedHost, *wanted: WantedPF) -> dict[str, PF]:
    pfs = read_inventory(host, name_of=lambda _vendor, _device: None)
    return {pf.device: pf for pf in with_wanted_details(host, pfs, DesiredState(wanted))}


def without_pyroute2(host: SimulatedHost) -> None:
    def open_socket() -> None:
        raise UnsupportedError("pyroute2 is not installed")

    host.devlink = DevlinkDoor(open_socket)  # type: ignore[arg-type]


def test_devlink_is_asked_where_the_state_speaks_of_the_eswitch(host: SimulatedHost) -> None:
    found = details(host, SPEAKING, ON_ICE)
    assert [found[device].eswitch_mode for device in (IGB, MLX5, ICE)] == [None, "legacy", None]
    without_pyroute2(host)
    with pytest.raises(UnsupportedError, match="pyroute2"):
        details(host, SPEAKING)


def test_representors_give_switchdev_away_without_devlink(host: SimulatedHost) -> None:
    host.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    without_pyroute2(host)
    found = details(host, SILENT, ON_ICE)
    assert [found[device].eswitch_mode for device in (MLX5, ICE)] == ["switchdev", None]


def test_msix_counts_are_read_of_the_pfs_that_are_meant(host: SimulatedHost) -> None:
    found = details(host, SILENT)
    assert [vf.msix_count for vf in found[MLX5].vfs] == [128, 128]
    assert [vf.msix_count for vf in found[ICE].vfs] == [None, None]
    assert [vf.msix_count for vf in details(host, ON_ICE)[ICE].vfs] == [16, 16]


def test_all_other_pfs_are_as_they_were(host: SimulatedHost) -> None:
    pfs = read_inventory(host, name_of=lambda _vendor, _device: None)
    assert with_wanted_details(host, pfs, DesiredState(())) == pfs
