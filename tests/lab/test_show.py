"""``sriovctl show`` on a real kernel, against lspci's decoding and against sysfs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.lab("82576")

PCI = Path("/sys/bus/pci/devices")
PF = "0000:01:00.0"
NVME_PF = "0000:05:00.0"
ACS_BITS = {
    "SrcValid": "SV",
    "TransBlk": "TB",
    "ReqRedir": "RR",
    "CmpltRedir": "CR",
    "UpstreamFwd": "UF",
    "EgressCtrl": "EC",
    "DirectTrans": "DT",
}


def sriovctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sriovctl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def show(target: str) -> dict[str, Any]:
    answer = sriovctl("show", target, "--json")
    assert answer.returncode == 0, answer.stderr
    document: dict[str, Any] = json.loads(answer.stdout)
    assert document["schema"] == "sriovctl/show/1"
    return document


def lspci(address: str) -> str:
    if shutil.which("lspci") is None:
        pytest.skip("lspci is not installed")
    command = ["lspci", "-vvv", "-D", "-s", address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def section(text: str, title: str) -> str | None:
    match = re.search(rf"^\tCapabilities: .*{title}.*\n(?:\t\t.*\n?)*", text, re.MULTILINE)
    return match[0] if match else None


def told(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match[1]


def bits_set(line: str) -> list[str]:
    return re.findall(r"([\w.]+)\+", line)


def sriov_of_lspci(text: str) -> dict[str, object] | None:
    """What lspci says of SR-IOV, in the words of ``show --json``."""
    block = section(text, r"Single Root I/O Virtualization")
    if block is None:
        return None
    control = bits_set(told(block, r"IOVCtl:\t(.*)"))
    supported = int(told(block, r"Supported Page Size: (\w+)"), 16)
    bars = re.findall(r"Region (\d): Memory at (\w+) \((\d+)-bit, (non-)?prefetchable", block)
    return {
        "offset": int(told(block, r"\[(\w+) v"), 16),
        "total_vfs": int(told(block, r"Total VFs: (\d+)")),
        "initial_vfs": int(told(block, r"Initial VFs: (\d+)")),
        "num_vfs": int(told(block, r"Number of VFs: (\d+)")),
        "first_vf_offset": int(told(block, r"VF offset: (\d+)")),
        "vf_stride": int(told(block, r"stride: (\d+)")),
        "vf_device_id": told(block, r"Device ID: (\w+)"),
        "supported_page_sizes": [4096 << n for n in range(32) if supported >> n & 1],
        "system_page_size": int(told(block, r"System Page Size: (\w+)"), 16) << 12,
        "vf_enable": "Enable" in control,
        "vf_mse": "MSE" in control,
        "ari_capable_hierarchy": "ARIHierarchy" in control,
        "vf_bars": [
            {"index": int(n), "address": int(at, 16), "prefetchable": not non, "width": int(width)}
            for n, at, width, non in bars
        ],
    }


def acs_of_lspci(text: str) -> dict[str, list[str]] | None:
    block = section(text, "Access Control Services")
    if block is None:
        return None
    lines = {"capabilities": "ACSCap", "control": "ACSCtl"}
    return {
        key: [ACS_BITS[bit] for bit in bits_set(told(block, rf"{register}:\t(.*)"))]
        for key, register in lines.items()
    }


def bridges_and_pfs() -> list[str]:
    return sorted(
        path.name
        for path in PCI.iterdir()
        if (path / "class").read_text().startswith("0x0604") or (path / "sriov_totalvfs").exists()
    )


def compare_with_lspci(address: str) -> dict[str, Any]:
    """Compare one function, and return what sriovctl says."""
    document, text = show(address), lspci(address)
    acs = document["capabilities"]["acs"]
    shown = None if acs is None else {key: acs[key] for key in ("capabilities", "control")}
    assert shown == acs_of_lspci(text), address
    sriov, wanted = document["capabilities"]["sriov"], sriov_of_lspci(text)
    if wanted is None or sriov is None:
        assert sriov is wanted, address
        return document
    found = {key: sriov[key] for key in wanted}
    found["vf_bars"] = [{k: bar[k] for k in bar if k != "size"} for bar in sriov["vf_bars"]]
    assert found == wanted, address
    return document


def compare_with_sysfs(address: str, document: dict[str, Any]) -> None:
    directory = PCI / address
    for key, attribute in (("vendor_id", "vendor"), ("device_id", "device"), ("class", "class")):
        assert int(document[key], 16) == int((directory / attribute).read_text(), 16)
    group = (directory / "iommu_group").readlink().name
    assert document["iommu_group"] == int(group)
    driver = directory / "driver"
    assert document["driver"] == (driver.readlink().name if driver.exists() else None)
    if not (directory / "sriov_numvfs").exists():
        return
    sriov = document["capabilities"]["sriov"]
    assert document["sriov_total_vfs"] == int((directory / "sriov_totalvfs").read_text())
    assert sriov["first_vf_offset"] == int((directory / "sriov_offset").read_text())
    assert sriov["vf_stride"] == int((directory / "sriov_stride").read_text())
    # The kernel prints this one without leading zeros.
    assert int(sriov["vf_device_id"], 16) == int((directory / "sriov_vf_device").read_text(), 16)


def set_num_vfs(pf: str, count: int) -> None:
    (PCI / pf / "sriov_numvfs").write_text(str(count))
    deadline = time.monotonic() + 30
    while len(list((PCI / pf).glob("virtfn*"))) != count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(params=[PF, NVME_PF])
def three_vfs(request: pytest.FixtureRequest) -> Iterator[str]:
    pf: str = request.param
    autoprobe = PCI / pf / "sriov_drivers_autoprobe"
    before = autoprobe.read_text()
    autoprobe.write_text("0")  # nobody drives them here
    set_num_vfs(pf, 3)
    yield pf
    set_num_vfs(pf, 0)
    autoprobe.write_text(before)


def test_every_bridge_and_pf() -> None:
    addresses = bridges_and_pfs()
    assert {PF, "0000:04:00.0", NVME_PF} < set(addresses)
    documents = {address: compare_with_lspci(address) for address in addresses}
    for address, document in documents.items():
        compare_with_sysfs(address, document)
        assert document["truncated_at"] is None
        assert document["problems"] == []
    assert any(document["capabilities"]["acs"] for document in documents.values())


def test_with_vfs(three_vfs: str) -> None:
    document = compare_with_lspci(three_vfs)
    compare_with_sysfs(three_vfs, document)
    sriov = document["capabilities"]["sriov"]
    assert (sriov["num_vfs"], sriov["vf_enable"], sriov["vf_mse"]) == (3, True, True)
    for index in range(3):
        address = (PCI / three_vfs / f"virtfn{index}").readlink().name
        vf = show(address)
        compare_with_sysfs(address, vf)
        assert (vf["pf_address"], vf["vf_index"]) == (three_vfs, index)
        assert vf["capabilities"]["sriov"] is None
        assert vf["device_id"] == sriov["vf_device_id"]
        compare_vf_bars(address, sriov["vf_bars"])


def compare_vf_bars(vf: str, bars: list[dict[str, Any]]) -> None:
    # The kernel gives each VF its slice, whose length is the size of one VF BAR.
    lines = (PCI / vf / "resource").read_text().splitlines()
    for bar in bars:
        start, end, _flags = (int(word, 16) for word in lines[bar["index"]].split())
        assert end - start + 1 == bar["size"]


def test_vf_bars_are_where_the_pf_says(three_vfs: str) -> None:
    bars = show(three_vfs)["capabilities"]["sriov"]["vf_bars"]
    assert bars
    for index in range(3):
        vf = (PCI / three_vfs / f"virtfn{index}").readlink().name
        lines = (PCI / vf / "resource").read_text().splitlines()
        for bar in bars:
            start = int(lines[bar["index"]].split()[0], 16)
            assert start == bar["address"] + index * bar["size"]


def test_a_netdev_leads_to_its_function() -> None:
    (netdev,) = [path.name for path in (PCI / PF / "net").iterdir()]
    document = show(netdev)
    assert (document["address"], document["netdev"]) == (PF, netdev)


def test_the_text_explains() -> None:
    answer = sriovctl("show", PF)
    assert answer.returncode == 0
    assert "SR-IOV (capability at" in answer.stdout
    assert "at most 7" in answer.stdout


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("0000:01:00.3", 2, "no such PCI device"),
        ("lo", 2, "not of a PCI function"),
        ("nonsense", 2, "neither a netdev here nor a PCI address"),
    ],
)
def test_what_is_not_there_is_said_in_words(target: str, code: int, words: str) -> None:
    answer = sriovctl("show", target)
    assert answer.returncode == code
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_root_it_says_what_is_unknown() -> None:
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("setpriv is not installed")
    command = [program, "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable,
               "-m", "sriovctl", "show", PF, "--json"]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "sriovctl" not in answer.stdout:
        pytest.skip(f"an ordinary user cannot run it here: {answer.stderr[-300:]}")
    document = json.loads(answer.stdout)
    assert document["truncated_at"] == 64
    assert document["capabilities"]["sriov"] is None
    assert any("run as root" in note for note in document["notes"])
