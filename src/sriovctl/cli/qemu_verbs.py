"""What the verbs of ``sriovctl qemu`` do."""

from __future__ import annotations

import os

from sriovctl.cli.handover_arguments import desk_from, find_vf_address, settings_from
from sriovctl.cli.vf_arguments import address_of
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE, InputError, LostError
from sriovctl.host.state_files import read_text
from sriovctl.model.qemu_line import DeviceOptions, parse_qemu_id, parse_vf_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.qemu import QEMUDetachResult

_MAX_CHARACTERS = 1 << 20


def print_arguments(args: argparse.Namespace, context: Context) -> int:
    """Print arguments on one line, so that ``$(…)`` takes them; doubts go to standard error."""
    from sriovctl.engine.guests.qemu_arguments import read_doubts
    from sriovctl.render.qemu_line import arguments_as_json, lay_out_devices, qemu_arguments

    options = _device_options(args)
    host = context.host()
    pfs = read_inventory(host, name_of=lambda *_: None)
    vfs = tuple(dict.fromkeys(address_of(name, pfs) for name in args.vf_names))
    devices = lay_out_devices(vfs, options)
    doubts = [doubt for vf in vfs for doubt in read_doubts(host, vf, options)]
    if args.json:
        context.print_json("qemu-args", arguments_as_json(devices, options, doubts))
        return EXIT_DONE
    for doubt in doubts:
        context.warn(doubt)
    context.print(" ".join(qemu_arguments(devices, options)))
    return EXIT_DONE


def attach_vf(args: argparse.Namespace, context: Context) -> int:
    """Plug one VF and say what the guest has now."""
    from sriovctl.engine.guests.qemu_attach import attach
    from sriovctl.host.signals import stopping_in_order
    from sriovctl.render.qemu import format_qemu_attach, qemu_attach_as_json

    _require_this_host(args)
    settings, options = settings_from(args), _device_options(args)
    vf = find_vf_address(args, context)
    with stopping_in_order():
        qmp = context.qmp(_socket(args))
        result = attach(desk_from(args, context), qmp, vf=vf, settings=settings, options=options)
    if args.json:
        context.print_json("qemu-attach", qemu_attach_as_json(result))
    else:
        context.print(format_qemu_attach(result))
    return EXIT_DONE


def detach_vf(args: argparse.Namespace, context: Context) -> int:
    """Pull one VF out, make it what it was, and say what became of it."""
    from sriovctl.host.signals import stopping_in_order
    from sriovctl.render.qemu import format_qemu_detach, qemu_detach_as_json

    _require_this_host(args)
    vf = find_vf_address(args, context)
    with stopping_in_order():
        result = _detach(args, context, vf)
    if args.json:
        context.print_json("qemu-detach", qemu_detach_as_json(result))
    else:
        context.print(format_qemu_detach(result))
    return EXIT_DONE


def _detach(args: argparse.Namespace, context: Context, vf: PCIAddress) -> QEMUDetachResult:
    from sriovctl.engine.guests.qemu_attach import detach, reclaim

    desk = desk_from(args, context)
    try:
        qmp = context.qmp(_socket(args))
    except (LostError, InputError):  # the socket of a QEMU that has ended, or was killed
        result = reclaim(desk, _socket(args), vf=vf)
        if result is None:
            raise
        return result
    return detach(desk, qmp, vf=vf, timeout_s=args.timeout)


def list_functions(args: argparse.Namespace, context: Context) -> int:
    """List what of this host is in a guest, and what room there is."""
    from sriovctl.engine.guests.qemu_machine import read_machine
    from sriovctl.render.qemu import format_machine, machine_as_json

    _require_this_host(args)
    machine = read_machine(context.qmp(_socket(args)))
    pfs = read_inventory(context.host(), name_of=lambda *_: None)
    known = {str(vf.address): (pf, vf) for pf in pfs for vf in pf.vfs}
    if args.json:
        context.print_json("qemu-list", machine_as_json(machine, known))
    else:
        context.print(format_machine(machine, known))
    return EXIT_DONE


def translate(args: argparse.Namespace, context: Context) -> int:
    """Translate an old command line; it need not be one of this host."""
    from sriovctl.codec.qemu_line import translate_qemu_line
    from sriovctl.render.qemu_line import format_translation, translation_as_json

    line = translate_qemu_line(_old_line(args.words))
    if args.json:
        context.print_json("qemu-translate", translation_as_json(line))
    else:
        context.print(format_translation(line))
    return EXIT_DONE


def _old_line(words: list[str]) -> str:
    if len(words) > 1 or (words[0].startswith("-") and words[0] != "-"):
        import shlex

        return shlex.join(words)
    try:
        return read_text(words[0], most=_MAX_CHARACTERS)
    except InputError as error:
        hint = "write the words of a command line after --"
        raise InputError(error.cause, subject=words[0], hint=hint) from None


# --- arguments -------------------------------------------------------------------------------


def _device_options(args: argparse.Namespace) -> DeviceOptions:
    return DeviceOptions(
        bus=None if args.bus is None else parse_qemu_id(args.bus),
        device_id=None if args.device_id is None else parse_qemu_id(args.device_id),
        multifunction=args.multifunction,
        rombar=args.rombar,
        vf_token=None if args.vf_token is None else parse_vf_token(args.vf_token),
    )


# As the journal has it: a later command may be given from another directory.
def _socket(args: argparse.Namespace) -> str:
    path: str = args.socket
    return os.path.abspath(path)


def _require_this_host(args: argparse.Namespace) -> None:
    if args.host_tree is not None or args.simulated:
        raise InputError(
            f"'qemu {args.sub_verb}' asks a QEMU of this machine, which has this machine's VFs",
            hint="leave --host-tree and --simulated out",
        )
