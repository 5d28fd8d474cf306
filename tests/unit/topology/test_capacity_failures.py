"""``capacity`` on what real machines' kernels wrote when they refused VFs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import ConfigSpace
from sriovctl.model.capacity import LimitKind
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind
from sriovctl.topology.capacity import capacity_of
from sriovctl.topology.mmio import vf_bars_of
from tests.unit.topology.made import PF, machine, resources, sriov

FAILURES = Path(__file__).parents[4] / "shared/data/sriov-failures"
pytestmark = pytest.mark.skipif(
    not FAILURES.exists(), reason="the logs of real failures are not beside this checkout"
)

_OFFERED = re.compile(r"pci (\S+): VF BAR (\d) .*contains BAR \d for (\d+) VFs")
_FAILED = re.compile(r"pci (\S+): VF BAR (\d) \[mem size 0x([0-9a-f]+) .*failed to assign")


def log_of(name: str) -> tuple[str, ...]:
    text = (FAILURES / name).read_text(errors="replace")
    return tuple(re.sub(r"^\[[ 0-9.]+\] ", "", line) for line in text.splitlines())


@pytest.mark.parametrize(
    "name", ["24dfa7470-without_realloc_txt.txt", "24dfa7470-with_realloc_txt.txt"]
)
def test_the_size_that_found_no_place_is_read_from_the_log(name: str) -> None:
    log = log_of(name)
    offered = {match[1]: int(match[3]) for line in log if (match := _OFFERED.search(line))}
    failed = [match.groups() for line in log if (match := _FAILED.search(line))]
    checked = 0
    for pf, bar_index, size in failed:
        if pf in offered:
            assert_shortage(pf, int(bar_index), int(size, 16), offered[pf], log)
            checked += 1
    assert checked


@pytest.mark.parametrize(
    ("name", "pf", "max_vfs"),
    [
        ("24dfa7470-with_realloc_txt.txt", "0000:04:00.0", 0),
        # Here the kernel found room at its second try.
        ("24dfa7470-without_realloc_txt.txt", "0000:04:00.0", None),
        ("7a4b15ec7.txt", "0000:01:00.0", 0),
        ("3a671032e.txt", "0000:53:00.0", 0),
    ],
)
def test_beside_a_dump_the_log_decides(name: str, pf: str, max_vfs: int | None) -> None:
    function = FunctionSnapshot(parse_pci_address(pf), ConfigSpace(header=None, sriov=sriov()))
    host = HostSnapshot(SourceKind.HEX_DUMP, "dump", (function,), kernel_log=log_of(name))
    limits = capacity_of(host, function.address).limits
    (mmio,) = (one for one in limits if one.kind == LimitKind.MMIO)
    assert mmio.max_vfs == max_vfs


def assert_shortage(
    pf: str, bar_index: int, size: int, total_vfs: int, log: tuple[str, ...]
) -> None:
    function = FunctionSnapshot(
        parse_pci_address(pf), None, sriov_total_vfs=total_vfs, resources=resources(), path=()
    )
    host = HostSnapshot(SourceKind.HOST, "a log", (function,), kernel_log=log)
    bars = {bar.bar_index: bar for bar in vf_bars_of(host, function) or ()}
    assert bars[bar_index].reserved is None
    assert bars[bar_index].bytes_per_vf == size // total_vfs
    (mmio,) = (
        one for one in capacity_of(host, function.address).limits if one.kind == LimitKind.MMIO
    )
    assert mmio.max_vfs == 0


def test_a_82599_that_came_back_without_ari_is_refused_with_the_kernels_words() -> None:
    log = "\n".join(log_of("9e23a27f4.txt"))
    found = re.search(r"can't enable 1 VFs \(bus (\w+) out of range of \[bus (\w+)\]\)", log)
    offsets = re.findall(r"VF offset: (\d+), stride: (\d+)", log)  # as it was, as it came back
    assert found is not None
    bus = int(found[2], 16)
    # The same registers on another bus: what counts is the distance.
    snapshot = machine(
        sriov(63, offset=int(offsets[-1][0]), stride=int(offsets[-1][1])), last_bus=PF.bus
    )
    capacity = capacity_of(snapshot, PF, vfs=1)
    assert capacity.max_usable_vfs == 0
    assert capacity.placement is not None
    assert capacity.placement.first_limit == LimitKind.BUS_NUMBERS
    assert capacity.placement.buses == (PF.bus + int(found[1], 16) - bus,)
