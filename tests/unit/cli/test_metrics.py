"""``metrics``, from the command line to what a monitoring system reads."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from sriovctl import __version__
from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.engine.boot import read_boot_id
from sriovctl.errors import InputError, PermissionDenied
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import (
    INTEL_82576,
    INTEL_82599,
    QEMU_NVME,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.lease import Lease
from sriovctl.render.metrics import HostMetrics, metric_families

IGB, IXGBE, NVME = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
PCI = "/sys/bus/pci/devices"


class Desk:
    """An 82576, an 82599 and an NVMe PF with two VFs each; VF 0 of the second is lent."""

    def __init__(self) -> None:
        cards = (Card(INTEL_82576), Card(INTEL_82599), Card(QEMU_NVME))
        self.host: SimulatedHost = simulate(MachineSpec(cards=cards))
        for pf in (IGB, IXGBE, NVME):
            self.host.files.write_text(f"{PCI}/{pf}/sriov_numvfs", "2")
        self.host.network.add_address("eth2", "192.0.2.1/24")  # VF 0 of the 82576
        self.host.traffic.pass_netdev("eth0", rx_packets=5)
        self.vf = self.host.files.read_link(f"{PCI}/{IXGBE}/virtfn0") or ""
        self.host.traffic.pass_vf(self.vf, tx_bytes=64, tx_packets=1)
        self.leases = SQLiteLeaseBook(None)
        lease = Lease("spare", "anna", IXGBE, ("any",), 0, "{}", address=self.vf)
        birth = self.host.files.birth_of(f"{PCI}/{self.vf}")
        boot_id = read_boot_id(self.host.files)
        with self.leases.writing() as table:
            table.add(lease._replace(birth=birth, boot_id=boot_id))

    def run(self, *argv: str, kind: HostKind = HostKind.SIMULATED) -> str:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: pytest.fail("asks libvirt"),
            open_journal=lambda: SQLiteJournal(None),
            open_leases=lambda: self.leases,
            out=out,
            color=False,
            kind=kind,
        )
        assert run_verb(parse_arguments(("metrics", *argv)), context) == 0
        return out.getvalue()

    def samples(self, *argv: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = prometheus(self.run(*argv))
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


@pytest.fixture
def desk() -> Desk:
    return Desk()


def of(**labels: object) -> frozenset[tuple[str, str]]:
    return frozenset((name, str(value)) for name, value in labels.items())


def test_each_series_is_there_once_and_counts_what_its_labels_say(desk: Desk) -> None:
    lines = [line for line in desk.run().splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names))
    seen = desk.samples()
    assert seen["sriovctl_build_info", of(version=__version__)] == 1
    assert seen["sriov_pf_receive_packets_total", of(pf=IGB)] == 5
    assert seen["sriov_pf_num_vfs", of(pf=NVME)] == 2
    of_vf = of(pf=IXGBE, vf_index=0, source="pf-driver")
    assert seen["sriov_vf_transmit_bytes_total", of_vf] == 64
    assert seen["sriov_vf_transmit_packets_total", of_vf] == 1
    assert seen["sriov_vf_receive_packets_total", of_vf] == 0
    of_igb = of(pf=IGB, vf_index=1, source="vf-netdev")
    assert seen["sriov_vf_receive_errors_total", of_igb] == 0
    assert seen["sriov_vf_link_state_info", of(pf=IGB, vf_index=1, state="auto")] == 1
    info = of(pf=IXGBE, vf_index=0, address=desk.vf, driver="ixgbevf", netdev="eth4")
    assert seen["sriov_vf_info", info] == 1


def test_what_is_not_known_has_no_sample(desk: Desk) -> None:
    seen = desk.samples()
    of_nvme = {name for name, labels in seen if ("pf", NVME) in labels}
    assert of_nvme == {
        *("sriov_pf_info", "sriov_pf_num_vfs", "sriov_pf_total_vfs", "sriov_pf_wedged"),
        *("sriov_pf_vfs_leased", "sriov_vf_info"),
    }
    # ixgbe does not count these, and the kernel shows 0.
    of_vf = of(pf=IXGBE, vf_index=0, source="pf-driver")
    assert ("sriov_vf_receive_broadcast_packets_total", of_vf) not in seen
    assert ("sriov_vf_receive_dropped_packets_total", of_vf) not in seen


def test_users_and_leases_are_counted_apart(desk: Desk) -> None:
    seen = desk.samples("--owners")
    vfs = {
        (name.removeprefix("sriov_pf_vfs_"), dict(labels)["pf"]): value
        for (name, labels), value in seen.items()
        if name.startswith("sriov_pf_vfs_")
    }
    assert vfs == {
        **{("leased", IGB): 0, ("in_use", IGB): 1, ("free", IGB): 1},
        **{("leased", IXGBE): 1, ("in_use", IXGBE): 0, ("free", IXGBE): 1},
        **{("leased", NVME): 0, ("in_use", NVME): 0, ("free", NVME): 2},
    }
    owner = of(pf=IGB, vf_index=0, kind="address", owner="192.0.2.1")
    assert seen["sriov_vf_owner_info", owner] == 1
    assert seen["sriov_leases", of(pool="spare", status="held")] == 1


def test_openmetrics_has_the_same_series(desk: Desk) -> None:
    families = list(openmetrics(desk.run("--format", "openmetrics", "--owners")))
    seen = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    assert seen == desk.samples("--owners")
    assert {family.unit for family in families} == {"", "bytes"}


def test_a_file_is_written_whole(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "sriov.prom"
    file.write_text("old")
    assert desk.run("--output", str(file)) == ""
    assert file.read_text() == desk.run()
    assert list(tmp_path.iterdir()) == [file]
    desk.run("--json", "--output", str(file))
    assert json.loads(file.read_text()) == json.loads(desk.run("--json"))
    with pytest.raises(InputError, match="No such file"):
        desk.run("--output", str(tmp_path / "no" / "such.prom"))


def test_json_says_who_counted_and_keeps_null_apart_from_0(desk: Desk) -> None:
    document = json.loads(desk.run("--json"))
    assert document["schema"] == "sriovctl/metrics/1"
    igb, ixgbe, nvme = document["pfs"]
    assert (igb["wedged"], igb["leased_vfs"], igb["free_vfs"]) == (False, 0, None)
    assert [vf["source"] for vf in igb["vfs"]] == ["vf-netdev", "vf-netdev"]
    assert [vf["source"] for vf in ixgbe["vfs"]] == ["pf-driver", "pf-driver"]
    assert ixgbe["vfs"][1]["counters"]["rx_packets"] == 0
    assert ixgbe["vfs"][1]["counters"]["rx_dropped"] is None
    assert (nvme["counters"], nvme["vfs"][0]["counters"]) == (None, None)
    assert document["leases"] == [{"pool": "spare", "status": "held", "leases": 1}]


def test_a_recording_tells_nothing_of_this_hosts_leases(desk: Desk) -> None:
    out = desk.run(kind=HostKind.RECORDED)
    assert "leases" not in out
    assert "wedged" not in out
    assert "leased" not in out


def test_one_who_may_not_read_the_book_still_gets_counters(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> tuple[Lease, ...]:
        raise PermissionDenied("no")

    monkeypatch.setattr(desk.leases, "leases", refuse)
    out = desk.run()
    assert "leases" not in out
    assert "sriov_pf_receive_packets_total" in out


def test_families_are_told_apart_by_their_names(desk: Desk) -> None:
    names = [family.name for family in metric_families(HostMetrics((), "1"))]
    assert len(names) == len(set(names))
    assert desk.run() != ""
