"""``bind`` and ``unbind``: from command lines to what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.cli.test_run_verbs import PF, Desk

from sriovctl.errors import InputError, PermissionDenied, SafetyError

VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
PF_BELOW_SWITCH, SHARED = "0000:04:00.0", "0000:04:10.0"
PCI = "/sys/bus/pci/devices"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.host.files.write_text(f"{PCI}/{PF}/sriov_numvfs", "3")
    return desk


def drivers(desk: Desk) -> list[str | None]:
    return [desk.host.files.read_link(f"{PCI}/{PF}/virtfn{n}/driver") for n in range(3)]


def test_bind_says_what_it_did_and_shows_the_group(desk: Desk) -> None:
    said = desk.run("bind", VF0, "--driver", "vfio-pci")
    assert f"{VF0} ({PF} vf 0): driver igbvf -> vfio-pci" in said
    assert "1 done; 'sriovctl undo' takes it back" in said
    assert f"is viable: {VF0} (vfio-pci)" in said
    assert "undone" not in desk.run("history")
    desk.run("undo")
    assert drivers(desk) == ["igbvf"] * 3


def test_a_group_that_cannot_be_given_away_names_who_is_in_the_way(desk: Desk) -> None:
    desk.host.files.write_text(f"{PCI}/{PF_BELOW_SWITCH}/sriov_numvfs", "1")
    said = desk.run("bind", SHARED, "--driver", "vfio-pci")
    assert f"is not viable while the host drives {PF_BELOW_SWITCH}:" in said
    assert f"{SHARED} (vfio-pci)" in said


def test_vfs_of_a_pf_by_index(desk: Desk) -> None:
    desk.run("bind", "--pf", "eth0", "--vfs", "0,2", "--driver", "vfio-pci")
    assert drivers(desk) == ["vfio-pci", "igbvf", "vfio-pci"]
    desk.run("unbind", "--pf", PF)
    assert drivers(desk) == [None] * 3
    said = desk.run("bind", "--pf", PF, "--driver", "original")
    assert drivers(desk) == ["igbvf"] * 3
    assert "viable" not in said
    assert "bind 0000:01:10.0 and 2 more" in desk.run("history")


def test_a_vf_by_its_netdev_and_named_twice(desk: Desk) -> None:
    (netdev,) = desk.host.files.list_dir(f"{PCI}/{VF1}/net")
    answer = json.loads(desk.run("unbind", netdev, "01:10.2", "--json"))
    assert answer["schema"] == "sriovctl/unbind/1"
    (step,) = answer["steps"]
    assert step["before"] == step["undo"] == {"driver": "igbvf", "driver_override": None}
    assert [member["device"] for member in answer["groups"][0]["members"]] == [VF1]
    assert json.loads(desk.run("unbind", VF1, "--json"))["run"] is None
    assert "nothing to do" in desk.run("unbind", VF1)


def test_a_vf_in_use_is_refused_by_name(desk: Desk) -> None:
    (netdev,) = desk.host.files.list_dir(f"{PCI}/{VF0}/net")
    desk.host.network.add_address(netdev, "192.0.2.7/24")
    with pytest.raises(SafetyError, match=r"--allow address:192\.0\.2\.7"):
        desk.run("bind", VF0, "--driver", "vfio-pci")
    assert drivers(desk)[0] == "igbvf"
    desk.run("bind", VF0, "--driver", "vfio-pci", "--allow", "address:192.0.2.7")
    assert drivers(desk)[0] == "vfio-pci"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name VFs, or a PF"),
        ([VF0, "--pf", "eth0"], "and not both"),
        ([VF0, "--vfs", "0"], "name it with --pf"),
        ([PF], "is a PF, not a VF"),
        (["0000:01:10.6"], "is no VF of this host"),
        (["eth9"], "is no VF of this host"),
        (["--pf", "eth9"], "is no PF of this host"),
        (["--pf", "eth1"], "has no VFs"),
        (["--pf", "eth0", "--vfs", "2-3"], "has no VF 3: it has 3"),
    ],
)
def test_wrong_names_are_explained(desk: Desk, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        desk.run("unbind", *words)


def test_a_recording_is_not_changed(desk: Desk) -> None:
    with pytest.raises(PermissionDenied, match="read-only"):
        desk.run("--host-tree", "somewhere", "bind", VF0, "--driver", "vfio-pci")
