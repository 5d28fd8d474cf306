from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.state_file import parse_state
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.state import UNSET, PFMatch, WantedVF

GOOD = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 4
    drivers_autoprobe: false
    link: {state: up}
    vf_default: {spoofchk: true, driver: vfio-pci}
    vfs:
      0: {admin_mac: "52:54:00:6D:90:02", vlan: {id: 42}}
      1-3: {vlan: {id: 43, qos: 3, protocol: 802.1ad}, driver: none}
"""


def test_every_key_is_read() -> None:
    (pf,) = parse_state(GOOD, source="host.yaml").pfs
    assert (pf.label, pf.match) == ("uplink", PFMatch(address="0000:01:00.0"))
    assert (pf.num_vfs, pf.drivers_autoprobe, pf.link_up) == (4, False, True)
    assert pf.wanted_vf(0) == WantedVF(
        admin_mac="52:54:00:6d:90:02", vlan=VLAN(42), spoofchk=True, driver="vfio-pci"
    )
    assert pf.wanted_vf(2).vlan == VLAN(43, 3, "802.1ad")
    assert pf.wanted_vf(2).driver is None
    assert pf.wanted_vf(2).trust is UNSET


def test_what_is_not_said_is_unset() -> None:
    (pf,) = parse_state("version: 1\npfs: {a: {match: {netdev: eth0}}}", source="x").pfs
    assert pf.num_vfs is UNSET
    assert pf.wanted_vf(0) == WantedVF()


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (replaced("vlan: {id: 42}", "vlna: {id: 42}"), "f:10:43", "did you mean 'vlan'"),
        (replaced("num_vfs: 4", "num_vfs: 0x4"), "f:5:14", "whole number from 0 to 65535"),
        (replaced("num_vfs: 4", "num_vfs: 2"), "f:10:7", "VF 3 is out of range"),
        (replaced("id: 42", "id: 4095"), "f:10:54", "from 0 to 4094"),
        (replaced("52:54", "53:54"), "f:10:22", "multicast"),
        (replaced("false", "maybe"), "f:6:24", "true or false"),
        (replaced("802.1ad", "802.1x"), "f:11:46", "one of 802.1q, 802.1ad"),
        (replaced("1-3:", "0-3:"), "f:11:12", "already named by '0'"),
        (replaced("1-3:", "3-1:"), "f:11:12", "no range"),
        (replaced("1-3:", "one:"), "f:11:12", "no VF index"),
        (replaced("num_vfs: 4", "num_vfs: 4\n    num_vfs: 4"), "f:6:5", "stands here twice"),
        (replaced("version: 1", "version: 2"), "f:1:10", "from 1 to 1"),
        (replaced("version: 1\n", ""), "f:1:1", "'version' is missing"),
        (replaced("match", "mach"), "f:4:5", "did you mean 'match'"),
        (replaced('"0000:01:00.0"', "eth0"), "f:4:22", "not a PCI address"),
        (replaced('{address: "0000:01:00.0"}', "{}"), "f:4:12", "at least one criterion"),
        (replaced("{state: up}", "[up]"), "f:7:11", "must be a mapping"),
        ("version: 1\npfs: {}\n", "f:2:6", "names no PF"),
        ("version: 1\n\tpfs: 1\n", "f:2:1", "is not YAML"),
        ("", "f", "is empty"),
    ],
)
def test_a_complaint_names_the_place(content: str, where: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_state(content, source="f")
    assert caught.value.subject == where
    assert what in str(caught.value)


def test_rates_must_not_cross() -> None:
    crossed = replaced("vlan: {id: 42}", "min_tx_rate_mbps: 20, max_tx_rate_mbps: 10")
    with pytest.raises(InputError, match="min_tx_rate_mbps 20 is above max_tx_rate_mbps 10"):
        parse_state(crossed, source="f")


@given(st.text(alphabet=" \n:-{}[]'\"&*!|>%@`#,?0aversionpfsmatch\t", max_size=120))
def test_no_text_breaks_it(content: str) -> None:
    with suppress(InputError):
        parse_state(content, source="f")
