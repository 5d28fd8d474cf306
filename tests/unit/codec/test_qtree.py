"""What QEMU's human monitor shows of its devices."""

from __future__ import annotations

from sriovctl.codec.qtree import parse_vfio_devices

QTREE = """\
bus: main-system-bus
  dev: q35-pcihost, id ""
    bus: pcie.0
      dev: pcie-root-port, id "pci.1"
        bus: pci.1
          dev: vfio-pci, id "ua-sriovctl-0000-01-10-0"
            host = "0000:01:10.0"
            sysfsdev = "/sys/bus/pci/devices/0000:01:10.0"
      dev: vfio-pci-nohotplug, id "fixed"
        host = "0000:02:00.0"
      dev: ich9-ahci, id ""
        host = "0000:03:00.0"
      dev: vfio-pci, id ""
        host = "0000:04:00.0"
"""


def test_only_devices_of_the_host_with_an_id_count() -> None:
    assert parse_vfio_devices(QTREE) == {
        "0000:01:10.0": "ua-sriovctl-0000-01-10-0",
        "0000:02:00.0": "fixed",
    }
    assert parse_vfio_devices("") == {}
