"""Predicted groups against the kernel's own, as partitions, on recorded machines.

Our lab's machines are in the project.  Listings of real machines and the rest of the lab's are not:
where they do not lie beside the checkout, those tests skip.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.codec.lspci import parse_lspci
from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.pci_ids import PATHS, PCINames
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.snapshot import HostSnapshot
from sriovctl.topology.explain import explain
from sriovctl.topology.groups import Prediction, predict_groups
from sriovctl.topology.report import report_kernel_groups, report_prediction

from .compact import FIXTURES, TABLES, kernel_partition, load
from .recorded import SCENARIOS, recorded_snapshot, scenario_names

DATA = Path(__file__).parents[4] / "shared" / "data"
OWN = sorted(path.name.removesuffix(".json.xz") for path in FIXTURES.glob("*.json.xz"))
TREES = sorted(DATA.glob("topologies/*.tar.xz"))
MANIFEST = DATA / "machines" / "manifest.json"
MACHINES = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else []
DUMPS = [
    (name, phase)
    for name in scenario_names()
    for phase in ("initial", "vfs")
    if (SCENARIOS / name / f"{phase}.lspci-xxxx.txt").exists()
]
OFF = ("iommu-off", "no-iommu-hardware")
WHY_SKIPPED = "the recorded machines are not beside this checkout"

needs_names = pytest.mark.skipif(
    not any(Path(path).exists() for path in PATHS),
    reason="no pci.ids here, so listings without numbers cannot be read",
)


def partition(prediction: Prediction) -> set[frozenset[PCIAddress]]:
    return {frozenset(group.members) for group in prediction.groups}


def check_complete(snapshot: HostSnapshot, prediction: Prediction) -> None:
    # Every function is in exactly one group, or has none, or is not known.
    told = [member for group in prediction.groups for member in group.members]
    told += prediction.ungrouped
    told += [member for unknown in prediction.unknown for member in unknown.members]
    assert sorted(told) == sorted(function.address for function in snapshot.functions)


def check_explained(snapshot: HostSnapshot, prediction: Prediction) -> None:
    for function in snapshot.functions:
        explanation = explain(snapshot, prediction, function.address)
        assert explanation.sentences
        assert not explanation.differences
        shared = explanation.members is not None and len(explanation.members) > 1
        assert bool(explanation.remedies) == shared


@pytest.mark.parametrize("name", OWN)
def test_own_machines(name: str) -> None:
    snapshot = load(FIXTURES / f"{name}.json.xz")
    prediction = predict_groups(snapshot, iommu_on=False)
    check_complete(snapshot, prediction)
    assert partition(prediction) == kernel_partition(snapshot)
    assert not prediction.unknown
    assert all(group.reason.text for group in report_prediction(prediction).groups)
    if name not in OFF:
        check_explained(snapshot, prediction)
        on = predict_groups(snapshot, iommu_on=True)
        assert partition(on) == kernel_partition(snapshot)


def test_own_machines_are_there() -> None:
    assert len(OWN) >= 20


def test_the_simulated_host() -> None:
    snapshot = read_snapshot(simulated_82576())
    assert partition(predict_groups(snapshot, iommu_on=False)) == kernel_partition(snapshot)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_order_of_functions_does_not_matter(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["random-1", "random-5", "random-11", "switch-xio3130"]))
    snapshot = load(FIXTURES / f"{name}.json.xz")
    shuffled = snapshot._replace(functions=tuple(data.draw(st.permutations(snapshot.functions))))
    assert partition(predict_groups(shuffled, iommu_on=False)) == kernel_partition(snapshot)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_known_of_a_cut_machine_is_right(data: st.DataObject) -> None:
    # Whatever is hidden, what is still said agrees with the kernel.
    name = data.draw(st.sampled_from(["random-1", "random-5", "random-11", "mf-rootports-no-acs"]))
    snapshot = load(FIXTURES / f"{name}.json.xz")
    hidden = data.draw(st.sets(st.sampled_from([f.address for f in snapshot.functions])))
    cut = snapshot._replace(
        functions=tuple(
            f._replace(config=None) if f.address in hidden else f for f in snapshot.functions
        )
    )
    prediction = predict_groups(cut, iommu_on=False)
    check_complete(cut, prediction)
    assert partition(prediction) <= kernel_partition(snapshot)


@pytest.mark.skipif(not TREES, reason=WHY_SKIPPED)
@pytest.mark.parametrize("path", TREES, ids=lambda path: path.name)
def test_random_topologies(path: Path, tmp_path: Path) -> None:
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="tar")
    snapshot = read_snapshot(RecordedHost(str(tmp_path / "tree")))
    for iommu_on in (False, True):
        prediction = predict_groups(snapshot, iommu_on=iommu_on)
        check_complete(snapshot, prediction)
        assert partition(prediction) == kernel_partition(snapshot)


@pytest.mark.skipif(not DUMPS, reason=WHY_SKIPPED)
@pytest.mark.parametrize(("name", "phase"), DUMPS)
def test_scenarios_from_sysfs(name: str, phase: str) -> None:
    snapshot = recorded_snapshot(name, phase)._replace(acpi_tables=tables_of(name))
    prediction = predict_groups(snapshot, iommu_on=False)
    assert partition(prediction) == kernel_partition(snapshot)
    if name not in OFF:
        on = predict_groups(snapshot, iommu_on=True)
        assert partition(on) == kernel_partition(snapshot)


@pytest.mark.skipif(not DUMPS, reason=WHY_SKIPPED)
@pytest.mark.parametrize(("name", "phase"), DUMPS)
def test_scenarios_from_a_dump_alone(name: str, phase: str) -> None:
    # A dump has neither paths nor links between PF and VF, nor ids of VFs.
    shown = recorded_snapshot(name, phase)
    text = (SCENARIOS / name / f"{phase}.lspci-xxxx.txt").read_text()
    dump = parse_lspci(text, source=name)._replace(acpi_tables=tables_of(name))
    prediction = predict_groups(dump, iommu_on=False)
    check_complete(dump, prediction)
    if name not in OFF:  # the dump does not tell that the IOMMU is off
        assert partition(prediction) == kernel_partition(shown)


def tables_of(name: str) -> dict[str, bytes]:
    paths = {sign: SCENARIOS / name / f"{sign}.aml" for sign in TABLES}
    return {sign: path.read_bytes() for sign, path in paths.items() if path.exists()}


@needs_names
@pytest.mark.skipif(not MACHINES, reason=WHY_SKIPPED)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine["id"])
def test_real_machines(machine: dict[str, object]) -> None:
    text = (MANIFEST.parent / f"{machine['id']}.txt").read_text()
    snapshot = parse_lspci(text, source=str(machine["id"]), ids_of=PCINames().ids_of)
    groups = machine["groups"]
    assert isinstance(groups, dict)
    kernel = {frozenset(map(parse_pci_address, members)) for members in groups.values()}
    shown = frozenset(member for group in kernel for member in group)
    # One was listed by another system, with the ACS bits as the firmware left them.
    prediction = predict_groups(snapshot, iommu_on=machine["id"] == "ed7de91234")
    check_complete(snapshot, prediction)
    assert prediction.unknown == ()
    assert {group for group in partition(prediction) if group & shown} == kernel
    if snapshot.groups_known:
        report = report_kernel_groups((), prediction)
        assert report.assumptions == prediction.assumptions
