"""Other network namespaces: what is none, and that this process stays in its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.codec.rtnl_address import encode_address_dump
from sriovctl.errors import LostError, PermissionDenied, UnsupportedError
from sriovctl.host.namespaces import KernelNetworkNamespaces
from sriovctl.host.recorded import RecordedHost

OWN = "/proc/self/ns/net"
LINKS = encode_link_dump(with_vfs=False)


def test_what_is_not_there_is_lost() -> None:
    with pytest.raises(LostError, match="cannot enter the namespace"):
        KernelNetworkNamespaces().exchange("/run/netns/no-such-name", [LINKS])


def test_what_is_no_handle_is_lost(tmp_path: Path) -> None:
    # "ip netns" leaves such a file when its namespace was unmounted by another.
    (tmp_path / "name").touch()
    with pytest.raises(LostError):
        KernelNetworkNamespaces().exchange(str(tmp_path / "name"), [LINKS])


def test_one_is_asked_and_this_process_stays_where_it_is() -> None:
    before = os.readlink(OWN)
    try:
        (answer,) = KernelNetworkNamespaces().exchange(OWN, [LINKS])
    except PermissionDenied:
        pytest.skip("this user may not enter a network namespace")
    assert "lo" in {decode_link(payload).ifname for payload in answer.payloads}
    assert os.readlink(OWN) == before


def test_a_recording_has_no_other_and_no_addresses(tmp_path: Path) -> None:
    (tmp_path / "sys/bus/pci/devices").mkdir(parents=True)
    host = RecordedHost(str(tmp_path))
    with pytest.raises(UnsupportedError, match="no other network namespace"):
        host.namespaces.exchange("/run/netns/box", [LINKS])
    (answer,) = host.rtnl.exchange([encode_address_dump()])
    assert (answer.errno, answer.payloads) == (95, ())
