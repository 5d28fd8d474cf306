"""What kernel lockdown (Secure Boot) forbids."""

from __future__ import annotations

from sriovctl.model.finding import HOST, Evidence, Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.snapshot import HostSnapshot


def check_lockdown(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell what cannot be done while the kernel is locked down.

    Source: kernel ``include/linux/security.h``, LOCKDOWN_PCI_ACCESS and LOCKDOWN_MODULE_SIGNATURE.
    """
    if snapshot.lockdown in ("integrity", "confidentiality"):
        yield Finding(
            id="lockdown-active",
            severity=Severity.INFO,
            subject=HOST,
            evidence=(Evidence("/sys/kernel/security/lockdown", snapshot.lockdown),),
            meaning="The kernel is locked down, as it is under Secure Boot. sriov_numvfs and VFIO "
            "work; unsigned modules (out-of-tree drivers by DKMS), setpci, /dev/mem and mapping a "
            "BAR through sysfs are refused with EPERM.",
            fix=(
                "sign the module: mokutil --import KEY.der, reboot, and enroll the key",
                "or firmware: switch off 'Secure Boot'",
            ),
            gain="out-of-tree drivers load, and tools that write registers work",
        )
