"""``groups``, ``predict`` and ``explain`` from their arguments to their output."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import VERBS, module_of, parse_arguments, run_verb
from sriovctl.codec.lspci import parse_lspci
from sriovctl.engine.snapshot import read_snapshot
from sriovctl.errors import InputError
from sriovctl.host.simulated import (
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.snapshot import HostSnapshot

DUMP = Path(__file__).parents[2] / "data" / "config" / "82576-with-vfs.txt"


def refuse() -> None:
    raise AssertionError("these verbs need no such thing")


def run(
    *arguments: str,
    dump: bool = False,
    host: SimulatedHost | None = None,
    snapshot: HostSnapshot | None = None,
) -> str:
    if dump:
        snapshot = parse_lspci(DUMP.read_text(), source="dump")
    out = io.StringIO()
    context = Context(
        open_host=simulated_82576 if host is None else lambda: host,
        open_libvirt=refuse,  # type: ignore[arg-type]
        open_journal=refuse,  # type: ignore[arg-type]
        out=out,
        color=False,
        read_dump=None if snapshot is None else lambda: snapshot,
    )
    assert run_verb(parse_arguments(arguments), context) == 0
    return out.getvalue()


def test_groups_of_a_host_have_reasons() -> None:
    document = json.loads(run("groups", "--json"))
    assert document["schema"] == "sriovctl/groups/1"
    assert [group["id"] for group in document["groups"]] == list(range(len(document["groups"])))
    assert all(group["reason"]["text"] for group in document["groups"])
    assert {group["reason"]["code"] for group in document["groups"]} >= {"alone"}
    text = run("groups")
    assert "group 0" in text
    assert "because" in text


def test_prediction_equals_what_the_kernel_did() -> None:
    real = json.loads(run("groups", "--json"))["groups"]
    predicted = json.loads(run("groups", "--json", "--predict"))
    assert predicted["schema"] == "sriovctl/groups/1"
    members = [group["members"] for group in predicted["groups"]]
    assert members == sorted(members)
    assert sorted(members) == sorted(group["members"] for group in real)
    assert {group["id"] for group in predicted["groups"]} == {None}
    again = json.loads(run("predict", "--json"))
    assert again.pop("schema") == "sriovctl/predict/1"
    assert again == {key: predicted[key] for key in predicted if key != "schema"}
    assert "because" in run("predict", "--iommu-on")


def test_a_dump() -> None:
    assert "does not tell the kernel's groups" in run("groups", dump=True)
    document = json.loads(run("groups", "--json", dump=True))
    assert document["groups"] == []
    assert json.loads(run("predict", "--json", "--iommu-on", dump=True))["groups"]


def test_explanations() -> None:
    document = json.loads(run("explain", "01:00.0", "--json"))
    assert document["schema"] == "sriovctl/explain/1"
    assert document["differences"] == []
    assert document["group"]["members"] == document["predicted_members"] == ["0000:01:00.0"]
    assert "why:" in run("explain", "eth0", "--iommu-on")
    with pytest.raises(InputError):
        run("explain", "nonsense")


def test_iommu_on_implies_a_prediction() -> None:
    assert run("groups", "--iommu-on") == run("groups", "--predict", "--iommu-on")


@pytest.mark.parametrize("verb", ["groups", "predict"])
def test_only_shared_groups(verb: str) -> None:
    every = json.loads(run(verb, "--json"))["groups"]
    shared = json.loads(run(verb, "--json", "--shared"))["groups"]
    assert shared == [group for group in every if len(group["members"]) > 1]
    text = run(verb, "--shared")
    assert text.count("because") == len(shared) == 2
    assert "0000:01:00.0" not in text


@pytest.mark.parametrize("arguments", [("groups",), ("predict",), ("predict", "--vfs", "eth0=1")])
def test_where_nothing_is_shared(arguments: tuple[str, ...]) -> None:
    whole = read_snapshot(simulated_82576())
    apart = [one for one in whole.functions if str(one.address) in ("0000:00:06.0", "0000:01:00.0")]
    snapshot = whole._replace(functions=tuple(apart))
    text = run(*arguments, "--shared", snapshot=snapshot)
    assert text.endswith("no group has more than one member\n")


def test_without_groups_the_doctor_is_named() -> None:
    host = simulate(MachineSpec(iommu=False))
    assert "sriovctl doctor says which" in run("groups", host=host)


def test_what_a_wish_changes_is_marked() -> None:
    text = run("predict", "--vfs", "eth0=1", "--vfs", "eth1=1")
    assert "groups: 1 new, 1 changed, 8 as now; + marks what joins, - what leaves" in text
    assert "group (new)\n + 0000:01:10.0  " in text
    assert " + 0000:04:10.0  " in text
    assert text.count("\n + ") == 2
    apart = run("predict", "--slot-acs", "03:00.0=on")
    assert "group (changed)\n   0000:03:00.0" in apart
    assert " - 0000:04:00.0  is no longer in this group" in apart
    assert "groups: none differs from now" in run("predict", "--vfs", "eth0=0")
    shared = run("predict", "--vfs", "eth1=1", "--shared")
    assert "0 new" not in shared
    assert "1 changed" in shared
    assert "0000:01:00.0" not in shared
    document = json.loads(run("predict", "--vfs", "eth1=1", "--shared", "--json"))
    assert {len(group["members"]) for group in document["groups"]} == {3}


def test_long_sentences_are_wrapped() -> None:
    for arguments in (("groups",), ("explain", "eth1")):
        lines = run(*arguments).splitlines()
        assert max(len(line) for line in lines if "  [" not in line and "[8" not in line) <= 104


@pytest.mark.parametrize("verb", ["groups", "predict", "explain"])
def test_summary_is_the_one_of_the_general_help(verb: str) -> None:
    assert VERBS[verb] == module_of(verb).SUMMARY
