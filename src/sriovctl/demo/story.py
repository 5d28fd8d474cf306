"""The chapters.  ``python -m sriovctl.demo.story`` plays them on the machine that it runs on."""

from __future__ import annotations

import json
import sys
import tempfile

from sriovctl.demo.guest import demo_disk, demo_guest_xml
from sriovctl.demo.stage import Narrator, RealStage
from sriovctl.errors import SriovctlError

GUEST = "MyGuest"
MAC = "52:54:00:6d:90:02"
VLAN = 42
PF = "0000:01:00.0"
VF = "0000:01:10.0"

STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{PF}"}}
    num_vfs: 2
    drivers_autoprobe: false
    link: {{state: up}}
    vf_default: {{spoofchk: true}}
    vfs:
      1: {{admin_mac: "52:54:00:6d:90:03", vlan: {{id: 43}}}}
"""


def play_up_to_attach(narrator: Narrator, state_file: str) -> str:
    """Tell what needs no guest; return what ``ls`` said at the beginning."""
    narrator.chapter(
        "What is there?", "Three PFs, no VFs. IOMMU groups say what can be given away alone."
    )
    before = narrator.run("sriovctl", "ls")
    narrator.run("sriovctl", "show", PF, show="SR-IOV|TotalVFs|total|ACS|ARI")
    narrator.chapter("What do we want?", "A file says it; what it does not say is left alone.")
    narrator.show_file(state_file)
    narrator.chapter("What would change?", "A plan changes nothing. Exit code 3: changes pending.")
    narrator.run("sriovctl", "plan", state_file, expect=3)
    narrator.chapter("Do it", "Journal first; each step is verified by reading it back.")
    narrator.run("sriovctl", "apply", state_file)
    narrator.run("sriovctl", "ls", show=f"{PF}|0000:01:10|address")
    narrator.run("sriovctl", "plan", state_file)
    return before


def start_guest(narrator: Narrator, directory: str) -> None:
    """Define and start a small guest without a network of its own."""
    narrator.chapter(
        f"Start {GUEST}", "A q35 guest under QEMU, with two free PCIe root ports to plug into."
    )
    disk, console = f"{directory}/disk", f"{directory}/console"
    with open(disk, "wb") as image:
        image.write(demo_disk())
    path = f"{directory}/guest.xml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(demo_guest_xml(GUEST, disk=disk, console_log=console))
    narrator.run("virsh", "define", path)
    narrator.run("virsh", "start", GUEST)
    narrator.wait(f"{GUEST} has booted", lambda: _says(console, "up"), timeout_s=120)


def _says(path: str, word: str) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return word in file.read()
    except FileNotFoundError:
        return False


def play_guest(narrator: Narrator) -> None:
    """Give a VF to a running guest, and prove it with three witnesses that are not us."""
    attach(narrator, VF)
    _prove(narrator)


def attach(narrator: Narrator, vf: str) -> None:
    """Give a VF to the guest."""
    narrator.chapter(
        f"Give VF {vf} to {GUEST}",
        f"While it runs, with MAC {MAC} and VLAN {VLAN}, now and after its next boot.",
    )
    narrator.run("sriovctl", "xml", "--vf", vf, "--mac", MAC, "--vlan", str(VLAN))
    narrator.run(
        *("sriovctl", "attach", GUEST, "--vf", vf, "--mac", MAC, "--vlan", str(VLAN)),
        *("--live", "--config"),
    )
    narrator.run("sriovctl", "guests")


def detach(narrator: Narrator, vf: str) -> None:
    """Take the VF back from the running guest."""
    narrator.chapter(
        f"Take the VF from {GUEST}",
        "The guest's system must let go of it; sriovctl asks, waits, and looks again.",
    )
    narrator.run("sriovctl", "detach", GUEST, "--vf", vf)
    narrator.run("sriovctl", "guests")


def _prove(narrator: Narrator) -> None:
    narrator.chapter("Is it true?", "Ask the kernel, libvirt and the guest itself, not sriovctl.")
    links = narrator.run("ip", "link", "show", "dev", _pf_netdev(), show="vf 0")
    narrator.check(
        f"the card holds MAC {MAC} and VLAN {VLAN} for the VF",
        holds=any(MAC in line and f"vlan {VLAN}" in line for line in links.splitlines()),
    )
    xml = narrator.run(
        "virsh", "dumpxml", GUEST, between=("<interface type='hostdev'", "</interface>")
    )
    narrator.check(
        "libvirt knows the interface with that MAC and VLAN",
        holds=MAC in xml and f"<tag id='{VLAN}'/>" in xml,
    )
    pci = narrator.run(
        *("virsh", "qemu-monitor-command", GUEST, "--hmp", "info pci"), show="8086:10ca|Ethernet"
    )
    narrator.check("the guest sees the VF 8086:10ca on its own PCI bus", holds="8086:10ca" in pci)


def play_way_back(narrator: Narrator, before: str) -> None:
    """Undo everything, and compare with the beginning."""
    detach(narrator, VF)
    narrator.run("virsh", "destroy", GUEST)
    narrator.run("virsh", "undefine", GUEST)
    play_undo(narrator, before)


def play_undo(narrator: Narrator, before: str) -> None:
    """Undo what ``apply`` did, and compare with the beginning."""
    narrator.chapter("And back", "Undo what apply did: the host is as it was.")
    narrator.run("sriovctl", "undo")
    after = narrator.run("sriovctl", "ls")
    narrator.check("the host is as it was at the beginning", holds=after == before)


def _pf_netdev() -> str:
    listing = RealStage().run(["sriovctl", "ls", "--json"])[0]
    pfs = json.loads(listing)["pfs"]
    return str(next(pf["netdev"] for pf in pfs if pf["address"] == PF))


def write_state(directory: str) -> str:
    """Write the state file of the story; return its path."""
    path = f"{directory}/host.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(STATE)
    return path


def main() -> int:
    """Tell the whole story on this machine, which a lab machine is meant to be."""
    try:
        play_all()
    except SriovctlError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def play_all() -> None:
    """Play all chapters."""
    narrator = Narrator(RealStage(), color="--color" in sys.argv)
    with tempfile.TemporaryDirectory() as directory:
        before = play_up_to_attach(narrator, write_state(directory))
        start_guest(narrator, directory)
        play_guest(narrator)
        play_way_back(narrator, before)
    narrator.end("From no VFs to a guest with its own VF, proved, and back.")


if __name__ == "__main__":
    sys.exit(main())
