"""``sriovctl doctor`` from its arguments to its output and exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import cast

import pytest
from tests.unit.checks.samples import PF, host, pf, port

from sriovctl.cli import doctor
from sriovctl.cli.context import Context
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError
from sriovctl.model.snapshot import HostSnapshot


class Recorder:
    """As much of a context as ``doctor`` asks for; keeps what is printed."""

    color = False

    def __init__(self, snapshot: HostSnapshot) -> None:
        self._snapshot = snapshot
        self.printed: list[str] = []

    def snapshot(self) -> HostSnapshot:
        return self._snapshot

    def print(self, text: str) -> None:
        self.printed.append(text)

    def print_json(self, verb: str, payload: Mapping[str, object]) -> None:
        self.printed.append(json.dumps({"schema": f"sriovctl/{verb}/1", **payload}))


def run(snapshot: HostSnapshot, *arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    doctor.configure(parser)
    recorder = Recorder(snapshot)
    code = doctor.run(parser.parse_args(arguments), cast("Context", recorder))
    (printed,) = recorder.printed
    return code, printed


def test_ready() -> None:
    assert run(host()) == (EXIT_DONE, "this host: ready for SR-IOV")
    code, printed = run(host(), "--json")
    assert code == EXIT_DONE
    assert json.loads(printed) == {
        "schema": "sriovctl/doctor/1",
        "ready": True,
        "findings": [],
        "notes": [],
    }


def test_not_ready() -> None:
    code, printed = run(host(port(acs=None), pf()))
    assert code == EXIT_FAILED
    assert printed.startswith(f"ERROR acs-missing  {PF}")


@pytest.mark.parametrize("name", ["01:00.0", PF, "eth0"])
def test_one_function(name: str) -> None:
    snapshot = host(port(acs=None), pf())
    assert run(snapshot, name)[0] == EXIT_FAILED
    assert run(snapshot, "00:06.0") == (EXIT_DONE, "0000:00:06.0: ready for SR-IOV")


@pytest.mark.parametrize("name", ["02:00.0", "eth7"])
def test_a_function_that_is_not_there(name: str) -> None:
    with pytest.raises(InputError):
        run(host(), name)
