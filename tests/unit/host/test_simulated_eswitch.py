"""What the drivers of the simulated host do differently; what they share is in the contract."""

from __future__ import annotations

import pytest

from sriovctl.codec.pciconfig import decode_config
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import BusyError, HostError, SriovctlError, UnsupportedError
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_E810,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.functions import VLAN, EswitchMode
from sriovctl.model.state import WantedVF

PF = "0000:01:00.0"
DIRECTORY = f"/sys/bus/pci/devices/{PF}"


def host_with(model: CardModel, *, num_vfs: int = 0) -> SimulatedHost:
    host = simulate(MachineSpec(cards=(Card(model),)))
    host.files.write_text(f"{DIRECTORY}/sriov_drivers_autoprobe", "0")
    host.files.write_text(f"{DIRECTORY}/sriov_numvfs", str(num_vfs))
    return host


def in_switchdev(model: CardModel, *, num_vfs: int = 2) -> SimulatedHost:
    host = host_with(model)
    host.devlink.write_eswitch("pci", PF, EswitchMode.SWITCHDEV)
    host.files.write_text(f"{DIRECTORY}/sriov_numvfs", str(num_vfs))
    return host


def errno_of(caught: pytest.ExceptionInfo[SriovctlError]) -> object:
    return caught.value.evidence["errno"]


# --- the mode ----------------------------------------------------------------------------------


def test_igb_is_unknown_to_devlink() -> None:
    host = host_with(INTEL_82576)
    assert host.devlink.read_eswitch("pci", PF) is None
    assert host.devlink.list_ports("pci", PF) == ()


def test_ice_changes_the_mode_without_vfs_only() -> None:
    host = host_with(INTEL_E810, num_vfs=2)
    words = "ice: Changing eswitch mode is allowed only if there is no VFs created"
    with pytest.raises(UnsupportedError, match=words):
        host.devlink.write_eswitch("pci", PF, EswitchMode.SWITCHDEV)
    assert host.devlink.read_eswitch("pci", PF) == "legacy"


@pytest.mark.parametrize("model", [CONNECTX_6_DX, INTEL_E810])
def test_mode_is_legacy_again_after_the_driver_was_unbound(model: CardModel) -> None:
    host = in_switchdev(model)
    driver = host.files.read_link(f"{DIRECTORY}/driver")
    host.files.write_text(f"/sys/bus/pci/drivers/{driver}/unbind", PF)
    assert host.devlink.read_eswitch("pci", PF) is None
    assert host.files.list_dir("/sys/class/net") == ("lo",)
    host.files.write_text(f"/sys/bus/pci/drivers/{driver}/bind", PF)
    assert host.devlink.read_eswitch("pci", PF) == "legacy"


@pytest.mark.parametrize(
    ("model", "wanted", "taken"),
    [
        (CONNECTX_6_DX, WantedVF(admin_mac="52:54:00:00:00:01"), True),
        (CONNECTX_6_DX, WantedVF(max_tx_rate_mbps=100), True),
        (CONNECTX_6_DX, WantedVF(vlan=VLAN(42)), False),
        (CONNECTX_6_DX, WantedVF(vlan=VLAN(0)), True),
        (CONNECTX_6_DX, WantedVF(spoofchk=True), False),
        (CONNECTX_6_DX, WantedVF(trust=True), False),
        (CONNECTX_6_DX, WantedVF(link_state="enable"), False),
        (INTEL_E810, WantedVF(vlan=VLAN(42)), True),
        (INTEL_E810, WantedVF(max_tx_rate_mbps=100), True),
        (INTEL_E810, WantedVF(trust=True), False),
    ],
)
def test_what_goes_through_the_pf_in_switchdev(
    model: CardModel, wanted: WantedVF, taken: bool
) -> None:
    host = in_switchdev(model)
    if taken:
        write_vf_attributes(host.rtnl, "eth0", [(0, wanted)])
        return
    with pytest.raises(UnsupportedError) as caught:
        write_vf_attributes(host.rtnl, "eth0", [(0, wanted)])
    assert errno_of(caught) == "EOPNOTSUPP"


def test_mlx5_ignores_a_vlan_of_0_in_switchdev() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    write_vf_attributes(host.rtnl, "eth0", [(0, WantedVF(vlan=VLAN(42)))])
    host.devlink.write_eswitch("pci", PF, EswitchMode.SWITCHDEV)
    write_vf_attributes(host.rtnl, "eth0", [(0, WantedVF(vlan=VLAN(0)))])
    assert read_link(host.rtnl, "eth0").vfs[0].vlan == VLAN(42)


# --- the PF's own netdev -----------------------------------------------------------------------


def test_a_representor_is_not_taken_for_the_pfs_netdev() -> None:
    host = in_switchdev(CONNECTX_6_DX, num_vfs=3)
    function = next(f for f in host.kernel.functions.values() if f.name == PF)
    assert function.netdev is not None
    # udev gives the PF a long name; the representors keep short ones for a moment, or for good.
    host.kernel.tree.remove(f"{function.path}/net/eth0")
    function.netdev.name = "enp1s0f0np0"
    from sriovctl.host.simulated.layout import publish_netdev

    publish_netdev(host.kernel, function.netdev)
    (pf,) = read_inventory(host, name_of=lambda _vendor, _device: None)
    assert pf.netdev == "enp1s0f0np0"
    assert [vf.vf_index for vf in pf.vfs if vf.attributes is not None] == [0, 1, 2]


# --- MSI-X -------------------------------------------------------------------------------------


def table_size(host: SimulatedHost, vf_index: int) -> int:
    data = host.files.read_bytes(f"{DIRECTORY}/virtfn{vf_index}/config")
    assert data is not None
    msix = decode_config(data).msix
    assert msix is not None
    return msix.vectors


def write_count(host: SimulatedHost, vf_index: int, text: str) -> None:
    host.files.write_text(f"{DIRECTORY}/virtfn{vf_index}/sriov_vf_msix_count", text)


def test_mlx5_shares_its_vectors_out_evenly_until_told_otherwise() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=16)
    assert host.files.read_text(f"{DIRECTORY}/sriov_vf_total_msix") == "1024"
    assert table_size(host, 3) == 64
    write_count(host, 3, "10")
    assert (table_size(host, 2), table_size(host, 3)) == (64, 10)
    write_count(host, 3, "0")
    assert table_size(host, 3) == 64


def test_ice_counts_queues_and_gives_a_vector_more() -> None:
    host = host_with(INTEL_E810, num_vfs=2)
    assert table_size(host, 0) == 17
    write_count(host, 0, "20")
    assert table_size(host, 0) == 21
    write_count(host, 0, "0")
    assert table_size(host, 0) == 21


@pytest.mark.parametrize(
    ("model", "text", "errno"),
    [
        (CONNECTX_6_DX, "many", "EINVAL"),
        (CONNECTX_6_DX, "-1", "EINVAL"),
        (CONNECTX_6_DX, "99999999999", "EINVAL"),
        (CONNECTX_6_DX, "1", "EINVAL"),
        (CONNECTX_6_DX, "257", "EOVERFLOW"),
        (INTEL_E810, "257", "EINVAL"),
        (INTEL_82576, "4", "EOPNOTSUPP"),
        (INTEL_82576, "-1", "EINVAL"),
    ],
)
def test_refused_numbers_of_vectors(model: CardModel, text: str, errno: str) -> None:
    host = host_with(model, num_vfs=2)
    before = table_size(host, 1)
    with pytest.raises(HostError) as caught:
        write_count(host, 1, text)
    assert errno_of(caught) == errno
    assert table_size(host, 1) == before


@pytest.mark.parametrize(
    ("model", "full", "errno"), [(CONNECTX_6_DX, 8, "ENOMEM"), (INTEL_E810, 30, "ENOSPC")]
)
def test_pool_can_be_empty(model: CardModel, full: int, errno: str) -> None:
    host = host_with(model, num_vfs=full)
    with pytest.raises(HostError) as caught:
        write_count(host, 0, "256")
    assert errno_of(caught) == errno


def test_vf_with_a_driver_keeps_its_vectors() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    vf = host.files.read_link(f"{DIRECTORY}/virtfn0")
    host.files.write_text(f"/sys/bus/pci/devices/{vf}/driver_override", "vfio-pci")
    host.files.write_text("/sys/bus/pci/drivers_probe", str(vf))
    with pytest.raises(BusyError):
        write_count(host, 0, "4")


def test_no_vf_has_vectors_to_read_back_in_the_file() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    with pytest.raises(SriovctlError, match="cannot read"):
        host.files.read_text(f"{DIRECTORY}/virtfn0/sriov_vf_msix_count")
