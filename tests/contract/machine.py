"""The lab's machine 82576 as the contracts know it, and how they set and ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link, encode_set_vf
from sriovctl.errors import SriovctlError
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.functions import VFAttributes
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import WantedVF

BUS = "/sys/bus/pci"
DEVICES = f"{BUS}/devices"
IGB = "0000:01:00.0"
IGB_BELOW_SWITCH = "0000:04:00.0"
NVME = "0000:05:00.0"
DOWNSTREAM_PORT = "0000:03:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
ALL_PFS = (IGB, IGB_BELOW_SWITCH, NVME)

NO_MAC = "00:00:00:00:00:00"
MAC = "52:54:00:6d:90:02"


def reset(host: Host) -> None:
    """Bring the machine back to where the contract begins."""
    for name in ALL_PFS:
        write(host, name, "sriov_numvfs", "0")
        write(host, name, "sriov_drivers_autoprobe", "1")
    for name in (IGB, IGB_BELOW_SWITCH):
        set_link_up(host, name, up=False)


def write(host: Host, device: str, attribute: str, text: str) -> None:
    host.files.write_text(f"{DEVICES}/{device}/{attribute}", text)


def read(host: Host, device: str, attribute: str) -> str | None:
    return host.files.read_text(f"{DEVICES}/{device}/{attribute}")


def driver_of(host: Host, device: str) -> str | None:
    return host.files.read_link(f"{DEVICES}/{device}/driver")


def group_of(host: Host, device: str) -> str | None:
    return host.files.read_link(f"{DEVICES}/{device}/iommu_group")


def netdevs_of(host: Host, device: str) -> tuple[str, ...]:
    return host.files.list_dir(f"{DEVICES}/{device}/net")


def enable(host: Host, number: int, *, pf: str = IGB, autoprobe: bool = True) -> None:
    write(host, pf, "sriov_drivers_autoprobe", str(int(autoprobe)))
    write(host, pf, "sriov_numvfs", str(number))


def refusal(action: Callable[[], None]) -> tuple[type[SriovctlError], object]:
    with pytest.raises(SriovctlError) as caught:
        action()
    return type(caught.value), caught.value.evidence["errno"]


def command(host: Host, path: str, text: str) -> None:
    host.files.write_text(f"{BUS}/{path}", text)


def ask(host: Host, message: bytes) -> NetlinkAnswer:
    (answer,) = host.rtnl.exchange([message])
    return answer


def link_of(host: Host, device: str) -> LinkReport:
    (netdev,) = netdevs_of(host, device)
    answer = ask(host, encode_getlink(ifname=netdev, with_counters=False))
    assert answer.errno == 0
    # Counters go on counting: two looks are to be comparable.
    return decode_link(answer.payloads[0])._replace(counters=None)


def set_link_up(host: Host, device: str, *, up: bool) -> None:
    answer = ask(host, encode_set_link(LinkChange(link_of(host, device).ifindex, up=up)))
    assert answer.errno == 0


def has_carrier(host: Host, device: str) -> bool:
    (netdev,) = netdevs_of(host, device)
    return host.files.read_text(f"/sys/class/net/{netdev}/operstate") == "up"


def wait_for_carrier(host: Host, device: str) -> None:
    end = host.clock.now() + 20
    while not has_carrier(host, device):
        assert host.clock.now() < end, "the link did not come up"
        host.clock.sleep(0.2)


def vf_of(host: Host, vf_index: int) -> VFAttributes:
    return link_of(host, IGB).vfs[vf_index]


def set_vf(host: Host, vf_index: int, wanted: WantedVF) -> str | None:
    """Set attributes of one VF; the errno's name if the kernel refuses."""
    ifindex = link_of(host, IGB).ifindex
    answer = ask(host, encode_set_vf(ifindex, vf_index, wanted, current=None))
    return errno_name(answer.errno) if answer.errno else None
