"""Read all that reasoning about a host starts from: its functions and its surroundings.

A function is listed first and read afterwards, so that nothing is looked for that is not there:
with ten thousand functions each look-up saved is a tenth of a second.  What cannot be read becomes
``None`` and a note; a function that goes away in between is left out, with a note.
"""

from __future__ import annotations

import re
from collections import Counter

from sriovctl.codec.interrupts import are_interrupts_remapped
from sriovctl.codec.iomem import root_bus_windows
from sriovctl.codec.kernel_log import find_last_buses, parse_kernel_log
from sriovctl.codec.pciconfig import decode_config
from sriovctl.engine.inventory import MOST_VFS, PCI_DEVICES, read_netdev
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.snapshot import (
    FunctionSnapshot,
    HostSnapshot,
    ResourceLine,
    RootBus,
    SourceKind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capabilities import ConfigSpace

    Progress = Callable[[str], None]

# The door shows the kernel's log as a file of this name, and a recording has it as one.
KERNEL_LOG = "/kernel.log"
ACPI_DIRECTORY = "/sys/firmware/acpi/tables"
# Not every table: some hold licence keys.
ACPI_TABLES = ("DMAR", "IVRS", "IORT", "VIOT", "MCFG")
# Module parameters that decide whether and how VFs can be used; those that anybody may read.
PARAMETERS = (
    ("vfio", "enable_unsafe_noiommu_mode"),
    ("vfio_iommu_type1", "allow_unsafe_interrupts"),
    ("vfio_iommu_type1", "dma_entry_limit"),
    ("vfio_pci", "disable_denylist"),
    ("vfio_pci", "enable_sriov"),
    ("vfio_pci", "ids"),
    ("kvm_intel", "nested"),
    ("kvm_amd", "nested"),
    ("mlx4_core", "num_vfs"),
    ("mlx4_core", "probe_vf"),
)
PARAMETER_FILES = tuple(f"/sys/module/{module}/parameters/{name}" for module, name in PARAMETERS)

# Most lines are unassigned.
_NO_RESOURCE = ResourceLine(0, 0, 0)
_NO_RESOURCE_LINE = " ".join(("0x0000000000000000",) * 3)
_HEADER_ONLY = 64
_PROGRESS_EVERY = 500
_ROOT_BUS = re.compile(r"pci([0-9a-f]{4,8}):([0-9a-f]{2})")
# What uname -m would say, by a word that only that architecture has in /proc/cpuinfo.
_MACHINES = (
    ("IBM/S390", "s390x"),
    ("CPU implementer", "aarch64"),
    ("loongarch", "loongarch64"),
    ("rv64", "riscv64"),
    ("POWER", "ppc64le"),
    ("GenuineIntel", "x86_64"),
    ("AuthenticAMD", "x86_64"),
    (" lm ", "x86_64"),
)


def read_snapshot(host: Host, *, progress: Progress | None = None) -> HostSnapshot:
    """Read a host, be it live, recorded or simulated.

    :param progress: called now and then with a line to show.
    :raises HostError: the list of PCI functions itself cannot be read.
    """
    reader = _Reader(host.files)
    functions, buses = reader.functions(progress)
    iomem = _visible_iomem(reader)
    log = reader.text(KERNEL_LOG, what="the kernel log")
    lines = None if log is None else parse_kernel_log(log)
    modules = reader.text("/proc/modules")
    cpuinfo = reader.text("/proc/cpuinfo")
    interrupts = reader.text("/proc/interrupts")
    return HostSnapshot(
        source=SourceKind.HOST,
        description=host.description,
        functions=functions,
        root_buses=_with_ranges(buses, iomem, lines or ()),
        cmdline=reader.text("/proc/cmdline"),
        kernel_release=_kernel_release(reader),
        machine=reader.text("/proc/sys/kernel/arch") or _machine_of(cpuinfo),
        cpuinfo=cpuinfo,
        iomem=iomem,
        acpi_tables=reader.acpi_tables(),
        groups_known=True,  # the link iommu_group is there exactly when there is a group
        iommus=reader.names("/sys/class/iommu"),
        modules=None if modules is None else _module_names(modules),
        parameters=reader.parameters(),
        interrupts_remapped=None if interrupts is None else are_interrupts_remapped(interrupts),
        lockdown=_lockdown(reader.text("/sys/kernel/security/lockdown")),
        kernel_log=lines,
        privileged=reader.privileged(),
        notes=tuple(reader.notes),
    )


class _Reader:
    # Reads piece by piece, and keeps in words what could not be read.

    def __init__(self, files: FileTree) -> None:
        self._files = files
        self.notes: list[str] = []
        self._config_sizes: Counter[int] = Counter()
        self._paths: dict[str, tuple[PCIAddress, ...]] = {}  # of directories met before

    # --- functions -----------------------------------------------------------------------

    def functions(
        self, progress: Progress | None
    ) -> tuple[tuple[FunctionSnapshot, ...], tuple[RootBus, ...]]:
        names = [name for name in self._files.list_dir(PCI_DEVICES) if is_pci_address(name)]
        buses: set[tuple[int, int]] = set()
        found = []
        for number, name in enumerate(names):
            if progress is not None and number and number % _PROGRESS_EVERY == 0:
                progress(f"read {number} of {len(names)} PCI functions")
            function = self._function(name, buses)
            if function is not None:
                found.append(function)
        self._note_short_configs()
        return _related(found), tuple(RootBus(*bus) for bus in sorted(buses))

    def _function(self, name: str, buses: set[tuple[int, int]]) -> FunctionSnapshot | None:
        directory = self._files.resolve(f"{PCI_DEVICES}/{name}")
        try:
            if directory is None:
                raise LostError("went away while the host was read", subject=name)
            entries = frozenset(self._files.list_dir(directory))
            if not entries:
                raise LostError("went away while the host was read", subject=name)
            return self._read(parse_pci_address(name), directory, entries, buses)
        except LostError as exc:
            self.notes.append(f"{name} is left out: {exc.cause}")
            return None

    def _read(
        self,
        address: PCIAddress,
        directory: str,
        entries: frozenset[str],
        buses: set[tuple[int, int]],
    ) -> FunctionSnapshot:
        return FunctionSnapshot(
            address=address,
            config=self._config(directory, entries),
            vendor_id=self._number(directory, entries, "vendor", base=16),
            device_id=self._number(directory, entries, "device", base=16),
            class_code=self._number(directory, entries, "class", base=16),
            driver=self._link(directory, entries, "driver"),
            netdev=self._netdev(directory, entries),
            numa_node=_none_if_negative(self._number(directory, entries, "numa_node")),
            iommu_group=_to_int(self._link(directory, entries, "iommu_group")),
            pf_address=_to_address(self._link(directory, entries, "physfn")),
            sriov_total_vfs=_none_if_no_count(self._number(directory, entries, "sriov_totalvfs")),
            sriov_num_vfs=_none_if_no_count(self._number(directory, entries, "sriov_numvfs")),
            resources=_resource_lines(self._value(directory, entries, "resource")),
            path=self._path(directory.rpartition("/")[0], buses),
            is_vf="physfn" in entries,
            virtfn_addresses=self._virtfns(directory, entries),
        )

    def _config(self, directory: str, entries: frozenset[str]) -> ConfigSpace | None:
        if "config" not in entries:
            return None
        data = self._bytes(f"{directory}/config")
        if data is None:
            return None
        self._config_sizes[len(data)] += 1
        config = decode_config(data)
        if config.is_gone and "physfn" not in entries:
            name = directory.rpartition("/")[2]
            self.notes.append(f"{name} does not answer: every byte of its config space reads ff")
        return config

    def _netdev(self, directory: str, entries: frozenset[str]) -> str | None:
        # Below a virtio function stands its virtio device, and the netdev below that.
        if "net" in entries or any(entry.startswith("virtio") for entry in entries):
            return read_netdev(self._files, directory)
        return None

    def _virtfns(self, directory: str, entries: frozenset[str]) -> tuple[PCIAddress, ...]:
        if "sriov_numvfs" not in entries:
            return ()
        indexes = sorted(
            int(entry[6:])
            for entry in entries
            if entry.startswith("virtfn") and entry[6:].isdigit()
        )
        links = (self._files.read_link(f"{directory}/virtfn{index}") for index in indexes)
        return tuple(parse_pci_address(link) for link in links if link and is_pci_address(link))

    def _path(self, parent: str, buses: set[tuple[int, int]]) -> tuple[PCIAddress, ...]:
        known = self._paths.get(parent)
        if known is not None:
            return known
        parts = parent.split("/")
        buses.update(
            (int(match[1], 16), int(match[2], 16))
            for match in map(_ROOT_BUS.fullmatch, parts)
            if match
        )
        found = tuple(parse_pci_address(part) for part in parts if is_pci_address(part))
        self._paths[parent] = found
        return found

    def _value(self, directory: str, entries: frozenset[str], name: str) -> str | None:
        return self.text(f"{directory}/{name}") if name in entries else None

    def _number(
        self, directory: str, entries: frozenset[str], name: str, *, base: int = 10
    ) -> int | None:
        return _to_int(self._value(directory, entries, name), base=base)

    def _link(self, directory: str, entries: frozenset[str], name: str) -> str | None:
        return self._files.read_link(f"{directory}/{name}") if name in entries else None

    def _note_short_configs(self) -> None:
        if short := self._config_sizes[_HEADER_ONLY]:
            functions, their = ("function", "its") if short == 1 else ("functions", "their")
            self.notes.append(
                f"config space of {short} {functions} was cut to 64 bytes, so {their} capabilities "
                "are not known: run as root"
            )

    def privileged(self) -> bool | None:
        # Only root sees more than the header of a function.
        if not self._config_sizes:
            return None
        return any(size > _HEADER_ONLY for size in self._config_sizes)

    # --- pieces --------------------------------------------------------------------------

    def text(self, path: str, *, what: str | None = None) -> str | None:
        data = self._bytes(path, what=what)
        return None if data is None else data.decode("utf-8", "replace").removesuffix("\n")

    def _bytes(self, path: str, *, what: str | None = None) -> bytes | None:
        try:
            return self._files.read_bytes(path)
        except LostError:
            raise
        except (HostError, PermissionDenied) as exc:
            hint = f"; {exc.hint}" if exc.hint else ""
            self.notes.append(f"{what or path} could not be read: {exc.cause}{hint}")
            return None

    def names(self, directory: str) -> tuple[str, ...]:
        try:
            return self._files.list_dir(directory)
        except (HostError, PermissionDenied) as exc:
            self.notes.append(f"{directory} could not be listed: {exc.cause}")
            return ()

    def acpi_tables(self) -> dict[str, bytes] | None:
        names = self.names(ACPI_DIRECTORY)
        if not names:  # a machine without ACPI, or a recording made without root
            return None
        found = {}
        for name in ACPI_TABLES:
            if name not in names:
                continue
            data = self._bytes(f"{ACPI_DIRECTORY}/{name}", what=f"the ACPI table {name}")
            if data is None:
                return None
            found[name] = data
        return found

    def parameters(self) -> dict[str, str]:
        found = {}
        for (module, name), path in zip(PARAMETERS, PARAMETER_FILES, strict=True):
            value = self.text(path)
            if value is not None:
                found[f"{module}.{name}"] = value
        return found


def _related(found: list[FunctionSnapshot]) -> tuple[FunctionSnapshot, ...]:
    # Each VF's number is told by its PF's links.
    indexes = {vf: n for pf in found for n, vf in enumerate(pf.virtfn_addresses)}
    return tuple(
        function._replace(vf_index=indexes.get(function.address)) if function.is_vf else function
        for function in sorted(found, key=lambda function: function.address)
    )


def _resource_lines(text: str | None) -> tuple[ResourceLine, ...] | None:
    if text is None:
        return None
    try:
        return tuple(
            _NO_RESOURCE if line == _NO_RESOURCE_LINE else _resource_line(line)
            for line in text.splitlines()
        )
    except (ValueError, TypeError):
        return None


def _resource_line(line: str) -> ResourceLine:
    return ResourceLine(*(int(word, 16) for word in line.split()))


def _to_int(text: str | None, *, base: int = 10) -> int | None:
    try:
        return None if text is None else int(text, base)
    except ValueError:
        return None


def _none_if_negative(number: int | None) -> int | None:
    return None if number is None or number < 0 else number  # the kernel's -1: not known


def _none_if_no_count(number: int | None) -> int | None:
    # An error code, or a damaged recording: pictures draw a cell for each VF.
    return number if number is not None and 0 <= number <= MOST_VFS else None


def _to_address(name: str | None) -> PCIAddress | None:
    return parse_pci_address(name) if name is not None and is_pci_address(name) else None


def _visible_iomem(reader: _Reader) -> str | None:
    text = reader.text("/proc/iomem")
    if text is not None and text.startswith("00000000-00000000 "):
        # Without CAP_SYS_ADMIN the kernel shows every address as 0, which is worse than nothing.
        reader.notes.append("the addresses in /proc/iomem read 0: run as root")
        return None
    return text


def _with_ranges(
    buses: Iterable[RootBus], iomem: str | None, log: tuple[str, ...]
) -> tuple[RootBus, ...]:
    windows = None if iomem is None else root_bus_windows(iomem)
    last = find_last_buses(log)
    return tuple(
        bus._replace(
            last_bus=last.get((bus.pci_domain, bus.bus)),
            windows=None if windows is None else windows.get((bus.pci_domain, bus.bus), ()),
        )
        for bus in buses
    )


def _kernel_release(reader: _Reader) -> str | None:
    release = reader.text("/proc/sys/kernel/osrelease")
    if release:
        return release
    words = (reader.text("/proc/version") or "").split()
    return words[2] if words[:2] == ["Linux", "version"] and len(words) > 2 else None


def _machine_of(cpuinfo: str | None) -> str | None:
    if cpuinfo is None:
        return None
    # A newline, too, ends the word lm where it stands last in the list of flags.
    text = cpuinfo.replace("\n", " ")
    return next((machine for word, machine in _MACHINES if word in text), None)


def _module_names(text: str) -> tuple[str, ...]:
    return tuple(sorted(line.split(" ", 1)[0] for line in text.splitlines() if line))


def _lockdown(text: str | None) -> str | None:
    match = re.search(r"\[(\w+)\]", text or "")
    return match[1] if match else None
