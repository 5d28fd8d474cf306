"""A recording says of eswitches what the host said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.engine.recordings import record

from sriovctl.engine.eswitch import read_eswitch_report
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import HostError, PermissionDenied, UnsupportedError
from sriovctl.host.api import Host
from sriovctl.host.devlink import DevlinkDoor
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.eswitch import EswitchReport
from sriovctl.model.functions import EswitchMode

MLX5 = "0000:02:00.0"
MAC = "b8:ce:f6:01:02:03"


@pytest.fixture
def host() -> SimulatedHost:
    cards = (Card(INTEL_82576), Card(CONNECTX_6_DX, mac=MAC))
    made = simulate(MachineSpec(cards=cards))
    made.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    made.files.write_text(f"/sys/bus/pci/devices/{MLX5}/sriov_numvfs", "2")
    return made


def reports(host: Host) -> list[EswitchReport]:
    pfs = read_inventory(host, name_of=lambda _vendor, _device: None)
    return [read_eswitch_report(host, pf) for pf in pfs]


def no_devlink() -> None:
    raise UnsupportedError("pyroute2 is not installed")


def without_pyroute2(host: SimulatedHost) -> None:
    host.devlink = DevlinkDoor(no_devlink)  # type: ignore[arg-type]


def test_recording_reports_as_the_host_did(host: SimulatedHost, tmp_path: Path) -> None:
    assert record(host, tmp_path / "rec").missing == ()
    assert reports(RecordedHost(str(tmp_path / "rec"))) == reports(host)


def test_hidden_macs_are_not_in_the_id_of_the_eswitch_either(
    host: SimulatedHost, tmp_path: Path
) -> None:
    record(host, tmp_path / "rec", hide_macs=True)
    recorded = RecordedHost(str(tmp_path / "rec"))
    netdevs = recorded.files.list_dir(f"/sys/bus/pci/devices/{MLX5}/net")
    paths = [f"/sys/class/net/{netdev}/phys_switch_id" for netdev in netdevs]
    (stand_in,) = {recorded.files.read_text(path) for path in paths}
    assert stand_in is not None
    assert stand_in.startswith("02")
    assert MAC.replace(":", "") not in stand_in
    assert [len(one.representors) for one in reports(recorded)] == [0, 2]


def test_without_pyroute2_it_is_noted_as_missing(host: SimulatedHost, tmp_path: Path) -> None:
    without_pyroute2(host)
    (missing,) = record(host, tmp_path / "rec").missing
    assert missing == ("/netlink/devlink.jsonl", "pyroute2 is not installed")
    (_, report) = reports(RecordedHost(str(tmp_path / "rec")))
    assert (report.mode, [one.netdev for one in report.representors]) == (None, ["eth2", "eth3"])
    assert "the recording holds nothing of devlink" in report.notes[0]


def test_host_without_an_eswitch_needs_no_pyroute2(tmp_path: Path) -> None:
    host = simulated_82576()
    without_pyroute2(host)
    assert record(host, tmp_path / "rec").missing == ()


def test_recording_is_read_only_and_may_be_damaged(host: SimulatedHost, tmp_path: Path) -> None:
    record(host, tmp_path / "rec")
    recorded = RecordedHost(str(tmp_path / "rec"))
    with pytest.raises(PermissionDenied, match="read-only"):
        recorded.devlink.write_eswitch("pci", MLX5, EswitchMode.LEGACY)
    (tmp_path / "rec/netlink/devlink.jsonl").write_text('{"bus": "pci"}\n')
    with pytest.raises(HostError, match=r"the recording is damaged \(line 1\)"):
        recorded.devlink.read_eswitch("pci", MLX5)
