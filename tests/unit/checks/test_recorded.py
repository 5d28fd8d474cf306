"""The rules on recorded machines and on logs of real failures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriovctl.checks.run import is_ready, run_checks
from sriovctl.codec.kernel_log import with_kernel_log
from sriovctl.codec.lspci import parse_lspci
from sriovctl.model.address import PCIAddress
from sriovctl.model.capacity import LimitKind
from sriovctl.model.finding import Finding, Severity
from sriovctl.model.snapshot import HostSnapshot, SourceKind
from sriovctl.topology.capacity import capacity_of, pfs_of
from sriovctl.topology.tree import build_tree
from tests.unit.checks.recorded import DATA, need, read_log, read_scenario
from tests.unit.topology.compact import FIXTURES, load

NOT_APART = ("acs-missing", "behind-conventional-bridge")
# True of every 82576, and of most kernels; said in each scenario's list where it is the point.
USUAL = ("fewer-vfs-than-hardware", "host-dma-translated", "nvme-vf-offline")

SCENARIOS: dict[str, set[tuple[str, str]]] = {
    "igb-rootport": set(),
    "igb-rootport-noari": {("ari-off", "0000:01:00.0")},
    "igb-two-pf-functions": set(),
    "iommu-default": set(),
    "iommu-pt": set(),
    "iommu-off": {("iommu-off-by-command-line", "host")},
    "no-iommu-hardware": {("iommu-missing-in-vm", "host")},
    "amd-iommu": {("interrupt-remapping-off", "host"), ("option-without-effect", "host")},
    "rootport-no-acs": {("acs-missing", "0000:01:00.0")},
    "mf-rootports-no-acs": {("acs-missing", "0000:03:00.0")},
    "switch-xio3130": {("acs-missing", "0000:03:00.0")},
    "pxb-two-root-buses": set(),
    "nvme-sriov": set(),
    "nvme-127vfs-realloc": set(),
    "nvme-127vfs-realloc-off": set(),
    "nvme-vf-mmio-exhausted-realloc-auto": set(),
    "nvme-vf-mmio-exhausted-realloc-off": {("vf-mmio-missing", "0000:01:00.0")},
    "config-acs": {("acs-changed-by-command-line", "host"), ("no-sriov-device", "host")},
    "disable-acs-redir": {("acs-changed-by-command-line", "host"), ("no-sriov-device", "host")},
    "pcie-to-pci-bridge": {("no-sriov-device", "host")},
}


def ids(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(one.id, one.subject) for one in findings if one.id not in USUAL}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("phase", ["initial", "vfs"])
def test_each_scenario_has_exactly_its_troubles(name: str, phase: str) -> None:
    if not (need("qemu") / name / f"{phase}.sysfs.json").exists():
        pytest.skip("this scenario has no VFs, or ends before")
    findings = run_checks(read_scenario(name, phase=phase))
    assert ids(findings) == SCENARIOS[name]
    assert is_ready(findings) == all(one.severity is not Severity.ERROR for one in findings)


def test_the_kernel_refused_exactly_where_an_error_was_found() -> None:
    for folder in need("qemu").iterdir():
        scenario = json.loads((folder / "scenario.json").read_text())
        snapshot = read_scenario(folder.name)
        present = {str(one.address) for one in snapshot.functions}
        # One scenario writes to a function that its ARI chain hides from the kernel.
        for write in (one for one in scenario["set_vf"] if one["bdf"] in present):
            blocking = {
                one.id
                for one in run_checks(snapshot)
                if one.severity is Severity.ERROR and one.subject == write["bdf"]
            }
            # Missing ACS keeps VFs together, it does not keep them from being created.
            assert bool(blocking - set(NOT_APART)) == (write["rc"] != 0), folder.name


# --- logs alone ----------------------------------------------------------------------------------


def log_findings(path: Path) -> set[tuple[str, str]]:
    snapshot = HostSnapshot(SourceKind.LISTING, path.name, (), kernel_log=read_log(path))
    return ids(run_checks(snapshot)) - {("iommu-unknown", "host"), ("iommu-off", "host")}


FAILURES: dict[str, set[tuple[str, str]]] = {
    "24dfa7470-with_realloc_txt.txt": {("vf-mmio-missing", "0000:04:00.0")},
    # Here the kernel found room at its second try.
    "24dfa7470-without_realloc_txt.txt": set(),
    "31a287c67.txt": {("vf-mmio-missing", f"0006:03:00.{n}") for n in (0, 1)},
    "cba5c3481.txt": {("vf-mmio-missing", f"0006:03:00.{n}") for n in (0, 1)},
    "3a671032e.txt": {("vf-mmio-missing", "0000:53:00.0")},
    "69f0d3aa8-vmcore_dmesg_txt.txt": {("pci-resources-unassigned", "host")},
    "7a4b15ec7.txt": {("vf-mmio-missing", "0000:01:00.0")},
    "9e23a27f4.txt": {("vf-buses-missing", "0000:83:00.0"), ("vfs-not-enabled", "0000:83:00.0")},
    "eae288534.txt": {("vf-mmio-missing", "10001:81:00.0")},
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_named(name: str) -> None:
    assert log_findings(need("sriov-failures") / name) == FAILURES[name]


def test_all_failures_of_the_index_are_here() -> None:
    index = json.loads((need("sriov-failures") / "index.json").read_text())
    assert {one["file"] for one in index} == set(FAILURES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0fb4a7a709.txt", {"interrupt-remapping-off", "iommu-firmware-bug"}),
        ("2fc1d5f157.txt", {"vf-mmio-missing", "pci-resources-unassigned", "iommu-firmware-bug"}),
        ("34d94144aa.txt", {"dma-fault"}),
        ("c4404fa2e4.txt", {"option-without-effect"}),
        ("da9710f123.txt", {"iommu-firmware-bug", "x2apic-opt-out"}),
    ],
)
def test_logs_of_real_machines(name: str, expected: set[str]) -> None:
    assert {finding_id for finding_id, _ in log_findings(need("dmesg") / name)} == expected


@pytest.mark.parametrize("name", ["2c52056a1b", "fafe9a709c"])
def test_sriov_without_numbers_is_not_taken_for_none(name: str) -> None:
    path = need("machines") / f"{name}.txt"
    findings = run_checks(parse_lspci(path.read_text(), source=path.name))
    assert {one.id for one in findings} >= {"sriov-numbers-not-listed"}
    assert not any(one.severity is Severity.ERROR for one in findings)
    assert not is_ready(findings)


def test_a_dump_beside_its_log_has_no_room_for_vfs() -> None:
    folder = need("qemu") / "nvme-vf-mmio-exhausted-realloc-off"
    dump = parse_lspci((folder / "initial.lspci-xxxx.txt").read_text(), source="dump")
    snapshot = with_kernel_log(dump, read_log(folder / "dmesg.txt"))
    (pf,) = pfs_of(snapshot)
    capacity = capacity_of(snapshot, pf.address)
    assert capacity.max_usable_vfs == 0
    assert capacity.binding is not None
    assert capacity.binding.kind is LimitKind.MMIO
    assert "realloc=off" in (capacity.binding.remedy or "")
    assert ("vf-mmio-missing", str(pf.address)) in ids(run_checks(snapshot))


def test_a_dump_without_its_log_is_not_called_ready() -> None:
    path = need("machines") / "a27553d7e6.txt"
    findings = run_checks(parse_lspci(path.read_text(errors="replace"), source=path.name))
    assert "interrupt-remapping-unknown" in {one.id for one in findings}
    assert not is_ready(findings)


def test_no_log_makes_it_fail() -> None:
    logs = [*need("dmesg").glob("*.txt"), *DATA.glob("*/*.dmesg.txt")]
    assert logs
    for path in logs:
        log_findings(path)


# --- the kernel's own groups ---------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json.xz")), ids=lambda path: path.name)
def test_missing_acs_is_found_exactly_where_the_kernel_put_a_bridge_into_the_group(
    path: Path,
) -> None:
    snapshot = load(path)
    if not any(one.iommu_group is not None for one in snapshot.functions):
        pytest.skip("the IOMMU was off")
    found = {one.subject for one in run_checks(snapshot) if one.id in NOT_APART}
    assert found == {
        str(pf.address)
        for pf in pfs_of(snapshot)
        if group_of(snapshot, pf.iommu_group) & set(pf.path or ())
    }


def test_on_real_machines_too() -> None:
    judged = 0
    for path in need("machines").glob("*.txt"):
        if path.name.endswith(".dmesg.txt"):
            continue
        snapshot = parse_lspci(path.read_text(errors="replace"), source=path.name)
        found = {one.subject for one in run_checks(snapshot) if one.id in NOT_APART}
        tree = build_tree(snapshot)
        for pf in (one for one in pfs_of(snapshot) if one.iommu_group is not None):
            above = {bridge.address for bridge in tree.bridges_above(pf.address)}
            shares = bool(group_of(snapshot, pf.iommu_group) & above)
            assert (str(pf.address) in found) == shares, (path.name, pf.address)
            judged += 1
    assert judged >= 5


def group_of(snapshot: HostSnapshot, number: int | None) -> set[PCIAddress]:
    assert number is not None
    return {one.address for one in snapshot.functions if one.iommu_group == number}
