from __future__ import annotations

import pytest

from sriovctl.codec.iomem import root_bus_windows
from sriovctl.codec.kernel_log import (
    ACPIListing,
    check_is_kernel_log,
    find_acpi_tables,
    find_command_line,
    find_iommu_groups,
    find_kernel_release,
    find_last_buses,
    parse_kernel_log,
    with_kernel_log,
)
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, ResourceLine, SourceKind

MESSAGE = "pci 0000:00:1c.0: Adding to iommu group 14"
ADDRESS = parse_pci_address("0000:00:1c.0")


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "[    1.234567] ",
        "[12345.678901] ",
        "[    1.234567] [   T1] ",
        "[Mon Nov  3 07:57:41 2025] ",
        "[Nov 3 07:57] ".replace(" 3", "3"),
        "[  +0.000012] ",
        "[    1.234567 <    0.000012>] ",
        "<6>[    1.234567] ",
        "kern  :info  : [    1.234567] ",
        "Nov  3 07:57:41 host kernel: ",
        "Nov  3 07:57:41 host kernel: [    1.234567] ",
        "2025-11-03T07:57:41.123456+01:00 host kernel: [    1.234567] ",
        "2025-11-03T07:57:41,123456+0100 ",
        "2025-11-03 07:57:41 host kernel: ",
        "> [    1.234567] ",
        "    [    1.234567] ",
        "\t2025-11-03T07:57:41,123456+0100 ",
        "\x1b[32m[    1.234567] \x1b[0m",
    ],
)
def test_stamps_go(stamp: str) -> None:
    assert parse_kernel_log(f"{stamp}{MESSAGE}\n\n") == (MESSAGE,)


@pytest.mark.parametrize("message", ["[Firmware Bug]: x", "<unknown> x", "DMAR: IOMMU enabled"])
def test_what_is_no_stamp_stays(message: str) -> None:
    assert parse_kernel_log(f"[    0.1] {message}") == (message,)


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        "ahci 0000:00:1c.0: Adding to iommu group 14",
        "iommu: Adding device 0000:00:1c.0 to group 14",
        "AMD-Vi: Adding device 0000:00:1c.0 to group 14",
    ],
)
def test_groups(message: str) -> None:
    earlier = "pci 0000:00:1c.0: Adding to iommu group 3"
    assert find_iommu_groups((earlier, message, "iommu: Removing x from group 3")) == {ADDRESS: 14}


@pytest.mark.parametrize(
    "gone",
    [
        "pci 0000:00:1c.0: Removing from iommu group 14",
        "iommu: Removing device 0000:00:1c.0 from group 14",
    ],
)
def test_who_is_gone_has_no_group(gone: str) -> None:
    assert find_iommu_groups((MESSAGE, gone)) == {}
    assert find_iommu_groups((MESSAGE, gone, MESSAGE)) == {ADDRESS: 14}


def test_groups_of_other_buses_are_not_ours() -> None:
    assert find_iommu_groups(("platform fsl: Adding to iommu group 3",)) == {}


def test_what_the_kernel_says_of_itself() -> None:
    log = (
        "Linux version 6.12.117+deb12-amd64 (x@y) (gcc) #1 SMP",
        "Command line: quiet intel_iommu=on",
        "Kernel command line: other",
        "pci_bus 0000:00: root bus resource [bus 00-7e]",
        "pci_bus 10000:e0: root bus resource [bus e0-ff]",
    )
    assert find_kernel_release(log) == "6.12.117+deb12-amd64"
    assert find_command_line(log) == "quiet intel_iommu=on"
    assert find_last_buses(log) == {(0, 0): 0x7E, (0x10000, 0xE0): 0xFF}
    assert (find_kernel_release(()), find_command_line(())) == (None, None)


def test_acpi_tables() -> None:
    dmar = "ACPI: DMAR 0x000000007D5B3000 000088 (v01 INTEL  EDK2     00000002      01000013)"
    start = ("ACPI: RSDP 0x00000000000F0490 000024 (v02 X)", "ACPI: FACP 0xBFFE1A2F 000074 (v01 X")
    assert find_acpi_tables((dmar,)) == ACPIListing(("DMAR",), is_whole=False)
    assert find_acpi_tables((*start, dmar)) == ACPIListing(("DMAR", "FACP", "RSDP"), is_whole=True)
    assert find_acpi_tables(("ACPI: PM-Timer IO Port: 0x608",)).signatures == ()


def test_a_log_fills_what_is_not_known() -> None:
    log = (MESSAGE, "Linux version 6.1 x", "Command line: a")
    bare = HostSnapshot(SourceKind.LISTING, "x", (FunctionSnapshot(ADDRESS, None),))
    filled = with_kernel_log(bare, log)
    assert (filled.functions[0].iommu_group, filled.groups_known) == (14, True)
    assert (filled.cmdline, filled.kernel_release, filled.kernel_log) == ("a", "6.1", log)
    known = bare._replace(groups_known=True, cmdline="b", kernel_release="7.0")
    kept = with_kernel_log(known, log)
    assert kept == known._replace(kernel_log=log)


def test_windows_of_buses() -> None:
    iomem = """\
00000000-00000fff : Reserved
000a0000-000bffff : PCI Bus 0000:00
80000000-afffffff : PCI Bus 0000:00
  80000000-801fffff : PCI Bus 0000:01
100000000-1ffffffff : System RAM
"""
    assert root_bus_windows(iomem) == {
        (0, 0): (
            ResourceLine(0xA0000, 0xBFFFF, 0x200),
            ResourceLine(0x80000000, 0xAFFFFFFF, 0x200),
        ),
        (0, 1): (ResourceLine(0x80000000, 0x801FFFFF, 0x200),),
    }


# --- what is taken for a log ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "[    1.234567] anything",
        "Nov  3 07:57:41 host kernel: anything",
        "> [    1.234567] anything",
        MESSAGE,
        "DMAR: IOMMU enabled",
        "AMD-Vi: Interrupt remapping enabled",
        "pci_bus 0000:00: root bus resource [bus 00-ff]",
        "ACPI: DMAR 0x000000007FFE1C4A 000050",
        "igb 0000:01:00.0: not enough MMIO resources for SR-IOV",
        "vfio_iommu_type1_attach_group: No interrupt remapping support",
        "Linux version 6.12.1-amd64 (builder)",
    ],
)
def test_one_line_of_a_kernel_log_is_enough(line: str) -> None:
    check_is_kernel_log(f"some words of the one who sent it\n{line}\n", source="log")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\n", "no kernel log"),
        (
            "0000:01:00.0 Ethernet controller [0200]: Intel [8086:10c9]\n"
            "\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)\n"
            "\tIOMMU group: 14\n00: 86 80 c9 10\n",
            "no kernel log",
        ),
    ],
    ids=["nothing", "blanks", "passwd", "lspci"],
)
def test_what_is_no_kernel_log(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_is_kernel_log(text, source="file")
    assert caught.value.hint is not None
    assert "dmesg" in caught.value.hint
