"""A simulated host on which each kind of user can be made."""

from __future__ import annotations

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.libvirt_api import Libvirt
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.processes import SimulatedProcess
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.model.owner import Owner, OwnerReport

PCI = "/sys/bus/pci/devices"
PF, PF_BELOW_SWITCH, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
SHARED0, SHARED1 = "0000:04:10.0", "0000:04:10.2"


class World:
    """A host whose PFs eth0 and eth1 have two VFs each, without drivers."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        for pf in (PF, PF_BELOW_SWITCH):
            self.write(pf, "sriov_drivers_autoprobe", "0")
            self.write(pf, "sriov_numvfs", "2")
        self.libvirt = SimulatedLibvirt(self.host.clock)
        self.libvirt_error: Exception | None = None
        self.told: list[str] = []

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def bind(self, device: str, driver: str) -> None:
        self.write(device, "driver_override", driver)
        self.host.files.write_text("/sys/bus/pci/drivers_probe", device)

    def install_libvirt(self) -> None:
        self.host.files.add("/run/libvirt/libvirt-sock", constant(""))

    def open_libvirt(self) -> Libvirt:
        if self.libvirt_error is not None:
            raise self.libvirt_error
        return self.libvirt

    def qemu(self, name: str) -> SimulatedProcess:
        words = ("/usr/bin/qemu-system-x86_64", "-name", f"guest={name},debug-threads=on", "-S")
        return self.host.processes.start("qemu-system-x86", command_line=words)

    def report(self) -> OwnerReport:
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        return read_owners(
            self.host, pfs, open_libvirt=self.open_libvirt, progress=self.told.append
        )

    def tokens(self) -> dict[str, list[str]]:
        found = self.report().owners
        return {device: [owner.token for owner in owners] for device, owners in found.items()}

    def only_owner(self, device: str) -> Owner:
        (owner,) = self.report().owners[device]
        return owner

    def netdev(self, device: str) -> str:
        (netdev,) = self.host.files.list_dir(f"{PCI}/{device}/net")
        return netdev


def give(world: World, guest: str, source: str, *, live: bool, config: bool) -> None:
    domain, bus, rest = source.split(":")
    slot, function = rest.split(".")
    address = f"domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
    xml = f"<hostdev type='pci'><source><address {address}/></source></hostdev>"
    world.libvirt.attach_device(guest, xml, live=live, config=config)
