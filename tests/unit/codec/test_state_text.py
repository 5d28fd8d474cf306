from __future__ import annotations

import pytest
from hypothesis import given, settings
from tests.unit.codec.state_samples import VALID
from tests.unit.codec.states import states

from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_text import format_state, state_as_tree
from sriovctl.model.functions import VLAN
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedPool, WantedVF

TEXT = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 7
    drivers_autoprobe: false
    link: {state: up, mtu: 9000}
    eswitch: {mode: legacy}
    vf_default: {spoofchk: true, trust: false, driver: vfio-pci}
    vfs:
      0: {admin_mac: "52:54:00:6d:90:02", vlan: {id: 42}}
      1-3: {admin_mac: auto, vlan: {id: 43, qos: 3, protocol: 802.1ad}, max_tx_rate_mbps: 500}
      5: {driver: none}
      6:
        admin_mac: auto
        trust: true
        link_state: enable
        min_tx_rate_mbps: 4294967295
        max_tx_rate_mbps: 4294967295
  "on":
    match: {netdev: eth1, all: true}
    link: {state: down}
    vfs:
      0-1: {}
pools:
  finance: {from: [uplink, "on"], vfs: 1-3, numa: preferred, policy: spread}
  rest: {from: [uplink], vfs: [0, 5-6]}
"""


def test_a_state_is_written_as_a_person_would() -> None:
    assert format_state(parse_state(TEXT, source="f")) == TEXT


def test_what_is_as_without_saying_is_not_said() -> None:
    match = PFMatch(netdev="a")
    vfs = ((0, WantedVF(vlan=VLAN(3, 0, "802.1q"))),)
    state = DesiredState((WantedPF("a", match, vfs=vfs),), (WantedPool("p", ("a",)),))
    assert state_as_tree(state) == {
        "version": 1,
        "pfs": {"a": {"match": {"netdev": "a"}, "vfs": {"0": {"vlan": {"id": 3}}}}},
        "pools": {"p": {"from": ["a"]}},
    }


@pytest.mark.parametrize("name", VALID)
def test_each_file_reads_back_alike(name: str) -> None:
    state = parse_state(VALID[name], source="f")
    assert parse_state(format_state(state), source="g") == state


@given(states())
@settings(max_examples=60)
def test_any_state_reads_back_alike(state: DesiredState) -> None:
    text = format_state(state)
    assert parse_state(text, source="f") == state
    assert max(map(len, text.splitlines())) <= 100
