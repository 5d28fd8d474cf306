"""Copy all that the read verbs look at, so that they say the same of the copy.

The tables below are the whole list: a verb that reads something new adds it here.
"""

from __future__ import annotations

import re
from typing import Protocol

from sriovctl.codec.masking import MACMask, without_device_serial_number
from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.codec.rtnl_link_encode import encode_link
from sriovctl.engine.inventory import IOMMU_GROUPS, NET_CLASS, PCI_DEVICES
from sriovctl.engine.snapshot import ACPI_TABLES, KERNEL_LOG, PARAMETER_FILES
from sriovctl.errors import HostError, PermissionDenied, UnsupportedError
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.host.api import FileTree, Host

FORMAT = 1
MANIFEST = "/recording.json"
LINKS = "/netlink/links.jsonl"
DEVLINK = "/netlink/devlink.jsonl"

FILES = (
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/modules",
    "/proc/version",
    "/proc/sys/kernel/osrelease",
    "/sys/kernel/security/lockdown",
    "/proc/sys/kernel/arch",
    *PARAMETER_FILES,
    KERNEL_LOG,
)

# fmt: off
FUNCTION_ATTRIBUTES = frozenset((
    "aer_dev_correctable", "aer_dev_fatal", "aer_dev_nonfatal", "ari_enabled",
    "broken_parity_status", "class", "config", "consistent_dma_mask_bits", "current_link_speed",
    "current_link_width", "d3cold_allowed", "device", "dma_mask_bits", "driver_override",
    "enable", "irq", "local_cpulist", "local_cpus", "max_link_speed", "max_link_width",
    "modalias", "msi_bus", "numa_node", "power_state", "reset_method", "resource", "revision",
    "secondary_bus_number", "sriov_drivers_autoprobe", "sriov_numvfs", "sriov_offset",
    "sriov_stride", "sriov_totalvfs", "sriov_vf_device", "sriov_vf_total_msix",
    "subordinate_bus_number", "subsystem_device", "subsystem_vendor", "uevent", "vendor",
))
# fmt: on
FUNCTION_LINKS = frozenset(("driver", "iommu", "iommu_group", "physfn", "subsystem"))
# fmt: off
NETDEV_ATTRIBUTES = frozenset((
    "addr_assign_type", "addr_len", "address", "broadcast", "carrier", "dev_id", "dev_port",
    "dormant", "duplex", "flags", "ifalias", "ifindex", "iflink", "link_mode", "mtu",
    "name_assign_type", "operstate", "phys_port_id", "phys_port_name", "phys_switch_id", "speed",
    "tx_queue_len", "type", "uevent",
))
# fmt: on
NETDEV_LINKS = frozenset(("device", "master", "subsystem"))
NVME_ATTRIBUTES = frozenset(("firmware_rev", "model", "serial", "state", "transport"))
GROUP_ATTRIBUTES = frozenset(("reserved_regions", "type"))
SLOT_ATTRIBUTES = frozenset(("address", "cur_bus_speed", "max_bus_speed"))

_SERIALS = frozenset(("serial",))
_HIDDEN_SERIAL = "hidden"
_SERIAL_IN_LOG = re.compile(rb"(?i)(serial ?(?:number)?: *)\S+")  # as USB devices announce it
# Made of the card's MAC or GUID, by some drivers (mlx5_core) with its octets turned round.
_IDS_FROM_MACS = frozenset(("phys_port_id", "phys_switch_id"))
_HEADER_ONLY = 64
_PROGRESS_EVERY = 200


class RecordSink(Protocol):
    """Where a recording goes; paths are absolute, as on the host."""

    def add_file(self, path: str, content: bytes) -> None:
        """Write one file."""

    def add_link(self, path: str, target: str) -> None:
        """Make one symbolic link to an absolute path."""

    def add_directory(self, path: str) -> None:
        """Make a directory, which may stay empty."""


class Missing(NamedTuple):
    """Something that is on the host, but not, or not wholly, in the recording."""

    path: str
    reason: str


class RecordSummary(NamedTuple):
    """What came of recording."""

    files: int
    missing: tuple[Missing, ...]


def record_host(
    host: Host,
    sink: RecordSink,
    *,
    recorded_at: str,
    hide_macs: bool,
    hide_serials: bool,
    on_progress: Callable[[str], None],
) -> RecordSummary:
    """Copy what the read verbs look at, and a manifest that says what could not be read.

    :param recorded_at: date and time for the manifest.
    :param on_progress: called now and then with a line to show.
    :raises HostError: the recording cannot be written.
    """
    mask = MACMask() if hide_macs else None
    recorder = _Recorder(host, sink, mask=mask, hide_serials=hide_serials)
    if mask is not None:
        recorder.meet_macs()
    for path in _plain_files():
        recorder.copy_file(path)
    recorder.copy_functions(on_progress)
    recorder.copy_bus()
    recorder.copy_netdevs()
    recorder.copy_groups()
    recorder.copy_links_of_netlink()
    recorder.copy_devlink()
    summary = RecordSummary(recorder.files + 1, tuple(recorder.missing))
    sink.add_file(MANIFEST, _manifest(host, recorder, recorded_at))
    return summary


def _plain_files() -> Iterator[str]:
    yield from FILES
    for table in ACPI_TABLES:
        yield f"/sys/firmware/acpi/tables/{table}"


def _manifest(host: Host, recorder: _Recorder, recorded_at: str) -> bytes:
    import json

    hidden = [
        word
        for word, is_on in (("macs", recorder.mask), ("serials", recorder.hide_serials))
        if is_on
    ]
    manifest = {
        "format": FORMAT,
        "recorded_at": recorded_at,
        "kernel": host.files.read_text("/proc/version"),
        "hidden": hidden,
        "missing": [missing._asdict() for missing in recorder.missing],
    }
    return json.dumps(manifest, indent=2).encode() + b"\n"


class _Recorder:
    # Copies piece by piece, and keeps what could not be copied.

    def __init__(
        self, host: Host, sink: RecordSink, *, mask: MACMask | None, hide_serials: bool
    ) -> None:
        self._host = host
        self._files: FileTree = host.files
        self._sink = sink
        self.mask = mask
        self.hide_serials = hide_serials
        self.files = 0
        self._others: set[str] = set()
        self.missing: list[Missing] = []

    # --- the host's parts ----------------------------------------------------------------

    def meet_macs(self) -> None:
        # Before any path is written: names such as enx525400… hold MACs without separators.
        for netdev in self._files.list_dir(NET_CLASS):
            self._masked(self._files.read_text(f"{NET_CLASS}/{netdev}/address") or "")

    def copy_functions(self, on_progress: Callable[[str], None]) -> None:
        names = self._files.list_dir(PCI_DEVICES)
        self._sink.add_directory(PCI_DEVICES)
        for number, name in enumerate(names):
            if number and number % _PROGRESS_EVERY == 0:
                on_progress(f"recorded {number} of {len(names)} PCI functions")
            self._copy_device(f"{PCI_DEVICES}/{name}")

    def _copy_device(self, link: str) -> None:
        directory = self._follow(link)
        if directory is None:
            return
        self._add_link(link, directory)
        for entry in self._list(directory):
            path = f"{directory}/{entry}"
            if entry in FUNCTION_ATTRIBUTES:
                self.copy_file(path)
            elif entry in FUNCTION_LINKS or entry.startswith("virtfn"):
                self._copy_link(path)
            elif entry == "nvme":
                self._copy_children(path, NVME_ATTRIBUTES)

    def copy_bus(self) -> None:
        for driver in self._list("/sys/bus/pci/drivers"):
            directory = f"/sys/bus/pci/drivers/{driver}"
            self._sink.add_directory(directory)
            for entry in self._list(directory):
                if ":" in entry:  # a function; the link to the module leads out of what is kept
                    self._copy_link(f"{directory}/{entry}")
        self._copy_children("/sys/bus/pci/slots", SLOT_ATTRIBUTES)

    def copy_netdevs(self) -> None:
        for netdev in self._list(NET_CLASS):
            link = f"{NET_CLASS}/{netdev}"
            directory = self._follow(link)
            if directory is None:
                continue
            self._add_link(link, directory)
            self._copy_attributes(directory, NETDEV_ATTRIBUTES)
            for entry in NETDEV_LINKS & set(self._list(directory)):
                self._copy_link(f"{directory}/{entry}")
            self._copy_device_of_other_bus(f"{directory}/device")

    def _copy_device_of_other_bus(self, link: str) -> None:
        # netdevsim has VFs, but is not on the PCI bus.
        directory = self._files.resolve(link)
        if directory is None or directory in self._others:
            return
        self._others.add(directory)  # several netdevs may lead to it, representors above all
        if self._files.exists(f"{directory}/vendor"):
            return
        self._copy_attributes(directory, FUNCTION_ATTRIBUTES)
        bus = self._files.read_link(f"{directory}/subsystem")
        if bus is not None and self._files.exists(f"{directory}/sriov_numvfs"):
            self._copy_link(f"{directory}/driver")
            name = directory.rpartition("/")[2]
            self._add_link(f"/sys/bus/{bus}/devices/{name}", directory)

    def copy_groups(self) -> None:
        for group in self._list(IOMMU_GROUPS):
            directory = f"{IOMMU_GROUPS}/{group}"
            self._copy_attributes(directory, GROUP_ATTRIBUTES)
            for member in self._list(f"{directory}/devices"):
                self._copy_link(f"{directory}/devices/{member}")
        for unit in self._list("/sys/class/iommu"):
            target = self._follow(f"/sys/class/iommu/{unit}")
            if target is not None:
                self._sink.add_directory(target)
                self._add_link(f"/sys/class/iommu/{unit}", target)

    def copy_links_of_netlink(self) -> None:
        import json

        lines = []
        for netdev in self._list(NET_CLASS):
            message = self._ask_link(netdev)
            if message is None:
                continue
            link = decode_link(message)
            entry = {"ifindex": link.ifindex, "ifname": link.ifname, "message": message.hex()}
            lines.append(json.dumps(entry) + "\n")
        self._add_file(LINKS, "".join(lines).encode())

    def copy_devlink(self) -> None:
        from sriovctl.engine.record_devlink import devlink_as_lines

        try:
            self._add_file(DEVLINK, self._masked(devlink_as_lines(self._host)).encode())
        except (HostError, PermissionDenied, UnsupportedError) as exc:
            self._miss(DEVLINK, exc.cause)

    def _ask_link(self, netdev: str) -> bytes | None:
        path = f"{NET_CLASS}/{netdev}"
        try:
            (answer,) = self._host.rtnl.exchange(
                [encode_getlink(ifname=netdev, with_counters=True)]
            )
            if answer.errno or not answer.payloads:
                self.missing.append(Missing(path, f"route netlink: {errno_name(answer.errno)}"))
                return None
            message = answer.payloads[0]
            # What is not understood may hold MACs too (alternative names, port ids): with the
            # MACs hidden, only what is understood is kept.
            return encode_link(self.mask.mask_link(decode_link(message))) if self.mask else message
        except (HostError, PermissionDenied) as exc:
            self.missing.append(Missing(path, f"route netlink: {exc.cause}"))
            return None

    # --- pieces --------------------------------------------------------------------------

    def copy_file(self, path: str) -> None:
        try:
            content = self._files.read_bytes(path)
        except (HostError, PermissionDenied) as exc:
            self._miss(path, str(exc.evidence.get("errno", exc.cause)))
            return
        if content is None:
            return
        name = path.rpartition("/")[2]
        if name == "config":
            content = self._scrub_config(path, content)
        elif self.hide_serials and name in _SERIALS:
            content = f"{_HIDDEN_SERIAL}\n".encode()
        elif path == KERNEL_LOG:
            content = self._scrub_log(content)
        elif self.mask is not None and name in _IDS_FROM_MACS:
            content = self._scrub_id(self.mask, content)
        elif self.mask is not None and not path.startswith("/sys/firmware/"):
            content = self._scrub_text(content)
        self._note_what_root_would_see(path, content)
        self._add_file(path, content)

    def _scrub_config(self, path: str, content: bytes) -> bytes:
        if len(content) == _HEADER_ONLY:
            self._miss(path, "only 64 bytes are shown without root")
        if self.mask is not None or self.hide_serials:
            return without_device_serial_number(content)
        return content

    def _scrub_id(self, mask: MACMask, content: bytes) -> bytes:
        # The same stand-in wherever it occurs: ports of one eswitch are told by it.
        try:
            return f"{mask.mask_octets(bytes.fromhex(content.decode().strip())).hex()}\n".encode()
        except ValueError:  # no hexadecimal digits, hence no MAC of the shape that is known
            return self._scrub_text(content)

    def _scrub_text(self, content: bytes) -> bytes:
        text = self._masked(content.decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "surrogateescape")

    def _scrub_log(self, content: bytes) -> bytes:
        if self.hide_serials:
            content = _SERIAL_IN_LOG.sub(rb"\1" + _HIDDEN_SERIAL.encode(), content)
        return self._scrub_text(content)

    def _note_what_root_would_see(self, path: str, content: bytes) -> None:
        # "%pK" and friends: without CAP_SYS_ADMIN every address in /proc/iomem reads 0.
        if path == "/proc/iomem" and content.startswith(b"00000000-00000000 "):
            self._miss(path, "addresses read 0 without root")

    def _copy_children(self, directory: str, attributes: frozenset[str]) -> None:
        for child in self._list(directory):
            self._sink.add_directory(self._masked(f"{directory}/{child}"))
            self._copy_attributes(f"{directory}/{child}", attributes)

    def _copy_attributes(self, directory: str, attributes: frozenset[str]) -> None:
        for entry in self._list(directory):
            if entry in attributes:
                self.copy_file(f"{directory}/{entry}")

    def _copy_link(self, path: str) -> None:
        if self._files.read_link(path) is None:
            return
        target = self._follow(path)
        if target is not None:
            self._add_link(path, target)

    def _follow(self, path: str) -> str | None:
        target = self._files.resolve(path)
        if target is None:
            self._miss(path, "went away, or leads nowhere")
        return target

    def _list(self, directory: str) -> tuple[str, ...]:
        try:
            return self._files.list_dir(directory)
        except (HostError, PermissionDenied) as exc:
            self._miss(directory, str(exc.evidence.get("errno", exc.cause)))
            return ()

    def _add_file(self, path: str, content: bytes) -> None:
        self._sink.add_file(self._masked(path), content)
        self.files += 1

    def _add_link(self, path: str, target: str) -> None:
        self._sink.add_link(self._masked(path), self._masked(target))

    def _miss(self, path: str, reason: str) -> None:
        self.missing.append(Missing(self._masked(path), reason))

    def _masked(self, text: str) -> str:
        return text if self.mask is None else self.mask.mask_text(text)
