"""A VF that libvirt was giving to a guest when its daemon was killed.

libvirt sets MAC and VLAN, binds vfio-pci, asks QEMU, and writes the device into the guest's state
when QEMU has it.  Killed before that, its next daemon knows nothing of it: the VF is in the guest
and in no XML, and nobody puts back what was set for the guest.  What the VF had before stands in a
file of libvirt's for each VF, until the next attach writes over it.

Source: libvirt ``src/qemu/qemu_hotplug.c`` (``qemuDomainAttachHostPCIDevice()``) and
``src/util/virnetdev.c`` (``virNetDevSaveNetConfig()``).
"""

from __future__ import annotations

import json
from contextlib import suppress

from sriovctl.codec.qtree import parse_vfio_devices
from sriovctl.engine.binding import DRIVERS_PROBE
from sriovctl.engine.guests.vf_place import is_open, read_driver
from sriovctl.engine.inventory import PCI_DEVICES, read_int
from sriovctl.errors import BusyError, SafetyError, SriovctlError
from sriovctl.model.functions import VLAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import FileTree, Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress

_SAVED = "/run/libvirt/hostdevmgr"
_POLL_S = 0.5


def stray_id(libvirt: Libvirt, guest: str, vf: PCIAddress) -> str | None:
    """Id of a VF in a running guest's QEMU, whatever libvirt knows of it.

    None also where QEMU cannot be asked.
    """
    with suppress(SriovctlError):
        return parse_vfio_devices(libvirt.hmp(guest, "info qtree")).get(str(vf))
    return None


def check_not_open(host: Host, libvirt: Libvirt, guest: str, place: VFPlace, *, runs: bool) -> None:
    """Refuse a VF that a program has open and libvirt gave to no guest.

    :param runs: whether the guest does.
    :raises BusyError: it is in this guest already, but unknown to libvirt.
    :raises SafetyError: it is in use in another way.
    """
    vf = place.address
    if not is_open(host.files, vf):
        return
    if runs and stray_id(libvirt, guest, vf) is not None:
        raise BusyError(
            "is in the guest, and libvirt does not know it: it was cut short while it gave it",
            subject=f"{guest}: {vf}",
            hint=f"take it back first: sriovctl detach {guest} --vf {vf}",
        )
    raise SafetyError(
        "some program has it open through VFIO, and libvirt gave it to no guest",
        subject=vf,
        hint=f"'sriovctl owners {vf}' names it",
    )


def take_out(host: Host, libvirt: Libvirt, guest: str, place: VFPlace, *, timeout_s: float) -> bool:
    """Take a VF that libvirt does not know out of a running guest; False if it is not there.

    :raises BusyError: the guest did not let go in time.
    """
    vf = place.address
    if not is_open(host.files, vf) or (device_id := stray_id(libvirt, guest, vf)) is None:
        return False
    deadline = host.clock.now() + timeout_s
    # An earlier request that is still open is no trouble: QEMU's complaint is ignored.
    libvirt.hmp(guest, f"device_del {device_id}")
    while stray_id(libvirt, guest, vf) is not None:
        if host.clock.now() >= deadline:
            raise BusyError(
                "the running guest has not let go of a VF that libvirt does not know; the request "
                "stays open",
                subject=f"{guest}: {vf}",
                hint="run the same command again to keep waiting, or shut the guest down and run "
                "it then: its MAC, VLAN and driver are put back",
            )
        host.clock.sleep(_POLL_S)
    return True


def put_back(host: Host, place: VFPlace) -> bool:
    """Make a VF what it was before libvirt was cut short; False if there is nothing to do.

    Only for a VF that no running guest of libvirt has.
    """
    saved = _read_saved(host.files, place)
    on_vfio = read_driver(host.files, place.address) == "vfio-pci"
    if saved is None or not on_vfio or is_open(host.files, place.address):
        return False
    from sriovctl.engine.vf_attributes import write_vf_attributes
    from sriovctl.model.state import WantedVF

    mac, vlan_id = saved
    before = WantedVF(admin_mac=mac, vlan=VLAN(vlan_id))
    assert place.pf_netdev is not None  # the file has its name
    write_vf_attributes(host.rtnl, place.pf_netdev, [(place.vf_index, before)])
    _release(host.files, place)
    return True


def _read_saved(files: FileTree, place: VFPlace) -> tuple[str, int] | None:
    if place.pf_netdev is None:
        return None
    text = files.read_text(f"{_SAVED}/{place.pf_netdev}_vf{place.vf_index}")
    try:
        saved = json.loads(text or "")
        return str(saved["adminMac"]), int(saved.get("vlanTag", 0))
    except (ValueError, KeyError, TypeError):
        return None


# As libvirt does with managed='yes': whatever driver the kernel chooses.
def _release(files: FileTree, place: VFPlace) -> None:
    directory, pf = f"{PCI_DEVICES}/{place.address}", f"{PCI_DEVICES}/{place.pf}"
    files.write_text(f"{directory}/driver/unbind", str(place.address))
    files.write_text(f"{directory}/driver_override", "\n")
    if read_int(files, f"{pf}/sriov_drivers_autoprobe") != 0:
        files.write_text(DRIVERS_PROBE, str(place.address))
