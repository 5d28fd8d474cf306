"""Our closed lists of words are those of enum, as far as anybody can tell."""

from __future__ import annotations

import copy
import enum
import json
import pickle
import subprocess
import sys

import pytest

from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.model.state import UNSET


class Theirs(enum.StrEnum):
    AUTO = "auto"
    ENABLE = "enable"
    DISABLE = "disable"


def test_they_are_found_and_shown_as_those_of_enum() -> None:
    assert [(one.name, one.value, str(one), f"{one:>8}") for one in LinkState] == [
        (one.name, one.value, str(one), f"{one:>8}") for one in Theirs
    ]
    assert LinkState("enable") is LinkState.ENABLE is LinkState["ENABLE"]
    assert (len(LinkState), "on" in list(LinkState), "auto" in list(LinkState)) == (3, False, True)
    assert repr(LinkState.AUTO) == repr(Theirs.AUTO).replace("Theirs", "LinkState")
    assert type(LinkState.AUTO.value) is type(str(LinkState.AUTO)) is str


def test_they_are_text() -> None:
    assert {"auto": 1}[LinkState.AUTO] == 1
    assert hash(VLANProtocol.DOT1AD) == hash("802.1ad")
    assert json.dumps([VLANProtocol.DOT1Q]) == '["802.1q"]'
    assert isinstance(LinkState.AUTO, LinkState)
    assert not isinstance("auto", LinkState)


def test_there_is_one_of_each() -> None:
    for one in (*LinkState, UNSET):
        assert copy.copy(one) is copy.deepcopy(one) is pickle.loads(pickle.dumps(one)) is one


@pytest.mark.parametrize("value", ["AUTO", "", None, 1, ["auto"]])
def test_what_is_none_of_them_is_refused_as_by_enum(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid LinkState"):
        LinkState(value)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        LinkState["NONE"]


def test_a_look_does_not_import_enum() -> None:
    words = "import sys, sriovctl.cli.ls, sriovctl.cli.context, sriovctl.engine.inventory"
    code = f"{words}, sriovctl.engine.vf_attributes; print('enum' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    assert done.stdout == b"False\n"
