"""QEMU's command lines: options that give VFs to a guest, and what became of old ones."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.qemu_line import FUNCTIONS_PER_SLOT, qemu_id_of
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.qemu_line import DeviceOptions, OldOption, TranslatedLine

# Buses that take many functions; those of ports, whose names are their owner's to choose, take one.
_ROOT_BUSES = ("pcie.", "pci.")
_NO_MORE = (
    "device assignment through KVM is gone (Linux 4.12, QEMU 2.11); VFIO does it now, from the "
    "driver vfio-pci and not from pci-stub"
)


class QEMUDevice(NamedTuple):
    """One VF as a device of a guest."""

    vf: PCIAddress
    device_id: str
    bus: str
    port: tuple[int, int] | None  # chassis and slot of the root port that comes with it
    function: int | None  # of a device with several; None: it has a device of its own


def lay_out_devices(vfs: Sequence[PCIAddress], options: DeviceOptions) -> tuple[QEMUDevice, ...]:
    """Choose ids, buses and functions for VFs.  Pure.

    A root port is known by chassis and slot, which no other port of the guest may have; made from
    the VF's address they are the same each time, and others for another VF.

    :raises InputError: the options do not fit the number of VFs.
    """
    _refuse_misfits(vfs, options)
    ports: set[tuple[int, int]] = set()
    devices = []
    for number, vf in enumerate(vfs):
        first = number == 0 or not options.multifunction
        owner = vf if not options.multifunction else vfs[0]
        port = None
        if options.bus is None and first:
            port = _free_port(vf, ports)
            ports.add(port)
        devices.append(
            QEMUDevice(
                vf=vf,
                device_id=options.device_id or qemu_id_of(vf),
                bus=options.bus or qemu_id_of(owner, prefix="port"),
                port=port,
                function=number if options.multifunction else None,
            )
        )
    return tuple(devices)


def _refuse_misfits(vfs: Sequence[PCIAddress], options: DeviceOptions) -> None:
    if options.device_id is not None and len(vfs) > 1:
        raise InputError("names one device, and there are several VFs", subject="--id")
    if options.multifunction and len(vfs) > FUNCTIONS_PER_SLOT:
        raise InputError(
            f"a device has at most {FUNCTIONS_PER_SLOT} functions, not {len(vfs)}",
            subject="--multifunction",
        )
    on_port = options.bus is not None and not options.bus.startswith(_ROOT_BUSES)
    if on_port and len(vfs) > 1 and not options.multifunction:
        raise InputError(
            f"takes one device, not {len(vfs)}: it is the bus of a port",
            subject=f"--bus {options.bus}",
            hint="leave --bus out for a port each, or make them functions of one device: "
            "--multifunction",
        )


def _free_port(vf: PCIAddress, taken: set[tuple[int, int]]) -> tuple[int, int]:
    chassis, slot = vf.bus, vf.routing_id & 0xFF
    while (chassis, slot) in taken:  # the same place in another PCI domain
        slot += 1
    return chassis, slot


def qemu_arguments(devices: Sequence[QEMUDevice], options: DeviceOptions) -> tuple[str, ...]:
    """Write the words that give VFs to a guest.  Pure."""
    return tuple(word for device in devices for word in _words(device, options))


def _words(device: QEMUDevice, options: DeviceOptions) -> Iterator[str]:
    if device.port is not None:
        chassis, slot = device.port
        yield "-device"
        yield f"pcie-root-port,id={device.bus},chassis={chassis},slot={slot}"
    yield "-device"
    pairs = {
        "host": str(device.vf),
        "id": device.device_id,
        "bus": device.bus,
        **_place(device),
        **({} if options.rombar is None else {"rombar": options.rombar}),
        **({} if options.vf_token is None else {"vf-token": options.vf_token}),
    }
    yield ",".join(["vfio-pci", *(f"{key}={value}" for key, value in pairs.items())])


def _place(device: QEMUDevice) -> dict[str, str]:
    if device.function is None:
        return {}
    # Function 0 says that there are others.
    several = {"multifunction": "on"} if device.function == 0 else {}
    return {"addr": f"0.{device.function}", **several}


def arguments_as_json(
    devices: Sequence[QEMUDevice], options: DeviceOptions, warnings: Sequence[str]
) -> dict[str, object]:
    """Shape the arguments, and which VF becomes which device."""
    return {
        "arguments": list(qemu_arguments(devices, options)),
        "devices": [
            {"vf": str(device.vf), "id": device.device_id, "bus": device.bus} for device in devices
        ],
        "warnings": list(warnings),
    }


# --- old ones --------------------------------------------------------------------------------


def translation_as_json(line: TranslatedLine) -> dict[str, object]:
    """Shape a translated command line."""
    return {
        "text": line.text,
        "options": [
            {
                "before": option.before,
                "after": option.after,
                "host": None if option.host is None else str(option.host),
                "notes": list(option.notes),
            }
            for option in line.options
        ],
    }


def format_translation(line: TranslatedLine) -> str:
    """Show a translated command line, and after it, as comments, what has changed."""
    text = line.text.rstrip("\n")
    if not line.options:
        return f"{text}\n\n# nothing here assigns a device through KVM: it is as it was"
    notes = [f"# {_NO_MORE}", *(note for option in line.options for note in _notes(option))]
    return "\n".join([text, "", *notes])


def _notes(option: OldOption) -> Iterator[str]:
    yield f"# {' '.join(option.before.split())}"
    for note in option.notes:
        yield f"#   {note}"
    host = "ADDRESS" if option.host is None else str(option.host)
    yield f"#   before QEMU starts: sriovctl bind {host} --driver vfio-pci"
