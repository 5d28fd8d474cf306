"""What is kept for the next boot, and what a boot made of it."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Final

from sriovctl.model.record import NamedTuple

CONFIG_DIRECTORY: Final = "/etc/sriovctl"
STATE_FILE: Final = f"{CONFIG_DIRECTORY}/host.yaml"
STATE_DIRECTORY: Final = f"{CONFIG_DIRECTORY}/host.d"  # where a directory of state files goes
MODPROBE_FILE: Final = "/etc/modprobe.d/sriovctl.conf"
MODULES_LOAD_FILE: Final = "/etc/modules-load.d/sriovctl.conf"

APPLY_UNIT: Final = "sriovctl-apply.service"
VERIFY_UNIT: Final = "sriovctl-verify-boot.service"
UNITS: Final = (APPLY_UNIT, VERIFY_UNIT)
DAEMON_UNIT: Final = "sriovctld.service"  # this and the next only where somebody asked for them
SOCKET_UNIT: Final = "sriovctld.socket"
UNIT_DIRECTORY: Final = "/etc/systemd/system"
PACKAGED_UNIT_DIRECTORIES: Final = ("/usr/lib/systemd/system", "/lib/systemd/system")
WANTS_DIRECTORY: Final = f"{UNIT_DIRECTORY}/multi-user.target.wants"
SOCKETS_DIRECTORY: Final = f"{UNIT_DIRECTORY}/sockets.target.wants"

MANIFEST_NAME: Final = "persisted.json"  # in the directory of the journal
LAST_CHECK_NAME: Final = "verify-boot.json"


class EntryKind(StrEnum):
    """What stands under a name in the file system."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"  # a directory, a device: nothing that sriovctl would write


class Entry(NamedTuple):
    """A file or a symbolic link, by the host's path."""

    path: str
    text: str  # the content of a file, the target of a link; empty for others
    kind: EntryKind = EntryKind.FILE

    @property
    def digest(self) -> str:
        """What tells whether somebody has edited it."""
        return sha256(f"{self.kind}\0{self.text}".encode("utf-8", "surrogateescape")).hexdigest()


class Manifest(NamedTuple):
    """What ``persist`` has installed: path to the digests that are ours.

    There is more than one digest where an earlier run was cut short between two of its files.
    """

    digests: dict[str, tuple[str, ...]]
    boot_id: str | None = None  # of the boot in which it was last changed
    source: str | None = None  # the file that was given

    def owns(self, entry: Entry) -> bool:
        """Whether the entry is as ``persist`` wrote it."""
        return entry.digest in self.digests.get(entry.path, ())

    @property
    def units(self) -> tuple[str, ...]:
        """The units that are installed with it."""
        return (*UNITS, *(unit for unit in (DAEMON_UNIT, SOCKET_UNIT) if self._has_part_of(unit)))

    def _has_part_of(self, unit: str) -> bool:
        return any(path.endswith(f"/{unit}") or f"/{unit}.d/" in path for path in self.digests)


class ChangeKind(StrEnum):
    """What becomes of one path."""

    WRITE = "written"
    KEEP = "kept"
    REMOVE = "removed"


class Change(NamedTuple):
    """What becomes of one path, and the entry to write there."""

    kind: ChangeKind
    path: str
    entry: Entry | None = None


class ModuleOption(NamedTuple):
    """A module's parameter that makes its VFs when it is loaded."""

    module: str
    parameter: str
    value: str  # as modprobe.d has it: 4, or 2,0,2
    reason: str


class Check(NamedTuple):
    """One line of ``verify-boot``."""

    id: str
    ok: bool | None  # None: could not be seen
    subject: str
    evidence: str
    hint: str | None = None


class SettingKind(StrEnum):
    """What a line of somebody else's does at boot."""

    VF_COUNT = "vf-count"
    DRIVER = "driver"
    GROUP_NUMBER = "group-number"  # names an IOMMU group by its number, which another boot changes


class Selector(NamedTuple):
    """Which devices a line means, as far as it tells; all empty: it does not tell."""

    netdevs: tuple[str, ...] = ()  # shell patterns
    addresses: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()  # lower case
    drivers: tuple[str, ...] = ()


class BootSetting(NamedTuple):
    """A line of somebody else's that acts on SR-IOV at boot."""

    kind: SettingKind
    setter: str  # whose configuration it is: NetworkManager, netplan, udev, …
    path: str
    line: int  # from 1
    text: str  # what stands there
    selector: Selector = Selector()


class Conflict(NamedTuple):
    """Somebody else's line that concerns a PF of the state."""

    setting: BootSetting
    device: str | None  # the PF; None: the line does not tell, or concerns all
