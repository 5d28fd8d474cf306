"""Kernel messages: every spelling is met by an example, and taken back where a later line does."""

from __future__ import annotations

import re

import pytest

from sriovctl.checks.log import check_kernel_log, subject_of
from sriovctl.checks.messages import MESSAGES
from sriovctl.model.finding import Finding, Severity
from sriovctl.model.snapshot import HostSnapshot, SourceKind
from tests.unit.checks.recorded import DATA, need

CARD = "0000:01:00.0"
# Lines as kernels print them: (finding, subject, line).
EXAMPLES = (
    ("vf-mmio-missing", CARD, "igb 0000:01:00.0: not enough MMIO resources for SR-IOV"),
    (
        "vf-mmio-missing",
        CARD,
        "pci 0000:01:00.0: VF BAR 0 [mem size 0x001fc000 64bit]: can't assign; no space",
    ),
    (
        "vf-mmio-missing",
        CARD,
        "pci 0000:01:00.0: BAR 7: no space for [mem size 0x00020000 64bit]",
    ),
    ("vf-mmio-missing", CARD, "pci 0000:01:00.0: BAR 10: can't assign mem (size 0x20000)"),
    ("vf-mmio-missing", CARD, "igb 0000:01:00.0: SR-IOV: IOV BARS not allocated"),
    (
        "vf-buses-missing",
        "0000:83:00.0",
        "ixgbe 0000:83:00.0: can't enable 1 VFs (bus 84 out of range of [bus 83])",
    ),
    ("vf-buses-missing", CARD, "igb 0000:01:00.0: SR-IOV: bus number out of range"),
    (
        "bridge-bus-range-short",
        "0000:00:1c.0",
        "pci 0000:00:1c.0: bridge has subordinate 02 but max busn 03",
    ),
    (
        "pf-without-driver",
        CARD,
        "pci 0000:01:00.0: no driver bound to device; cannot configure SR-IOV",
    ),
    (
        "pf-driver-without-sriov",
        CARD,
        "e1000e 0000:01:00.0: driver does not support SR-IOV configuration via sysfs",
    ),
    (
        "pf-driver-without-sriov",
        CARD,
        "ixgbe 0000:01:00.0: Driver doesn't support SRIOV configuration via sysfs",
    ),
    (
        "numvfs-not-through-zero",
        CARD,
        "igb 0000:01:00.0: 2 VFs already enabled. Disable before enabling 4 VFs",
    ),
    ("fewer-vfs-than-asked", CARD, "igb 0000:01:00.0: 8 VFs requested; only 7 enabled"),
    ("vfs-not-enabled", CARD, "ixgbe 0000:01:00.0: Failed to enable PCI sriov: -12"),
    ("vfs-not-enabled", CARD, "i915 0000:01:00.0: Failed to enable 2 VFs (-ENOMEM)"),
    ("vfs-not-enabled", CARD, "igb 0000:01:00.0: Failed to initialize SR-IOV virtualization"),
    ("vfs-assigned", CARD, "nvme 0000:01:00.0: Cannot modify SR-IOV while VFs are assigned"),
    ("vfs-left-behind", CARD, "igb 0000:01:00.0: driver left SR-IOV enabled after remove"),
    (
        "pci-resources-unassigned",
        "host",
        "pci_bus 0000:3a: Some PCI device resources are unassigned, try booting with pci=realloc",
    ),
    (
        "pci-resources-unassigned",
        "host",
        "pci_bus 0000:00: Automatically enabled pci realloc, if you have problem, try booting "
        "with pci=realloc=off",
    ),
    ("flr-timeout", CARD, "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up"),
    (
        "device-inaccessible",
        CARD,
        "igb 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
    ),
    (
        "device-inaccessible",
        CARD,
        "igb 0000:01:00.0: Refused to change power state, currently in D3",
    ),
    ("iommu-off-by-command-line", "host", "DMAR: IOMMU disabled"),
    ("iommu-off-by-command-line", "host", "AMD-Vi: AMD IOMMU disabled on kernel command-line"),
    ("iommu-table-broken", "host", "DMAR: No DMAR devices found"),
    ("iommu-table-broken", "host", "AMD-Vi: IVRS table: invalid checksum"),
    ("iommu-refused-by-firmware", "host", "DMAR: Firmware forces DMA remapping off"),
    ("option-without-effect", "host", "AMD-Vi: Unknown option - 'on'"),
    (
        "dma-fault",
        "0000:05:00.0",
        "DMAR: [DMA Read NO_PASID] Request device [05:00.0] fault addr 0xbdf70000 [fault reason "
        "0x06] PTE Read access is not set",
    ),
    (
        "dma-fault",
        "0000:02:00.0",
        "xhci_hcd 0000:02:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000f address=0x0 "
        "flags=0x0000]",
    ),
    (
        "dma-fault",
        "0000:02:00.0",
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=02:00.0 domain=0x000f address=0x0]",
    ),
    ("dma-fault", "host", "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:"),
    (
        "interrupt-fault",
        "0000:f0:1f.7",
        "DMAR: [INTR-REMAP] Request device [f0:1f.7] fault index 0x0 [fault reason 0x25] Blocked",
    ),
    (
        "interrupt-fault",
        "0000:00:14.0",
        "AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=00:14.0 pasid=0x0]",
    ),
    (
        "iommu-firmware-bug",
        "host",
        "DMAR: [Firmware Bug]: RMRR entry for device 02:00.0 is broken - applying workaround",
    ),
    ("iommu-firmware-bug", "host", "[Firmware Bug]: AMD-Vi: IOAPIC[9] not in IVRS table"),
    ("iommu-firmware-bug", "host", "Your BIOS is broken; DMAR reported at address fed90000"),
    (
        "rmrr-blocks-assignment",
        CARD,
        "vfio-pci 0000:01:00.0: Device is ineligible for IOMMU domain attach due to platform RMRR "
        "requirement.  Contact your platform vendor.",
    ),
    (
        "interrupt-remapping-off",
        "host",
        "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
        '"allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform',
    ),
    (
        "interrupt-remapping-off",
        "host",
        "DMAR-IR: erratum; interrupt remapping is being disabled.  Please contact your BIOS vendor",
    ),
    ("interrupt-remapping-off", "host", "AMD-Vi: Disabling interrupt remapping"),
    (
        "x2apic-opt-out",
        "host",
        "DMAR-IR: x2apic is disabled because BIOS sets x2apic opt out bit.",
    ),
    ("pch-acs-failed", "0000:00:1c.0", "pci 0000:00:1c.0: Failed to enable Intel PCH ACS quirk"),
    ("acs-changed-by-command-line", "0000:00:04.0", "pci 0000:00:04.0: Configured ACS to 0x0000"),
    ("acs-changed-by-command-line", "0000:00:04.0", "pci 0000:00:04.0: disabled ACS redirect"),
    (
        "acs-override-active",
        "host",
        "Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA",
    ),
    (
        "acs-sv-broken",
        CARD,
        "pci 0000:01:00.0: Disabling broken ACS SV; downstream device isolation reduced",
    ),
    (
        "msix-exhausted",
        "0000:31:00.0",
        "ice 0000:31:00.0: Only 0 MSI-X interrupts available for SR-IOV. Not enough to support "
        "minimum of 2 MSI-X interrupts per VF for 1 VFs",
    ),
    ("msix-exhausted", CARD, "bnxt_en 0000:01:00.0: Not enough vectors for the VFs"),
    (
        "pf-busy",
        CARD,
        "i40e 0000:01:00.0: Unable to configure VFs, other operation is pending.",
    ),
    (
        "pf-down-refuses-vfs",
        CARD,
        "bnxt_en 0000:01:00.0 eth0: Reject SRIOV config request since if is down!",
    ),
    (
        "vf-waits-for-pf",
        "0000:01:10.0",
        "igbvf 0000:01:10.0: PF still in reset state. Is the PF interface up?",
    ),
    ("vf-in-reset", CARD, "i40e 0000:01:00.0: VF 3 still in reset. Try again."),
    (
        "vf-mac-refused",
        CARD,
        "ixgbe 0000:01:00.0 eth0: VF 0 attempted to override administratively set MAC address",
    ),
    ("vf-mac-refused", CARD, "igb 0000:01:00.0: VF 0 attempted to set invalid MAC filter"),
    (
        "vf-not-trusted",
        CARD,
        "i40e 0000:01:00.0: Cannot add more MAC addresses, VF is not trusted, switch the VF to "
        "trusted to add more functionality",
    ),
    ("vf-spoofed", CARD, "ixgbe 0000:01:00.0 eth0: 3 Spoofed packets detected"),
    ("vf-spoofed", CARD, "igb 0000:01:00.0: Spoof event(s) detected on VF 1"),
    (
        "vf-malicious",
        CARD,
        "i40e 0000:01:00.0: Malicious Driver Detection event 0x02 on TX queue 68 PF number 0x00",
    ),
    (
        "mlx5-vfs-not-ready",
        CARD,
        "mlx5_core 0000:01:00.0: MODIFY_ESW(0x1) failed, status bad resource state(0x9), syndrome "
        "(0x98afbb)",
    ),
    ("nvme-vf-offline", "host", "nvme nvme1: Device not ready; aborting initialisation, CSTS=0x2"),
    (
        "gpu-sriov-unavailable",
        "0000:00:02.0",
        "xe 0000:00:02.0: [drm] Support for SR-IOV is not available",
    ),
    (
        "group-not-viable",
        CARD,
        "vfio 0000:01:00.0: group 1 is not viable. Please ensure all devices within the "
        "iommu_group are bound to their vfio bus driver.",
    ),
    (
        "vf-token-needed",
        "0000:01:10.0",
        "vfio-pci 0000:01:10.0: VF token required to access device",
    ),
    ("vf-token-needed", "0000:01:10.0", "vfio-pci 0000:01:10.0: Incorrect VF token provided for d"),
    (
        "vfio-refuses-device",
        CARD,
        "vfio-pci: probe of 0000:01:00.0 failed with error -22",
    ),
    ("vfio-refuses-device", CARD, "vfio: no iommu_group for device 0000:01:00.0"),
    (
        "no-iommu-mode",
        CARD,
        "vfio-pci 0000:01:00.0: Adding kernel taint for vfio-noiommu group on device",
    ),
    ("memlock-exceeded", "host", "vfio_pin_pages_remote: RLIMIT_MEMLOCK (67108864) exceeded"),
    ("lockdown-active", "host", "Kernel is locked down from EFI Secure Boot; see man"),
    (
        "lockdown-active",
        "host",
        "Lockdown: setpci: direct PCI access is restricted; see man kernel_lockdown.7",
    ),
    ("module-rejected", "host", "Loading of unsigned module is rejected"),
    (
        "module-rejected",
        "host",
        "i915: module verification failed: signature and/or required key missing - rejected",
    ),
)


def pasted(*lines: str) -> HostSnapshot:
    return HostSnapshot(SourceKind.LISTING, "log", (), kernel_log=lines)


def found(*lines: str) -> list[Finding]:
    return list(check_kernel_log(pasted(*lines)))


@pytest.mark.parametrize(("finding_id", "subject", "line"), EXAMPLES)
def test_each_example_is_understood(finding_id: str, subject: str, line: str) -> None:
    (finding,) = found("igb: Intel(R) Gigabit Ethernet Network Driver", line)
    assert (finding.id, finding.subject) == (finding_id, subject)
    assert finding.evidence[0].value == line
    assert finding.fix
    assert finding.meaning.endswith(".")


@pytest.mark.parametrize("pattern", [one for row in MESSAGES for one in row.patterns])
def test_each_pattern_has_an_example(pattern: str) -> None:
    assert any(re.search(pattern, line) for _, _, line in EXAMPLES)


def test_each_row_says_where_it_comes_from() -> None:
    assert all(row.where and row.meaning and row.fix for row in MESSAGES)


def test_an_assignment_later_on_takes_the_shortage_back() -> None:
    shortage = "pci 0000:04:00.0: VF BAR 2 [mem size 0x00400000 64bit]: can't assign; no space"
    assigned = "pci 0000:04:00.0: VF BAR 2 [mem 0x801c0000-0x805bffff 64bit]: assigned"
    assert found(shortage, assigned) == []
    # Not another BAR, not another card, and not an assignment before.
    assert len(found(shortage, assigned.replace("BAR 2", "BAR 0"))) == 1
    assert len(found(shortage, assigned.replace("04:00.0", "05:00.0"))) == 1
    assert len(found(assigned, shortage)) == 1
    old = "pci 0000:04:00.0: BAR 7: failed to assign [mem size 0x00400000 64bit]"
    assert found(old, "pci 0000:04:00.0: BAR 7: assigned [mem 0x801c0000-0x805bffff 64bit]") == []


def test_windows_of_bridges_are_not_vf_bars() -> None:
    assert found("pcieport 0000:00:01.0: BAR 15: failed to assign [mem size 0x18000000]") == []
    assert found("pci 0000:01:00.0: BAR 6: failed to assign [mem size 0x00100000 pref]") == []


def test_many_lines_are_counted() -> None:
    line = "DMAR: [DMA Write] Request device [05:00.0] fault addr "
    (finding,) = found(*(f"{line}{n:x}" for n in range(1000)))
    assert len(finding.evidence) == 4
    assert finding.evidence[-1].value == "and 997 lines more like it"


def test_a_live_host_is_judged_by_its_state_not_by_its_past() -> None:
    line = "pci 0000:01:00.0: no driver bound to device; cannot configure SR-IOV"
    live = pasted(line)._replace(source=SourceKind.HOST)
    assert list(check_kernel_log(live)) == []
    assert [one.id for one in check_kernel_log(pasted(line))] == ["pf-without-driver"]


def test_the_answer_names_the_errno() -> None:
    (finding,) = found("igb 0000:01:00.0: not enough MMIO resources for SR-IOV")
    assert "ENOMEM" in finding.meaning
    assert finding.severity is Severity.ERROR


def test_the_subject_may_have_a_long_domain() -> None:
    assert subject_of("pci 10001:81:00.0: VF BAR 0") == "10001:81:00.0"


def test_every_message_worth_matching_is_matched() -> None:
    need("qemu")
    table = (DATA.parent / "spec" / "messages.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in table if line and not line.startswith("#")]
    known = {row.patterns for row in MESSAGES}
    patterns = [one for group in known for one in group]
    missing = []
    for regex, where, _since, _errno, meaning, remedy in rows:
        # Rows without a remedy only inform.
        if remedy.strip() in ("-", "") or "information" in meaning:
            continue
        texts = [line for _, _, line in EXAMPLES if re.search(regex, line)]
        if not any(re.search(one, text) for one in patterns for text in texts):
            missing.append((regex, where))
    allowed = {"DMAR: IOMMU enabled", r"ACPI: DMAR 0x|ACPI: IVRS 0x"}  # read by other rules
    assert {regex for regex, _ in missing} <= allowed
