"""Counters of an 82576 under traffic, compared with ``ip``: on the host, and in a namespace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.owners_seen import wait_until
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl

pytestmark = pytest.mark.lab("82576")

PF = "0000:01:00.0"
PINGS = 5
# As we name them: in which half of "ip -s -s" they are, and how they are named there.
BY_IP = {
    "receive_packets": ("rx", "packets"),
    "receive_bytes": ("rx", "bytes"),
    "receive_errors": ("rx", "errors"),
    "receive_dropped_packets": ("rx", "dropped"),
    "receive_multicast_packets": ("rx", "multicast"),
    "transmit_packets": ("tx", "packets"),
    "transmit_bytes": ("tx", "bytes"),
    "transmit_errors": ("tx", "errors"),
    "transmit_dropped_packets": ("tx", "dropped"),
}


@pytest.fixture(scope="module")
def away() -> Iterator[str]:
    """Two VFs with igbvf: VF 0 in the namespace ``away``, VF 1 here; return VF 1's netdev."""
    with ExitStack() as undo:
        pf = netdev_of(PF)
        ip("link", "set", pf, "up")
        undo.callback(ip, "link", "set", pf, "down")
        (PCI / PF / "sriov_numvfs").write_text("2")
        undo.callback((PCI / PF / "sriov_numvfs").write_text, "0")
        wait_until(lambda: all((PCI / PF / f"virtfn{n}/net").is_dir() for n in (0, 1)))
        gone, here = (netdev_of(f"{PF}/virtfn{n}") for n in (0, 1))
        ip("netns", "add", "away")
        undo.callback(ip, "netns", "del", "away")
        ip("link", "set", gone, "netns", "away")
        ip("-n", "away", "address", "add", "192.0.2.1/24", "dev", gone)
        ip("-n", "away", "link", "set", gone, "up")
        ip("address", "add", "192.0.2.2/24", "dev", here)
        ip("link", "set", here, "up")
        wait_until(lambda: "LOWER_UP" in ip("link", "show", "dev", here))
        ping("1")
        yield here


def ping(count: str) -> None:
    command = ("ping", "-c", count, "-i", "0.2", "-w", "60", "192.0.2.2")
    run("ip", "netns", "exec", "away", *command)


def counted_by_ip(netdev: str) -> dict[str, int]:
    (link,) = json.loads(ip("-j", "-s", "-s", "link", "show", "dev", netdev))
    return {name: link["stats64"][way][word] for name, (way, word) in BY_IP.items()}


def counted_by_us(text: str, of: str, **labels: str) -> dict[str, int]:
    """Read as Prometheus's own client library reads."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix(f"sriov_{of}_").removesuffix("_total")
            if sample.name == f"sriov_{of}_{name}_total" and sample.labels == labels:
                found[name] = int(sample.value)
    return found


def between(low: dict[str, int], ours: dict[str, int], high: dict[str, int]) -> bool:
    return all(low[name] <= ours[name] <= high[name] for name in BY_IP)


def test_what_passes_is_counted_as_ip_counts_it(away: str, tmp_path: Path) -> None:
    pf, file = netdev_of(PF), tmp_path / "sriov.prom"
    at_first = counted_by_ip(away)
    ping(str(PINGS))
    low = [counted_by_ip(name) for name in (pf, away)]
    sriovctl("metrics", "--owners", "--output", str(file))
    high = [counted_by_ip(name) for name in (pf, away)]
    text = file.read_text()
    of_pf = counted_by_us(text, "pf", pf=PF)
    of_vf = counted_by_us(text, "vf", pf=PF, vf_index="1", source="vf-netdev")
    assert between(low[0], of_pf, high[0])
    assert between(low[1], of_vf, high[1])
    for name in ("receive_packets", "transmit_packets"):
        assert of_vf[name] >= at_first[name] + PINGS
    # igb counts nothing for its VFs: of the one that is away only its user is known.
    assert "source" in text
    assert not [line for line in text.splitlines() if 'vf_index="0",source=' in line]
    owner = f'sriov_vf_owner_info{{pf="{PF}",vf_index="0",kind="namespace",owner="away"}} 1'
    assert owner in text.splitlines()
    assert f'sriov_vf_carrier{{pf="{PF}",vf_index="1"}} 1' in text.splitlines()
    used = f'sriov_pf_vfs_in_use{{pf="{PF}"}} 2'
    assert used in text.splitlines()


def test_the_kernels_zeros_for_an_igb_vf_are_unknown(away: str) -> None:
    (link,) = json.loads(ip("-j", "-s", "link", "show", "dev", netdev_of(PF)))
    halves = [half for vf in link["vfinfo_list"] for half in vf["stats"].values()]
    assert len(halves) == 4
    assert not any(sum(half.values()) for half in halves), "this kernel's igb counts for its VFs"
    document: dict[str, Any] = json.loads(sriovctl("metrics", "--json"))
    vfs = document["pfs"][0]["vfs"]
    assert [(vf["source"], vf["counters"] is None) for vf in vfs] == [
        (None, True),
        ("vf-netdev", False),
    ]
    assert vfs[1]["netdev"] == away


@pytest.mark.usefixtures("away")
def test_a_netdev_that_is_renamed_keeps_its_series() -> None:
    pf = netdev_of(PF)
    ip("link", "set", pf, "down")
    ip("link", "set", pf, "name", "uplink0")
    try:
        text = sriovctl("metrics")
    finally:
        ip("link", "set", "uplink0", "name", pf)
        ip("link", "set", pf, "up")
    assert counted_by_us(text, "pf", pf=PF)
    assert f'sriov_pf_info{{pf="{PF}",netdev="uplink0",driver="igb"' in text
