"""``representors`` from its arguments to its output."""

from __future__ import annotations

import io
import json

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import InputError
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.functions import EswitchMode

IGB, MLX5 = "0000:01:00.0", "0000:02:00.0"


def refuse() -> None:
    raise AssertionError("this verb needs no such thing")


@pytest.fixture
def host() -> SimulatedHost:
    made = simulate(MachineSpec(cards=(Card(INTEL_82576), Card(CONNECTX_6_DX))))
    made.devlink.write_eswitch("pci", MLX5, EswitchMode.SWITCHDEV)
    made.files.write_text(f"/sys/bus/pci/devices/{MLX5}/sriov_numvfs", "2")
    return made


def run(host: SimulatedHost, *arguments: str) -> str:
    out = io.StringIO()
    context = Context(
        open_host=lambda: host,
        open_libvirt=refuse,  # type: ignore[arg-type]
        open_journal=refuse,  # type: ignore[arg-type]
        out=out,
        color=False,
    )
    assert run_verb(parse_arguments(["representors", *arguments]), context) == 0
    return out.getvalue()


def test_all_pfs_without_a_target(host: SimulatedHost) -> None:
    document = json.loads(run(host, "--json"))
    assert document["schema"] == "sriovctl/representors/1"
    assert [(pf["device"], pf["eswitch_mode"]) for pf in document["pfs"]] == [
        (IGB, None),
        (MLX5, "switchdev"),
    ]
    assert "no eswitch with a mode" in run(host)


@pytest.mark.parametrize("target", [MLX5, "02:00.0", "eth1"])
def test_one_pf_by_each_of_its_names(host: SimulatedHost, target: str) -> None:
    (pf,) = json.loads(run(host, "--json", target))["pfs"]
    assert pf["device"] == MLX5
    assert [one["port_name"] for one in pf["representors"]] == ["pf0vf0", "pf0vf1"]


@pytest.mark.parametrize("target", ["eth9", "0000:09:00.0", "netdevsim10"])
def test_what_is_no_pf_is_said_to_be_none(host: SimulatedHost, target: str) -> None:
    with pytest.raises(InputError, match="is no PF here"):
        run(host, target)
