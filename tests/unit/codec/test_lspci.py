"""Dumps as people paste them, by hand and at random."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.targets import TARGETS

from sriovctl.codec.lspci import parse_lspci
from sriovctl.codec.lspci_blocks import cut_into_blocks
from sriovctl.codec.pciconfig_build import build_config
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import SRIOVCapability, acs_mask
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

DATA = Path(__file__).resolve().parents[2] / "data"
HEX = (DATA / "config/82576-with-vfs.txt").read_text()
VVV = (DATA / "lspci/82576-with-vfs.vvv.txt").read_text()
V = (DATA / "lspci/82576-with-vfs.v.txt").read_text()
PF = "0000:01:00.0"
VF = "0000:01:10.0"


def parse(text: str) -> HostSnapshot:
    return parse_lspci(text, source="dump.txt")


def function(snapshot: HostSnapshot, address: str) -> FunctionSnapshot:
    (found,) = (f for f in snapshot.functions if f.address == parse_pci_address(address))
    return found


def hex_lines(data: bytes) -> str:
    width = 3 if len(data) > 256 else 2
    rows = (data[n : n + 16] for n in range(0, len(data), 16))
    return "".join(
        f"{16 * n:0{width if n >= 16 else 2}x}: {row.hex(' ')}\n" for n, row in enumerate(rows)
    )


def only(text: str) -> FunctionSnapshot:
    (found,) = parse(text).functions
    return found


# --- bytes -------------------------------------------------------------------------------------


def test_a_hex_dump() -> None:
    snapshot = parse(HEX)
    assert (snapshot.source, snapshot.description) == (SourceKind.HEX_DUMP, "dump.txt")
    assert (snapshot.privileged, snapshot.groups_known, snapshot.notes) == (True, False, ())
    pf, vf = function(snapshot, PF), function(snapshot, VF)
    assert (pf.is_vf, pf.sriov_num_vfs, pf.sriov_total_vfs) == (False, 7, None)
    assert (len(pf.virtfn_addresses), pf.virtfn_addresses[0]) == (7, vf.address)
    assert (vf.is_vf, vf.pf_address, vf.vf_index) == (True, pf.address, 0)
    assert (vf.vendor_id, vf.device_id) == (0x8086, 0x10CA)
    assert function(snapshot, "00:04.0").is_vf is False
    assert pf.path is None
    assert pf.resources is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("0000:", ""),
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
        lambda text: text.upper().replace("CLASS", "Class"),
        lambda text: text.replace("\n", " \n"),
        lambda text: re.sub(r"(?<=[0-9a-f]{2}) (?=[0-9a-f]{2} )", "\N{NO-BREAK SPACE}", text),
        lambda text: re.sub(r"(?<=[0-9a-f]{2}) (?=[0-9a-f]{2} )", "\x1f", text),
    ],
    ids=[
        *("no domain", "quoted", "CRLF", "indented", "upper case", "trailing blanks"),
        *("no-break spaces", "separators"),
    ],
)
def test_the_same_dump_as_pasted(change: object) -> None:
    assert callable(change)
    assert parse(change(HEX)).functions == parse(HEX).functions


def test_a_domain_of_five_digits() -> None:
    snapshot = parse(HEX.replace("0000:", "10000:"))
    assert [str(f.address) for f in snapshot.functions] == ["10000:00:04.0", "10000:01:00.0",
                                                            "10000:01:10.0"]  # fmt: skip


@pytest.mark.parametrize(("size", "known", "extended"), [(64, False, False), (256, True, False)])
def test_a_short_dump(size: int, known: bool, extended: bool) -> None:
    data = build_config(vendor_id=0x8086, device_id=0x10C9, class_code=0x020000, acs_capabilities=0)
    found = only("01:00.0 Ethernet controller: x\n" + hex_lines(data[:size]))
    assert found.config is not None
    assert (found.config.truncated_at, found.config.knows_capabilities) == (size, known)
    assert found.config.knows_extended is extended
    assert found.is_vf is None


def test_a_hole_ends_what_is_believed() -> None:
    lines = hex_lines(bytes(range(64)) * 4).splitlines()
    snapshot = parse("\n".join(["01:00.0 x: y", *lines[:6], *lines[8:]]))
    assert snapshot.functions[0].config is not None
    assert snapshot.functions[0].config.truncated_at == 96
    assert "first hole" in snapshot.notes[0]


def test_words_go_on_where_bytes_end() -> None:
    data = build_config(vendor_id=0x8086, device_id=0x10C9, class_code=0x020000, msix_vectors=4)
    text = f"""\
01:00.0 Ethernet controller [0200]: Intel Corporation 82576 [8086:10c9] (rev 01)
	Control: I/O+ Mem+ BusMaster+
	Status: Cap+
	Capabilities: [80] Express (v2) Endpoint, MSI 00
	Capabilities: [100 v1] Access Control Services
		ACSCap:	SrcValid- ReqRedir+ CmpltRedir+
		ACSCtl:	SrcValid- ReqRedir+ CmpltRedir-
	Kernel driver in use: igb
{hex_lines(data[:256])}"""
    config = only(text).config
    assert config is not None
    assert config.acs is not None
    assert config.acs.capabilities == acs_mask(["RR", "CR"])
    assert config.acs.control == acs_mask(["RR"])
    assert config.knows_extended
    assert config.msix is not None
    assert [entry.id for entry in config.capabilities if entry.extended] == [0x0D]


# --- words ---------------------------------------------------------------------------------------


def test_words_say_what_bytes_say() -> None:
    words, from_bytes = parse(VVV), parse(HEX)
    assert (words.source, words.privileged) == (SourceKind.LISTING, True)
    for told, read in zip(words.functions, from_bytes.functions, strict=True):
        assert told.config is not None
        assert read.config is not None
        assert told.config.sriov == read.config.sriov
        assert told.config.ari == read.config.ari
        assert told.config.capabilities == read.config.capabilities
        assert (told.is_vf, told.vf_index) == (read.is_vf, read.vf_index)
        assert (told.vendor_id, told.device_id) == (read.vendor_id, read.device_id)


def test_one_v_names_capabilities_only() -> None:
    snapshot = parse(V)
    port = function(snapshot, "00:04.0")
    assert port.config is not None
    assert port.config.acs is None
    assert (0x0D, True) in [(e.id, e.extended) for e in port.config.capabilities]
    assert port.config.express is not None
    assert (port.config.express.version, port.config.express.port_type) == (0, 4)
    assert any("ACS of 1 function is listed without its bits" in note for note in snapshot.notes)
    assert any("SR-IOV of 1 function is" in note for note in snapshot.notes)
    assert function(snapshot, PF).is_vf is False


def test_place_and_driver() -> None:
    text = """\
0000:01:00.0 Ethernet controller: x (rev 01)
	Flags: bus master, fast devsel, latency 0, IRQ 125, NUMA node 1, IOMMU group 12
	Kernel driver in use: igb
	Kernel modules: igb, other
0000:01:00.1 Ethernet controller: x (rev 01)
	Control: I/O- Mem+ BusMaster+
	NUMA node: 0
	IOMMU group: 13
"""
    snapshot = parse(text)
    assert snapshot.groups_known
    one, two = snapshot.functions
    assert (one.driver, one.numa_node, one.iommu_group) == ("igb", 1, 12)
    assert (two.driver, two.numa_node, two.iommu_group) == (None, 0, 13)
    for found in (one, two):  # siblings, which is all that text tells of the bit
        assert found.config is not None
        assert found.config.header is not None
        assert found.config.header.multifunction


def test_vfs_in_the_slot_make_no_multifunction_device() -> None:
    sriov = SRIOVCapability(2, 2, 2, 1, 1, 0x10CA, vf_enable=True)
    data = build_config(vendor_id=0x1B36, device_id=0x10, class_code=0x010802, sriov=sriov)
    vf = "\tControl: I/O-\n"
    text = f"01:00.0 x: y\n{hex_lines(data)}01:00.1 x: y\n{vf}01:00.2 x: y\n{vf}"
    snapshot = parse(text)
    assert [f.vf_index for f in snapshot.functions] == [None, 0, 1]
    for found in snapshot.functions:
        assert found.config is not None
        assert found.config.header is not None
        assert not found.config.header.multifunction


def test_access_denied_is_not_absence() -> None:
    snapshot = parse("01:00.0 x: y\n\tFlags: fast devsel\n\tCapabilities: <access denied>\n")
    config = snapshot.functions[0].config
    assert config is not None
    assert not config.knows_capabilities
    assert (snapshot.privileged, snapshot.functions[0].is_vf) == (False, None)
    assert "without root" in snapshot.notes[0]


@pytest.mark.parametrize(
    "mark", ["[...]", "(...)", "...", "[snip]", "--- snip ---", "…", "<snipped>"]
)
def test_what_was_left_out_is_not_absent(mark: str) -> None:
    express = "Capabilities: [a0] Express (v2) Endpoint"
    head = f"01:00.0 Ethernet controller: x\n\tControl: Mem+\n\t{express}"
    config = only(f"{head}, MSI 00\n\t{mark}\n\tKernel driver in use: ixgbe\n").config
    assert config is not None
    assert not config.knows_extended
    assert config.express is not None
    shown = f"{head}, MSI 00\n\tCapabilities: [100 v1] Virtual Channel\n"
    whole = parse(f"{shown}\n[...]\n\n{shown.replace('01:', '02:')}").functions[0].config
    assert whole is not None
    assert whole.knows_extended


def test_a_bare_list_tells_nothing_of_config_space() -> None:
    snapshot = parse("00:1f.6 Ethernet controller [0200]: Intel Corporation I219 [8086:15b8]\n")
    (found,) = snapshot.functions
    assert (found.vendor_id, found.device_id, found.class_code) == (0x8086, 0x15B8, 0x020000)
    assert found.config is None
    assert "only by name" in snapshot.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "00:1f.6 0200: 8086:15b8 (rev 31)\n",
        '00:1f.6 "0200" "8086" "15b8" -r31 "17aa" "2233"\n',
        '00:1f.6 "Ethernet controller [0200]" "Intel [8086]" "I219 [15b8]" -r31 "x" "y"\n',
        "Slot:\t00:1f.6\nClass:\t0200\nVendor:\t8086\nDevice:\t15b8\nSVendor:\t17aa\n",
    ],
)
def test_numbers(text: str) -> None:
    found = only(text)
    assert (found.vendor_id, found.device_id, found.class_code) == (0x8086, 0x15B8, 0x020000)


def test_names_are_looked_up() -> None:
    asked = []

    def ids_of(name: str) -> tuple[int | None, int | None]:
        asked.append(name)
        return 0x8086, None

    text = "00:1f.6 PCI bridge: Intel Corporation Device a33c (rev f0) (prog-if 00 [Normal])\n"
    (found,) = parse_lspci(text, source="x", ids_of=ids_of).functions
    assert asked == ["Intel Corporation Device a33c"]
    assert (found.vendor_id, found.device_id, found.class_code) == (0x8086, 0xA33C, 0x060400)


def test_looked_up_ids_are_marked() -> None:
    text = "00:1f.6 Ethernet controller: Intel Corporation I350\n"
    snapshot = parse_lspci(text, source="x", ids_of=lambda _name: (0x8086, 0x1521))
    assert snapshot.functions[0].device_id == 0x1521
    assert "looked up by name" in snapshot.notes[0]


CUT = "01:00.0 x: y\n\tFlags: fast devsel\n\tCapabilities: "


@pytest.mark.parametrize(
    ("lines", "version", "port_type"),
    [
        ("[40] Express (v3) Unknown type 12, MSI 00", 3, 12),
        ("[40] Express (v1) Root Port (Slot-), MSI 00", 1, 4),
        ("[40] Express PCI/PCI-X Bridge, MSI 00", 0, 7),
    ],
)
def test_express_types(lines: str, version: int, port_type: int) -> None:
    config = only(CUT + lines).config
    assert config is not None
    assert config.express is not None
    assert (config.express.version, config.express.port_type) == (version, port_type)


@pytest.mark.parametrize(
    "line", ["[40] #10 [0000]", "[40] Express (v2) Nonsense", "[50] MSI: cut", "[70] MSI-X: Ena"]
)
def test_a_capability_that_cannot_be_read_is_still_listed(line: str) -> None:
    config = only(CUT + line).config
    assert config is not None
    assert [entry.offset for entry in config.capabilities] == [int(line[1:3], 16)]
    assert (config.express, config.msi, config.msix) == (None, None, None)


def test_a_capability_of_an_unknown_name_is_not_listed() -> None:
    config = only(CUT + "[40] Something New\n\tCapabilities: cut here").config
    assert config is not None
    assert config.capabilities == ()


def test_msi_as_old_lspci_has_it() -> None:
    line = "[60] Message Signalled Interrupts: Mask- 64bit+ Queue=0/3 Enable+"
    config = only(CUT + line).config
    assert config is not None
    assert config.msi is not None
    assert (config.msi.vectors_enabled, config.msi.vectors) == (1, 8)
    assert (config.msi.enabled, config.msi.is_64bit, config.msi.maskable) == (True, True, False)


def test_vfs_beyond_the_last_bus() -> None:
    sriov = SRIOVCapability(8, 8, 8, 65000, 100, 0x10CA, vf_enable=True)
    data = build_config(vendor_id=0x8086, device_id=1, class_code=0x020000, sriov=sriov)
    assert only(f"ff:00.0 x: y\n{hex_lines(data)}").virtfn_addresses == ()


def test_a_bar_that_cannot_be_does_no_harm() -> None:
    data = build_config(vendor_id=0x8086, device_id=1, class_code=0x020000)
    region = "\tRegion 7: Memory at fe000000 (32-bit, non-prefetchable) [size=4K]\n"
    assert only(f"01:00.0 x: y\n\tControl: Mem+\n{region}{hex_lines(data)}").config is not None


def test_machine_readable_listing() -> None:
    found = only(
        "Slot:\t0000:00:02.0\nClass:\tVGA compatible controller [0300]\nVendor:\tIntel [8086]\n"
        "Device:\tHD [591e]\nDriver:\ti915\nNUMANode:\t0\nIOMMUGroup:\t1\n"
    )
    assert (found.vendor_id, found.device_id, found.class_code) == (0x8086, 0x591E, 0x030000)
    assert (found.driver, found.numa_node, found.iommu_group) == ("i915", 0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "IOMMU Group 7:\n\t00:1f.0 ISA bridge [0601]: Intel [8086:a2c5]\n",
        "IOMMU Group 7 00:1f.0 ISA bridge [0601]: Intel [8086:a2c5]\n",
        "IOMMU group 7\n00:1f.0 ISA bridge\n",
        "/sys/kernel/iommu_groups/7/devices/0000:00:1f.0\n",
        "00:1f.0 ISA bridge: x\n\n[ 0.5] pci 0000:00:1f.0: Adding to iommu group 7\n",
        "00:1f.0 ISA bridge: x\niommu: Adding device 0000:00:1f.0 to group 7\n",
        "/sys/kernel/iommu_groups/7/devices/0000:00:1f.0 # ISA bridge\n",
        "IOMMU GROUP 7\n (7) 00:1f.0 ISA bridge [0601]: Intel [8086:a2c5]\n",
        "IOMMU group 7\n[RESET] 00:1f.0 ISA bridge [0601]: Intel [8086:a2c5]\n",
        "Group 7:\t[8086:a2c5] [R] 00:1f.0  ISA bridge      Z270 LPC\n",
        "* IOMMU Group 7\n  - 00:1f.0 ISA bridge [0601]: Intel [8086:a2c5]\n",
        "iommu_groups/7/devices:\ntotal 0\n"
        "lrwxrwxrwx 1 root root 0 Jan  1 00:00 0000:00:1f.0 -> ../../../../devices/x\n",
        "\x1b[01;31mIOMMU Group 7\x1b[m\x1b[K 00:1f.0 ISA bridge\n",
    ],
)
def test_groups(text: str) -> None:
    snapshot = parse(text)
    assert snapshot.groups_known
    assert [f.iommu_group for f in snapshot.functions] == [7]


def groups_in(text: str) -> dict[str, int | None]:
    return {str(f.address)[5:]: f.iommu_group for f in parse(text).functions}


def test_groups_where_one_line_names_several_functions() -> None:
    path = "/sys/kernel/iommu_groups/{}/devices/0000:{}"
    joined = path.format(0, "00:00.0") + path.format(1, "00:01.0") + path.format(1, "01:00.0")
    expected = {"00:00.0": 0, "00:01.0": 1, "01:00.0": 1}
    assert groups_in(f"they are: {joined}\n") == expected
    columns = "{}/devices:\n0000:00:00.0\n\n{}/devices:\n0000:00:01.0  0000:01:00.0\n"
    assert groups_in(columns.format("iommu_groups/0", "iommu_groups/1")) == expected


@pytest.mark.parametrize("command", ["", "$ lspci -nn\n", "root@pve:~# lspci -nn\n"])
def test_a_listing_by_group_ends_where_another_begins(command: str) -> None:
    # The root complex of AMD machines is in no group, so it is not among the first listing's.
    groups = "IOMMU Group 3:\n\t00:01.0 Host bridge: x\nIOMMU Group 9:\n\t02:00.0 USB: y\n"
    listing = "00:00.0 Host bridge: z\n00:01.0 Host bridge: x\n02:00.0 USB: y\n03:00.0 a: b\n"
    expected = {"00:00.0": None, "00:01.0": 3, "02:00.0": 9, "03:00.0": None}
    assert groups_in(groups + command + listing) == expected
    assert groups_in(command + listing + groups) == expected


def test_the_table_of_proxmox() -> None:
    table = (
        "┌──────────┬────────┬──────────────┬────────────┬────────┬─────────────\n"
        "│ class    │ device │ id           │ iommugroup │ vendor │ device_name\n"
        "╞══════════╪════════╪══════════════╪════════════╪════════╪═════════════\n"
        "│ 0x010802 │ 0x1959 │ 0000:02:00.0 │         13 │ 0x1c5c │ some NVMe\n"
        "├──────────┼────────┼──────────────┼────────────┼────────┼─────────────\n"
        "│ 0x020000 │ 0x8125 │ 0000:08:00.0 │         -1 │ 0x10ec │\n"
    )
    assert groups_in(table) == {"02:00.0": 13, "08:00.0": None}
    nvme = parse(table).functions[0]
    assert (nvme.vendor_id, nvme.device_id, nvme.class_code) == (0x1C5C, 0x1959, 0x010800)


def numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        lambda text: text.replace(" ", "\xa0").replace("\t", "\xa0\xa0"),
        lambda text: re.sub(r"(?m)^(\S+)", "\x1b[01;31m\x1b[K\\1\x1b[m\x1b[K", text),
        lambda text: re.sub(r"(?m)^(.{60}\S*) (.+)$", r"\1 =\n\2", text.replace("=", "=3D")),
        lambda text: f"<html><body><pre>{text.replace('<', '&lt;')}</pre></body></html>",
        lambda text: "".join(f"{n:5}\t{line}\n" for n, line in numbered(text)),
        lambda text: "".join(f"{n}:{line}\n" for n, line in numbered(text)),
        lambda text: "".join(f"+{line}\n" for line in text.splitlines()),
        lambda text: "".join(f"| {line}\n" for line in text.splitlines()),
        lambda text: re.sub(r"(?m)^(0000:.{58,}?) (?=\S)", "\\1\n", text),
        lambda text: re.sub(r"(?m)^(0000:01:)", r"0000:00:04.0/\1", text),
    ],
    ids=[
        "HTML",
        "typographers' spaces",
        "colours",
        "mail as it is sent",
        "a page",
        "cat -n",
        "grep -n",
        "a diff",
        "a table",
        "wrapped first lines",
        "lspci -PP",
    ],
)
def test_what_others_do_to_text(change: Callable[[str], str]) -> None:
    for text in (VVV, VVV.replace("Capabilities: [160 v1]", "Capabilities: <access denied>")):
        assert change(text) != text
        assert parse(change(text)).functions == parse(text).functions


def test_several_outputs_in_one_file_are_joined() -> None:
    text = "01:00.0 Ethernet controller [0200]: Intel [8086:10c9]\n" + V + VVV + HEX
    snapshot = parse(text)
    assert snapshot.functions == parse(VVV + HEX).functions
    assert function(snapshot, PF).config == function(parse(HEX), PF).config
    assert "more than once" in snapshot.notes[0]


def test_numbers_of_one_listing_count_more_than_names_of_another() -> None:
    numbers = "01:00.0 Ethernet controller [0200]: Intel [8086:10fb]\n"
    words = "01:00.0 Ethernet controller: Intel 82599\n\tControl: Mem+\n"
    for text in (numbers + words, words + numbers):
        snapshot = parse_lspci(text, source="d", ids_of=lambda _: (0x8086, 0x1234))
        assert [f.device_id for f in snapshot.functions] == [0x10FB]
        assert not any("without ids" in note for note in snapshot.notes)


@pytest.mark.parametrize(
    ("text", "device_id"),
    [
        ("00:1f.6 Ethernet controller [0200]: Intel Corporation Ethernet\n"
         "Connection (2) I219-V [8086:15b8] (rev 31)\n\tControl: Mem+\n", 0x15B8),
        ("00:04.0 Signal processing controller [1180]: Intel Corporation Device\n"
         "[8086:8a03] (rev 03)\n\tSubsystem: Dell Device [1028:08b0]\n", 0x8A03),
        ("00:05.2 System peripheral [0880]: Intel Corporation Xeon E5/Core i7\n"
         "Control Status and Global Errors [8086:3c2a]\n", 0x3C2A),
        ("00:18.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Data\n"
         "Fabric: Device 18h; Function 0 [1022:1460]\n\nThanks [1234:5678]\n", 0x1460),
    ],
)  # fmt: skip
def test_a_wrapped_first_line(text: str, device_id: int) -> None:
    assert only(text).device_id == device_id


def test_a_wrapped_group_is_no_heading() -> None:
    text = (
        "00:01.0 PCI bridge: x\n\tFlags: bus master, fast devsel, latency 0, IRQ 34, IOMMU\n"
        "group 13\n\n00:02.0 PCI bridge: y\n\tFlags: fast devsel\n"
    )
    assert groups_in(text) == {"00:01.0": 13, "00:02.0": None}
    cut = "00:01.0 PCI bridge: x\n\tFlags: bus master,\n00:02.0 PCI bridge: y\n"
    assert list(groups_in(cut)) == ["00:01.0", "00:02.0"]


def test_bus_numbers_are_no_line_numbers() -> None:
    text = "00:00.0 Host bridge: x\n01:00.0 VGA: y\n02:00.0 USB: z\n"
    assert list(groups_in(text)) == ["00:00.0", "01:00.0", "02:00.0"]


def test_wrapped_lines() -> None:
    text = VVV.replace("ReqRedir+ CmpltRedir+", "ReqRedir+\nCmpltRedir+").replace("\t", " ")
    assert parse(text).functions == parse(VVV).functions


def test_a_function_that_sleeps() -> None:
    config = only("01:00.0 x: y (rev ff)\n\t!!! Unknown header type 7f\n").config
    assert config is not None
    assert config.is_gone


def test_bytes_of_what_was_asleep_before() -> None:
    data = build_config(vendor_id=0x8086, device_id=1, class_code=0x020000)
    found = only(f"01:00.0 x: y\n\t!!! Unknown header type 7f\n{hex_lines(data)}")
    assert found.vendor_id == 0x8086


def test_impossible_numbers_of_vfs() -> None:
    sriov = SRIOVCapability(65535, 65535, 65535, 1, 1, 0x10CA, vf_enable=True)
    data = build_config(vendor_id=0x8086, device_id=1, class_code=0x020000, sriov=sriov)
    text = "".join(f"{bus:02x}:00.0 x: y\n{hex_lines(data)}" for bus in range(3))
    # There is room for one such PF in a domain: who comes later is not believed.
    assert [len(f.virtfn_addresses) for f in parse(text).functions] == [65535, 0, 0]


# --- what is no dump ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n\t\n", "empty"),
        ("hello\n", "no function is in it"),
        ("-[0000:00]-+-00.0\n           +-01.0\n", "tree of lspci -t"),
        ("Bus 001 Device 001: ID 1d6b:0002 Linux Foundation\n", "USB"),
        ("  *-pci\n       description: Host bridge\n", "lshw"),
        ("[    0.000000] Linux version 6.12\n", "--dmesg"),
        ("00: 86 80 25 0b 06 00 10 00\n", "bytes"),
        ("\tCapabilities: [160 v1] Single Root I/O Virtualization\n", "capabilities"),
    ],
)
def test_what_is_no_dump(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse(text)
    assert caught.value.hint
    assert caught.value.subject == "dump.txt"


# --- at random -----------------------------------------------------------------------------------

LINES = st.sampled_from([line for text in (HEX, VVV, V) for line in text.splitlines()])
TORN = st.lists(st.tuples(LINES, st.integers(0, 200)), max_size=60).map(
    lambda pairs: "\n".join(line[:end] for line, end in pairs)
)


@settings(max_examples=150)
@given(text=TORN | st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    TARGETS["parse_lspci"][0](text.encode())


@settings(max_examples=60)
@given(data=st.binary(min_size=64, max_size=300), name=st.sampled_from(["00:00.0", "ff:1f.7"]))
def test_bytes_come_back(data: bytes, name: str) -> None:
    (block,) = cut_into_blocks(f"{name} x: y\n{hex_lines(data)}").blocks
    assert (block.data, block.has_hole) == (data, False)


@pytest.mark.parametrize("name", TARGETS)
def test_every_decoder_takes_anything(name: str) -> None:
    target, seeds = TARGETS[name]

    @settings(max_examples=60)
    @given(
        data=st.binary(max_size=600)
        | st.text(max_size=200).map(str.encode)
        | st.tuples(st.sampled_from(seeds), st.integers(0, 400), st.binary(max_size=8)).map(
            lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]
        )
    )
    def run(data: bytes) -> None:
        target(data)

    run()
