"""VFs go to other drivers and back, on the simulated host."""

from __future__ import annotations

import errno

import pytest

from sriovctl.engine.binding import read_binding
from sriovctl.engine.guests.iommu_group import read_group, read_groups
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.original_driver import read_original_driver
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.rebind import plan_rebinding
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.errors import HostError, InputError, SafetyError, UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    INTEL_82576,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.host.simulated.tree import constant
from sriovctl.model.binding import Binding
from sriovctl.model.functions import PF, VF

PCI = "/sys/bus/pci/devices"
PF0, BELOW_SWITCH, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
ALIASES = "/lib/modules/6.12.117+deb12-amd64/modules.alias"
VFIO = Binding("vfio-pci", "vfio-pci")


class Bench:
    """A host whose first PF has two VFs with their own driver."""

    def __init__(self, host: SimulatedHost | None = None) -> None:
        self.host = host or simulated_82576()
        self.site = Site(self.host, SQLiteJournal(None), lambda _: None)
        self.write(PF0, "sriov_numvfs", "2")

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def chosen(self, *addresses: str) -> list[tuple[PF, VF]]:
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        return [(pf, vf) for pf in pfs for vf in pf.vfs if str(vf.address) in addresses]

    def bind(self, driver: str, *addresses: str, options: ApplyOptions | None = None) -> Outcome:
        plan = plan_rebinding(self.host.files, self.chosen(*addresses), driver)
        return apply_plan(self.site, plan, options=options or ApplyOptions())

    def binding(self, device: str) -> Binding:
        return read_binding(self.host.files, device)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_to_vfio_and_back_to_the_original(bench: Bench) -> None:
    assert len(bench.bind("vfio-pci", VF0, VF1).steps) == 2
    assert (bench.binding(VF0), bench.binding(VF1)) == (VFIO, VFIO)
    assert bench.bind("vfio-pci", VF0, VF1).run_id is None
    bench.bind("original", VF0)
    assert (bench.binding(VF0), bench.binding(VF1)) == (Binding("igbvf", None), VFIO)


def test_new_id_is_never_written(bench: Bench) -> None:
    for driver in ("vfio-pci", "original", "none", "pci-stub"):
        bench.bind(driver, VF0)
    written = {path.rpartition("/")[2] for path, _ in bench.host.files.writes}
    assert written <= {"sriov_numvfs", "unbind", "driver_override", "drivers_probe"}


def test_undo_gives_back_driver_and_override(bench: Bench) -> None:
    bench.write(VF0, "driver_override", "igbvf")  # somebody's own, as driverctl leaves it
    bench.bind("vfio-pci", VF0)
    undo_run(bench.site)
    assert bench.binding(VF0) == Binding("igbvf", "igbvf")


def test_an_override_that_stayed_behind_is_cleared_although_the_driver_is_right(
    bench: Bench,
) -> None:
    bench.write(VF0, "driver_override", "igbvf")
    (step,) = bench.bind("original", VF0).steps
    assert step.disruption == "none"
    assert bench.binding(VF0) == Binding("igbvf", None)


def test_a_vf_that_new_id_gave_to_vfio_gets_an_override_of_its_own(bench: Bench) -> None:
    bench.bind("vfio-pci", VF0)
    bench.write(VF0, "driver_override", "\n")
    bench.bind("vfio-pci", VF0)
    assert bench.binding(VF0) == VFIO


def test_a_driver_that_would_not_take_the_vf_by_itself_keeps_it_by_an_override(
    bench: Bench,
) -> None:
    bench.bind("pci-stub", VF0)
    assert bench.binding(VF0) == Binding("pci-stub", "pci-stub")
    bench.bind("igbvf", VF0)
    assert bench.binding(VF0) == Binding("igbvf", None)


def test_the_original_driver_comes_also_where_autoprobe_keeps_it_away(bench: Bench) -> None:
    bench.write(PF0, "sriov_drivers_autoprobe", "0")
    bench.bind("none", VF0)
    assert bench.binding(VF0) == Binding(None, None)
    bench.bind("original", VF0)
    assert bench.binding(VF0) == Binding("igbvf", None)


def test_a_driver_that_is_not_loaded_is_refused_before_anything_is_unbound(bench: Bench) -> None:
    with pytest.raises(UnsupportedError, match="modprobe nothing"):
        bench.bind("nothing", VF0)
    assert bench.binding(VF0) == Binding("igbvf", None)


def test_a_driver_that_refuses_leaves_the_vf_where_it_was(bench: Bench) -> None:
    bench.write(NVME, "sriov_numvfs", "1")
    bench.bind("vfio-pci", "0000:05:00.1")
    with pytest.raises(HostError, match=r"nvme did not take it.*steps taken back 1"):
        bench.bind("original", "0000:05:00.1")
    assert bench.binding("0000:05:00.1") == VFIO


def test_vfio_without_an_iommu_is_refused_but_where_it_may_do_without() -> None:
    bench = Bench(simulate(MachineSpec(cards=(Card(INTEL_82576),), iommu=False)))
    with pytest.raises(UnsupportedError, match="no IOMMU group, so vfio-pci does not take it"):
        bench.bind("vfio-pci", VF0)
    path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
    bench.host.files.add(path, constant("Y"))
    bench.bind("vfio-pci", VF0)
    assert bench.binding(VF0) == VFIO


# --- who uses it -----------------------------------------------------------------------------


def users_of(bench: Bench) -> Users:
    return Users(bench.site, open_libvirt=None)


def test_a_vf_that_a_program_opened_after_the_plan_is_refused_at_the_last_moment(
    bench: Bench,
) -> None:
    bench.bind("vfio-pci", VF0, VF1)
    plan = plan_rebinding(bench.host.files, bench.chosen(VF0), "original")
    process = bench.host.processes.start("dpdk-testpmd")
    bench.host.processes.open_vfio_group(process, VF0)
    bench.host.processes.open_vfio_device(process, VF0)
    affected = users_of(bench).affected
    token = f"process:dpdk-testpmd-{process.pid}"
    with pytest.raises(SafetyError, match=f"--allow {token}"):
        apply_plan(bench.site, plan, options=ApplyOptions(affected=affected))
    assert bench.binding(VF0) == VFIO
    bench.bind("original", VF1, options=ApplyOptions(affected=affected))
    allowing = ApplyOptions(affected=affected, allowed=frozenset({token}))
    apply_plan(bench.site, plan, options=allowing)
    assert bench.binding(VF0) == Binding("igbvf", None)


# --- which driver is the original one ---------------------------------------------------------


def original(bench: Bench, *, pf_driver: str | None = "igb") -> str | None:
    return read_original_driver(bench.host.files, VF0, pf_driver=pf_driver)


def alias(module: str) -> str:
    return f"alias pci:v00008086d000010CAsv*sd*bc*sc*i* {module}"


def test_depmod_says_which_driver_is_the_original_one(bench: Bench) -> None:
    assert original(bench, pf_driver=None) == "igbvf"


def test_without_depmods_files_the_driver_of_the_pf_tells(bench: Bench) -> None:
    bench.host.files.remove(ALIASES)
    assert original(bench) == "igbvf"
    with pytest.raises(UnsupportedError, match="not known here; name it"):
        original(bench, pf_driver="somebody's")


def test_a_function_that_no_module_claims_has_none(bench: Bench) -> None:
    bench.host.files.add(ALIASES, constant("alias pci:v00001234d*sv*sd*bc*sc*i* other"))
    assert original(bench) is None
    bench.bind("original", VF0)
    assert bench.binding(VF0) == Binding(None, None)


def test_a_module_that_is_not_loaded_is_named(bench: Bench) -> None:
    bench.host.files.add(ALIASES, constant(alias("vendor-vf")))
    with pytest.raises(UnsupportedError, match="modprobe vendor_vf"):
        original(bench)


def test_of_several_drivers_the_usual_one_is_taken_or_the_user_is_asked(bench: Bench) -> None:
    bench.host.files.add(ALIASES, constant("\n".join(map(alias, ("igbvf", "pci-stub")))))
    assert original(bench) == "igbvf"
    with pytest.raises(InputError, match="several drivers: igbvf, pci-stub"):
        original(bench, pf_driver="somebody's")
    bench.bind("vfio-pci", VF0)  # which does not need to know


# --- groups ----------------------------------------------------------------------------------


def test_a_group_is_viable_when_no_driver_of_the_host_has_a_member(bench: Bench) -> None:
    bench.write(BELOW_SWITCH, "sriov_numvfs", "2")
    shared = ("0000:04:10.0", "0000:04:10.2")
    bench.bind("vfio-pci", *shared)
    (group,) = read_groups(bench.host.files, shared)
    assert [(m.device, m.hinders) for m in group.members] == [
        ("0000:03:00.0", False),  # the port
        (BELOW_SWITCH, True),
        (shared[0], False),
        (shared[1], False),
    ]
    assert not group.viable


def test_a_vf_of_its_own_group(bench: Bench) -> None:
    group = read_group(bench.host.files, VF0)
    assert group is not None
    assert not group.viable
    bench.bind("vfio-pci", VF0)
    group = read_group(bench.host.files, VF0)
    assert group is not None
    assert group.viable


def test_an_io_error_on_the_way_takes_all_back(bench: Bench) -> None:
    bench.host.files.fail(f"{PCI}/{VF1}/driver_override", errno.EIO)
    with pytest.raises(HostError):
        bench.bind("vfio-pci", VF0, VF1)
    assert (bench.binding(VF0), bench.binding(VF1)) == (Binding("igbvf", None),) * 2
