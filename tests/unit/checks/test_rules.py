"""Each rule, on a host with one thing wrong."""

from __future__ import annotations

import pytest

from sriovctl.checks.remedies import add_option
from sriovctl.checks.run import about, is_ready, run_checks
from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import CapabilityEntry, ConfigSpace
from sriovctl.model.finding import Finding, Severity
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind
from tests.unit.checks.samples import (
    BOOT,
    PF,
    PORT,
    UNASSIGNED,
    cpuinfo,
    dmar,
    header,
    host,
    ivrs,
    pf,
    port,
    sriov,
    without_groups,
)

SILENT_BOOT = (BOOT[0], BOOT[3])
VF = parse_pci_address("0000:01:10.0")


def ids(snapshot: HostSnapshot) -> set[tuple[str, str]]:
    return {(one.id, one.subject) for one in run_checks(snapshot)}


def only(snapshot: HostSnapshot) -> Finding:
    (finding,) = run_checks(snapshot)
    return finding


def seen(finding: Finding) -> str:
    return "; ".join(f"{one.source}: {one.value}" for one in finding.evidence)


def test_a_host_where_all_is_well() -> None:
    assert run_checks(host()) == ()
    assert is_ready(())


# --- platform and kernel -----------------------------------------------------------------------


def test_no_table_is_the_firmwares_fault() -> None:
    snapshot = without_groups(host()._replace(acpi_tables={}, cmdline="intel_iommu=on"))
    finding = only(snapshot)
    assert (finding.id, finding.severity) == ("iommu-off-in-firmware", Severity.ERROR)
    assert "Intel VT-d" in " ".join(finding.fix)
    assert seen(finding) == (
        "/sys/firmware/acpi/tables: no DMAR, IVRS, IORT or VIOT; /proc/cmdline: intel_iommu=on"
    )
    amd = only(snapshot._replace(cpuinfo=cpuinfo("AuthenticAMD", "svm"), cmdline=""))
    assert (amd.id, "AMD-Vi" in amd.fix[0]) == ("iommu-off-in-firmware", True)


def test_a_guest_without_iommu_is_told_how_to_get_one() -> None:
    snapshot = host()._replace(acpi_tables={}, cpuinfo=cpuinfo(flags="vmx hypervisor"))
    finding = only(without_groups(snapshot))
    assert finding.id == "iommu-missing-in-vm"
    assert "intel-iommu,intremap=on" in finding.fix[0]


@pytest.mark.parametrize(
    "cmdline", ["intel_iommu=off", "iommu=off", "intel_iommu=on,sm_off intel_iommu=off quiet"]
)
def test_off_by_command_line(cmdline: str) -> None:
    finding = only(without_groups(host()._replace(cmdline=cmdline)))
    assert finding.id == "iommu-off-by-command-line"
    assert any("off" in line for line in finding.fix)


def test_the_last_switch_counts() -> None:
    snapshot = without_groups(host()._replace(cmdline="intel_iommu=off intel_iommu=on"))
    assert ids(snapshot) == {("iommu-failed", "host")}


def test_off_by_command_line_on_amd() -> None:
    snapshot = host()._replace(cmdline="amd_iommu=off", acpi_tables={"IVRS": ivrs()})
    assert ids(without_groups(snapshot)) == {("iommu-off-by-command-line", "host")}


def test_a_kernel_that_wants_to_be_asked() -> None:
    finding = only(without_groups(host()._replace(cmdline="quiet")))
    assert finding.id == "iommu-not-switched-on"
    assert finding.fix == add_option("intel_iommu=on iommu=pt")


@pytest.mark.parametrize("tables", [{"IVRS": ivrs()}, {"VIOT": b""}])
def test_what_is_on_by_default_and_does_not_work_has_failed(tables: dict[str, bytes]) -> None:
    finding = only(without_groups(host()._replace(acpi_tables=tables, cmdline="")))
    assert finding.id == "iommu-failed"
    assert any("dmesg" in line for line in finding.fix)


def test_a_table_without_units_or_with_a_wrong_checksum() -> None:
    empty = only(without_groups(host()._replace(acpi_tables={"DMAR": dmar(units=0)})))
    assert (empty.id, seen(empty)) == (
        "iommu-table-broken",
        "/sys/firmware/acpi/tables/DMAR: it names no IOMMU",
    )
    damaged = dmar()[:-1] + b"\x07"
    broken = only(without_groups(host()._replace(acpi_tables={"DMAR": damaged})))
    assert "checksum" in seen(broken)


def test_firmware_that_forbids_remapping_counts_from_7_3_on() -> None:
    snapshot = without_groups(host()._replace(acpi_tables={"DMAR": dmar(flags=9)}))
    assert ids(snapshot._replace(cmdline="intel_iommu=on")) == {("iommu-failed", "host")}
    new = snapshot._replace(kernel_release="7.3.4", cmdline="intel_iommu=on")
    assert ids(new) == {("iommu-refused-by-firmware", "host")}


def test_unknown_tables_are_not_guessed() -> None:
    snapshot = without_groups(host()._replace(acpi_tables=None, kernel_log=None))
    assert ids(snapshot) == {("iommu-off", "host")}


def test_only_intels_iommu_is_switched_on_by_an_option() -> None:
    snapshot = without_groups(host()._replace(acpi_tables=None, kernel_log=None))
    assert "intel_iommu=on" in " ".join(only(snapshot).fix)
    amd = only(snapshot._replace(cpuinfo=cpuinfo("AuthenticAMD", "svm")))
    assert "intel_iommu=on" not in " ".join(amd.fix)


def test_arm_without_smmu_is_no_bios_setting() -> None:
    snapshot = without_groups(
        host()._replace(acpi_tables=None, machine="aarch64", cpuinfo="CPU implementer\t: 0x41\n")
    )
    assert ids(snapshot) == {("iommu-off", "host")}
    assert "SMMU" in " ".join(only(snapshot).fix)
    listed = snapshot._replace(acpi_tables={})
    assert ids(listed) == {("iommu-failed", "host")}


def test_arm_and_power_with_groups_are_well() -> None:
    for machine in ("aarch64", "ppc64le"):
        snapshot = host()._replace(acpi_tables=None, machine=machine, cpuinfo="", cmdline="")
        assert run_checks(snapshot._replace(kernel_log=None)) == ()


def test_a_processor_without_virtualization() -> None:
    assert only(host()._replace(cpuinfo=cpuinfo(flags=""))).id == "cpu-virtualization-off"
    inside = only(host()._replace(cpuinfo=cpuinfo(flags="hypervisor")))
    assert "nested=1" in inside.fix[0]


def test_options_that_do_nothing() -> None:
    assert only(host()._replace(cmdline="amd_iommu=on")).id == "option-without-effect"


def test_translated_host_dma_is_only_a_note() -> None:
    log = (*BOOT, "iommu: Default domain type: Translated")
    finding = only(host()._replace(kernel_log=log))
    assert (finding.id, finding.severity) == ("host-dma-translated", Severity.INFO)
    assert is_ready((finding,))


def test_old_kernels() -> None:
    assert only(host()._replace(kernel_release="3.2.0-4-amd64")).id == "kernel-too-old"


# --- interrupts, lockdown, VFIO ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "cmdline", "log", "words"),
    [
        ({"DMAR": dmar(flags=0)}, "", BOOT, "flags without bit 0"),
        ({"DMAR": dmar()}, "intremap=off", BOOT, "intremap=off"),
        ({"DMAR": dmar()}, "nointremap", BOOT, "nointremap"),
        ({"VIOT": b""}, "", SILENT_BOOT, "virtio-iommu"),
        ({"DMAR": dmar()}, "", SILENT_BOOT, "without a word of remapping"),
        (
            {"DMAR": dmar()},
            "",
            (*SILENT_BOOT, "AMD-Vi: Disabling interrupt remapping"),
            "Disabling interrupt remapping",
        ),
    ],
)
def test_interrupts_not_remapped(
    tables: dict[str, bytes], cmdline: str, log: tuple[str, ...], words: str
) -> None:
    snapshot = host()._replace(acpi_tables=tables, cmdline=cmdline, kernel_log=log)
    finding = only(snapshot)
    assert (finding.id, finding.severity) == ("interrupt-remapping-off", Severity.ERROR)
    assert words in seen(finding)


def test_permission_makes_it_a_warning() -> None:
    allowed = {"vfio_iommu_type1.allow_unsafe_interrupts": "Y"}
    snapshot = host()._replace(parameters=allowed, cmdline="intremap=off")
    assert {one.id: one.severity for one in run_checks(snapshot)} == {
        "interrupt-remapping-off": Severity.WARNING,
        "unsafe-interrupts-allowed": Severity.WARNING,
    }


def test_a_log_that_lost_its_beginning_leaves_it_open() -> None:
    finding = only(host()._replace(kernel_log=("igb 0000:01:00.0: added PHC",)))
    assert (finding.id, finding.severity) == ("interrupt-remapping-unknown", Severity.UNKNOWN)


@pytest.mark.parametrize("machine", [None, "x86_64"])
def test_a_source_that_hides_the_processor_leaves_it_open(machine: str | None) -> None:
    bare = host()._replace(cpuinfo=None, acpi_tables=None, machine=machine, kernel_log=None)
    finding = only(bare)
    assert finding.id == "interrupt-remapping-unknown"
    assert "what processor" in finding.meaning
    assert not is_ready((finding,))


@pytest.mark.parametrize(
    ("machine", "log"),
    [("aarch64", ()), ("riscv64", ()), (None, SILENT_BOOT)],
    ids=["arm", "another", "a log from the boot on, without DMAR or IVRS"],
)
def test_other_platforms_need_no_remapping(machine: str | None, log: tuple[str, ...]) -> None:
    other = host()._replace(cpuinfo=None, acpi_tables=None, machine=machine, kernel_log=log)
    assert run_checks(other) == ()


@pytest.mark.parametrize(("remapped", "ids"), [(True, set()), (False, {"interrupt-remapping-off"})])
def test_the_interrupt_chips_settle_it(*, remapped: bool, ids: set[str]) -> None:
    silent = host()._replace(kernel_log=("igb 0000:01:00.0: added PHC",))
    found = run_checks(silent._replace(interrupts_remapped=remapped))
    assert {finding.id for finding in found} == ids


def test_no_iommu_mode_is_not_taken_for_an_iommu() -> None:
    snapshot = host()._replace(
        parameters={"vfio.enable_unsafe_noiommu_mode": "Y"}, iommus=(), acpi_tables={}
    )
    assert {one.id for one in run_checks(snapshot)} >= {"no-iommu-mode", "iommu-off-in-firmware"}


def test_lockdown() -> None:
    assert only(host()._replace(lockdown="integrity")).id == "lockdown-active"


def test_vfio_pci_not_loaded() -> None:
    assert only(host()._replace(modules=("igb",))).id == "vfio-pci-not-loaded"
    built_in = host()._replace(modules=(), parameters={"vfio_pci.ids": ""})
    assert run_checks(built_in) == ()


def vf() -> FunctionSnapshot:
    return FunctionSnapshot(
        address=VF,
        config=ConfigSpace(header=header()),
        driver="vfio-pci",
        iommu_group=2,
        pf_address=parse_pci_address(PF),
        is_vf=True,
        path=(parse_pci_address(PORT),),
    )


def test_a_group_that_the_host_still_uses() -> None:
    finding = only(host(port(), pf(), vf()))
    assert (finding.id, finding.subject) == ("group-not-viable", str(VF))
    assert seen(finding) == f"/sys/bus/pci/devices/{PF}/driver: igb"
    assert run_checks(host(port(), pf(), vf()._replace(iommu_group=3))) == ()


# --- PFs ---------------------------------------------------------------------------------------


def test_no_pf() -> None:
    assert only(host(port())).id == "no-sriov-device"


def test_what_only_root_sees_is_not_judged() -> None:
    cut = pf()._replace(config=ConfigSpace(header=header(), truncated_at=64), sriov_total_vfs=None)
    finding = only(host(port(), cut))
    assert (finding.id, finding.severity) == ("config-space-hidden", Severity.UNKNOWN)
    assert finding.fix[1] == "a dump: sudo lspci -vvvxxxx"
    assert not is_ready((finding,))


def unnumbered_pf() -> FunctionSnapshot:
    named = (CapabilityEntry(0x10, 0x160, True, 1, "SR-IOV"),)
    config = ConfigSpace(header=header(), capabilities=named)
    return pf()._replace(config=config, sriov_total_vfs=None, sriov_num_vfs=None, resources=None)


def test_sriov_without_numbers_is_neither_missing_nor_ready() -> None:
    card = unnumbered_pf()._replace(vendor_id=0x15B3, device_id=0x1017)
    finding = only(host(port(), card)._replace(source=SourceKind.LISTING))
    assert (finding.id, finding.severity) == ("sriov-numbers-not-listed", Severity.UNKNOWN)
    assert not is_ready((finding,))


def test_a_live_host_tells_the_numbers_by_itself() -> None:
    card = unnumbered_pf()._replace(sriov_total_vfs=8, sriov_num_vfs=0)
    assert "sriov-numbers-not-listed" not in {one.id for one in run_checks(host(port(), card))}


def test_a_single_function_is_counted_as_one() -> None:
    assert seen(only(host(port()))).endswith("1 function, none with SR-IOV")


def test_a_card_whose_firmware_hides_sriov() -> None:
    config = ConfigSpace(header=header())
    card = pf()._replace(config=config, vendor_id=0x15B3, device_id=0x1017, sriov_total_vfs=None)
    found = {one.id: one for one in run_checks(host(port(), card))}
    assert set(found) == {"sriov-off-in-firmware", "no-sriov-device"}
    assert f"mlxconfig -d {PF} set SRIOV_EN=1" in found["sriov-off-in-firmware"].fix[0]


def test_a_capability_without_vfs() -> None:
    card = pf(sriov()._replace(total_vfs=0, initial_vfs=0))._replace(sriov_total_vfs=None)
    assert ("sriov-off-in-firmware", PF) in ids(host(port(), card))


def test_a_capability_that_the_kernel_does_not_use() -> None:
    found = ids(host(port(), pf()._replace(sriov_total_vfs=None, sriov_num_vfs=None)))
    assert ("sriov-refused-by-kernel", PF) in found


def test_drivers() -> None:
    assert only(host(port(), pf()._replace(driver=None))).id == "pf-without-driver"
    assert only(host(port(), pf()._replace(driver="pci-stub"))).id == "pf-driver-without-sriov"


def test_fewer_vfs_by_the_driver() -> None:
    finding = only(host(port(), pf()._replace(sriov_total_vfs=7)))
    assert (finding.id, finding.severity) == ("fewer-vfs-than-hardware", Severity.INFO)


def test_registers_that_contradict_each_other() -> None:
    finding = only(host(port(), pf(sriov()._replace(initial_vfs=4))))
    assert finding.id == "initial-vfs-differ"
    assert "EIO" in finding.meaning


def test_vf_bars_without_room() -> None:
    finding = only(host(port(), pf()._replace(resources=(UNASSIGNED,) * 13)))
    assert (finding.id, finding.severity) == ("vf-mmio-missing", Severity.ERROR)
    assert any("Above 4G" in line for line in finding.fix)


def test_bus_numbers_run_out() -> None:
    finding = only(host(port(), pf(sriov()._replace(first_vf_offset=0x100))))
    assert (finding.id, finding.severity) == ("vf-buses-missing", Severity.ERROR)
    some = only(host(port(), pf(sriov()._replace(first_vf_offset=0xFC))))
    assert (some.id, some.severity) == ("vf-buses-missing", Severity.WARNING)
    assert "2 of 8 VFs work" in some.meaning


def test_a_linked_pf_that_is_missing() -> None:
    assert only(host(port(), pf(sriov()._replace(dependency_link=1)))).id == "linked-pf-missing"


def test_a_pf_that_no_iommu_covers() -> None:
    assert only(host(port(), pf()._replace(iommu_group=None))).id == "pf-without-iommu-group"


@pytest.mark.parametrize(
    ("bridge", "cmdline", "words"),
    [
        (port(ari_on=False), "pci=nomsi,noari", "pci=noari"),
        (port(ari_on=False), "", "supported and off"),
        (port(ari=False, ari_on=False), "", "not supported"),
    ],
)
def test_ari_off(bridge: FunctionSnapshot, cmdline: str, words: str) -> None:
    finding = only(host(bridge, pf())._replace(cmdline=cmdline))
    assert finding.id == "ari-off"
    assert words in seen(finding)


# --- isolation ---------------------------------------------------------------------------------


def test_a_port_without_acs() -> None:
    finding = only(host(port(acs=None), pf()._replace(iommu_group=1)))
    assert (finding.id, finding.subject, finding.severity) == ("acs-missing", PF, Severity.ERROR)
    assert any("sriovctl tree and sriovctl explain ADDRESS" in one for one in finding.fix)
    assert seen(finding) == (
        f"/sys/bus/pci/devices/{PORT}/config: no ACS capability; shares a group with: {PORT}"
    )


def test_acs_that_is_off_matters_only_while_the_iommu_works() -> None:
    bridge = port(control=0)
    assert "ACS controls off: SV RR CR UF" in seen(only(host(bridge, pf())))
    off = without_groups(host(bridge, pf())._replace(cmdline="intel_iommu=off"))
    assert ids(off) == {("iommu-off-by-command-line", "host")}


def test_without_groups_the_neighbours_are_named_from_the_tree() -> None:
    snapshot = without_groups(host(port(acs=None), pf())._replace(cmdline="intel_iommu=off"))
    (acs,) = (one for one in run_checks(snapshot) if one.id == "acs-missing")
    assert acs.evidence[-1].value == PORT


def test_a_conventional_bridge() -> None:
    bridge = port()
    assert bridge.config is not None
    plain = bridge._replace(config=bridge.config._replace(express=None, acs=None))
    assert only(host(plain, pf())).id == "behind-conventional-bridge"


def test_a_port_that_cannot_be_seen() -> None:
    bridge = port()
    assert bridge.config is not None
    cut = bridge._replace(config=bridge.config._replace(acs=None, truncated_at=256))
    assert {one.id for one in run_checks(host(cut, pf()))} == {
        "config-space-hidden",
        "isolation-unknown",
    }


def test_options_that_bend_acs() -> None:
    override = only(host()._replace(cmdline="pcie_acs_override=downstream,multifunction"))
    assert (override.id, override.severity) == ("acs-override-active", Severity.WARNING)
    changed = only(host()._replace(cmdline="pci=config_acs=x0@pci:8086:10c9"))
    assert (changed.id, changed.severity) == ("acs-changed-by-command-line", Severity.WARNING)


# --- all together ------------------------------------------------------------------------------


def test_a_dump_without_surroundings_says_what_it_does_not_know() -> None:
    snapshot = HostSnapshot(
        source=SourceKind.HEX_DUMP, description="dump.txt", functions=(port(), pf())
    )
    bare = snapshot._replace(
        functions=tuple(
            one._replace(driver=None, iommu_group=None, resources=None, sriov_total_vfs=None)
            for one in snapshot.functions
        )
    )
    assert ids(bare) == {("iommu-unknown", "host")}
    assert not is_ready(run_checks(bare))


def test_a_dump_of_one_card_alone_does_not_speak_of_its_surroundings() -> None:
    card = pf(sriov()._replace(dependency_link=1))._replace(
        path=None, iommu_group=None, sriov_total_vfs=None, driver=None, resources=None
    )
    snapshot = HostSnapshot(source=SourceKind.HEX_DUMP, description="dump", functions=(card,))
    assert ids(snapshot) == {("iommu-unknown", "host"), ("isolation-unknown", PF)}


def test_a_listing_with_groups_says_which_card_has_none() -> None:
    snapshot = host(port(), pf()._replace(iommu_group=None))._replace(source=SourceKind.LISTING)
    (finding,) = (one for one in run_checks(snapshot) if one.id == "pf-without-iommu-group")
    assert seen(finding) == f"this host: {PF}: no IOMMU group, while others have one"


def test_errors_come_first_and_nothing_comes_twice() -> None:
    snapshot = host(port(acs=None), pf()._replace(sriov_total_vfs=7))
    found = run_checks(
        snapshot._replace(
            cmdline="amd_iommu=on",
            kernel_log=(*BOOT, "AMD-Vi: Unknown option - 'on'"),
            acpi_tables={"DMAR": dmar(flags=0)},
        )
    )
    severities = [one.severity for one in found]
    assert severities == sorted(severities, key=list(Severity).index)
    assert len({(one.id, one.subject) for one in found}) == len(found)
    (option,) = (one for one in found if one.id == "option-without-effect")
    assert [one.source for one in option.evidence] == ["/proc/cmdline", "kernel log"]


def test_what_concerns_one_function() -> None:
    snapshot = host(port(acs=None), pf()._replace(sriov_total_vfs=7), vf())
    found = run_checks(snapshot._replace(lockdown="integrity"))
    of_pf = {one.id for one in about(found, snapshot, parse_pci_address(PF))}
    assert of_pf == {
        *("acs-missing", "fewer-vfs-than-hardware", "group-not-viable", "lockdown-active"),
    }
    assert {one.id for one in about(found, snapshot, parse_pci_address(PORT))} == {
        "lockdown-active"
    }
