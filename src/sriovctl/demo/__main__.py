"""``python -m sriovctl.demo``: the story in the lab, or on the simulated host where it must be."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from sriovctl.errors import SriovctlError

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
    """Play the story up to the guest on a host in memory."""
    from sriovctl.cli.context import Context
    from sriovctl.demo.stage import Narrator, SimulatedStage
    from sriovctl.demo.story import play_undo, play_up_to_attach, write_state
    from sriovctl.host.journal import SQLiteJournal
    from sriovctl.host.libvirt import LibvirtConnection
    from sriovctl.host.simulated import simulated_82576

    print(f"{missing}: playing on a simulated host, without a guest", flush=True)
    host, journal = simulated_82576(), SQLiteJournal(None)
    context = Context(
        open_host=lambda: host,
        open_libvirt=LibvirtConnection,
        open_journal=lambda: journal,
        out=sys.stdout,
        color=False,
    )
    narrator = Narrator(SimulatedStage(context), color=sys.stdout.isatty())
    with tempfile.TemporaryDirectory() as directory:
        before = play_up_to_attach(narrator, write_state(directory))
        play_undo(narrator, before)
    narrator.end("Simulated: as root with QEMU the same story goes on to a real guest.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
