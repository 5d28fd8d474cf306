from __future__ import annotations

import errno
import tarfile
from pathlib import Path

import pytest

from sriovctl.engine.inventory import read_inventory, read_iommu_groups
from sriovctl.engine.record import record_host
from sriovctl.engine.snapshot import KERNEL_LOG, read_snapshot
from sriovctl.host.record_writer import RecordWriter
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.model.address import parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

TREES = sorted((Path(__file__).parents[4] / "shared/data/topologies").glob("*.tar.xz"))
DEVICES = "/sys/bus/pci/devices"
IGB = "0000:01:00.0"
LOG = """\
[    0.000000] Linux version 6.12.117 (x) #1
[    0.100000] pci_bus 0000:00: root bus resource [bus 00-7e]
[    1.000000] igb 0000:01:00.0: eth0: 52:54:00:6d:91:01
[    2.000000] usb 1-1: SerialNumber: ABC123
"""


@pytest.fixture
def host() -> SimulatedHost:
    host = simulated_82576()
    host.files.write_text(f"{DEVICES}/{IGB}/sriov_numvfs", "3")
    return host


def function(snapshot: HostSnapshot, address: str) -> FunctionSnapshot:
    (found,) = (f for f in snapshot.functions if str(f.address) == address)
    return found


def test_a_host(host: SimulatedHost) -> None:
    snapshot = read_snapshot(host)
    assert (snapshot.source, snapshot.description) == (SourceKind.HOST, host.description)
    assert snapshot.notes == ()
    addresses = [f.address for f in snapshot.functions]
    assert addresses == sorted(addresses)
    assert len(addresses) == len(host.files.list_dir(DEVICES))
    assert (snapshot.groups_known, snapshot.privileged, snapshot.iommus) == (True, True, ("dmar0",))
    assert snapshot.kernel_release == "6.12.117+deb12-amd64"
    assert snapshot.machine == "x86_64"
    assert snapshot.modules == ("igb", "vfio_pci")
    assert list(snapshot.acpi_tables or ()) == ["DMAR"]
    assert [(bus.pci_domain, bus.bus) for bus in snapshot.root_buses] == [(0, 0)]
    assert snapshot.cmdline is not None
    assert "intel_iommu=on" in snapshot.cmdline


def test_its_functions(host: SimulatedHost) -> None:
    snapshot = read_snapshot(host)
    pf = function(snapshot, IGB)
    assert (pf.is_vf, pf.sriov_num_vfs, pf.sriov_total_vfs) == (False, 3, 7)
    assert (pf.vendor_id, pf.device_id, pf.class_code) == (0x8086, 0x10C9, 0x020000)
    assert (pf.driver, pf.netdev) == ("igb", "eth0")
    assert pf.path == (parse_pci_address("0000:00:06.0"),)
    assert pf.config is not None
    assert pf.config.sriov is not None
    assert pf.resources is not None
    assert len(pf.resources) >= 13
    for vf_index, address in enumerate(pf.virtfn_addresses):
        vf = function(snapshot, str(address))
        assert (vf.is_vf, vf.pf_address, vf.vf_index) == (True, pf.address, vf_index)
        assert (vf.vendor_id, vf.device_id) == (0x8086, 0x10CA)
        assert vf.path == pf.path
    assert len(pf.virtfn_addresses) == 3


def test_it_says_what_the_inventory_says(host: SimulatedHost) -> None:
    snapshot = read_snapshot(host)
    for pf in read_inventory(host, name_of=lambda _vendor, _device: None):
        found = function(snapshot, pf.device)
        assert (found.driver, found.netdev, found.iommu_group, found.numa_node) == (
            pf.driver, pf.netdev, pf.iommu_group, pf.numa_node,
        )  # fmt: skip
        assert found.virtfn_addresses == tuple(vf.address for vf in pf.vfs)


def test_a_recording_gives_the_same(host: SimulatedHost, tmp_path: Path) -> None:
    host.files.add(KERNEL_LOG, constant(LOG))
    with RecordWriter(str(tmp_path / "rec")) as writer:
        record_host(host, writer, recorded_at="2026-01-01T00:00:00+00:00", hide_macs=False,
                    hide_serials=False, on_progress=lambda _line: None)  # fmt: skip
        writer.complete()
    live, recorded = read_snapshot(host), read_snapshot(RecordedHost(str(tmp_path / "rec")))
    assert recorded.kernel_log is not None
    assert len(recorded.kernel_log) == 4
    assert recorded == live._replace(description=recorded.description)


def test_a_recorded_log_is_scrubbed(host: SimulatedHost, tmp_path: Path) -> None:
    host.files.add(KERNEL_LOG, constant(LOG))
    with RecordWriter(str(tmp_path / "rec")) as writer:
        record_host(host, writer, recorded_at="2026-01-01T00:00:00+00:00", hide_macs=True,
                    hide_serials=True, on_progress=lambda _line: None)  # fmt: skip
        writer.complete()
    log = (tmp_path / "rec" / "kernel.log").read_text()
    assert "52:54:00:6d:91:01" not in log
    assert "ABC123" not in log
    assert "SerialNumber: hidden" in log


def test_the_log_tells_where_root_buses_end(host: SimulatedHost) -> None:
    host.files.add(KERNEL_LOG, constant(LOG))
    host.files.add("/proc/iomem", constant("80000000-8fffffff : PCI Bus 0000:00"))
    (bus,) = read_snapshot(host).root_buses
    assert bus.last_bus == 0x7E
    assert bus.windows is not None
    assert [(w.start, w.end) for w in bus.windows] == [(0x80000000, 0x8FFFFFFF)]


def test_a_function_that_vanishes_is_left_out(host: SimulatedHost) -> None:
    path = host.files.resolve(f"{DEVICES}/{IGB}")
    host.files.before(f"{path}/config", lambda: host.vanish(IGB))
    snapshot = read_snapshot(host)
    assert IGB not in [str(f.address) for f in snapshot.functions if f.config is not None]


def test_a_function_that_dies_is_left_out_with_a_note(host: SimulatedHost) -> None:
    path = host.files.resolve(f"{DEVICES}/{IGB}")
    host.files.fail(f"{path}/config", errno.ENODEV)
    snapshot = read_snapshot(host)
    assert IGB not in [str(f.address) for f in snapshot.functions]
    assert [note for note in snapshot.notes if note.startswith(f"{IGB} is left out")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (KERNEL_LOG, "the kernel log could not be read"),
        ("/proc/iomem", "/proc/iomem could not be read"),
        ("/sys/firmware/acpi/tables/DMAR", "the ACPI table DMAR could not be read"),
    ],
)
def test_what_root_alone_may_read(host: SimulatedHost, path: str, words: str) -> None:
    host.files.fail(path, errno.EACCES)
    snapshot = read_snapshot(host)
    assert [note for note in snapshot.notes if note.startswith(words) and "run as root" in note]
    assert None in (snapshot.kernel_log, snapshot.iomem, snapshot.acpi_tables)


def test_without_root(host: SimulatedHost) -> None:
    for name in host.files.list_dir(DEVICES):
        path = host.files.resolve(f"{DEVICES}/{name}")
        data = host.files.read_bytes(f"{path}/config")
        assert data is not None
        host.files.add(f"{path}/config", constant(data[:64]))
    host.files.add("/proc/iomem", constant("00000000-00000000 : System RAM"))
    snapshot = read_snapshot(host)
    assert (snapshot.privileged, snapshot.iomem) == (False, None)
    assert any("cut to 64 bytes" in note for note in snapshot.notes)
    assert any("/proc/iomem read 0" in note for note in snapshot.notes)


def test_lockdown_and_parameters(host: SimulatedHost) -> None:
    host.files.add("/sys/kernel/security/lockdown", constant("none [integrity] confidentiality"))
    path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    host.files.add(path, constant("N"))
    snapshot = read_snapshot(host)
    assert snapshot.lockdown == "integrity"
    assert snapshot.parameters == {"vfio_iommu_type1.allow_unsafe_interrupts": "N"}


@pytest.mark.skipif(not TREES, reason="the recorded trees are not on this machine")
@pytest.mark.parametrize("tree", TREES or [Path()], ids=lambda path: path.name)
def test_recorded_trees(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tree) as archive:
        archive.extractall(tmp_path, filter="tar")
    host = RecordedHost(str(tmp_path))
    lines: list[str] = []
    snapshot = read_snapshot(host, progress=lines.append)
    groups = {
        member: group.id for group in read_iommu_groups(host.files) for member in group.members
    }
    found = {str(f.address): f.iommu_group for f in snapshot.functions}
    assert {a: g for a, g in found.items() if g is not None} == groups
    assert snapshot.notes == ()
    assert snapshot.kernel_release is not None
    assert snapshot.kernel_release.startswith("6.12")
    assert snapshot.root_buses
    for f in snapshot.functions:
        assert f.config is not None
        assert f.path is not None
        assert (f.vf_index is not None) == bool(f.is_vf)


def directory_of(host: SimulatedHost, address: str) -> str:
    found = host.files.resolve(f"{DEVICES}/{address}")
    assert found is not None
    return found


def test_a_function_that_does_not_answer(host: SimulatedHost) -> None:
    host.files.add(f"{directory_of(host, IGB)}/config", constant(b"\xff" * 4096))
    snapshot = read_snapshot(host)
    assert function(snapshot, IGB).config is not None
    assert any(note.startswith(f"{IGB} does not answer") for note in snapshot.notes)


def test_odd_contents_are_not_known(host: SimulatedHost) -> None:
    directory = directory_of(host, IGB)
    for name, content in (("resource", "x y"), ("numa_node", "many"), ("class", "")):
        host.files.add(f"{directory}/{name}", constant(content))
    host.files.remove(f"{directory}/vendor")
    host.files.remove(f"{directory}/config")
    found = function(read_snapshot(host), IGB)
    assert found[1:5] == (None, None, 0x10C9, None)
    assert (found.resources, found.numa_node) == (None, None)
    for number in ("4294967295", "-12"):
        host.files.add(f"{directory}/sriov_totalvfs", constant(number))
        host.files.add(f"{directory}/sriov_numvfs", constant(number))
        found = function(read_snapshot(host), IGB)
        assert (found.sriov_total_vfs, found.sriov_num_vfs) == (None, None)


def test_a_virtio_function_has_its_netdev(host: SimulatedHost) -> None:
    directory = directory_of(host, "0000:00:1f.3")
    host.files.add_directory(f"{directory}/virtio0/net/enp0s31")
    assert function(read_snapshot(host), "0000:00:1f.3").netdev == "enp0s31"


def test_a_link_that_leads_nowhere(host: SimulatedHost) -> None:
    host.files.add_directory(f"{DEVICES}/0000:77:00.0")
    host.files.add_directory(f"{DEVICES}/not-an-address")
    snapshot = read_snapshot(host)
    assert "0000:77:00.0" not in [str(f.address) for f in snapshot.functions]
    assert any(note.startswith("0000:77:00.0 is left out") for note in snapshot.notes)


def test_a_bare_machine() -> None:
    host = simulated_82576()
    for name in host.files.list_dir(DEVICES):
        host.files.remove(f"{DEVICES}/{name}")
    shown = ("modules", "cpuinfo", "version", "iomem", "sys/kernel/osrelease")
    for name in shown:
        host.files.remove(f"/proc/{name}")
    host.files.add("/sys/kernel/security/lockdown", constant(""))
    host.files.fail("/sys/class/iommu", errno.EACCES)
    snapshot = read_snapshot(host)
    assert (snapshot.functions, snapshot.root_buses, snapshot.privileged) == ((), (), None)
    assert (snapshot.modules, snapshot.cpuinfo, snapshot.machine) == (None, None, None)
    assert (snapshot.kernel_release, snapshot.lockdown) == (None, None)
    assert any("/sys/class/iommu could not be listed" in note for note in snapshot.notes)


def test_the_kernel_names_itself(host: SimulatedHost) -> None:
    host.files.add("/proc/sys/kernel/osrelease", constant("7.0.0-test"))
    host.files.add("/proc/sys/kernel/arch", constant("aarch64"))
    host.files.add("/sys/firmware/acpi/tables/SSDT", constant(b"secret"))
    snapshot = read_snapshot(host)
    assert (snapshot.kernel_release, snapshot.machine) == ("7.0.0-test", "aarch64")
    assert list(snapshot.acpi_tables or ()) == ["DMAR"]


def test_progress(host: SimulatedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sriovctl.engine.snapshot._PROGRESS_EVERY", 5)
    lines: list[str] = []
    read_snapshot(host, progress=lines.append)
    assert lines[0].startswith("read 5 of ")
