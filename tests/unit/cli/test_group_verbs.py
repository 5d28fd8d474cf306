"""``groups``, ``predict`` and ``explain`` from their arguments to their output."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import VERBS, module_of, parse_arguments, run_verb
from sriovctl.codec.lspci import parse_lspci
from sriovctl.errors import InputError
from sriovctl.host.simulated import simulated_82576

DUMP = Path(__file__).parents[2] / "data" / "config" / "82576-with-vfs.txt"


def refuse() -> None:
    raise AssertionError("these verbs need no such thing")


def run(*arguments: str, dump: bool = False) -> str:
    out = io.StringIO()
    context = Context(
        open_host=simulated_82576,
        open_libvirt=refuse,  # type: ignore[arg-type]
        open_journal=refuse,  # type: ignore[arg-type]
        out=out,
        color=False,
        read_dump=(lambda: parse_lspci(DUMP.read_text(), source="dump")) if dump else None,
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


def test_iommu_on_asks_for_a_prediction() -> None:
    with pytest.raises(InputError, match="prediction"):
        run("groups", "--iommu-on")


@pytest.mark.parametrize("verb", ["groups", "predict", "explain"])
def test_summary_is_the_one_of_the_general_help(verb: str) -> None:
    assert VERBS[verb] == module_of(verb).SUMMARY
