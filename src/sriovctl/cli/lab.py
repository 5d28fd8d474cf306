"""``sriovctl lab``: machines with real SR-IOV hardware, emulated, to try and test things on."""

from __future__ import annotations

import argparse

from sriovctl.errors import EXIT_DONE, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.cli.context import Context

SUMMARY = "run things on emulated SR-IOV hardware under QEMU"
EXAMPLES = """\
  sriovctl lab list
  sriovctl lab run 82576 -- sriovctl ls
  sriovctl lab run 82576 --with libvirt --results out -- ./my-script
  sriovctl lab shell 82576-amd
  sriovctl lab test 82576 -- tests/lab -k vlan
"""

_ACCELS = ("auto", "kvm", "tcg")
_SERVICES = ("udev", "libvirt", "systemd")
_DEFAULT_TIMEOUT_S = 900.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of the lab and their options."""
    verbs = parser.add_subparsers(dest="lab_verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="the machines there are")
    listing.set_defaults(lab_run=_list)
    _add_json(listing)
    prepare = verbs.add_parser("prepare", help="download and build what the lab boots")
    prepare.set_defaults(lab_run=_prepare)
    _add_json(prepare)
    run = verbs.add_parser("run", help="run one command in a machine")
    run.set_defaults(lab_run=_run)
    _add_machine(run)
    _add_limits(run)
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run, as root")
    shell = verbs.add_parser("shell", help="a shell in a machine, on this terminal")
    shell.set_defaults(lab_run=_shell)
    _add_machine(shell)
    test = verbs.add_parser("test", help="run the tests written for a machine inside it")
    test.set_defaults(lab_run=_test)
    _add_machine(test)
    _add_limits(test)
    test.add_argument("pytest_args", nargs="*", metavar="PYTEST_ARGS", help="after --")


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says; ``run`` and ``test`` end with the status of what they ran."""
    status: int = args.lab_run(args, context)
    return status


def _add_json(parser: argparse.ArgumentParser) -> None:
    # Suppressed, so as not to overwrite what stood before the verb.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON"
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("machine", metavar="MACHINE", help="one of 'sriovctl lab list'")
    parser.add_argument(
        "--with",
        dest="services",
        action="append",
        choices=_SERVICES,
        default=[],
        help="start this inside before the command (repeatable; libvirt and systemd bring udev)",
    )
    parser.add_argument(
        "--linux-guest",
        action="store_true",
        help="with libvirt: bring a saved guest with a real Linux (in $SRIOVCTL_LAB_LINUX_GUEST)",
    )
    parser.add_argument(
        "--forward",
        dest="forwards",
        metavar="PORT",
        action="append",
        default=[],
        help="let this TCP port of the loopback, or HERE:INSIDE, reach the machine (repeatable)",
    )
    parser.add_argument(
        "--accel",
        choices=_ACCELS,
        default="auto",
        help="auto uses KVM only after it ran a small guest (default: %(default)s)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results", metavar="DIR", help="keep what is left in $SRIOVCTL_LAB_RESULTS here"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=_DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="for the command, without the boot (default: %(default).0f)",
    )


def _list(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.lab.describe import describe_machine
    from sriovctl.lab.machines import MACHINES

    if args.json:
        context.print_json("lab", {"machines": [describe_machine(one) for one in MACHINES]})
        return EXIT_DONE
    width = max(len(machine.name) for machine in MACHINES)
    for machine in MACHINES:
        context.print(f"{machine.name:{width}}  {machine.summary}")
    return EXIT_DONE


def _prepare(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.lab.image import prepare_image

    image = prepare_image()
    directory = str(image.kernel.parent)
    if args.json:
        context.print_json("lab-prepare", {"release": image.release, "directory": directory})
    else:
        context.print(f"kernel {image.release} is ready in {directory}")
    return EXIT_DONE


def _run(args: argparse.Namespace, _context: Context) -> int:
    from sriovctl.lab.session import run_on_streams

    return run_on_streams(
        args.machine,
        tuple(args.command),
        services=args.services,
        linux_guest=args.linux_guest,
        forwards=args.forwards,
        accel=args.accel,
        results=args.results,
        timeout_s=args.timeout,
    )


def _shell(args: argparse.Namespace, _context: Context) -> int:
    import sys

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "a shell needs a terminal", subject="lab shell", hint="use 'lab run' in scripts"
        )
    from sriovctl.lab.session import run_on_terminal

    return run_on_terminal(
        args.machine,
        services=args.services,
        linux_guest=args.linux_guest,
        forwards=args.forwards,
        accel=args.accel,
    )


def _test(args: argparse.Namespace, _context: Context) -> int:
    import sys

    from sriovctl.lab.session import run_on_streams

    return run_on_streams(
        args.machine,
        (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args.pytest_args),
        services=args.services,
        linux_guest=args.linux_guest,
        forwards=args.forwards,
        accel=args.accel,
        results=args.results,
        timeout_s=args.timeout,
    )
