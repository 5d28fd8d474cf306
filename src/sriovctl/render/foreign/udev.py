"""udev rules.

A PF with a netdev is set up when that appears; another, an NVMe controller say, when its driver
binds.  What only writes a file of sysfs is an assignment, which udev carries out at once; all that
must come after it, and what needs ``ip`` or ``devlink``, is RUN, in this order: MTU and link, the
number of VFs, their attributes (a VF driver reads its MAC when it binds), their drivers.

Source: udev(7); systemd src/udev/udev-rules.c; kernel drivers/base/dd.c (driver_bound).
"""

from __future__ import annotations

from sriovctl.model.translation import OutputFile, said_of_match
from sriovctl.render.foreign.divide import (
    criteria_of,
    divide,
    export_of,
    leave_out_all,
    written_of,
)
from sriovctl.render.foreign.ip_words import (
    NO_MSIX_DEFAULT,
    grouped,
    rate_words,
    shell_list,
    vf_words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.model.translation import Export, ExportRequest, ExportTarget
    from sriovctl.render.foreign.divide import Divided, Part

DIRECTORY = "/etc/udev/rules.d"

REASONS = {
    "match.serial": "cannot be matched",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {
    "msix_count": NO_MSIX_DEFAULT,
    "match.phys_port_name": "where something is said that needs the PF's netdev",
    "match.permanent_mac": "where something is said that needs the PF's netdev",
    "match.netdev": "where something is said that needs the PF's netdev",
}

_NEED_NETDEV = ("link.state", "link.mtu")
_NOT_OF_NETDEV = ("driver", "msix_count")  # of all that is said of a VF
_NET_MATCHES = {
    "address": ('KERNELS=="{}"',),
    # Before udev gives it its name the kernel's own may fit already.
    "netdev": ('KERNEL=="{}"', 'NAME=="{}"'),
    "permanent_mac": ('ATTR{{address}}=="{}", ATTR{{addr_assign_type}}=="0"',),
    "driver": ('DRIVERS=="{}"',),
    "vendor_id": ('ATTRS{{vendor}}=="0x{}"',),
    "device_id": ('ATTRS{{device}}=="0x{}"',),
    "phys_port_name": ('ATTR{{phys_port_name}}=="{}"',),
}
_PCI_MATCHES = {
    "address": ('KERNEL=="{}"',),
    "driver": ('DRIVER=="{}"',),
    "vendor_id": ('ATTR{{vendor}}=="0x{}"',),
    "device_id": ('ATTR{{device}}=="0x{}"',),
}
_NOT_PCI = "the rules are for PCI devices"
_HEAD = """\
# Made by sriovctl: PFs and their VFs, set up by udev as they appear.
# Read after 80-net-setup-link.rules, so that netdevs have their names.
# A VF that is there already is never destroyed: a number of VFs other than 0 stays as it is.
"""


def render(request: ExportRequest) -> Export:
    """Write one file with a section for each PF.  Pure."""
    parts = [_part(target) for target in request.targets]
    sections = written_of(parts)
    if not sections:
        return export_of((), parts)
    file = OutputFile("90-sriovctl.rules", DIRECTORY, _HEAD + "".join(sections))
    return export_of([file], parts)


def _part(target: ExportTarget) -> Part[str]:
    if target.pf is not None and target.pf.address is None:
        return leave_out_all(target, _NOT_PCI)
    divided = divide(target, _why_not)
    of_netdev = _needs_netdev(target, divided)
    matches = _NET_MATCHES if of_netdev else _PCI_MATCHES
    criteria = criteria_of(target, tool="a rule", known=tuple(matches))
    if not criteria.values:
        return leave_out_all(target, criteria.why_none)
    section = _net_section if of_netdev else _pci_section
    text = "".join(section(target, criteria.values, divided))
    return text, divided.left_out, criteria.imposed


def _why_not(key: str, value: object, _said: Mapping[str, object]) -> str | None:
    if key == "msix_count" and value == 0:
        return NO_MSIX_DEFAULT
    return REASONS.get(key)


def _needs_netdev(target: ExportTarget, divided: Divided) -> bool:
    of_netdev = said_of_match(target.wanted.match).keys() - {
        *(f"match.{key}" for key in _PCI_MATCHES),
        "match.all",
        "match.serial",
    }
    return (
        (bool(of_netdev) and (target.pf is None or target.pf.netdev is not None))
        or any(key in divided.pf for key in _NEED_NETDEV)
        or any(said.keys() - set(_NOT_OF_NETDEV) for said in divided.vfs.values())
    )


def _net_section(target: ExportTarget, match: Mapping[str, str], divided: Divided) -> Iterator[str]:
    label, pf = f"sriovctl_{target.name}", "/sys/bus/pci/devices/$id"
    yield f'\n# {target.name}\nACTION!="add", GOTO="{label}_end"\n'
    yield f'SUBSYSTEM!="net", GOTO="{label}_end"\n'
    # A representor has the PF for its parent, too.
    yield f'ATTR{{phys_port_name}}=="pf[0-9]*|c[0-9]*pf[0-9]*", GOTO="{label}_end"\n'
    for line in _match_lines(_NET_MATCHES, match):
        # $id is the PF from here on; a VF has no sriov_numvfs.
        yield f'{line}, SUBSYSTEMS=="pci", TEST=="{pf}/sriov_numvfs", GOTO="{label}"\n'
    yield f'GOTO="{label}_end"\n\nLABEL="{label}"\n'
    yield from _body(target, divided, pf=pf, attribute="ATTR{{device/{}}}")
    yield f'\nLABEL="{label}_end"\n'


def _pci_section(target: ExportTarget, match: Mapping[str, str], divided: Divided) -> Iterator[str]:
    label, pf = f"sriovctl_{target.name}", "/sys/bus/pci/devices/$kernel"
    # "bind" comes when the driver is ready; "add" of a device that has one is replayed at boot.
    yield f'\n# {target.name}\nACTION!="add|bind", GOTO="{label}_end"\n'
    yield f'SUBSYSTEM!="pci", GOTO="{label}_end"\nDRIVER=="", GOTO="{label}_end"\n'
    for line in _match_lines(_PCI_MATCHES, match):
        yield f'{line}, TEST=="{pf}/sriov_numvfs", GOTO="{label}"\n'
    yield f'GOTO="{label}_end"\n\nLABEL="{label}"\n'
    yield from _body(target, divided, pf=pf, attribute="ATTR{{{}}}")
    yield f'\nLABEL="{label}_end"\n'


def _match_lines(
    matches: Mapping[str, tuple[str, ...]], criteria: Mapping[str, str]
) -> Iterator[str]:
    # Every criterion must fit; only a name has two forms, of which one must.
    single = [matches[key][0].format(value) for key, value in criteria.items() if key != "netdev"]
    if "netdev" not in criteria:
        yield ", ".join(single)
        return
    for form in matches["netdev"]:
        yield ", ".join([form.format(criteria["netdev"]), *single])


def _body(target: ExportTarget, divided: Divided, *, pf: str, attribute: str) -> Iterator[str]:
    if "drivers_autoprobe" in divided.pf:
        value = int(bool(divided.pf["drivers_autoprobe"]))
        yield f'{attribute.format("sriov_drivers_autoprobe")}="{value}"\n'
    before = [*_link_commands(divided)]
    if target.eswitch_before_vfs:
        before += _eswitch_command(divided, pf, with_vfs=False)
    yield from map(_run, before)
    if "num_vfs" in divided.pf:
        yield from _count(divided.pf["num_vfs"], pf, attribute, after_commands=bool(before))
    if not target.eswitch_before_vfs:
        yield from map(_run, _eswitch_command(divided, pf, with_vfs=True))
    yield from map(_run, _vf_commands(divided, pf))
    if divided.pf.get("link.state") is False:
        yield _run("ip link set dev $name down")


def _count(count: object, pf: str, attribute: str, *, after_commands: bool) -> Iterator[str]:
    name = attribute.format("sriov_numvfs")
    if not after_commands:
        guard = f'{name}=="0", ' if count else ""
        yield f'{guard}{name}="{count}"\n'
        return
    # An assignment would come before what RUN does.
    file = f"{pf}/sriov_numvfs"
    guard = f"[ $$(cat {file}) != 0 ] || " if count else ""
    yield _run(f"{guard}echo {count} >{file}")


def _link_commands(divided: Divided) -> Iterator[str]:
    if "link.mtu" in divided.pf:
        yield f"ip link set dev $name mtu {divided.pf['link.mtu']}"
    if divided.pf.get("link.state"):
        yield "ip link set dev $name up"


def _eswitch_command(divided: Divided, pf: str, *, with_vfs: bool) -> Iterator[str]:
    if "eswitch.mode" not in divided.pf:
        return
    device, mode = f"pci/{pf.rpartition('/')[2]}", divided.pf["eswitch.mode"]
    change = f"devlink dev eswitch set {device} mode {mode}"
    if with_vfs:  # mlx5 changes the mode only while no driver has a VF
        each = f"for vf in {pf}/virtfn*; do [ ! -e $$vf ] || "
        unbind = "[ ! -e $$vf/driver ] || basename $$(readlink -f $$vf) >$$vf/driver/unbind"
        probe = "basename $$(readlink -f $$vf) >/sys/bus/pci/drivers_probe"
        change = f"{each}{unbind}; done; {change}; {each}{probe}; done"
    yield f"case $$(devlink dev eswitch show {device}) in *mode?{mode}*) ;; *) {change};; esac"


def _vf_commands(divided: Divided, pf: str) -> Iterator[str]:
    vfs = divided.vfs.items()
    vf = f"vf=$$(readlink -f {pf}/virtfn{{vf}})"
    counts = {n: _set_msix(said["msix_count"]) for n, said in vfs if "msix_count" in said}
    yield from _for_each(counts, f"{vf}; {{words}}")
    change = "ip link set dev $name vf {vf} {words}"
    yield from _for_each({n: vf_words(said) for n, said in vfs}, change)
    # igb and ixgbe refuse rates until the link is back.
    patiently = f"for i in 1 2 3 4 5 6 7 8 9 10; do {change} && break; sleep 1; done"
    yield from _for_each({n: rate_words(said) for n, said in vfs}, patiently)
    drivers = {n: _bind(said["driver"]) for n, said in vfs if "driver" in said}
    yield from _for_each(drivers, f"{vf}; {{words}}")


def _for_each(words: Mapping[int, str], command: str) -> Iterator[str]:
    for vfs, said in grouped(words):
        # Not str.format: the shell has braces of its own.
        one = command.replace("{words}", said)
        if len(vfs) == 1:
            yield one.replace("{vf}", str(vfs[0]))
        else:
            listed = shell_list(vfs).replace("$", "$$")
            yield f"for n in {listed}; do {one.replace('{vf}', '$$n')}; done"


_UNBIND = "[ ! -e $$vf/driver ] || echo $${vf##*/} >$$vf/driver/unbind"
_PROBE = "echo $${vf##*/} >/sys/bus/pci/drivers_probe"


# A VF that is as it should be is left alone: the rules run again with each "add" that is replayed,
# and the VF may be inside a guest.
def _bind(driver: object) -> str:
    if driver is None:
        return _UNBIND
    load = f"[ -d /sys/bus/pci/drivers/{driver} ] || modprobe {driver}"
    give = "; ".join((load, f"echo {driver} >$$vf/driver_override", _UNBIND, _PROBE))
    return f"case $$(readlink $$vf/driver) in */{driver}) ;; *) {give};; esac"


def _set_msix(count: object) -> str:
    # What was written cannot be read; the VF's MSI-X table has the size, with ice one more.
    assert isinstance(count, int)
    size = "$$(((0x$$(setpci -s $${vf##*/} CAP_MSIX+2.w) & 0x7ff) + 1))"
    give = f"{_UNBIND}; echo {count} >$$vf/sriov_vf_msix_count; {_PROBE}"
    return f"case {size} in {count}|{count + 1}) ;; *) {give};; esac"


def _run(command: str) -> str:
    return f"RUN+=\"/bin/sh -c '{command}'\"\n"
