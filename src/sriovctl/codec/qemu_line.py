"""Old command lines of QEMU: device assignment through KVM turned into VFIO.  Pure.

Three spellings of the same thing, none of which QEMU knows any more:

- ``-pcidevice host=01:10.0``, of the fork qemu-kvm alone;
- ``-device pci-assign,host=01:10.0``, first of qemu-kvm, then of QEMU 1.3 to 2.10;
- ``-device kvm-pci-assign,…``, its proper name in QEMU.

The kernel's side went with Linux 4.12, QEMU's with 2.11.  ``device_add`` of QEMU's monitor takes
the same values.

Source: qemu-kvm ``hw/device-assignment.c`` (``add_assigned_device()``, ``assign_info``), QEMU 2.10
``hw/i386/kvm/pci-assign.c`` (``assigned_dev_properties``), QEMU 10 ``hw/vfio/pci.c``.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sriovctl.codec.qemu_options import format_qemu_options, parse_qemu_options
from sriovctl.codec.shell_words import replace_shell_words, split_shell_words
from sriovctl.errors import InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.qemu_line import OldOption, TranslatedLine, is_qemu_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.codec.shell_words import ShellWord

    Pairs = Sequence[tuple[str, str | None]]

_OLD_DEVICES = ("pci-assign", "kvm-pci-assign")
_TAKES_DEVICE = ("-device", "--device", "device_add")
_TAKES_PCIDEVICE = ("-pcidevice", "--pcidevice")

# Options of any PCI device, and those that vfio-pci has under the same name.
_KEPT = (
    "id",
    "bus",
    "addr",
    "multifunction",
    "bootindex",
    "rombar",
    "romfile",
    "romsize",
    "acpi-index",
    "failover_pair_id",
)
_NO_LONGER = {
    "configfd": "configfd is left out: what QEMU opens for VFIO is /dev/vfio/GROUP, so give that "
    "to the user whom QEMU runs as",
    "prefer_msi": "prefer_msi is left out: VFIO passes on the kind of interrupt that the guest "
    "asks for",
    "share_intx": "share_intx is left out: VFIO shares an interrupt line where the function can "
    "mask it, and takes it for itself where not",
    "command_serr_enable": "command_serr_enable is left out: QEMU has no such option any more",
}
_WITHOUT_IOMMU = (
    "the IOMMU was not used; VFIO always uses it, so without an IOMMU this does not work any more "
    "('sriovctl doctor' says whether there is one)"
)
_ON = (None, "on", "yes", "true", "1")


def translate_qemu_line(text: str) -> TranslatedLine:
    """Replace what assigns devices through KVM by what does it through VFIO.

    :param text: a command line of QEMU, a script with some, or lines for QEMU's monitor.
    :raises InputError: an old option names no function of the host.
    """
    changes: list[tuple[ShellWord, str]] = []
    options: list[OldOption] = []
    words = split_shell_words(text)
    for word, value in pairwise(words):
        if word.ends_command or value.ends_command:
            continue
        translated = _translate(word.value, value.value)
        if translated is None:
            continue
        if word.value in _TAKES_PCIDEVICE:
            changes.append((word, "-device"))
        changes.append((value, translated.after.partition(" ")[2]))
        options.append(translated)
    return TranslatedLine(replace_shell_words(text, changes), tuple(options))


# None: it is none of the old ones.
def _translate(option: str, value: str) -> OldOption | None:
    if option in _TAKES_PCIDEVICE:
        pairs: Pairs = tuple(_pcidevice_pairs(parse_qemu_options(f"driver=,{value}")[1:]))
        new, notes = _to_vfio([("driver", "pci-assign"), *pairs], value)
        return _option(f"{option} {value}", f"-device {new}", notes, pairs)
    if option not in _TAKES_DEVICE:
        return None
    pairs = parse_qemu_options(value)
    if dict(pairs).get("driver") not in _OLD_DEVICES:
        return None
    new, notes = _to_vfio(pairs, value)
    return _option(f"{option} {value}", f"{option} {new}", notes, pairs)


def _option(before: str, after: str, notes: Sequence[str], pairs: Pairs) -> OldOption:
    host = dict(pairs).get("host") or ""
    address = parse_pci_address(host) if is_pci_address(host) else None
    return OldOption(before, after, tuple(notes), address)


# qemu-kvm made an id of the name, and told it not to use the IOMMU by "dma=none".
def _pcidevice_pairs(pairs: Pairs) -> Iterator[tuple[str, str | None]]:
    said = dict(pairs)
    for key, value in pairs:
        if key == "name":
            if "id" not in said:
                yield "id", value
        elif key == "dma":
            yield "iommu", "0" if (value or "").startswith("none") else "1"
        else:
            yield key, value


def _to_vfio(pairs: Pairs, written: str) -> tuple[str, list[str]]:
    said = dict(pairs)
    host = said.get("host")
    if not host:
        raise InputError(
            "names no function of the host", subject=written, hint="write host=0000:01:10.0"
        )
    notes: list[str] = []
    new: list[tuple[str, str | None]] = [("driver", "vfio-pci"), ("host", _full_address(host))]
    for key, value in said.items():
        if key not in ("driver", "host"):
            new += _translate_pair(key, value, notes)
    return format_qemu_options(tuple(new)), notes


def _full_address(host: str) -> str:
    return str(parse_pci_address(host)) if is_pci_address(host) else host


def _translate_pair(key: str, value: str | None, notes: list[str]) -> list[tuple[str, str | None]]:
    if key == "iommu":
        if value not in _ON:
            notes.append(_WITHOUT_IOMMU)
        return []
    if key in _NO_LONGER:
        notes.append(_NO_LONGER[key])
        return []
    if key == "id" and value is not None:
        return [("id", _well_formed(value, notes))]
    if key not in _KEPT:
        notes.append(f"{key} is left as it is: pci-assign had no such option")
    return [(key, value)]


def _well_formed(name: str, notes: list[str]) -> str:
    if is_qemu_id(name) or "$" in name:
        return name
    made = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    made = made if made[:1].isalpha() and made[:1].isascii() else f"vf-{made}"
    notes.append(f"the id '{name}' became {made}: QEMU takes no such id any more")
    return made
