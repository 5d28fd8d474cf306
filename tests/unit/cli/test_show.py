"""``sriovctl show`` from its arguments to its output."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import cast

import pytest

from sriovctl.cli import show
from sriovctl.cli.context import Context
from sriovctl.cli.main import VERBS
from sriovctl.errors import InputError
from sriovctl.host.simulated import SimulatedHost, simulated_82576


class Recorder:
    """As much of a context as ``show`` asks for; keeps what is printed."""

    has_host = True

    def __init__(self) -> None:
        self.printed: list[str] = []

    def host(self) -> SimulatedHost:
        return simulated_82576()

    def print(self, text: str) -> None:
        self.printed.append(text)

    def print_json(self, verb: str, payload: Mapping[str, object]) -> None:
        self.printed.append(json.dumps({"schema": verb, **payload}))


def run(*arguments: str) -> str:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    show.configure(parser)
    recorder = Recorder()
    assert show.run(parser.parse_args(arguments), cast("Context", recorder)) == 0
    (printed,) = recorder.printed
    return printed


def test_json_and_text() -> None:
    document = json.loads(run("--json", "0000:01:00.0"))
    assert document["schema"] == "show"
    assert document["capabilities"]["sriov"]["vf_device_id"] == "10ca"
    assert run("eth0").startswith("0000:01:00.0 ")


def test_unknown_target() -> None:
    with pytest.raises(InputError):
        run("nonsense")


def test_summary_is_the_one_of_the_general_help() -> None:
    assert VERBS["show"] == show.SUMMARY
    assert show.EXAMPLES.count("sriovctl ") >= 4
