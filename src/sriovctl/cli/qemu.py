"""``sriovctl qemu``: VFs for a QEMU that no libvirt looks after."""

from __future__ import annotations

from sriovctl.cli.change_arguments import add_change_arguments
from sriovctl.cli.handover_arguments import add_mac_and_vlan, add_vf_argument
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "give VFs to a QEMU without libvirt: its arguments, hot plug, old command lines"
EXAMPLES = """\
  sriovctl qemu args 0000:01:10.0
  qemu-system-x86_64 -M q35 ... $(sriovctl qemu args 0000:01:10.0 --rombar 0)
  sriovctl qemu attach /run/my.qmp 0000:01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl qemu list /run/my.qmp
  sriovctl qemu detach /run/my.qmp 0000:01:10.0 --timeout 60
  sriovctl qemu translate -- -device pci-assign,host=01:10.0
  sriovctl qemu translate start-my-guest.sh
"""
_DETACH_TIMEOUT_S = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of qemu and their options."""
    verbs = SubVerbs(parser)
    _configure_args(verbs.add("args", "print the arguments that give VFs to a guest", _args))
    _configure_attach(verbs.add("attach", "plug a VF into a running guest", _attach))
    _configure_detach(verbs.add("detach", "pull a VF out of a running guest", _detach))
    _add_socket(verbs.add("list", "list the functions in a running guest, and its ports", _list))
    translate = verbs.add(
        "translate", "turn an old command line (pci-assign, -pcidevice) into today's", _translate
    )
    translate.add_argument(
        "words",
        metavar="WORD",
        nargs="+",
        help="a file with the command line, - for standard input, or after -- the words themselves",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def _args(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.qemu_verbs import print_arguments

    return print_arguments(args, context)


def _attach(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.qemu_verbs import attach_vf

    return attach_vf(args, context)


def _detach(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.qemu_verbs import detach_vf

    return detach_vf(args, context)


def _list(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.qemu_verbs import list_functions

    return list_functions(args, context)


def _translate(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.qemu_verbs import translate

    return translate(args, context)


def _configure_args(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "vf_names", metavar="VF", nargs="+", help="a VF, by PCI address or netdev (repeatable)"
    )
    _add_device_options(parser, bus_help="this bus, instead of a root port that comes with it")
    parser.add_argument(
        "--multifunction",
        action="store_true",
        help="make the VFs functions of one device in the guest, on one port",
    )


def _configure_attach(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(multifunction=False)
    _add_socket(parser)
    add_vf_argument(parser)
    add_mac_and_vlan(parser)
    _add_device_options(parser, bus_help="this bus; default: the first free root port")
    add_change_arguments(parser)


def _configure_detach(parser: argparse.ArgumentParser) -> None:
    _add_socket(parser)
    add_vf_argument(parser)
    parser.add_argument(
        "--timeout",
        type=float,
        default=_DETACH_TIMEOUT_S,
        metavar="SECONDS",
        help="how long to wait for the guest to let go (default: %(default).0f)",
    )
    add_change_arguments(parser)


def _add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "socket", metavar="SOCKET", help="of QEMU's monitor: -qmp unix:SOCKET,server=on,wait=off"
    )


def _add_device_options(parser: argparse.ArgumentParser, *, bus_help: str) -> None:
    parser.add_argument("--bus", metavar="ID", help=bus_help)
    parser.add_argument("--id", dest="device_id", metavar="ID", help="of the device in QEMU")
    parser.add_argument(
        "--rombar", type=int, choices=(0, 1), help="0 hides the VF's ROM from the guest's firmware"
    )
    parser.add_argument(
        "--vf-token", metavar="UUID", help="where a program drives the PF: what it has set"
    )
