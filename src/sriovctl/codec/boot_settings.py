"""Lines of other software's configuration that act on SR-IOV at boot.

Read tolerantly: the files are others', a line that is not understood is not ours to complain of,
and what is asked is only whether two will set the same thing.

Source: nm-settings-keyfile(5), NetworkManager.conf(5), systemd.link(5), systemd.network(5),
udev(7), tmpfiles.d(5), modprobe.d(5), the reference of netplan, sysfs.conf of sysfsutils,
driverctl(8).
"""

from __future__ import annotations

import re

from sriovctl.codec.boot_lines import SettingReader, macs_of, words_of
from sriovctl.model.persistence import BootSetting, Selector
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]"
_ADDRESSES = re.compile(_ADDRESS, re.IGNORECASE)
_COMMENT = "#;"


class _Key(NamedTuple):
    line: int
    section: str
    name: str
    value: str


def _keys(text: str) -> Iterator[_Key]:
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped[:1] in ("", *_COMMENT):
            continue
        if stripped.startswith("["):
            section = stripped.strip("[]")
        elif "=" in stripped:
            name, _, value = stripped.partition("=")
            yield _Key(number, section, name.strip(), value.strip())


def _count_of_key(setter: str, path: str, key: _Key, selector: Selector) -> BootSetting:
    reader = SettingReader(setter, path)
    return reader.vf_count(key.line, f"{key.name}={key.value}", selector)


def parse_nm_profile(path: str, text: str) -> Iterator[BootSetting]:
    """Read a NetworkManager connection profile (keyfile)."""
    keys = list(_keys(text))
    of = {(key.section, key.name): key.value for key in keys}
    selector = Selector(
        netdevs=words_of(of.get(("connection", "interface-name")))
        or words_of(of.get(("match", "interface-name"))),
        addresses=_addresses(of.get(("match", "path"), "")),
        macs=macs_of(
            of.get(("ethernet", "mac-address")) or of.get(("802-3-ethernet", "mac-address"))
        ),
    )
    for key in keys:
        if (key.section, key.name) == ("sriov", "total-vfs") and key.value != "0":
            yield _count_of_key("NetworkManager", path, key, selector)


def parse_nm_conf(path: str, text: str) -> Iterator[BootSetting]:
    """Read NetworkManager.conf or a file of its conf.d: ``sriov-num-vfs`` of a device section."""
    keys = list(_keys(text))
    for key in keys:
        if key.name == "sriov-num-vfs" and key.section.startswith("device"):
            matches = [
                other.value
                for other in keys
                if other.section == key.section and other.name == "match-device"
            ]
            yield _count_of_key("NetworkManager", path, key, _nm_match("".join(matches)))


def _nm_match(spec: str) -> Selector:
    parts = [part.partition(":") for part in re.split("[,;]", spec)]
    found = {kind: value for kind, _, value in parts}
    return Selector(
        netdevs=words_of(found.get("interface-name", "").lstrip("=~")),
        macs=macs_of(found.get("mac")),
        drivers=words_of(found.get("driver")),
    )


def parse_ifcfg(path: str, text: str) -> Iterator[BootSetting]:
    """Read a profile of the form that Red Hat's initscripts had (``ifcfg-NAME``)."""
    keys = list(_keys(text))
    of = {key.name: key.value.strip("\"'") for key in keys}
    selector = Selector(netdevs=words_of(of.get("DEVICE")), macs=macs_of(of.get("HWADDR")))
    for key in keys:
        if key.name == "SRIOV_TOTAL_VFS" and key.value.strip("\"'") not in ("", "0"):
            yield _count_of_key("NetworkManager", path, key, selector)


def parse_networkd(path: str, text: str) -> Iterator[BootSetting]:
    """Read a .link or .network file of systemd: VF count, or an [SR-IOV] section."""
    keys = list(_keys(text))
    of = {key.name: key.value for key in keys if key.section == "Match"}
    selector = Selector(
        netdevs=words_of(of.get("OriginalName") or of.get("Name")),
        addresses=_addresses(of.get("Path", "")),
        macs=macs_of(of.get("PermanentMACAddress") or of.get("MACAddress")),
        drivers=words_of(of.get("Driver")),
    )
    for key in keys:
        if (key.section, key.name) in (
            ("Link", "SR-IOVVirtualFunctions"),
            ("SR-IOV", "VirtualFunction"),
        ):
            yield _count_of_key("systemd", path, key, selector)


def parse_netplan(path: str, text: str) -> Iterator[BootSetting]:
    """Read a file of netplan."""
    if "virtual-function-count" not in text and "link" not in text:
        return
    from sriovctl.codec.boot_netplan import parse_netplan_file  # YAML takes time to import

    yield from parse_netplan_file(path, text)


_UDEV_VALUE = re.compile(r'(\w+)(?:\{([^}]*)\})?\s*={1,2}\s*"([^"]*)"')
_UDEV_NETDEV = frozenset({"KERNEL", "NAME", "INTERFACE", "ID_NET_NAME"})
_GROUP_NODE = re.compile(r"/dev/vfio/\d+|vfio/\d+")


def parse_udev_rules(path: str, text: str) -> Iterator[BootSetting]:
    """Read udev rules."""
    reader = SettingReader("udev", path)
    for number, line in _joined_lines(text):
        if "sriov_numvfs" in line:
            yield reader.vf_count(number, line, _udev_selector(line))
        elif "driver_override" in line and _ADDRESSES.search(line):
            yield reader.driver(number, line, _udev_selector(line))
        elif _names_a_group(line):
            yield reader.group(number, line)


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not pending and line.lstrip()[:1] in ("", "#"):
            continue
        first = first if pending else number
        pending += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield first, pending
            pending = ""
    if pending:
        yield first, pending


def _udev_selector(line: str) -> Selector:
    netdevs: list[str] = []
    drivers: list[str] = []
    for name, attribute, value in _UDEV_VALUE.findall(line):
        key = attribute if name == "ENV" else name
        if key in _UDEV_NETDEV and value and not _ADDRESSES.search(value):
            netdevs.append(value)
        if name in ("DRIVER", "DRIVERS") or (name == "ENV" and attribute == "ID_NET_DRIVER"):
            drivers.append(value)
    return Selector(tuple(netdevs), _addresses(line), (), tuple(drivers))


def _names_a_group(line: str) -> bool:
    if _GROUP_NODE.search(line):
        return True
    kernels = [value for name, _, value in _UDEV_VALUE.findall(line) if name == "KERNEL"]
    return 'SUBSYSTEM=="vfio"' in line and any(value.isdigit() for value in kernels)


_NET_PATH = re.compile(r"/?class/net/([^/]+)/|/net/([^/]+)/device")


def parse_tmpfiles(path: str, text: str) -> Iterator[BootSetting]:
    """Read a tmpfiles.d file, which can write to sysfs."""
    yield from _lines_about_sysfs("systemd-tmpfiles", path, text)


def parse_sysfs_conf(path: str, text: str) -> Iterator[BootSetting]:
    """Read a sysfs.d file of sysfsutils."""
    yield from _lines_about_sysfs("sysfsutils", path, text)


def parse_script(path: str, text: str) -> Iterator[BootSetting]:
    """Read a shell script, a unit or an interfaces file that writes to sysfs."""
    yield from _lines_about_sysfs(path.rpartition("/")[2], path, text)


def _lines_about_sysfs(setter: str, path: str, text: str) -> Iterator[BootSetting]:
    reader = SettingReader(setter, path)
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip()[:1] in ("", *_COMMENT):
            continue
        netdevs = tuple(first or second for first, second in _NET_PATH.findall(line))
        # A shell variable or pattern does not tell which one.
        plain = tuple(name for name in netdevs if not set(name) & set("$`*"))
        selector = Selector(plain, _addresses(line))
        if "sriov_numvfs" in line:
            yield reader.vf_count(number, line, selector)
        elif _GROUP_NODE.search(line):
            yield reader.group(number, line)


# Parameters that make VFs when a module is loaded.
_COUNT_PARAMETERS = frozenset({"max_vfs", "num_vfs", "num_vf", "lpfc_sriov_nr_virtfn"})


def parse_modprobe(path: str, text: str) -> Iterator[BootSetting]:
    """Read a modprobe.d file: parameters that make VFs."""
    for number, line in _joined_lines(text):
        words = line.split()
        if len(words) < 3 or words[0] != "options":
            continue
        for word in words[2:]:
            if _makes_vfs(word):
                selector = Selector(drivers=(words[1].replace("-", "_"),))
                yield SettingReader("modprobe", path).vf_count(number, line, selector)


def parse_kernel_command_line(path: str, text: str) -> Iterator[BootSetting]:
    """Read the kernel's command line: ``igb.max_vfs=7``."""
    for word in text.split():
        module, dot, parameter = word.partition(".")
        if dot and _makes_vfs(parameter):
            selector = Selector(drivers=(module.replace("-", "_"),))
            yield SettingReader("the kernel command line", path).vf_count(1, word, selector)


def _makes_vfs(assignment: str) -> bool:
    parameter, equals, value = assignment.partition("=")
    return bool(equals) and parameter in _COUNT_PARAMETERS and bool(value.strip("0,"))


def parse_driverctl(path: str, text: str) -> Iterator[BootSetting]:
    """Read an override of driverctl: the file's name is the device, its content the driver."""
    device = path.rpartition("/")[2].lower()
    if _ADDRESSES.fullmatch(device) and text.strip():
        selector = Selector(addresses=(device,))
        yield SettingReader("driverctl", path).driver(1, text, selector)


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(found.lower() for found in _ADDRESSES.findall(text))


class Place(NamedTuple):
    """Where files of one kind are, and how they are read.

    :param directories: the first that has a name wins over the others, as systemd and its
        followers have it; a file where the name is that of one.
    """

    directories: tuple[str, ...]
    suffix: str
    parse: Callable[[str, str], Iterator[BootSetting]]
    prefix: str = ""


def _vendor(name: str) -> tuple[str, ...]:
    return (f"/etc/{name}", f"/run/{name}", f"/usr/local/lib/{name}", f"/usr/lib/{name}")


PLACES = (
    Place(_vendor("NetworkManager/system-connections"), "", parse_nm_profile),
    Place(_vendor("NetworkManager/conf.d"), ".conf", parse_nm_conf),
    Place(("/etc/NetworkManager",), "NetworkManager.conf", parse_nm_conf),
    Place(("/etc/sysconfig/network-scripts",), "", parse_ifcfg, "ifcfg-"),
    Place(_vendor("systemd/network"), ".link", parse_networkd),
    Place(_vendor("systemd/network"), ".network", parse_networkd),
    Place(("/run/netplan", "/etc/netplan", "/usr/lib/netplan"), ".yaml", parse_netplan),
    Place(_vendor("udev/rules.d"), ".rules", parse_udev_rules),
    Place(_vendor("tmpfiles.d"), ".conf", parse_tmpfiles),
    Place(("/etc/sysfs.d",), ".conf", parse_sysfs_conf),
    Place(("/etc",), "sysfs.conf", parse_sysfs_conf),
    Place(_vendor("modprobe.d"), ".conf", parse_modprobe),
    Place(("/etc/systemd/system",), ".service", parse_script),
    Place(("/etc/network",), "interfaces", parse_script),
    Place(("/etc/network/interfaces.d",), "", parse_script),
    Place(("/etc/rc.d",), "rc.local", parse_script),
    Place(("/etc",), "rc.local", parse_script),
    Place(("/etc/local.d",), ".start", parse_script),
    Place(("/etc/driverctl.d",), "", parse_driverctl),
)
