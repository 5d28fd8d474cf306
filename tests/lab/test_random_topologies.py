"""Predicted groups and VF addresses against the kernel's, on machines made up at random.

Each seed is a machine of its own.  ``SRIOVCTL_SEEDS=0-99`` runs a hundred, ``7,12`` those two.
"""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.recorded import RecordedHost
from sriovctl.lab.describe import describe_machine
from sriovctl.lab.machines import Machine
from sriovctl.lab.random_machines import random_machine
from sriovctl.lab.runner import Job, run_job
from sriovctl.lab.session import guest_environment
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.snapshot import HostSnapshot
from sriovctl.topology.capacity import capacity_of
from sriovctl.topology.groups import Prediction, predict_groups
from sriovctl.topology.what_if import with_vfs

pytestmark = pytest.mark.qemu

SEEDS = os.environ.get("SRIOVCTL_SEEDS", "0-19")
# Half of the VFs, so that asking for all would find one too many.  What the kernel says is kept
# beside the recording: a mistake in reading must not hide one in reasoning.  The recording is made
# in memory, because each small file on the host's share costs 10 ms.
INSIDE = """
cd /sys/bus/pci/devices
touch /dev/shm/asked /dev/shm/vfs
for pf in */sriov_totalvfs; do
    [ -e $pf ] || continue
    pf=${pf%/*}
    vfs=$((($(cat $pf/sriov_totalvfs) + 1) / 2))
    echo 0 >$pf/sriov_drivers_autoprobe
    echo $vfs >$pf/sriov_numvfs
    echo "$pf $vfs" >>/dev/shm/asked
done
for vf in */virtfn*; do
    [ -e $vf ] || continue
    echo "${vf%/*} ${vf#*/virtfn} $(basename $(readlink $vf))" >>/dev/shm/vfs
done
echo /sys/kernel/iommu_groups/*/devices/* >/dev/shm/groups
echo * >/dev/shm/functions
cd /dev/shm
sriovctl record tree && tar -b 1024 -cf $SRIOVCTL_LAB_RESULTS/all.tar *
"""

Groups = set[frozenset[PCIAddress]]


def seeds() -> list[int]:
    found: list[int] = []
    for part in SEEDS.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def kernels_functions(results: Path) -> set[PCIAddress]:
    return set(map(parse_pci_address, (results / "functions").read_text().split()))


def kernels_groups(results: Path) -> Groups:
    groups: dict[str, set[PCIAddress]] = {}
    for path in (results / "groups").read_text().split():
        *_, group, _, member = path.split("/")
        groups.setdefault(group, set()).add(parse_pci_address(member))
    return {frozenset(members) for members in groups.values()}


def asked_vfs(results: Path) -> dict[PCIAddress, int]:
    lines = (results / "asked").read_text().splitlines()
    return {parse_pci_address(pf): int(vfs) for pf, vfs in map(str.split, lines)}


def kernels_vfs(results: Path, pf: PCIAddress) -> dict[int, PCIAddress]:
    lines = (line.split() for line in (results / "vfs").read_text().splitlines())
    return {int(n): parse_pci_address(vf) for name, n, vf in lines if name == str(pf)}


def predicted_vfs(snapshot: HostSnapshot, pf: PCIAddress, vfs: int) -> dict[int, PCIAddress]:
    placement = capacity_of(snapshot, pf, vfs=vfs).placement
    assert placement is not None
    return {} if placement.first_limit else dict(enumerate(placement.addresses))


def partition(prediction: Prediction) -> Groups:
    return {frozenset(group.members) for group in prediction.groups}


def differences(predicted: Groups, actual: Groups) -> str:
    return "\n".join(
        f"{'only predicted' if group in predicted else 'only in the kernel'}: "
        + " ".join(map(str, sorted(group)))
        for group in predicted ^ actual
    )


def run_inside(machine: Machine, results: Path) -> None:
    said = bytearray()
    job = Job(
        machine,
        ("sh", "-c", INSIDE),
        results=results,
        timeout_s=120,
        environment=guest_environment(),
    )
    status = run_job(job, stdout=said.extend, stderr=said.extend)
    assert status == 0, said.decode(errors="replace")
    with tarfile.open(results / "all.tar") as archive:
        archive.extractall(results, filter="tar")


@pytest.mark.parametrize("seed", seeds())
def test_what_is_predicted_is_what_the_kernel_did(seed: int, tmp_path: Path) -> None:
    machine = random_machine(seed)
    told = f"seed {seed}: {json.dumps(describe_machine(machine), indent=1)}\n"
    run_inside(machine, tmp_path)

    snapshot = read_snapshot(RecordedHost(str(tmp_path / "tree")))
    actual = kernels_groups(tmp_path)
    ungrouped = kernels_functions(tmp_path) - {one for group in actual for one in group}
    # The IOMMU is on already, so switching it on must change nothing.
    for iommu_on in (False, True):
        prediction = predict_groups(snapshot, iommu_on=iommu_on)
        groups = partition(prediction)
        assert not prediction.unknown, f"{told}not known: {prediction.unknown}"
        assert groups == actual, told + differences(groups, actual)
        assert set(prediction.ungrouped) == ungrouped, f"{told}without a group: {ungrouped}"
    tried = snapshot
    for pf, vfs in asked_vfs(tmp_path).items():
        made = kernels_vfs(tmp_path, pf)
        assert predicted_vfs(snapshot, pf, vfs) == made, f"{told}VFs of {pf}"
        if made:
            tried = with_vfs(with_vfs(tried, pf, 0), pf, vfs)
    # VFs that were only tried are in the groups that the kernel's are in.
    groups = partition(predict_groups(tried, iommu_on=False))
    assert groups == actual, told + differences(groups, actual)
