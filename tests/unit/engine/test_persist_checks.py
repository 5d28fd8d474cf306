"""A state that is to be persisted is held against the host, as it will be after a boot."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.engine.boot_doors import Stage

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.persistence.persist_checks import Checked, check_on_host
from sriovctl.errors import UnsupportedError
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.functions import PF
from sriovctl.model.state import DesiredState
from sriovctl.planner.diff import plan_state

IGB, OTHER = "0000:01:00.0", "0000:04:00.0"
MLX4 = """\
version: 1
pfs:
  first:
    match: {address: "0000:01:00.0"}
    num_vfs: 4
    link: {state: up}
  second:
    match: {address: "0000:04:00.0"}
    num_vfs: 4
"""


def as_mlx4(pf: PF) -> PF:
    return pf._replace(driver="mlx4_core") if pf.driver == "igb" else pf


def check(stage: Stage, text: str) -> tuple[Checked, DesiredState, tuple[PF, ...]]:
    host = simulated_82576()
    pfs = tuple(map(as_mlx4, read_inventory(host, name_of=lambda *_: None)))
    state = parse_state(text, source="s")
    return check_on_host(host, stage.doors, state, pfs, on_request=()), state, pfs


def test_vfs_of_mlx4_are_left_to_its_parameter(tmp_path: Path) -> None:
    checked, state, pfs = check(Stage(tmp_path), MLX4)
    (option,) = checked.options
    assert (option.module, option.parameter, option.value) == ("mlx4_core", "num_vfs", "4")
    assert checked.pending == 1, "the link alone: the count is there after a boot"
    with pytest.raises(UnsupportedError, match="makes VFs only when it is loaded"):
        plan_state(state, pfs)


def test_mlx4_with_different_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="one number for all PFs"):
        check(Stage(tmp_path), MLX4.replace("num_vfs: 4", "num_vfs: 2", 1))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (True, "the initramfs holds mlx4_core and must be made anew: update-initramfs -u"),
        (None, "if an initramfs holds mlx4_core, it must be made anew: update-initramfs -u"),
        (False, None),
    ],
)
def test_what_is_said_of_the_initramfs(tmp_path: Path, held: bool | None, said: str | None) -> None:
    stage = Stage(tmp_path)
    stage.modules.in_initramfs = held
    notes = check(stage, MLX4)[0].notes
    assert notes[0] == "mlx4_core takes num_vfs=4 when it is loaded next"
    assert notes[1:] == ((said,) if said else ())


def test_a_driver_that_is_built_in_needs_no_module(tmp_path: Path) -> None:
    text = MLX4.replace("link: {state: up}", "vfs: {0: {driver: pcieport}, 1: {driver: vfio-pci}}")
    assert check(Stage(tmp_path), text)[0].modules == ("vfio_pci",)
