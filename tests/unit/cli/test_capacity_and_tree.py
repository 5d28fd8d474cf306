"""``capacity``, ``tree`` and the what-if options of ``predict``, from their command lines."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.host.simulated import MachineSpec, SimulatedHost, simulate, simulated_82576


def context_of(host: SimulatedHost, out: io.StringIO) -> Context:
    def unasked() -> Any:  # noqa: ANN401 (never called)
        raise AssertionError

    return Context(
        open_host=lambda: host, open_libvirt=unasked, open_journal=unasked, out=out, color=False
    )


def run(*arguments: str, host: SimulatedHost | None = None) -> str:
    out = io.StringIO()
    context = context_of(host or simulated_82576(), out)
    assert run_verb(parse_arguments(arguments), context) == 0
    return out.getvalue()


def run_json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return document


# --- capacity ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["0000:01:00.0", "01:00.0", "eth0"])
def test_capacity_of_one_pf(name: str) -> None:
    document = run_json("capacity", name, "--vfs", "2")
    assert document["schema"] == "sriovctl/capacity/1"
    assert (document["address"], document["max_usable_vfs"]) == ("0000:01:00.0", 7)
    assert document["addresses"] == ["0000:01:10.0", "0000:01:10.2"]
    assert "up to 7 VFs will work" in run("capacity", name)


def test_capacity_of_all_pfs() -> None:
    pfs = run_json("capacity")["pfs"]
    assert [pf["address"] for pf in pfs] == ["0000:01:00.0", "0000:04:00.0", "0000:05:00.0"]
    assert run("capacity").count("will work") == 3


def test_what_holds_for_all_pfs_is_noted_once() -> None:
    text = run("capacity", "--vfs", "2")
    assert text.count("note: ") == 1
    assert text.count("ok   enough for all 8") == 6


def test_a_host_without_pfs() -> None:
    assert run("capacity", host=simulate(MachineSpec(cards=()))).startswith("no PFs")


def test_a_pf_that_is_not_there() -> None:
    with pytest.raises(InputError, match="neither a PCI address nor a netdev"):
        run("capacity", "nonsense")


# --- tree ----------------------------------------------------------------------------------


def test_tree_in_the_terminal_as_json_and_as_svg() -> None:
    assert "host bridge 0000:00" in run("tree")
    assert run("tree", "--ascii").isascii()
    assert run_json("tree")["schema"] == "sriovctl/tree/1"
    assert run("tree", "--svg", "-").startswith("<svg ")


def test_tree_writes_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "tree.svg")
    assert run("tree", "--svg", path) == f"drew {path}\n"
    assert json.loads(run("tree", "--svg", path, "--json"))["file"] == path
    assert (tmp_path / "tree.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_a_terminal_without_unicode_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert run("tree").isascii()


def test_tree_of_a_dump_shows_the_groups_that_its_kernel_would_form() -> None:
    host = simulated_82576()
    out = io.StringIO()
    context = context_of(host, out)
    blind = context.snapshot()
    functions = tuple(one._replace(iommu_group=None) for one in blind.functions)
    context._snapshot = blind._replace(functions=functions, groups_known=False)
    run_verb(parse_arguments(["tree"]), context)
    assert "9 predicted IOMMU groups" in out.getvalue()


def test_tree_of_a_wish() -> None:
    drawn = run("tree", "--ascii", "--vfs", "eth1=3", "--slot-acs", "03:00.0=on")
    assert "3 of 7 VFs on" in drawn
    assert "###....\n" in drawn
    assert "no ACS" not in drawn


# --- predict -------------------------------------------------------------------------------


def test_predict_with_vfs_that_are_not_there() -> None:
    document = run_json("predict", "--vfs", "eth1=2")
    together = ["0000:03:00.0", "0000:04:00.0", "0000:04:10.0", "0000:04:10.2"]
    assert together in [group["members"] for group in document["groups"]]
    (tried,) = document["what_if"]["vfs"]
    assert tried["addresses"] == together[2:]
    assert run("predict", "--vfs", "eth1=2").startswith("as if:\n   0000:04:00.0 had 2 VFs: ")


def test_predict_with_acs_that_is_not_there() -> None:
    document = run_json("predict", "--vfs", "eth1=2", "--slot-acs", "03:00.0=on")
    assert ["0000:04:10.0"] in [group["members"] for group in document["groups"]]
    assert document["what_if"]["slot_acs"] == ["0000:03:00.0"]


def test_predict_refuses_more_vfs_than_work() -> None:
    with pytest.raises(UnsupportedError, match="limit sriov-totalvfs allows 7"):
        run("predict", "--vfs", "eth1=8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vfs", "eth1"], "is not PF=N"),
        (["--vfs", "eth1=many"], "is not PF=N"),
        (["--vfs", "eth1=65536"], "is not PF=N"),
        (["--vfs", "eth1=1", "--vfs", "04:00.0=2"], "for the second time"),
        (["--slot-acs", "03:00.0"], "is not ADDRESS=on"),
        (["--slot-acs", "03:00.0=off"], "is not ADDRESS=on"),
        (["--slot-acs", "eth1=on"], "is not a PCI address"),
    ],
)
def test_a_wish_that_cannot_be_read(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run("predict", *arguments)
