"""What ``abilities --probe`` relies on of a kernel; bound like the contract beside it."""

from __future__ import annotations

import errno

import pytest

from sriovctl.codec.rtnl_probe import (
    NO_PCI_VF,
    encode_mac_probe,
    encode_rate_probe,
    encode_vf_probe,
    encode_vlan_probe,
)
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from tests.contract.machine import IGB, ask, enable, link_of, set_link_up, wait_for_carrier

NEEDS_OPERATION = ("max_tx_rate_mbps", "spoofchk", "trust")
WITHOUT_OPERATION = ("link_state", "rss_query")


def answer(host: Host, message: bytes) -> str:
    return errno_name(ask(host, message).errno)


def probe(host: Host, key: str) -> str:
    return answer(host, encode_vf_probe(link_of(host, IGB).ifindex, NO_PCI_VF, key))


class ProbesContract:
    @pytest.mark.parametrize("num_vfs", [0, 2])
    def test_what_the_kernel_refuses_before_it_asks_the_driver(
        self, host: Host, num_vfs: int
    ) -> None:
        enable(host, num_vfs, autoprobe=False)
        ifindex = link_of(host, IGB).ifindex
        assert answer(host, encode_vlan_probe(ifindex)) == "EINVAL"
        assert answer(host, encode_rate_probe(ifindex)) == "EINVAL"

    def test_an_operation_refuses_a_vf_that_cannot_be(self, host: Host) -> None:
        set_link_up(host, IGB, up=True)
        enable(host, 2, autoprobe=False)
        wait_for_carrier(host, IGB)
        before = link_of(host, IGB)
        assert {key: probe(host, key) for key in NEEDS_OPERATION} == dict.fromkeys(
            NEEDS_OPERATION, "EINVAL"
        )
        mac = encode_mac_probe(before.ifindex, NO_PCI_VF)
        assert answer(host, mac) == "EINVAL"
        assert link_of(host, IGB) == before

    @pytest.mark.parametrize("key", WITHOUT_OPERATION)
    @pytest.mark.parametrize("num_vfs", [0, 2])
    def test_what_is_no_operation_is_not_supported(
        self, host: Host, key: str, num_vfs: int
    ) -> None:
        enable(host, num_vfs, autoprobe=False)
        assert probe(host, key) == errno_name(errno.EOPNOTSUPP)

    def test_without_vfs_igb_denies_an_operation_that_it_has(self, host: Host) -> None:
        assert probe(host, "spoofchk") == errno_name(errno.EOPNOTSUPP)
        assert probe(host, "trust") == "EINVAL"
