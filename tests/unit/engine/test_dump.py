from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.codec.lspci import parse_lspci
from sriovctl.engine.dump import describe_function, list_pfs
from sriovctl.errors import InputError, LostError
from sriovctl.model.snapshot import HostSnapshot

DATA = Path(__file__).resolve().parents[2] / "data"


def nameless(_vendor: str, _device: str) -> None:
    return None


@pytest.fixture
def dump() -> HostSnapshot:
    return parse_lspci((DATA / "config/82576-with-vfs.txt").read_text(), source="dump.txt")


def test_pfs(dump: HostSnapshot) -> None:
    (pf,) = list_pfs(dump, name_of=lambda vendor, device: f"{vendor} {device}")
    assert (pf.device, pf.name, pf.pci_class) == ("0000:01:00.0", "8086 10c9", "020000")
    assert (pf.num_vfs, pf.total_vfs, pf.drivers_autoprobe, pf.netdev) == (7, 8, None, None)
    (vf,) = pf.vfs  # the others were not dumped
    assert (vf.vf_index, str(vf.address), vf.attributes) == (0, "0000:01:10.0", None)


def test_a_pf(dump: HostSnapshot) -> None:
    found = describe_function(dump, "01:00.0", name_of=nameless)
    assert (str(found.bridge_above), found.bridge_forwards_ari) == ("0000:00:04.0", True)
    assert found.config.sriov is not None
    assert any("dump.txt" in note for note in found.notes)


def test_a_vf_and_a_bridge(dump: HostSnapshot) -> None:
    vf = describe_function(dump, "0000:01:10.0", name_of=nameless)
    assert (str(vf.pf_address), vf.vf_index, vf.device_id) == ("0000:01:00.0", 0, "10ca")
    assert str(vf.bridge_above) == "0000:00:04.0"
    assert describe_function(dump, "00:04.0", name_of=nameless).bridge_above is None


def test_what_is_not_there(dump: HostSnapshot) -> None:
    with pytest.raises(LostError, match=r"is not in dump\.txt"):
        describe_function(dump, "02:00.0", name_of=nameless)
    with pytest.raises(InputError, match="knows no netdevs"):
        describe_function(dump, "eth0", name_of=nameless)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("01:00.0 x: y\n", "nothing of its config space"),
        ("01:00.0 x: y\n\tFlags: x\n\tCapabilities: <access denied>\n", "without root"),
        ("01:00.0 x: y\n\t!!! Unknown header type 7f\n", "did not answer"),
        (
            "01:00.0 x: y\n\tFlags: x\n\tCapabilities: [100] Access Control Services\n",
            "is listed, but not its values",
        ),
        ("01:00.0 x: y\n\tFlags: x\n\tCapabilities: [40] Express Endpoint, MSI 00\n", "256 bytes"),
    ],
)
def test_notes(text: str, words: str) -> None:
    found = describe_function(parse_lspci(text, source="d"), "01:00.0", name_of=nameless)
    assert any(words in note for note in found.notes)
