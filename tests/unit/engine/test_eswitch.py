from __future__ import annotations

import errno

import pytest
from tests.unit.engine.eswitch_cards import ICE, IGB, MLX5, three_cards

from sriovctl.engine.eswitch import (
    bus_of,
    read_eswitch_mode,
    read_eswitch_report,
)
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.execute import verify
from sriovctl.engine.runs.steps import observe, perform
from sriovctl.errors import LostError, SriovctlError, UnsupportedError, VerifyError
from sriovctl.host.devlink import DevlinkDoor
from sriovctl.host.simulated import SimulatedHost
from sriovctl.model.eswitch import Representor
from sriovctl.model.functions import PF, EswitchMode
from sriovctl.model.plan import Action, Disruption, Step


@pytest.fixture
def host() -> SimulatedHost:
    return three_cards()


def pfs_of(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda _vendor, _device: None)


def set_num_vfs(host: SimulatedHost, device: str, number: int) -> None:
    host.files.write_text(f"/sys/bus/pci/devices/{device}/sriov_numvfs", str(number))


def to(mode: EswitchMode, device: str = MLX5) -> Step:
    other = {EswitchMode.LEGACY: EswitchMode.SWITCHDEV, EswitchMode.SWITCHDEV: EswitchMode.LEGACY}
    return Step(
        action=Action.SET_ESWITCH_MODE,
        subject=device,
        device=device,
        vf_index=None,
        before={"eswitch_mode": str(other[mode])},
        after={"eswitch_mode": str(mode)},
        disruption=Disruption.LINK_FLAP,
        reason="",
        commands=(),
    )


def no_devlink() -> SriovctlError:
    return UnsupportedError("pyroute2 is not installed")


def refuse_devlink(host: SimulatedHost) -> None:
    def open_socket() -> None:
        raise no_devlink()

    host.devlink = DevlinkDoor(open_socket)  # type: ignore[arg-type]


# --- the mode ----------------------------------------------------------------------------------


def test_steps_set_the_mode_and_read_it_back(host: SimulatedHost) -> None:
    set_num_vfs(host, MLX5, 2)
    for step in (to(EswitchMode.SWITCHDEV), to(EswitchMode.LEGACY)):
        assert observe(host, [step]) == [step.before]
        perform(host, [step])
        assert observe(host, [step]) == [step.after]
        verify(host, [step])


def test_mode_that_does_not_stay_is_noticed(host: SimulatedHost) -> None:
    with pytest.raises(VerifyError):
        verify(host, [to(EswitchMode.SWITCHDEV)])


def test_refusal_names_the_pf_and_keeps_the_drivers_words(host: SimulatedHost) -> None:
    set_num_vfs(host, ICE, 2)
    with pytest.raises(UnsupportedError, match="only if there is no VFs created") as caught:
        perform(host, [to(EswitchMode.SWITCHDEV, ICE)])
    assert caught.value.subject == ICE


def test_device_that_is_gone_is_lost(host: SimulatedHost) -> None:
    host.vanish(MLX5)
    for device in (MLX5, "netdevsim10"):
        with pytest.raises(LostError):
            bus_of(host.files, device)
    with pytest.raises(LostError):
        observe(host, [to(EswitchMode.SWITCHDEV)])


# --- representors ------------------------------------------------------------------------------


def report_of(host: SimulatedHost, device: str) -> tuple[str | None, tuple[Representor, ...]]:
    (pf,) = (pf for pf in pfs_of(host) if pf.device == device)
    report = read_eswitch_report(host, pf)
    assert report.notes == ()
    return report.mode, report.representors


def test_representors_are_listed_with_their_vfs(host: SimulatedHost) -> None:
    host.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    set_num_vfs(host, MLX5, 2)
    assert report_of(host, MLX5) == (
        "switchdev",
        (
            Representor(0, "0000:02:00.2", "eth3", "pf0vf0", False, f"pci/{MLX5}/1"),
            Representor(1, "0000:02:00.3", "eth4", "pf0vf1", False, f"pci/{MLX5}/2"),
        ),
    )


def test_without_switchdev_there_are_none(host: SimulatedHost) -> None:
    set_num_vfs(host, MLX5, 2)
    assert report_of(host, MLX5) == ("legacy", ())
    assert report_of(host, IGB) == (None, ())


def test_representor_that_sysfs_does_not_show_is_known_to_devlink(
    host: SimulatedHost,
) -> None:
    host.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    set_num_vfs(host, MLX5, 2)
    host.kernel.tree.remove(f"{host.files.resolve(f'/sys/bus/pci/devices/{MLX5}')}/net/eth4")
    _, (here, elsewhere) = report_of(host, MLX5)
    assert (here.netdev, here.port_name) == ("eth3", "pf0vf0")
    assert elsewhere == Representor(1, "0000:02:00.3", "eth4", None, None, f"pci/{MLX5}/2")


def test_without_devlink_sysfs_still_tells_of_representors(host: SimulatedHost) -> None:
    host.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    set_num_vfs(host, MLX5, 1)
    refuse_devlink(host)
    (pf,) = (pf for pf in pfs_of(host) if pf.device == MLX5)
    report = read_eswitch_report(host, pf)
    assert (report.mode, report.notes) == (None, (str(no_devlink()),))
    assert report.representors == (Representor(0, "0000:02:00.2", "eth3", "pf0vf0", False, None),)


def test_a_kernel_that_does_not_list_its_netdevs_is_no_host_without_them(
    host: SimulatedHost,
) -> None:
    host.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    set_num_vfs(host, MLX5, 1)
    (pf,) = (pf for pf in pfs_of(host) if pf.device == MLX5)
    host.rtnl.fail(errno.ENOBUFS)
    with pytest.raises(SriovctlError, match=r"did not list its netdevs \(errno ENOBUFS\)"):
        read_eswitch_report(host, pf)


def test_mode_of_a_pf_is_read_by_its_name(host: SimulatedHost) -> None:
    assert read_eswitch_mode(host, ICE) == "legacy"
    assert read_eswitch_mode(host, IGB) is None
