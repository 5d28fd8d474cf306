from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriovctl.__main__ import main
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, EXIT_USAGE


def test_a_table_for_each_pf(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "abilities"]) == EXIT_DONE
    shown = capsys.readouterr().out
    assert shown.count("KEY ") == 3
    assert "0000:05:00.0 (nvme)" in shown
    assert "  link_state         no   table     igb has no operation for it\n" in shown


def test_json_tells_how_each_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "abilities", "eth0", "--probe", "--json"]) == EXIT_DONE
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "sriovctl/abilities/1"
    (pf,) = document["pfs"]
    assert (pf["device"], pf["netdev"], pf["driver"]) == ("0000:01:00.0", "eth0", "igb")
    by_key = {one["key"]: one for one in pf["abilities"]}
    assert by_key["admin_mac"] == {
        "key": "admin_mac",
        "can": "yes",
        "why": None,
        "known": "probed",
        "source": "drivers/net/ethernet/intel/igb/igb_main.c: igb_netdev_ops, igb_ndo_set_vf_bw",
    }


def test_a_pf_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "abilities", "eth9"]) == EXIT_USAGE
    assert "eth9: is no PF here" in capsys.readouterr().err


def test_a_recording_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "record", str(tmp_path / "r")]) == EXIT_DONE
    assert main(["--host-tree", str(tmp_path / "r"), "abilities"]) == EXIT_DONE
    assert "igb knows 802.1q only" in capsys.readouterr().out
    assert main(["--host-tree", str(tmp_path / "r"), "abilities", "--probe"]) == EXIT_FAILED
    assert "has no driver to ask" in capsys.readouterr().err
