"""Command lines of QEMU: options for VFs, and old ones turned into today's."""

from __future__ import annotations

import re

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.address import PCIAddress

# What QEMU takes for an id (util/id.c, id_wellformed()).
_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
FUNCTIONS_PER_SLOT = 8


class DeviceOptions(NamedTuple):
    """What the user says of the devices that VFs become in a guest."""

    bus: str | None = None  # None: each VF, or all functions together, get a root port
    device_id: str | None = None  # None: made from the VF's address
    multifunction: bool = False  # the VFs are functions of one device in the guest
    rombar: int | None = None  # 0 hides the VF's ROM; None: QEMU's default
    vf_token: str | None = None


class OldOption(NamedTuple):
    """One option of an old command line, and what became of it."""

    before: str
    after: str
    notes: tuple[str, ...]  # what changes with it, and what could not be taken along
    host: PCIAddress | None  # the function that is handed out; None: it cannot be read from it


class TranslatedLine(NamedTuple):
    """A command line, or a script, with the old options replaced and all else as it was."""

    text: str
    options: tuple[OldOption, ...]


def is_qemu_id(text: str) -> bool:
    """Say whether QEMU takes *text* for an id.  Pure."""
    return _ID.fullmatch(text) is not None


def parse_qemu_id(text: str) -> str:
    """Read an id that a user gives to a device.  Pure.

    :raises InputError: QEMU would not take it.
    """
    if not is_qemu_id(text):
        raise InputError(
            "is no id for QEMU",
            subject=text,
            hint="it begins with a letter, with letters, digits, '.', '_' and '-' after that",
        )
    return text


def parse_vf_token(text: str) -> str:
    """Read the UUID that owner and users of a PF's VFs share.  Pure.

    :raises InputError: it is none.
    """
    if not _UUID.fullmatch(text):
        raise InputError("is no UUID", subject=text, hint="'uuidgen' makes one")
    return text.lower()


def qemu_id_of(source: PCIAddress, *, prefix: str = "vf") -> str:
    """Name under which a VF is known inside QEMU.  Pure."""
    return f"{prefix}-" + str(source).replace(":", "-").replace(".", "-")
