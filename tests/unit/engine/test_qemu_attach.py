"""VFs go into a QEMU without libvirt and come back, on simulated ones."""

from __future__ import annotations

import errno

import pytest

from sriovctl.engine.binding import read_binding
from sriovctl.engine.guests.qemu_arguments import read_doubts
from sriovctl.engine.guests.qemu_attach import attach, detach, reclaim
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.handover import Desk
from sriovctl.engine.runs.rebind import plan_rebinding
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    SafetyError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_qmp import MEMORY_BYTES, SimulatedQEMU
from sriovctl.model.address import parse_pci_address
from sriovctl.model.binding import Binding
from sriovctl.model.functions import VFAttributes
from sriovctl.model.qemu import HandoverSettings, QEMUAttachResult, QEMUDetachResult
from sriovctl.model.qemu_line import DeviceOptions
from sriovctl.model.run import RunStatus

PCI = "/sys/bus/pci/devices"
PF, BELOW_SWITCH, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1, VF2 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
MAC, OTHER_MAC, NO_MAC = "52:54:00:6d:90:02", "52:54:00:6d:90:03", "00:00:00:00:00:00"
ORIGINAL, VFIO = Binding("igbvf", None), Binding("vfio-pci", "vfio-pci")
TOKEN = "0f7d5b4c-1111-2222-3333-444455556666"


class Bench:
    """A host whose first PF has three VFs with their own driver, and a journal."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.site = Site(self.host, SQLiteJournal(None), lambda _: None)
        self.users = Users(self.site, open_libvirt=None)
        self.write(PF, "sriov_numvfs", "3")

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def desk(self, *allowed: str) -> Desk:
        return Desk(self.site, self.users, frozenset(allowed))

    def attach(
        self,
        qemu: SimulatedQEMU,
        vf: str = VF0,
        *,
        mac: str | None = None,
        vlan: int | None = None,
        options: DeviceOptions | None = None,
        allowed: tuple[str, ...] = (),
    ) -> QEMUAttachResult:
        return attach(
            self.desk(*allowed),
            qemu,
            vf=parse_pci_address(vf),
            settings=HandoverSettings(mac, vlan),
            options=options or DeviceOptions(),
        )

    def detach(
        self, qemu: SimulatedQEMU, vf: str = VF0, *, timeout_s: float = 30.0
    ) -> QEMUDetachResult:
        return detach(self.desk(), qemu, vf=parse_pci_address(vf), timeout_s=timeout_s)

    def binding(self, vf: str = VF0) -> Binding:
        return read_binding(self.host.files, vf)

    def attributes(self, vf_index: int = 0) -> VFAttributes:
        function = self.host.kernel.find_by_name(PF)
        assert function is not None
        assert function.sriov is not None
        return function.sriov.records[vf_index].attributes

    def mac_and_vlan(self, vf_index: int = 0) -> tuple[str | None, int]:
        attributes = self.attributes(vf_index)
        assert attributes.vlan is not None
        return attributes.admin_mac, attributes.vlan.id

    def is_untouched(self, vf_index: int = 0, vf: str = VF0) -> bool:
        return self.binding(vf) == ORIGINAL and self.mac_and_vlan(vf_index) == (NO_MAC, 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def qemu(bench: Bench) -> SimulatedQEMU:
    return SimulatedQEMU(bench.host)


# --- in --------------------------------------------------------------------------------------


def test_a_vf_gets_its_settings_and_is_plugged_in(bench: Bench, qemu: SimulatedQEMU) -> None:
    result = bench.attach(qemu, mac=MAC, vlan=42)
    assert (result.guest, result.changed, result.run_id) == ("MyGuest", True, 1)
    assert (result.mac, result.vlan, result.device_id) == (MAC, 42, "vf-0000-01-10-0")
    assert result.guest_address == parse_pci_address("01:00.0")
    assert (bench.binding(), bench.mac_and_vlan()) == (VFIO, (MAC, 42))
    assert bench.host.files.read_text(f"{PCI}/{VF0}/enable") == "1"


def test_the_hosts_driver_goes_before_mac_and_vlan_are_set(
    bench: Bench, qemu: SimulatedQEMU
) -> None:
    bench.attach(qemu, mac=MAC, vlan=42)
    steps = [one.step for one in bench.site.journal.steps(1)]
    assert [list(step.after) for step in steps] == [
        ["driver", "driver_override"],
        ["admin_mac", "vlan"],
        ["driver", "driver_override"],
    ]
    assert (steps[0].after["driver"], steps[2].after["driver"]) == (None, "vfio-pci")
    assert steps[1].disruption == "none"


def test_without_settings_the_vf_keeps_what_it_has(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, mac=MAC, vlan=42)
    bench.detach(qemu)
    bench.attach(qemu, mac="auto", vlan=7)
    mac, vlan = bench.mac_and_vlan()
    assert (mac not in (MAC, NO_MAC), vlan) == (True, 7)
    qemu.kill()
    other = SimulatedQEMU(bench.host)
    result = bench.attach(other)
    assert (result.mac, result.vlan, result.run_id) == (mac, 7, None)
    assert bench.mac_and_vlan() == (mac, 7)


def test_a_vlan_that_stands_keeps_its_priority(bench: Bench, qemu: SimulatedQEMU) -> None:
    from sriovctl.engine.vf_attributes import write_vf_attributes
    from sriovctl.model.functions import VLAN
    from sriovctl.model.state import WantedVF

    write_vf_attributes(bench.host.rtnl, "eth0", [(0, WantedVF(vlan=VLAN(42, 3)))])
    bench.attach(qemu, vlan=42)
    assert bench.attributes().vlan == VLAN(42, 3)


def test_the_second_attach_changes_nothing(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, mac=MAC, vlan=42)
    assert bench.attach(qemu).changed is False
    assert bench.attach(qemu, mac=MAC).changed is False
    assert bench.attach(qemu, vlan=42).changed is False
    assert qemu.commands.count("device_add") == 1
    with pytest.raises(BusyError, match=f"already in this guest, with MAC {MAC} and VLAN 42"):
        bench.attach(qemu, vlan=43)
    with pytest.raises(BusyError, match="already in this guest"):
        bench.attach(qemu, mac=OTHER_MAC)


def test_ports_are_taken_one_after_the_other(bench: Bench) -> None:
    qemu = SimulatedQEMU(bench.host, ports=("b", "a"), closed_ports=("0",), nameless_ports=1)
    assert bench.attach(qemu, VF0).guest_address == parse_pci_address("02:00.0")
    assert bench.attach(qemu, VF1).guest_address == parse_pci_address("01:00.0")
    with pytest.raises(UnsupportedError, match="all 3 are taken or without hot plug"):
        bench.attach(qemu, VF2, mac=MAC)
    assert bench.is_untouched(2, VF2)


@pytest.mark.parametrize(
    ("ports", "nameless", "words"),
    [((), 0, "it has none"), ((), 2, "root ports without an id only")],
)
def test_a_guest_without_ports(
    bench: Bench, ports: tuple[str, ...], nameless: int, words: str
) -> None:
    qemu = SimulatedQEMU(bench.host, ports=ports, nameless_ports=nameless)
    with pytest.raises(UnsupportedError, match=words):
        bench.attach(qemu)
    assert bench.is_untouched()


def test_a_conventional_machine_finds_a_slot_itself(bench: Bench) -> None:
    qemu = SimulatedQEMU(bench.host, machine="i440fx", ports=())
    assert bench.attach(qemu).guest_address == parse_pci_address("00:01.0")


def test_the_users_own_bus_id_and_options(bench: Bench, qemu: SimulatedQEMU) -> None:
    options = DeviceOptions(bus="port2", device_id="mine", rombar=0)
    assert bench.attach(qemu, options=options).device_id == "mine"
    with pytest.raises(UnsupportedError, match="port2: is taken"):
        bench.attach(qemu, VF1, options=DeviceOptions(bus="port2"))
    with pytest.raises(InputError, match="mine: is the id of another device"):
        bench.attach(qemu, VF1, options=DeviceOptions(device_id="mine"))
    closed = SimulatedQEMU(bench.host, closed_ports=("c",))
    with pytest.raises(UnsupportedError, match="takes no hot plug"):
        bench.attach(closed, VF1, options=DeviceOptions(bus="c"))
    assert bench.is_untouched(1, VF1)


def test_what_surprises_is_said(bench: Bench, qemu: SimulatedQEMU) -> None:
    qemu.status = "paused"
    warnings = "\n".join(bench.attach(qemu).warnings)
    assert "PF eth0 is down" in warnings
    assert "has no MAC of its own" in warnings
    assert "the guest is paused" in warnings


# --- refused, with nothing touched -----------------------------------------------------------


def test_a_vf_that_somebody_uses_is_refused_by_name(bench: Bench, qemu: SimulatedQEMU) -> None:
    (netdev,) = bench.host.files.list_dir(f"{PCI}/{VF0}/net")
    bench.host.network.add_address(netdev, "192.0.2.7/24")
    with pytest.raises(SafetyError, match=r"--allow address:192\.0\.2\.7"):
        bench.attach(qemu, mac=MAC)
    assert bench.is_untouched()
    bench.attach(qemu, mac=MAC, allowed=("address:192.0.2.7",))
    assert bench.binding() == VFIO


def test_a_vf_of_another_qemu_is_refused(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu)
    other = SimulatedQEMU(bench.host, name="Other")
    with pytest.raises(SafetyError, match=f"is in use: process:MyGuest-{qemu.pid}"):
        bench.attach(other)


def test_a_group_that_is_not_viable_is_refused(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.write(BELOW_SWITCH, "sriov_numvfs", "1")
    with pytest.raises(UnsupportedError, match="shares IOMMU group"):
        bench.attach(qemu, "0000:04:10.0", vlan=42)
    assert read_binding(bench.host.files, "0000:04:10.0") == ORIGINAL


def test_the_mac_of_another_vf_or_netdev_is_refused(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, VF1, mac=MAC)
    with pytest.raises(InputError, match=f"gets the MAC {MAC}, and so does, or has"):
        bench.attach(qemu, mac=MAC)
    with pytest.raises(SafetyError, match="is already the MAC of the netdev eth0"):
        bench.attach(qemu, mac="52:54:00:6d:91:01")
    assert bench.is_untouched()


def test_what_is_no_network_card_has_no_mac(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.write(NVME, "sriov_numvfs", "1")
    with pytest.raises(UnsupportedError, match="is no network function"):
        bench.attach(qemu, "0000:05:00.1", mac=MAC)
    result = bench.attach(qemu, "0000:05:00.1")
    assert (result.mac, result.vlan, result.warnings) == (None, None, ())


def test_what_is_no_vf(bench: Bench, qemu: SimulatedQEMU) -> None:
    with pytest.raises(InputError, match="is not a VF"):
        bench.attach(qemu, PF)
    with pytest.raises(InputError, match="no such PCI function"):
        bench.detach(qemu, "0000:77:00.0")


@pytest.mark.parametrize(("limit", "capabilities"), [("65536", 0), ("67108864", 1 << 13)])
def test_qemu_must_be_allowed_to_lock_the_guests_memory(
    bench: Bench, qemu: SimulatedQEMU, limit: str, capabilities: int
) -> None:
    qemu.limit_memlock(limit, capabilities=capabilities)
    with pytest.raises(UnsupportedError, match=f"prlimit --pid {qemu.pid} --memlock=unlimited"):
        bench.attach(qemu)
    assert bench.is_untouched()


@pytest.mark.parametrize(
    ("limit", "capabilities"),
    [("unlimited", 0), (str(MEMORY_BYTES), 0), ("65536", 1 << 14)],
)
def test_qemu_that_may_lock_enough(
    bench: Bench, qemu: SimulatedQEMU, limit: str, capabilities: int
) -> None:
    qemu.limit_memlock(limit, capabilities=capabilities)
    assert bench.attach(qemu).changed


def test_a_pf_in_user_space_wants_a_token(bench: Bench, qemu: SimulatedQEMU) -> None:
    with pytest.raises(UnsupportedError, match="needs no token"):
        bench.attach(qemu, options=DeviceOptions(vf_token=TOKEN))
    bench.write(NVME, "sriov_numvfs", "1")
    bench.host.files.write_text("/sys/bus/pci/drivers/nvme/unbind", NVME)
    bench.write(NVME, "driver_override", "vfio-pci")
    bench.host.files.write_text("/sys/bus/pci/drivers_probe", NVME)
    with pytest.raises(UnsupportedError, match="wants the token"):
        bench.attach(qemu, "0000:05:00.1")
    assert bench.attach(qemu, "0000:05:00.1", options=DeviceOptions(vf_token=TOKEN)).changed


# --- what goes wrong on the way --------------------------------------------------------------


def test_what_qemu_refuses_is_taken_back(bench: Bench, qemu: SimulatedQEMU) -> None:
    with pytest.raises(HostError, match=r"Bus 'nowhere' not found.*run 1 is taken back"):
        bench.attach(qemu, mac=MAC, vlan=42, options=DeviceOptions(bus="nowhere"))
    assert bench.is_untouched()
    assert [run.status for run in bench.site.journal.runs()] == [RunStatus.DONE, RunStatus.UNDONE]


def test_a_vf_that_needed_nothing_is_left_as_it_was(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu)
    qemu.kill()
    other = SimulatedQEMU(bench.host)
    with pytest.raises(HostError, match="as it was: nothing had been changed"):
        bench.attach(other, options=DeviceOptions(bus="nowhere"))
    assert bench.binding() == VFIO


def test_a_qemu_that_ends_at_the_wrong_moment(bench: Bench, qemu: SimulatedQEMU) -> None:
    gone = LostError("QEMU has closed the connection: it may have ended", subject=qemu.socket)
    qemu.fail("device_add", gone)
    with pytest.raises(LostError, match="taken back"):
        bench.attach(qemu, mac=MAC)
    assert bench.is_untouched()


def test_a_ctrl_c_while_qemu_thinks(bench: Bench, qemu: SimulatedQEMU) -> None:
    qemu.fail("device_add", KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        bench.attach(qemu, mac=MAC)
    assert bench.is_untouched()


def test_when_taking_back_fails_the_error_says_what_is_left(
    bench: Bench, qemu: SimulatedQEMU
) -> None:
    def spoil() -> None:
        bench.host.files.fail(f"{PCI}/{VF0}/driver/unbind", errno.EIO, times=9)

    bench.host.files.before(f"{PCI}/{VF0}/enable", spoil)
    with pytest.raises(HostError, match="still prepared by run 1, taking it back failed"):
        bench.attach(qemu, mac=MAC, options=DeviceOptions(bus="nowhere"))


def test_a_qemu_that_says_yes_and_does_not(bench: Bench, qemu: SimulatedQEMU) -> None:
    qemu._commands["device_add"] = lambda _: {}
    with pytest.raises(VerifyError, match="accepted the VF, but does not show it"):
        bench.attach(qemu, mac=MAC)
    assert bench.is_untouched()


# --- out -------------------------------------------------------------------------------------


def test_a_guest_that_answers_gives_all_back(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, mac=MAC, vlan=42)
    result = bench.detach(qemu)
    assert (result.changed, result.given_back, result.host_driver) == (True, 1, "igbvf")
    assert result.waited_s == pytest.approx(1.0)
    assert bench.is_untouched()
    again = bench.detach(qemu)
    assert (again.changed, again.given_back) == (False, None)


def test_vfs_of_one_pf_come_back_in_any_order(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, VF0, mac=MAC, vlan=42)
    bench.attach(qemu, VF1, mac=OTHER_MAC, vlan=43)
    assert bench.detach(qemu, VF0).given_back == 1
    assert bench.is_untouched()
    assert bench.mac_and_vlan(1) == (OTHER_MAC, 43)
    assert bench.detach(qemu, VF1).given_back == 2
    assert bench.is_untouched(1, VF1)


@pytest.mark.parametrize("acpi_hotplug", [True, False])
def test_a_guest_that_does_not_answer_keeps_it(bench: Bench, acpi_hotplug: bool) -> None:
    qemu = SimulatedQEMU(bench.host, consent_s=60.0, acpi_hotplug=acpi_hotplug)
    bench.attach(qemu, mac=MAC, vlan=42)
    with pytest.raises(BusyError, match=r"the request stays open.*still in the guest"):
        bench.detach(qemu)
    assert (bench.binding(), bench.mac_and_vlan()) == (VFIO, (MAC, 42))
    assert bench.detach(qemu, timeout_s=40.0).changed  # the second time it was about to
    assert bench.is_untouched()


def test_a_guest_that_refuses(bench: Bench) -> None:
    qemu = SimulatedQEMU(bench.host, refuses=True)
    bench.attach(qemu, mac=MAC)
    with pytest.raises(BusyError, match="refused to let go"):
        bench.detach(qemu)
    assert bench.mac_and_vlan()[0] == MAC


def test_events_of_other_devices_are_passed_over(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, VF0)
    bench.attach(qemu, VF1)
    qemu.execute("device_del", {"id": "vf-0000-01-10-2"})
    assert bench.detach(qemu, VF0).changed
    assert bench.detach(qemu, VF1).given_back == 2  # it had gone meanwhile


def test_a_vf_from_the_command_line_keeps_what_it_has(bench: Bench, qemu: SimulatedQEMU) -> None:
    from sriovctl.engine.inventory import read_inventory
    from sriovctl.engine.runs.apply import ApplyOptions, apply_plan

    pfs = read_inventory(bench.host, name_of=lambda *_: None)
    plan = plan_rebinding(bench.host.files, [(pfs[0], pfs[0].vfs[0])], "vfio-pci")
    apply_plan(bench.site, plan, options=ApplyOptions())
    qemu.plug(VF0, None, bus="port1")
    assert bench.attach(qemu).changed is False
    result = bench.detach(qemu)
    assert (result.changed, result.given_back) == (True, None)
    assert "bind 0000:01:10.0 --driver original" in result.warnings[0]
    assert bench.binding() == VFIO


def test_a_qemu_that_was_killed_leaves_the_vf_to_be_had_back(
    bench: Bench, qemu: SimulatedQEMU
) -> None:
    bench.attach(qemu, mac=MAC, vlan=42)
    vf = parse_pci_address(VF0)
    with pytest.raises(BusyError, match="is still open in some program"):
        reclaim(bench.desk(), qemu.socket, vf=vf)
    qemu.kill()
    assert (bench.binding(), bench.mac_and_vlan()) == (VFIO, (MAC, 42))
    assert reclaim(bench.desk(), "/another/socket", vf=vf) is None
    result = reclaim(bench.desk(), qemu.socket, vf=vf)
    assert result is not None
    assert (result.given_back, result.host_driver) == (1, "igbvf")
    assert bench.is_untouched()
    assert reclaim(bench.desk(), qemu.socket, vf=vf) is None


def test_somebody_elses_later_run_on_the_vf_is_not_undone(
    bench: Bench, qemu: SimulatedQEMU
) -> None:
    bench.attach(qemu, mac=MAC)
    qemu.kill()
    from sriovctl.engine.inventory import read_inventory
    from sriovctl.engine.runs.apply import ApplyOptions, apply_plan

    pfs = read_inventory(bench.host, name_of=lambda *_: None)
    plan = plan_rebinding(bench.host.files, [(pfs[0], pfs[0].vfs[0])], "pci-stub")
    apply_plan(bench.site, plan, options=ApplyOptions())
    with pytest.raises(SafetyError, match="run 2 changed the same PFs later"):
        reclaim(bench.desk(), qemu.socket, vf=parse_pci_address(VF0))
    assert bench.binding().driver == "pci-stub"


def test_undo_does_not_take_a_vf_from_a_guest(bench: Bench, qemu: SimulatedQEMU) -> None:
    bench.attach(qemu, mac=MAC)
    with pytest.raises(SafetyError, match="is in use"):
        undo_run(bench.site, check=bench.users.checking(frozenset()))
    assert bench.mac_and_vlan()[0] == MAC


# --- before it starts ------------------------------------------------------------------------


def test_doubts_about_a_vf_on_a_command_line(bench: Bench) -> None:
    bench.write(BELOW_SWITCH, "sriov_numvfs", "1")

    def doubts(vf: str, options: DeviceOptions | None = None) -> str:
        found = read_doubts(bench.host, parse_pci_address(vf), options or DeviceOptions())
        return "\n".join(found)

    assert "bind 0000:01:10.0 --driver vfio-pci" in doubts(VF0)
    assert "has no MAC of its own" in doubts(VF0)
    assert "shares IOMMU group" in doubts("0000:04:10.0")
    assert "needs no token" in doubts(VF0, DeviceOptions(vf_token=TOKEN))
