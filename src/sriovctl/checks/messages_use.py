"""What the cards' drivers, VFIO and the kernel's guards say while VFs are used."""

from __future__ import annotations

from sriovctl.checks.message import Message
from sriovctl.model.finding import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_INTEL_NET = "drivers/net/ethernet/intel"

USE_MESSAGES = (
    Message(
        id="msix-exhausted",
        severity=_WARNING,
        patterns=(
            r"Only \d+ MSI-X interrupts available for SR-IOV",
            r"[Nn]ot enough (?:MSI-X|interrupts?|vectors).*\bVFs?\b",
        ),
        where=f"{_INTEL_NET}/ice/ice_sriov.c ice_set_per_vf_res",
        errno="ENOSPC (No space left on device)",
        meaning="The card's interrupt vectors are used up by the PF, so that none are left for "
        "VFs. A driver takes one per processor, and RDMA (irdma) as many again.",
        fix=(
            "fewer queues on the PF: ethtool -L NETDEV combined 8",
            "without RDMA: rmmod irdma, or devlink dev param set pci/ADDRESS name enable_roce "
            "value false cmode driverinit",
            "devlink dev param set pci/ADDRESS name msix_vec_per_pf_max value 64 cmode "
            "driverinit, then devlink dev reload pci/ADDRESS",
        ),
        gain="vectors for the VFs",
    ),
    Message(
        id="pf-busy",
        severity=_WARNING,
        patterns=(r"Unable to configure VFs, other operation is pending",),
        where=f"{_INTEL_NET}/i40e/i40e_virtchnl_pf.c i40e_pci_sriov_configure",
        errno="EAGAIN (Resource temporarily unavailable)",
        meaning="The PF was in the middle of a reset or of another change.",
        fix=("wait until the link is up, and try once more", "if it stays so: reload the driver"),
    ),
    Message(
        id="pf-down-refuses-vfs",
        severity=_WARNING,
        patterns=(r"Reject SRIOV config request since if is down",),
        where="drivers/net/ethernet/broadcom/bnxt/bnxt_sriov.c bnxt_sriov_configure",
        meaning="This driver creates VFs only while its netdev is up.",
        fix=("ip link set dev NETDEV up, then write sriov_numvfs",),
        gain="VFs can be switched on",
    ),
    Message(
        id="vf-waits-for-pf",
        severity=_WARNING,
        patterns=(r"PF still in reset state\. +Is the PF interface up\?",),
        where=f"{_INTEL_NET}/igbvf/netdev.c, ixgbevf/ixgbevf_main.c",
        meaning="The VF's driver found nobody to talk to: the PF's netdev was down or in a reset. "
        "The VF then has a random MAC and no link.",
        fix=(
            "ip link set dev PF_NETDEV up",
            "then load the VF's driver anew: echo VF > /sys/bus/pci/drivers/DRIVER/unbind; "
            "echo VF > /sys/bus/pci/drivers_probe",
        ),
        gain="the VF has its MAC and its link",
    ),
    Message(
        id="vf-in-reset",
        severity=_INFO,
        patterns=(r"VF \d+ still in reset\. Try again",),
        where=f"{_INTEL_NET}/i40e, ice: VF attribute calls",
        errno="EAGAIN or EBUSY",
        meaning="The VF's attributes were to be changed while it was in a reset, which each "
        "change of MAC, VLAN or trust starts anew.",
        fix=("wait a second and try again; sriovctl apply does",),
    ),
    Message(
        id="vf-mac-refused",
        severity=_INFO,
        patterns=(
            r"attempt(?:ed|ing) to override administratively set",
            r"VF \d+ attempted to set invalid MAC filter",
        ),
        where=f"{_INTEL_NET}/igb/igb_main.c, ixgbe_sriov.c, i40e_virtchnl_pf.c",
        meaning="A guest wanted another MAC than the one set for its VF, and the card refused. "
        "Bonding, bridges and VRRP inside a guest do that.",
        fix=("if the guest may choose: ip link set dev PF vf N trust on",),
    ),
    Message(
        id="vf-not-trusted",
        severity=_INFO,
        patterns=(r"VF is not trusted, switch the VF to trusted",),
        where=f"{_INTEL_NET}/i40e/i40e_virtchnl_pf.c, ice",
        meaning="A guest wanted more MACs or VLANs than an untrusted VF may have (containers, "
        "bridges and IPv6 need many).",
        fix=("if the guest may: ip link set dev PF vf N trust on",),
    ),
    Message(
        id="vf-spoofed",
        severity=_WARNING,
        patterns=(r"\d+ Spoofed packets detected", r"Spoof event\(s\) detected on VF \d+"),
        where=f"{_INTEL_NET}/ixgbe/ixgbe_main.c, igb/igb_main.c",
        meaning="A guest sent frames with a MAC or VLAN that is not its own, and the card "
        "dropped them.",
        fix=("look into the guest; if it bridges: ip link set dev PF vf N spoofchk off",),
    ),
    Message(
        id="vf-malicious",
        severity=_WARNING,
        patterns=(r"Malicious (?:Driver Detection )?event",),
        where=f"{_INTEL_NET}/i40e, ixgbe, ice: malicious driver detection",
        meaning="The card stopped a queue whose owner broke its rules: a faulty driver in a guest, "
        "or an attempt to do harm.",
        fix=("update the VF's driver in the guest", "take the VF away: sriovctl detach GUEST VF"),
    ),
    Message(
        id="mlx5-vfs-not-ready",
        severity=_WARNING,
        patterns=(r"bad resource state\(0x9\), syndrome \(0x98afbb\)",),
        where="drivers/net/ethernet/mellanox/mlx5/core/cmd.c",
        meaning="switchdev mode was asked for before the VFs were ready.",
        fix=("create the VFs, unbind them, then devlink dev eswitch set … mode switchdev",),
    ),
    Message(
        id="nvme-vf-offline",
        severity=_INFO,
        patterns=(r"Device not ready;.* CSTS=0x2\b",),
        where="drivers/nvme/host/core.c nvme_wait_ready",
        meaning="An NVMe VF does nothing until the PF has given it queues and interrupts and "
        "brought it online.",
        fix=(
            "nvme virt-mgmt /dev/nvme0 -c N -r 0 -a 8 -n QUEUES",
            "nvme virt-mgmt /dev/nvme0 -c N -r 1 -a 8 -n INTERRUPTS",
            "nvme virt-mgmt /dev/nvme0 -c N -a 9   (online)",
        ),
        gain="the VF is a controller of its own",
    ),
    Message(
        id="gpu-sriov-unavailable",
        severity=_INFO,
        patterns=(r"\[drm\] Support for SR-IOV is not available",),
        where="drivers/gpu/drm/xe/xe_sriov.c",
        meaning="The xe driver or its firmware gives no VFs on this GPU.",
        fix=("a newer kernel and linux-firmware; not every GPU of a series has VFs",),
    ),
    Message(
        id="group-not-viable",
        severity=_ERROR,
        patterns=(r"group \d+ is not viable",),
        where="QEMU hw/vfio/container.c; kernel VFIO_GROUP_GET_STATUS",
        errno="EINVAL or EPERM",
        meaning="The host itself still uses another function of the same IOMMU group.",
        fix=("sriovctl groups shows the others", "bind them to vfio-pci too, or use another slot"),
        gain="a guest can open the group",
        state_decides=True,
    ),
    Message(
        id="vf-token-needed",
        severity=_WARNING,
        patterns=(r"VF token required to access device", r"[Ii]ncorrect VF token provided"),
        where="drivers/vfio/pci/vfio_pci_core.c vfio_pci_validate_vf_token",
        errno="EACCES (Permission denied)",
        meaning="The PF is held by vfio-pci, so whoever opens a VF must show the token that the "
        "PF's user set.",
        fix=(
            "QEMU 8.1 or later: -device vfio-pci,host=VF,vf-token=UUID",
            "DPDK: --vfio-vf-token=UUID in both processes",
        ),
        gain="VFs of a PF in user space can be opened",
    ),
    Message(
        id="vfio-refuses-device",
        severity=_WARNING,
        patterns=(r"vfio-pci: probe of \S+ failed with error -22", r"vfio: no iommu_group for"),
        where="drivers/vfio/vfio_main.c vfio_group_find_or_alloc",
        errno="EINVAL (Invalid argument)",
        meaning="vfio-pci does not take a device without an IOMMU group: no IOMMU works, or none "
        "covers the device.",
        fix=("switch the IOMMU on (see the findings about it)",),
        gain="the device can be bound to vfio-pci",
    ),
    Message(
        id="no-iommu-mode",
        severity=_WARNING,
        patterns=(r"Adding kernel taint for vfio-noiommu group",),
        where="drivers/vfio/group.c",
        meaning="VFIO opened a device without an IOMMU: it reaches all memory.",
        fix=(
            "switch the IOMMU on",
            "echo 0 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
        ),
        state_decides=True,
    ),
    Message(
        id="memlock-exceeded",
        severity=_WARNING,
        patterns=(r"RLIMIT_MEMLOCK \(\d+\) exceeded",),
        where="drivers/vfio/vfio_iommu_type1.c vfio_pin_pages_remote",
        errno="ENOMEM: 'VFIO_MAP_DMA failed: Cannot allocate memory'",
        meaning="A guest with a VF needs all of its memory locked, and its process may not lock "
        "so much. With a virtual IOMMU each device needs it once more.",
        fix=(
            "libvirt: <memtune><hard_limit unit='GiB'>RAM + 1</hard_limit></memtune>",
            "QEMU by hand: ulimit -l unlimited; systemd: LimitMEMLOCK=infinity",
        ),
        gain="the guest starts with its VF",
    ),
    Message(
        id="lockdown-active",
        severity=_INFO,
        patterns=(r"Kernel is locked down from", r"Lockdown: .* is restricted; see"),
        where="security/lockdown/lockdown.c",
        errno="EPERM (Operation not permitted)",
        meaning="The kernel is locked down, as it is under Secure Boot, and refuses setpci, "
        "/dev/mem and unsigned modules.",
        fix=(
            "sign the module: mokutil --import KEY.der, reboot, and enroll the key",
            "or firmware: switch off 'Secure Boot'",
        ),
    ),
    Message(
        id="module-rejected",
        severity=_WARNING,
        patterns=(
            r"Loading of (?:unsigned )?module (?:\S+ )?(?:with unavailable key )?is rejected",
            r"module verification failed: .*(?:required key missing).*rejected",
        ),
        where="kernel/module/signing.c module_sig_check",
        errno="EKEYREJECTED (Key was rejected by service)",
        meaning="A driver without a known signature was refused.",
        fix=("sign the module: mokutil --import KEY.der, reboot, and enroll the key",),
        gain="out-of-tree drivers load",
    ),
)
