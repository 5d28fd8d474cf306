"""``bind`` and ``unbind`` on a real kernel, judged by sysfs, lspci and what programs have open."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.shell import PCI, netdev_of, run, sriovctl, vf_drivers

pytestmark = pytest.mark.lab("82576")

PF, PF_BELOW_SWITCH, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
SHARED, NVME_VF = "0000:04:10.0", "0000:05:00.1"
NO_OVERRIDE = "(null)"


@pytest.fixture(autouse=True)
def vfs() -> Iterator[None]:
    """Two VFs with igbvf, of a PF that is up, one below the switch and one of an NVMe drive."""
    run("ip", "link", "set", netdev_of(PF), "up")
    for pf, num_vfs in ((PF, 2), (PF_BELOW_SWITCH, 1), (NVME, 1)):
        (PCI / pf / "sriov_drivers_autoprobe").write_text("1")
        (PCI / pf / "sriov_numvfs").write_text(str(num_vfs))
    yield
    for pf in (PF, PF_BELOW_SWITCH, NVME):
        (PCI / pf / "sriov_numvfs").write_text("0")
        (PCI / pf / "sriov_drivers_autoprobe").write_text("1")
    run("ip", "link", "set", netdev_of(PF), "down")


def override(vf: str) -> str:
    return (PCI / vf / "driver_override").read_text().strip()


def driver(vf: str) -> str | None:
    link = PCI / vf / "driver"
    return link.resolve().name if link.exists() else None


def driver_by_lspci(vf: str) -> str | None:
    for line in run("lspci", "-D", "-k", "-s", vf).splitlines():
        if "Kernel driver in use:" in line:
            return line.rpartition(": ")[2]
    return None


def test_to_vfio_and_back() -> None:
    assert vf_drivers(PF) == ["igbvf", "igbvf"]
    said = sriovctl("bind", VF0, "--driver", "vfio-pci")
    assert (driver(VF0), driver_by_lspci(VF0), override(VF0)) == ("vfio-pci",) * 3
    group = (PCI / VF0 / "iommu_group").resolve().name
    assert f"IOMMU group {group} is viable: {VF0} (vfio-pci)" in said
    assert driver(VF1) == "igbvf", "new_id would have offered all VFs to vfio-pci"
    sriovctl("bind", VF0, "--driver", "original")
    assert (driver_by_lspci(VF0), override(VF0)) == ("igbvf", NO_OVERRIDE)
    assert list((PCI / VF0 / "net").iterdir())


def test_undo_takes_a_bind_back() -> None:
    (PCI / VF0 / "driver_override").write_text("igbvf")  # as driverctl leaves it
    sriovctl("bind", "--pf", netdev_of(PF), "--driver", "vfio-pci")
    assert vf_drivers(PF) == ["vfio-pci", "vfio-pci"]
    sriovctl("undo")
    assert vf_drivers(PF) == ["igbvf", "igbvf"]
    assert (override(VF0), override(VF1)) == ("igbvf", NO_OVERRIDE)


def test_unbind_leaves_nothing_and_the_original_driver_comes_without_autoprobe() -> None:
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    sriovctl("unbind", "--pf", PF, "--vfs", "0-1")
    assert vf_drivers(PF) == [None, None]
    Path("/sys/bus/pci/drivers_probe").write_text(VF0)
    assert driver(VF0) is None
    sriovctl("bind", VF0, "--driver", "original")
    assert (driver(VF0), override(VF0)) == ("igbvf", NO_OVERRIDE)


def test_a_group_with_a_driver_of_the_host_is_shown_as_not_viable() -> None:
    answer = json.loads(sriovctl("bind", SHARED, "--driver", "vfio-pci", "--json"))
    (group,) = answer["groups"]
    listed = sorted(os.listdir(f"/sys/kernel/iommu_groups/{group['id']}/devices"))
    assert [member["device"] for member in group["members"]] == listed
    assert [member["driver"] for member in group["members"]] == [driver(one) for one in listed]
    assert not group["viable"]
    # And so says the kernel: VFIO_GROUP_GET_STATUS, bit 0 is "viable".
    assert not kernel_says_viable(group["id"])
    answer = json.loads(sriovctl("bind", VF0, "--driver", "vfio-pci", "--json"))
    assert answer["groups"][0]["viable"]
    assert kernel_says_viable(answer["groups"][0]["id"])


def kernel_says_viable(group: int) -> bool:
    """Ask VFIO itself (struct vfio_group_status, include/uapi/linux/vfio.h)."""
    import fcntl
    import struct

    descriptor = os.open(f"/dev/vfio/{group}", os.O_RDWR)
    try:
        status = bytearray(struct.pack("II", 8, 0))
        fcntl.ioctl(descriptor, ord(";") << 8 | 100 + 3, status)
        return bool(struct.unpack("II", status)[1] & 1)
    finally:
        os.close(descriptor)


def test_a_driver_that_does_not_take_the_vf_costs_it_nothing() -> None:
    assert driver(NVME_VF) is None  # nvme refuses a VF without queues
    sriovctl("bind", NVME_VF, "--driver", "vfio-pci")
    said = sriovctl("bind", NVME_VF, "--driver", "original", expect=1)
    assert "the driver nvme did not take it" in said
    assert (driver(NVME_VF), override(NVME_VF)) == ("vfio-pci", "vfio-pci")
    assert "modprobe nonesuch" in sriovctl("bind", VF0, "--driver", "nonesuch", expect=1)
    assert driver(VF0) == "igbvf"


@contextmanager
def holder_of(vf: str) -> Iterator[int]:
    """A program that has opened a VF through VFIO, as QEMU and DPDK do."""
    group = (PCI / vf / "iommu_group").resolve().name
    code = f"""
import fcntl, os, struct, time
container = os.open("/dev/vfio/vfio", os.O_RDWR)
group = os.open("/dev/vfio/{group}", os.O_RDWR)
call = lambda number: ord(";") << 8 | 100 + number
fcntl.ioctl(group, call(4), struct.pack("i", container))  # VFIO_GROUP_SET_CONTAINER
fcntl.ioctl(container, call(2), 1)  # VFIO_SET_IOMMU, type 1
device = fcntl.ioctl(group, call(6), b"{vf}\\0")  # VFIO_GROUP_GET_DEVICE_FD
print("open", flush=True)
time.sleep(600)
"""
    program = subprocess.Popen(["python3", "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "open\n"
        yield program.pid
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_a_vf_that_a_program_has_open_is_refused_and_free_when_it_is_killed() -> None:
    sriovctl("bind", VF0, "--driver", "vfio-pci")
    with holder_of(VF0) as pid:
        said = sriovctl("bind", VF0, "--driver", "original", expect=4)
        assert f"--allow process:python3-{pid}" in said
        assert "is in use" in sriovctl("unbind", VF0, expect=4)
        assert "is in use" in sriovctl("undo", expect=4)
        assert driver(VF0) == "vfio-pci"
    wait_until_closed(VF0)
    sriovctl("bind", VF0, "--driver", "original")
    assert driver(VF0) == "igbvf"


def wait_until_closed(vf: str) -> None:
    deadline = time.monotonic() + 20
    while (PCI / vf / "enable").read_text() != "0\n":
        assert time.monotonic() < deadline, "VFIO still has it enabled"
        time.sleep(0.1)


def test_a_vf_with_an_address_is_refused() -> None:
    netdev = netdev_of(VF0)
    run("ip", "address", "add", "192.0.2.7/24", "dev", netdev)
    said = sriovctl("bind", VF0, "--driver", "vfio-pci", expect=4)
    assert "--allow address:192.0.2.7" in said
    assert driver(VF0) == "igbvf"
    sriovctl("bind", VF0, "--driver", "vfio-pci", "--allow", "address:192.0.2.7")
    assert driver(VF0) == "vfio-pci"


def test_a_function_that_is_no_vf() -> None:
    assert "is a PF" in sriovctl("bind", PF, "--driver", "vfio-pci", expect=2)
    assert "no VF of this host" in sriovctl("bind", "0000:01:1f.0", "--driver", "igb", expect=2)
