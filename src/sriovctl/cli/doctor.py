"""``sriovctl doctor``."""

from __future__ import annotations

from sriovctl.checks.run import about, is_ready, run_checks
from sriovctl.cli.pf_argument import find_pf_address
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError
from sriovctl.render.doctor import doctor_as_json, format_doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot

SUMMARY = "say what keeps this host from SR-IOV, why, and how to fix it"
EXAMPLES = """\
  sriovctl doctor
  sriovctl doctor 0000:01:00.0
  sriovctl doctor enp1s0f0 && sriovctl apply host.yaml
  sriovctl --lspci dump.txt --dmesg dmesg.txt doctor
  sriovctl doctor --json | jq '.findings[] | {id, subject, fix}'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the function to look at."""
    parser.add_argument(
        "function",
        metavar="ADDRESS|NETDEV",
        nargs="?",
        help="only what concerns this function, and the host as a whole",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Judge the host, or what concerns one function of it."""
    snapshot = context.snapshot()
    findings = run_checks(snapshot)
    subject = snapshot.description
    if args.function is not None:
        address = find_function(snapshot, args.function)
        findings, subject = about(findings, snapshot, address), str(address)
    ready, notes = is_ready(findings), snapshot.notes
    if args.json:
        context.print_json("doctor", doctor_as_json(findings, ready=ready, notes=notes))
    else:
        context.print(
            format_doctor(findings, ready=ready, subject=subject, notes=notes, color=context.color)
        )
    return EXIT_DONE if ready else EXIT_FAILED


def find_function(snapshot: HostSnapshot, text: str) -> PCIAddress:
    """Find the function that the user means.

    :raises InputError: there is none of that address or netdev.
    """
    address = find_pf_address(snapshot, text)
    if any(function.address == address for function in snapshot.functions):
        return address
    raise InputError(
        "no such PCI device", subject=address, hint=f"it is not in {snapshot.description}"
    )
