"""``python -m sriovctl.demo``: the story in the lab, or on the simulated host where it must be."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import SriovctlError
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.cli.context import Context

MACHINE = "82576"


def main() -> int:
    """Play the story; return the exit code."""
    try:
        missing = why_not_in_the_lab()
        return play_in_the_lab() if missing is None else play_simulated(missing)
    except SriovctlError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code


def why_not_in_the_lab() -> str | None:
    """Say what keeps us from booting a lab machine."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("qemu-system-x86_64") is None:
        return "QEMU is not installed"
    return None


def play_in_the_lab() -> int:
    """Boot an emulated 82576 under a real Linux kernel, and play the whole story there."""
    from sriovctl.lab.session import run_on_streams

    print(
        f"This boots the lab machine {MACHINE}: QEMU emulates two Intel 82576 and an NVMe\n"
        "controller, and a real Linux kernel with a real libvirtd drives them.",
        flush=True,
    )
    color = ("--color",) if sys.stdout.isatty() else ()
    return run_on_streams(
        MACHINE,
        (sys.executable, "-m", "sriovctl.demo.story", *color),
        services=("libvirt",),
        accel="auto",
        results=None,
        timeout_s=1200.0,
    )


def play_simulated(missing: str) -> int:
    """Play the story on a host and a libvirt in memory."""
    from sriovctl.demo.stage import Narrator, SimulatedStage
    from sriovctl.demo.story import VF, attach, detach, play_undo, play_up_to_attach, write_state

    print(
        f"{missing}: playing on a simulated host and a simulated guest.\n"
        "What needs witnesses (ip, virsh, the guest itself) is left out.",
        flush=True,
    )
    narrator = Narrator(SimulatedStage(simulated_context()), color=sys.stdout.isatty())
    with tempfile.TemporaryDirectory() as directory:
        before = play_up_to_attach(narrator, write_state(directory))
        attach(narrator, VF)
        detach(narrator, VF)
        play_undo(narrator, before)
    narrator.end("Simulated: as root with QEMU the same story is played by a real kernel.")
    return 0


def simulated_context() -> Context:
    """Make a host with one 82576, a guest, and a journal, all in memory."""
    from sriovctl.cli.context import Context
    from sriovctl.demo.story import GUEST
    from sriovctl.host.journal import SQLiteJournal
    from sriovctl.host.simulated import simulated_82576
    from sriovctl.host.simulated_libvirt import SimulatedLibvirt

    host, journal = simulated_82576(), SQLiteJournal(None)

    def set_on_card(_address: str, mac: str, vlan: int) -> None:
        # libvirt sets both through the PF; the story attaches VF 0 of the first card.
        write_vf_attributes(host.rtnl, "eth0", [(0, WantedVF(admin_mac=mac, vlan=VLAN(vlan)))])

    libvirt = SimulatedLibvirt(host.clock, set_on_card=set_on_card)
    libvirt.add(GUEST)
    return Context(
        open_host=lambda: host,
        open_libvirt=lambda: libvirt,
        open_journal=lambda: journal,
        out=sys.stdout,
        color=False,
    )


if __name__ == "__main__":
    sys.exit(main())
