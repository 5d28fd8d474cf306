from __future__ import annotations

import pytest

from sriovctl.engine.inventory import read_inventory, read_iommu_groups, read_netdev
from sriovctl.errors import HostError, LostError
from sriovctl.host.simulated import (
    INTEL_82576,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.functions import PF

IGB = "0000:01:00.0"
DIRECTORY = f"/sys/bus/pci/devices/{IGB}"


def pfs(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda vendor, device: f"{vendor}/{device}")


def test_pfs_come_in_address_order_with_their_vfs() -> None:
    host = simulated_82576()
    host.files.write_text(f"{DIRECTORY}/sriov_numvfs", "3")
    igb, switched, nvme = pfs(host)
    assert [pf.device for pf in (igb, switched, nvme)] == [IGB, "0000:04:00.0", "0000:05:00.0"]
    assert igb.name == "8086/10c9"
    assert [str(vf.address) for vf in igb.vfs] == ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4"]
    assert [vf.vf_index for vf in igb.vfs] == [0, 1, 2]
    assert all(vf.attributes is not None for vf in igb.vfs)
    assert (nvme.netdev, nvme.vfs) == (None, ())


def test_a_pf_that_goes_away_between_two_reads_is_lost() -> None:
    host = simulated_82576()
    host.files.before(f"{DIRECTORY}/sriov_numvfs", lambda: host.vanish(IGB))
    with pytest.raises(LostError, match=f"{IGB}: the PF went away while it was read"):
        pfs(host)


@pytest.mark.parametrize("name", ["sriov_totalvfs", "sriov_numvfs"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("many", r"is not a number .value many"),
        ("4294967295", r"is no number of VFs .value 4294967295"),
        ("-12", r"is no number of VFs .value -12"),
    ],
)
def test_an_attribute_that_lies_is_named(name: str, value: str, words: str) -> None:
    host = simulated_82576()
    truly = host.files.read_text

    def read_text(path: str) -> str | None:
        return value if path.endswith(name) else truly(path)

    host.files.read_text = read_text  # type: ignore[method-assign]
    with pytest.raises(HostError, match=f"{name}: {words}"):
        pfs(host)


def test_without_an_iommu_there_are_no_groups() -> None:
    host = simulate(MachineSpec(cards=(Card(INTEL_82576),), iommu=False))
    host.files.write_text(f"{DIRECTORY}/sriov_numvfs", "2")
    (pf,) = pfs(host)
    assert read_iommu_groups(host.files) == ()
    assert pf.iommu_group is None
    assert {vf.iommu_group for vf in pf.vfs} == {None}


def test_a_host_without_pfs() -> None:
    assert pfs(simulate(MachineSpec(cards=()))) == ()


class RenamedFiles:
    """Netdevs of a PF with their port names; they get other names after they were listed."""

    def __init__(self, *netdevs: dict[str, str]) -> None:
        self.netdevs = list(netdevs)

    def list_dir(self, path: str) -> tuple[str, ...]:
        if path != "/pf/net":
            return ()
        listed = tuple(sorted(self.netdevs[0]))
        self.netdevs = self.netdevs[1:] or self.netdevs
        return listed

    def read_text(self, path: str) -> str | None:
        return self.netdevs[0].get(path.split("/")[3])

    def exists(self, path: str) -> bool:
        return path.split("/")[3] in self.netdevs[0]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (
            {"eth1": "pf0vf0", "eni77np1": "p1"},
            {"eni77npf0vf0": "pf0vf0", "eni77np1": "p1"},
            "eni77np1",
        ),
        ({"eth0": "p1", "eth1": "pf0vf0"}, {"eni77np1": "p1", "eth1": "pf0vf0"}, "eni77np1"),
        (
            {"eth0": "pf0vf1", "eth1": "pf0vf0"},
            {"eth2": "pf0vf1", "eth3": "pf0vf0"},
            None,
        ),
    ],
)
def test_a_representor_that_is_renamed_meanwhile_is_not_taken_for_the_pfs_own(
    before: dict[str, str], after: dict[str, str], found: str | None
) -> None:
    files = RenamedFiles(before, after)
    assert read_netdev(files, "/pf") == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("driver", "netdev"), [(None, "enp7s0"), ("virtio-pci", "enp7s0"), ("vfio-pci", None)]
)
def test_only_virtio_stands_between_a_device_and_its_netdev(
    driver: str | None, netdev: str | None
) -> None:
    files = simulated_82576().files
    directory = "/sys/devices/pci0000:00/0000:00:05.0"
    files.add_directory(f"{directory}/virtio3/net/enp7s0")
    assert read_netdev(files, directory, driver=driver) == netdev
