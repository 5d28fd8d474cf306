"""Counters of a PF with a thousand VFs, more than one netlink attribute can hold."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VFCounters
from tests.lab.netdevsim import new_netdevsim
from tests.lab.shell import ip, sriovctl

pytestmark = pytest.mark.lab("netdevsim")

ID = 61
DEVICE = f"netdevsim{ID}"
NUM_VFS = 1000


@pytest.fixture(scope="module")
def netdev() -> Iterator[str]:
    with new_netdevsim(ID, max_vfs=NUM_VFS, num_vfs=NUM_VFS) as name:
        ip("link", "set", name, "up")
        yield name


def test_all_vfs_are_there_once_and_their_zeros_are_unknown(netdev: str) -> None:
    with KernelRouteNetlink() as rtnl:
        (answer,) = rtnl.exchange([encode_getlink(ifname=netdev, with_counters=True)])
    vfs = decode_link(answer.payloads[0]).vfs
    assert [vf.counters for vf in vfs] == [VFCounters(*[0] * 8)] * NUM_VFS
    families = list(
        text_string_to_metric_families(sriovctl("metrics", "--format", "openmetrics", "--owners"))
    )
    seen = {
        family.name: [s.labels for s in family.samples if s.labels.get("pf") == DEVICE]
        for family in families
    }
    assert [labels["vf_index"] for labels in seen["sriov_vf"]] == list(map(str, range(NUM_VFS)))
    assert len(seen["sriov_vf_link_state"]) == NUM_VFS
    assert not [name for name in seen if name.startswith(("sriov_vf_rec", "sriov_vf_trans"))]
    values = {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if sample.labels == {"pf": DEVICE}
    }
    assert values["sriov_pf_num_vfs"] == values["sriov_pf_vfs_free"] == NUM_VFS


def test_the_pfs_counters_are_those_of_ip(netdev: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((netdev, 0))
        raw.send(bytes(60))  # without a peer netdevsim counts it as dropped
    (before,) = json.loads(ip("-j", "-s", "link", "show", "dev", netdev))
    document = json.loads(sriovctl("metrics", "--json"))
    (pf,) = (pf for pf in document["pfs"] if pf["device"] == DEVICE)
    # A netdev that has come up sends a few frames by itself.
    (after,) = json.loads(ip("-j", "-s", "link", "show", "dev", netdev))
    for way in ("rx", "tx"):
        for name in ("packets", "bytes", "errors", "dropped"):
            counted = pf["counters"][f"{way}_{name}"]
            assert before["stats64"][way][name] <= counted <= after["stats64"][way][name]
    assert pf["counters"]["tx_packets"] + pf["counters"]["tx_dropped"] > 0
    assert pf["carrier"] is ("LOWER_UP" in after["flags"])


def test_a_scrape_asks_little(netdev: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sriovctl.engine.counters import read_traffic
    from sriovctl.host.live import LiveHost
    from sriovctl.host.rtnl import KernelRouteNetlink as Door

    asked: Counter[str] = Counter()
    exchange = Door.exchange

    def counting(self: Door, requests: list[bytes]) -> object:
        asked["netlink"] += len(requests)
        return exchange(self, requests)

    monkeypatch.setattr(Door, "exchange", counting)
    host = LiveHost()
    for name in ("read_text", "read_link", "exists", "list_dir", "resolve"):
        method = getattr(host.files, name)

        def counted(path: str, method: object = method) -> object:
            asked["files"] += 1
            return method(path)  # type: ignore[operator]

        monkeypatch.setattr(host.files, name, counted)
    found = [one for one in read_traffic(host, name_of=lambda *_: None) if one.pf.netdev == netdev]
    host.close()
    assert [len(one.vfs) for one in found] == [NUM_VFS]
    # One question for each PF with a netdev; VFs that are no functions cost no file.
    assert asked["netlink"] == 1
    assert asked["files"] < 200
