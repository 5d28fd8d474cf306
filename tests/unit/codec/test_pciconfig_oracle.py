"""The decoder against lspci, on dumps of real and of emulated machines.

``lspci -F`` decodes a dump without touching the machine that it runs on.  The dumps are not part
of the project: where they are absent, these tests skip.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from sriovctl.codec.pciconfig import (
    bar_sizes_from_resource,
    decode_config,
    vf_bar_sizes_from_resource,
)
from sriovctl.model.address import parse_pci_address, vf_address
from sriovctl.model.capabilities import ACS_NAMES, ConfigSpace, acs_mask

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = REPOSITORY.parent / "shared" / "data"
FIXTURES = REPOSITORY / "tests" / "data" / "config"
DUMPS = sorted(FIXTURES.glob("*.txt"))
DUMPS += sorted(path for path in (DATA / "dumps").glob("*") if path.is_file())
DUMPS += sorted((DATA / "qemu").glob("*/*.lspci-xxxx.txt"))
DUMPS += sorted((DATA / "libvirt").glob("*.lspci-xxxx.txt"))
TREES = sorted((DATA / "topologies").glob("*.tar.xz"))

HEAD = re.compile(r"(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ")
HEX_LINE = re.compile(r"([0-9a-f]{2,3}): ((?:[0-9a-f]{2} ?)+)$")
LSPCI_ACS = dict(
    zip(
        (
            "SrcValid", "TransBlk", "ReqRedir", "CmpltRedir",
            "UpstreamFwd", "EgressCtrl", "DirectTrans",
        ),
        ACS_NAMES,
        strict=True,
    )
)  # fmt: skip
# lspci's words for types, as far as they differ from the beginning of ours.
LSPCI_TYPES = {
    "Endpoint": 0,
    "Legacy Endpoint": 1,
    "Root Port": 4,
    "Upstream Port": 5,
    "Downstream Port": 6,
    "PCI-Express to PCI/PCI-X Bridge": 7,
    "PCI/PCI-X to PCI-Express Bridge": 8,
    "Root Complex Integrated Endpoint": 9,
    "Root Complex Event Collector": 10,
}

needs_lspci = pytest.mark.skipif(shutil.which("lspci") is None, reason="lspci is not installed")


def read_dump(path: Path) -> list[bytes]:
    """Config space of each device in a dump, in its order."""
    devices: list[bytearray] = []
    for line in path.read_text(errors="replace").splitlines():
        if HEAD.match(line):
            devices.append(bytearray())
        elif devices and (match := HEX_LINE.match(line.strip())):
            assert int(match[1], 16) == len(devices[-1])
            devices[-1] += bytes.fromhex(match[2])
    return [bytes(device) for device in devices]


def lspci(path: Path) -> list[str]:
    """What lspci says of each device, in its order."""
    answer = subprocess.run(
        ["lspci", "-F", str(path), "-D", "-vvvnn"],
        capture_output=True, text=True, check=True, errors="replace", timeout=60,
    )  # fmt: skip
    return [block for block in answer.stdout.split("\n\n") if HEAD.match(block)]


def in_address_order(path: Path) -> list[bytes]:
    """As :func:`read_dump`, in the order in which lspci prints."""
    heads = [line for line in path.read_text(errors="replace").splitlines() if HEAD.match(line)]
    names = [head.split(" ")[0] for head in heads]
    whole = [name if name.count(":") == 2 else f"0000:{name}" for name in names]
    keys = [tuple(int(part, 16) for part in re.split("[:.]", name)) for name in whole]
    # lspci prints what comes later in the file first where an address stands there twice.
    return [data for _, data in sorted(zip(keys, read_dump(path), strict=True), key=lambda x: x[0])]


def plus(text: str) -> dict[str, bool]:
    return {name: sign == "+" for name, sign in re.findall(r"([\w.]+):?([+-])(?=[\s,]|$)", text)}


def section(block: str, head: str) -> str | None:
    """The capability whose line contains *head*, with its indented lines."""
    match = re.search(rf"^\tCapabilities: .*{head}.*\n(?:\t\t.*\n?)*", block, re.MULTILINE)
    return match[0] if match else None


def told(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match[1]


def compare_sriov(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"Single Root I/O Virtualization")
    if text is None:
        assert config.sriov is None
        return False
    sriov = config.sriov
    assert sriov is not None
    control = plus(told(text, r"IOVCtl:\t(.*)"))
    assert sriov.offset == int(told(text, r"\[([0-9a-f]+) v"), 16)
    assert sriov.vf_migration_capable == plus(told(text, r"IOVCap:\t(.*)"))["Migration"]
    assert sriov.migration_interrupt_message == int(told(text, r"(?:Number|IntMsgNum):? (\d+)"), 16)
    assert (sriov.vf_enable, sriov.vf_mse) == (control["Enable"], control["MSE"])
    assert sriov.vf_migration_enable == control["Migration"]
    assert sriov.migration_interrupt_enable == control["Interrupt"]
    assert sriov.ari_capable_hierarchy == control["ARIHierarchy"]
    assert bool(sriov.status & 1) == plus(told(text, r"IOVSta:\t(.*)"))["Migration"]
    assert sriov.initial_vfs == int(told(text, r"Initial VFs: (\d+)"))
    assert sriov.total_vfs == int(told(text, r"Total VFs: (\d+)"))
    assert sriov.num_vfs == int(told(text, r"Number of VFs: (\d+)"))
    assert sriov.dependency_link == int(told(text, r"Dependency Link: (\w+)"), 16)
    assert sriov.first_vf_offset == int(told(text, r"VF offset: (\d+)"))
    assert sriov.vf_stride == int(told(text, r"stride: (\d+)"))
    assert sriov.vf_device_id == int(told(text, r"Device ID: (\w+)"), 16)
    assert sriov.supported_page_size_mask == int(told(text, r"Supported Page Size: (\w+)"), 16)
    assert sriov.system_page_size_mask == int(told(text, r"System Page Size: (\w+)"), 16)
    assert sriov.migration_array_offset == int(told(text, r"VF Migration: offset: (\w+)"), 16)
    assert sriov.migration_array_bar == int(told(text, r"BIR: (\d+)"))
    regions = re.findall(
        r"Region (\d): Memory at ([0-9a-f]+|<\w+>) \((\d+)-bit, (non-)?prefetchable", text
    )
    assert [
        (bar.bar_index, bar.address or 0, bar.width, bar.prefetchable) for bar in sriov.vf_bars
    ] == [
        (int(n), 0 if at[0] == "<" else int(at, 16), int(w), not non) for n, at, w, non in regions
    ]
    return True


def compare_acs(block: str, config: ConfigSpace) -> bool:
    text = section(block, "Access Control Services")
    if text is None:
        assert config.acs is None
        return False
    acs = config.acs
    assert acs is not None
    for register, value in (("ACSCap", acs.capabilities), ("ACSCtl", acs.control)):
        bits = plus(told(text, rf"{register}:\t(.*)"))
        wanted = [LSPCI_ACS[name] for name, is_set in bits.items() if is_set]
        assert value & 0x7F == acs_mask(wanted)
    return True


def compare_ari(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"Alternative Routing-ID Interpretation")
    if text is None:
        assert config.ari is None
        return False
    ari = config.ari
    assert ari is not None
    capability, control = plus(told(text, "ARICap:\t(.*)")), plus(told(text, "ARICtl:\t(.*)"))
    assert (ari.mfvc_function_groups, ari.acs_function_groups) == (
        capability["MFVC"], capability["ACS"],
    )  # fmt: skip
    assert (ari.mfvc_function_groups_enable, ari.acs_function_groups_enable) == (
        control["MFVC"], control["ACS"],
    )  # fmt: skip
    assert ari.next_function == int(told(text, r"Next Function: (\d+)"))
    assert ari.function_group == int(told(text, r"Function Group: (\d+)"))
    return True


def compare_ats(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"Address Translation Service")
    if text is None:
        assert config.ats is None
        return False
    assert config.ats is not None
    assert config.ats.queue_depth == (int(told(text, r"Queue Depth: (\w+)"), 16) or 32)
    assert config.ats.enabled == plus(told(text, r"ATSCtl:\t(.*)"))["Enable"]
    unit = int(told(text, r"Smallest Translation Unit: (\w+)"), 16)
    assert config.ats.smallest_translation_unit == unit
    return True


def compare_pri(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"Page Request Interface")
    if text is None:
        assert config.pri is None
        return False
    pri = config.pri
    assert pri is not None
    control, status = plus(told(text, r"PRICtl: (.*)")), plus(told(text, r"PRISta: (.*)"))
    assert (pri.enabled, pri.reset) == (control["Enable"], control["Reset"])
    assert (pri.response_failure, pri.unexpected_response, pri.stopped) == (
        status["RF"], status["UPRGI"], status["Stopped"],
    )  # fmt: skip
    assert pri.capacity == int(told(text, r"Request Capacity: (\w+)"), 16)
    assert pri.allocation == int(told(text, r"Request Allocation: (\w+)"), 16)
    return True


def compare_pasid(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"Process Address Space ID")
    if text is None:
        assert config.pasid is None
        return False
    pasid = config.pasid
    assert pasid is not None
    capability, control = plus(told(text, r"PASIDCap: (.*)")), plus(told(text, r"PASIDCtl: (.*)"))
    assert (pasid.execute_supported, pasid.privileged_supported) == (
        capability["Exec"], capability["Priv"],
    )  # fmt: skip
    assert (pasid.enabled, pasid.execute_enable, pasid.privileged_enable) == (
        control["Enable"], control["Exec"], control["Priv"],
    )  # fmt: skip
    assert pasid.width == int(told(text, r"Max PASID Width: (\w+)"), 16)
    return True


def compare_serial_number(block: str, config: ConfigSpace) -> bool:
    match = re.search(r"\] Device Serial Number (\S+)", block)
    told_number = None if match is None else match[1]
    if told_number is None or set(told_number) <= {"0", "-"}:
        assert config.serial_number is None
        return False
    assert config.serial_number == told_number
    return True


def compare_express(block: str, config: ConfigSpace) -> bool:
    text = section(block, r"\] Express \(v\d\)")
    if text is None:
        assert config.express is None or "Express (v0)" in block or "<access denied>" in block
        return False
    express = config.express
    assert express is not None
    match = re.search(r"Express \(v(\d)\) (.*?)(?: \(Slot([+-])\))?, (?:Int)?MSI? ?", text)
    match = match or re.search(r"Express \(v(\d)\) (.*?)(?: \(Slot([+-])\))?, ", text)
    assert match is not None, text
    assert express.version == int(match[1])
    assert express.port_type == LSPCI_TYPES[match[2]]
    assert match[3] is None or express.slot_implemented == (match[3] == "+")
    assert express.max_payload_supported_bytes == int(told(text, r"DevCap:\tMaxPayload (\d+)"))
    assert express.max_payload_bytes == int(told(text, r"\t\t\tMaxPayload (\d+) bytes, MaxRead"))
    if flr := re.search(r"DevCap:.*\n.*FLReset([+-])", text):
        assert express.flr == (flr[1] == "+")
    compare_link(text, config)
    forwards = re.findall(r"ARIFwd([+-])", text)
    if forwards:
        assert [express.ari_forwarding_supported, express.ari_forwarding_enable] == [
            sign == "+" for sign in forwards
        ]
    return True


def compare_link(text: str, config: ConfigSpace) -> None:
    express = config.express
    assert express is not None
    capability = re.search(r"LnkCap:.* Speed ([\d.]+)GT/s, Width x(\d+)", text)
    status = re.search(r"LnkSta:\tSpeed ([\d.]+)GT/s(?: \(\w+\))?, Width x(\d+)", text)
    if capability:
        speed, width = float(capability[1]), int(capability[2]) or None
        assert (express.max_link_speed_gts, express.max_link_width) == (speed, width)
    if status:
        speed, width = float(status[1]), int(status[2]) or None
        assert (express.link_speed_gts, express.link_width) == (speed, width)


def compare_msi(block: str, config: ConfigSpace) -> bool:
    if text := section(block, r"\] MSI-X:"):
        msix = config.msix
        assert msix is not None
        flags = plus(text.splitlines()[0])
        assert (msix.enabled, msix.masked) == (flags["Enable"], flags["Masked"])
        assert msix.vectors == int(told(text, r"Count=(\d+)"))
        assert msix.table_bar == int(told(text, r"Vector table: BAR=(\d)"))
        assert msix.table_offset == int(told(text, r"Vector table: .* offset=(\w+)"), 16)
        assert msix.pba_bar == int(told(text, r"PBA: BAR=(\d)"))
        assert msix.pba_offset == int(told(text, r"PBA: .* offset=(\w+)"), 16)
    else:
        assert config.msix is None
    if text := section(block, r"\] MSI:"):
        msi = config.msi
        assert msi is not None
        flags = plus(text.splitlines()[0])
        assert (msi.enabled, msi.maskable) == (flags["Enable"], flags["Maskable"])
        assert msi.is_64bit == flags["64bit"]
        counts = (int(told(text, r"Count=(\d+)")), int(told(text, r"Count=\d+/(\d+)")))
        assert (msi.vectors_enabled, msi.vectors) == counts
    else:
        assert config.msi is None
    return config.msix is not None or config.msi is not None


def compare_header(block: str, config: ConfigSpace) -> bool:
    header = config.header
    assert header is not None
    head = block.splitlines()[0]
    assert f"[{header.class_code >> 8:04x}]" in head
    assert f"[{header.vendor_id:04x}:{header.device_id:04x}]" in head
    if match := re.search(r"Bus: primary=(\w+), secondary=(\w+), subordinate=(\w+)", block):
        assert header.header_type == 2 or header.bridge == tuple(
            int(bus, 16) for bus in match.groups()
        )
    return True


def compare_list(block: str, config: ConfigSpace) -> bool:
    offsets = [int(x, 16) for x in re.findall(r"Capabilities: \[([0-9a-f]+)(?: v\d+)?\]", block)]
    assert [e.offset for e in config.capabilities] == offsets
    return True


COMPARISONS = (
    compare_header,
    compare_list,
    compare_express,
    compare_msi,
    compare_sriov,
    compare_acs,
    compare_ari,
    compare_ats,
    compare_pri,
    compare_pasid,
    compare_serial_number,
)


@needs_lspci
@pytest.mark.parametrize("path", DUMPS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_dump_against_lspci(path: Path) -> None:
    blocks, devices = lspci(path), in_address_order(path)
    assert len(blocks) == len(devices)
    for block, data in zip(blocks, devices, strict=True):
        config = decode_config(data)
        for compare in COMPARISONS:
            compare(block, config)


@pytest.mark.skipif(not (DATA / "dumps").is_dir(), reason="the dumps are not on this machine")
def test_the_dumps_are_there() -> None:
    assert len(DUMPS) > 30


def read_tree(path: Path) -> dict[str, bytes]:
    """The files ``config``, ``resource`` and ``sriov_*`` of a recorded tree, by path."""
    with tarfile.open(path) as archive:
        return {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
            and member.name.rpartition("/")[2] in ("config", "resource", "sriov_numvfs",
                "sriov_offset", "sriov_stride", "sriov_vf_device", "sriov_vf_total_msix",
                "class", "vendor", "device", "secondary_bus_number", "subordinate_bus_number")
        }  # fmt: skip


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.name)
def test_recorded_tree_against_its_sysfs(path: Path) -> None:
    files = read_tree(path)
    functions = sorted(name.rpartition("/")[0] for name in files if name.endswith("/config"))
    assert functions
    for function in functions:
        config = decode_config(files[f"{function}/config"])
        assert (config.problems, config.truncated_at) == ((), None)
        compare_with_sysfs(config, function, files)


def compare_with_sysfs(config: ConfigSpace, function: str, files: dict[str, bytes]) -> None:
    header = config.header
    assert header is not None
    assert header.class_code == int(files[f"{function}/class"], 16)
    if header.vendor_id != 0xFFFF:  # a VF
        assert header.vendor_id == int(files[f"{function}/vendor"], 16)
        assert header.device_id == int(files[f"{function}/device"], 16)
    if header.bridge and f"{function}/secondary_bus_number" in files:
        assert header.bridge.secondary_bus == int(files[f"{function}/secondary_bus_number"])
        assert header.bridge.subordinate_bus == int(files[f"{function}/subordinate_bus_number"])
    if f"{function}/sriov_numvfs" in files:
        compare_sriov_with_sysfs(config, function, files)
    else:
        assert config.sriov is None


def compare_sriov_with_sysfs(config: ConfigSpace, function: str, files: dict[str, bytes]) -> None:
    sriov = config.sriov
    assert sriov is not None
    assert sriov.first_vf_offset == int(files[f"{function}/sriov_offset"])
    assert sriov.vf_stride == int(files[f"{function}/sriov_stride"])
    assert sriov.vf_device_id == int(files[f"{function}/sriov_vf_device"], 16)
    num_vfs = int(files[f"{function}/sriov_numvfs"])
    assert sriov.vf_enable == bool(num_vfs)
    assert not num_vfs or sriov.num_vfs == num_vfs
    text = files[f"{function}/resource"].decode()
    sizes = vf_bar_sizes_from_resource(text, total_vfs=sriov.total_vfs)
    for bar in sriov.vf_bars:
        assert (sizes[bar.bar_index] is None) == (bar.address is None)
    # Where VFs are on, the kernel says of each how long its BARs are.
    for vf in vfs_of(function, files, count=num_vfs):
        assert bar_sizes_from_resource(files[f"{vf}/resource"].decode()) == sizes


def vfs_of(function: str, files: dict[str, bytes], *, count: int) -> list[str]:
    parent, _, name = function.rpartition("/")
    pf = parse_pci_address(name)
    sriov = decode_config(files[f"{function}/config"]).sriov
    assert sriov is not None
    placement = {"first_vf_offset": sriov.first_vf_offset, "vf_stride": sriov.vf_stride}
    return [f"{parent}/{vf_address(pf, n, **placement)}" for n in range(count)]
