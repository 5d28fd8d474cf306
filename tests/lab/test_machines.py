"""The machines have the hardware that their description promises, seen from inside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PCI = Path("/sys/bus/pci/devices")

on_82576 = pytest.mark.lab("82576")


def group_of(address: str) -> set[str]:
    return {path.name for path in (PCI / address / "iommu_group/devices").iterdir()}


@on_82576
def test_the_cards_are_where_the_description_says() -> None:
    totals = {path.parent.name: int(path.read_text()) for path in PCI.glob("*/sriov_totalvfs")}
    assert totals == {"0000:01:00.0": 7, "0000:04:00.0": 7, "0000:05:00.0": 4}


@on_82576
def test_a_root_port_with_acs_gives_a_card_a_group_of_its_own() -> None:
    assert group_of("0000:01:00.0") == {"0000:01:00.0"}


@on_82576
def test_a_switch_without_acs_keeps_its_port_and_card_together() -> None:
    assert group_of("0000:04:00.0") == {"0000:03:00.0", "0000:04:00.0"}


@on_82576
def test_the_hosts_root_is_seen_and_the_cwd_kept() -> None:
    assert Path.cwd() == Path(os.environ["PWD"])
    assert (Path.cwd() / "pyproject.toml").exists()


@pytest.mark.lab("netdevsim")
def test_netdevsim_takes_as_many_vfs_as_one_wants() -> None:
    Path("/sys/bus/netdevsim/new_device").write_text("10 1")
    try:
        Path("/sys/kernel/debug/netdevsim/netdevsim10/max_vfs").write_text("1000")
        num_vfs = Path("/sys/bus/netdevsim/devices/netdevsim10/sriov_numvfs")
        num_vfs.write_text("1000")
        assert num_vfs.read_text() == "1000\n"
    finally:
        Path("/sys/bus/netdevsim/del_device").write_text("10")
