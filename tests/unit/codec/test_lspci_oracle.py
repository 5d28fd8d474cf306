"""Dumps and listings of real and of emulated machines against lspci, sysfs and their groups.

Words are compared with bytes: ``lspci -F`` turns a dump into words, and reading these must give
what decoding the bytes gave.  Data that is not part of the project is skipped where it is absent.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sriovctl.codec.kernel_log import (
    find_iommu_groups,
    find_kernel_release,
    parse_kernel_log,
    with_kernel_log,
)
from sriovctl.codec.lspci import parse_lspci
from sriovctl.codec.lspci_text import read_function_text
from sriovctl.errors import InputError
from sriovctl.host.pci_ids import PCINames
from sriovctl.model.capabilities import ConfigSpace
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = REPOSITORY.parent / "shared" / "data"
OWN = sorted((REPOSITORY / "tests/data/config").glob("*.txt"))
HEX = OWN + sorted(path for path in (DATA / "dumps").glob("*") if path.is_file())
QEMU = sorted((DATA / "qemu").glob("*/*.lspci-xxxx.txt*"))
HEX += QEMU
HEX += sorted((DATA / "libvirt").glob("*.lspci-xxxx.txt"))
MACHINES = DATA / "machines"
LISTINGS = [
    path
    for folder in ("machines", "lspci-only", "listing")
    for path in sorted((DATA / folder).glob("*.txt"))
    if not path.name.endswith(".dmesg.txt")
]
LOGS = sorted((DATA / "dmesg").glob("*.txt")) + sorted(DATA.glob("*/*.dmesg.txt"))
LOGS += sorted((DATA / "qemu").glob("*/dmesg.txt"))
FAILURES = sorted((DATA / "sriov-failures").glob("*.txt"))
SNIPPETS = sorted((DATA / "sriov-caps").glob("*.txt"))

needs_lspci = pytest.mark.skipif(shutil.which("lspci") is None, reason="lspci is not installed")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data are not on this machine")


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}" if path else "none"


def found(paths: list[Path]) -> list[Any]:
    """As parameters; where there are none, one that is skipped and says why."""
    absent = pytest.mark.skip(reason="the data are not on this machine")
    return list(paths) or [pytest.param(Path(), marks=absent)]


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


def parse(path: Path) -> HostSnapshot:
    return parse_lspci(text_of(path), source=path.name, ids_of=PCINames().ids_of)


def words_of(path: Path, tmp_path: Path) -> HostSnapshot:
    plain = tmp_path / "dump"
    plain.write_text(text_of(path))
    answer = subprocess.run(
        ["lspci", "-F", str(plain), "-D", "-vvvnn"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return parse_lspci(answer.stdout.decode("utf-8", "replace"), source="words")


# What lspci prints: not the word behind the ACS registers, nor whether ATS is page aligned; FLR of
# endpoints only, and ARI forwarding of ports only.
def as_printed(config: ConfigSpace) -> ConfigSpace:
    acs, ats, express = config.acs, config.ats, config.express
    if acs is not None:
        low = {"capabilities": acs.capabilities & 0x7F, "control": acs.control & 0x7F}
        acs = acs._replace(word_at_8=None, **low)
    if express is not None and express.port_type not in (0, 1, 9):
        express = express._replace(flr=False)
    if express is not None and express.port_type not in (4, 6):
        express = express._replace(ari_forwarding_supported=None, ari_forwarding_enable=None)
    return config._replace(
        acs=acs, express=express, ats=None if ats is None else ats._replace(page_aligned=False)
    )


COMPARED = ("express", "msi", "msix", "acs", "ari", "ats", "pri", "pasid", "sriov",
            "serial_number", "vf_resizable_bars")  # fmt: skip


def compare(read: FunctionSnapshot, told: FunctionSnapshot, *, cut: bool) -> None:
    assert (read.address, read.vendor_id, read.device_id, read.class_code) == (
        told.address, told.vendor_id, told.device_id, told.class_code,
    )  # fmt: skip
    assert read.config is not None
    assert told.config is not None
    one, two = as_printed(read.config), as_printed(told.config)
    assert one.header is not None
    assert two.header is not None
    for attribute in ("command", "revision", "header_type", "bridge", "has_capability_list"):
        assert getattr(one.header, attribute) == getattr(two.header, attribute), attribute
    if cut:
        return
    for attribute in COMPARED:
        assert getattr(one, attribute) == getattr(two, attribute), attribute
    # Two ids of Virtual Channel have one name.
    assert [e.offset for e in one.capabilities] == [e.offset for e in two.capabilities]
    assert (told.pf_address, told.vf_index) == (read.pf_address, read.vf_index)


# Of these the bytes end at 256, and the file's own words go on.
ADDED_BY_WORDS = ("cap-dpc", "cap-atomicops")


@needs_lspci
@pytest.mark.parametrize("path", HEX, ids=name)
def test_words_of_lspci_say_what_the_bytes_say(path: Path, tmp_path: Path) -> None:
    read, told = parse(path), words_of(path, tmp_path)
    assert (read.source, told.source) == (SourceKind.HEX_DUMP, SourceKind.LISTING)
    cut = path.name in ADDED_BY_WORDS
    assert len(read.functions) == len(told.functions)
    for one, two in zip(read.functions, told.functions, strict=True):
        compare(one, two, cut=cut)


@pytest.mark.parametrize("path", OWN, ids=name)
def test_own_listing_says_what_the_bytes_say(path: Path) -> None:
    words = REPOSITORY / "tests/data/lspci" / f"{path.stem}.vvv.txt"
    for one, two in zip(parse(path).functions, parse(words).functions, strict=True):
        compare(one, two, cut=False)


@pytest.mark.parametrize("path", found(LISTINGS), ids=name)
def test_a_listing_is_read(path: Path) -> None:
    snapshot = parse(path)
    assert len(snapshot.functions) > 5
    known = [f for f in snapshot.functions if f.class_code is not None]
    # Lists that a script cut at the edge of the terminal lose the end of a class's name.
    assert len(known) > len(snapshot.functions) * 0.8


@needs_data
def test_groups_are_those_of_the_manifest() -> None:
    for machine in json.loads((MACHINES / "manifest.json").read_text()):
        snapshot = parse(MACHINES / f"{machine['id']}.txt")
        log = MACHINES / f"{machine['id']}.dmesg.txt"
        if log.exists():
            snapshot = with_kernel_log(snapshot, parse_kernel_log(text_of(log)))
        groups = {str(f.address): f.iommu_group for f in snapshot.functions}
        wanted = {a: int(number) for number, all_ in machine["groups"].items() for a in all_}
        assert snapshot.groups_known
        assert {a: g for a, g in groups.items() if g is not None} == wanted, machine["id"]


@pytest.mark.parametrize("path", found(LOGS), ids=name)
def test_a_kernel_log_is_read(path: Path) -> None:
    messages = parse_kernel_log(text_of(path))
    assert len(messages) > 100
    assert not [m for m in messages if m.startswith("[ ")]
    if any("Linux version" in message for message in messages):
        assert find_kernel_release(messages)


@pytest.mark.parametrize("path", found(LOGS), ids=name)
def test_groups_of_a_log(path: Path) -> None:
    text = text_of(path)
    groups = find_iommu_groups(parse_kernel_log(text))
    lines = [line for line in text.splitlines() if ": Adding to iommu group" in line]
    assert len(groups) <= len(lines)
    assert bool(groups) == any("0000:" in line for line in lines)


@pytest.mark.parametrize("path", found(FAILURES), ids=name)
def test_a_log_of_a_failure_is_read(path: Path) -> None:
    assert parse_kernel_log(text_of(path))


@pytest.mark.parametrize("path", found(LOGS + FAILURES), ids=name)
def test_a_log_is_no_dump_and_told_so(path: Path) -> None:
    with pytest.raises(InputError, match="is no dump of lspci") as caught:
        parse_lspci(text_of(path), source=path.name)
    assert caught.value.hint


@pytest.mark.parametrize("path", found(SNIPPETS), ids=name)
def test_a_snippet_of_an_sriov_capability(path: Path) -> None:
    lines = [line.strip() for line in text_of(path).splitlines()]
    told = read_function_text(line for line in lines if line)
    assert told.config is not None
    sriov = told.config.sriov
    assert sriov is not None
    assert sriov.total_vfs >= sriov.initial_vfs
    assert f"Total VFs: {sriov.total_vfs}," in text_of(path)


@pytest.mark.parametrize("path", found(QEMU), ids=name)
def test_relations_are_those_of_sysfs(path: Path) -> None:
    sysfs = json.loads((path.parent / f"{path.name.split('.')[0]}.sysfs.json").read_text())
    devices = sysfs["devices"]
    places = {
        vf: (pf, int(index.removeprefix("virtfn")))
        for pf, device in devices.items()
        for index, vf in device["virtfn"].items()
    }
    for one in parse(path).functions:
        device = devices[str(one.address)]
        place = places.get(str(one.address))
        assert one.is_vf is (place is not None)
        if place is not None:
            assert (str(one.pf_address), one.vf_index) == place
        assert one.vendor_id == int(device["attrs"]["vendor"], 16)
        assert one.device_id == int(device["attrs"]["device"], 16)
        assert len(one.virtfn_addresses) == len(device["virtfn"])
        if "sriov_numvfs" in device["attrs"]:
            assert one.sriov_num_vfs == int(device["attrs"]["sriov_numvfs"])
