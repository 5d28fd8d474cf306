"""A POSIX shell script that does with sysfs, ``ip`` and ``devlink`` what ``apply`` does."""

from __future__ import annotations

import re

from sriovctl.model.translation import OutputFile
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

DIRECTORY = "/usr/local/sbin"

REASONS = {
    "match.serial": "no file of sysfs has it",
    "pools": "pools are sriovctl's own",
}
SOMETIMES = {"msix_count": NO_MSIX_DEFAULT}

_HEAD = """\
#!/bin/sh
# Made by sriovctl: brings the PFs of this host, and their VFs, to a state.
# To be run as root; it may be run again, and does nothing twice.  It asks nobody: where the
# number of VFs changes, those in use are destroyed as well.  'sriovctl apply' would refuse.
set -eu

"""
# In this order; each is written where it is used.
_HELPERS = {
    "die": """\
die() {
    echo "$0: $1" >&2
    exit 1
}
""",
    "all_pfs": """\
# Whatever can have VFs, also beyond PCI: the directories that have sriov_numvfs.
all_pfs() {
    for directory in /sys/bus/pci/devices/* /sys/class/net/*/device; do
        [ ! -e "$directory/sriov_numvfs" ] || readlink -f "$directory"
    done | sort -u
}
""",
    "content_of": """\
# What a file says; nothing where it is not there, or the driver does not answer.
content_of() {
    cat "$1" 2>/dev/null || true
}
""",
    "driver_of": """\
driver_of() {
    [ ! -e "$1/driver" ] || basename "$(readlink -f "$1/driver")"
}
""",
    "netdev_of": """\
# The netdev of a PF; nothing where it has none.  Those that stand for functions beside it are in
# the same place, and their port is called pf0vf3 or the like, where that to the wire is p0.
netdev_of() {
    for entry in "$1"/net/*; do
        case $(content_of "$entry/phys_port_name") in
        pf[0-9]* | c[0-9]*pf[0-9]*) continue ;;
        esac
        [ ! -e "$entry" ] || basename "$entry"
        break
    done
}
""",
    "permanent_mac_of": """\
# ip says permaddr only where the MAC was changed; 0 is NET_ADDR_PERM.
permanent_mac_of() {
    [ -n "$1" ] || return 0
    changed=$(ip link show dev "$1" | sed -n 's/.* permaddr \\([0-9a-f:]*\\).*/\\1/p')
    if [ -n "$changed" ]; then
        echo "$changed"
    elif [ "$(content_of "/sys/class/net/$1/addr_assign_type")" = 0 ]; then
        content_of "/sys/class/net/$1/address"
    fi
}
""",
    "set_num_vfs": """\
# The kernel changes the number of VFs only through 0: it answers EBUSY to N -> M.
set_num_vfs() {
    [ "$(cat "$1/sriov_numvfs")" -ne "$2" ] || return 0
    echo 0 >"$1/sriov_numvfs"
    [ "$2" -eq 0 ] || echo "$2" >"$1/sriov_numvfs"
}
""",
    "devlink_name_of": """\
devlink_name_of() {
    echo "$(basename "$(readlink -f "$1/subsystem")")/${1##*/}"
}
""",
    "has_eswitch_mode": """\
has_eswitch_mode() {
    case "$(devlink dev eswitch show "$(devlink_name_of "$1")") " in
    *" mode $2 "*) return 0 ;;
    *) return 1 ;;
    esac
}
""",
    "set_eswitch_mode_without_vfs": """\
# Its driver changes the mode only while there are no VFs.
set_eswitch_mode_without_vfs() {
    ! has_eswitch_mode "$1" "$2" || return 0
    echo 0 >"$1/sriov_numvfs"
    devlink dev eswitch set "$(devlink_name_of "$1")" mode "$2"
}
""",
    "set_eswitch_mode": """\
# mlx5 changes the mode only while no driver has a VF.
set_eswitch_mode() {
    ! has_eswitch_mode "$1" "$2" || return 0
    for link in "$1"/virtfn*; do
        [ ! -e "$link/driver" ] || basename "$(readlink -f "$link")" >"$link/driver/unbind"
    done
    devlink dev eswitch set "$(devlink_name_of "$1")" mode "$2"
    for link in "$1"/virtfn*; do
        [ ! -e "$link" ] || basename "$(readlink -f "$link")" >/sys/bus/pci/drivers_probe || true
    done
}
""",
    "patiently": """\
# igb and ixgbe refuse rates while the PF's link is down, as it is for seconds after the number of
# VFs changed; others are busy for a while.
patiently() {
    tries=10
    until "$@" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || break
        sleep 1
    done
    [ "$tries" -gt 0 ] || "$@"
}
""",
    "msix_count_of": """\
# What was written cannot be read; the VF's MSI-X table has the size.  ice adds an entry of its own.
msix_count_of() {
    size=$(((0x$(setpci -s "${1##*/}" CAP_MSIX+2.w) & 0x7ff) + 1))
    [ "$(driver_of "$1/physfn")" != ice ] || size=$((size - 1))
    echo "$size"
}
""",
    "set_msix_count": """\
# The count changes only while no driver has the VF.
set_msix_count() {
    vf=$(readlink -f "$1/virtfn$2")
    [ "$(msix_count_of "$vf")" != "$3" ] || return 0
    had=$(driver_of "$vf")
    [ -z "$had" ] || echo "${vf##*/}" >"$vf/driver/unbind"
    echo "$3" >"$vf/sriov_vf_msix_count"
    [ -z "$had" ] || echo "${vf##*/}" >/sys/bus/pci/drivers_probe
}
""",
    "bind_vf": """\
# driver_override binds this VF alone; new_id would catch others of its kind as well.
bind_vf() {
    vf=$(readlink -f "$1/virtfn$2")
    [ "$(driver_of "$vf")" != "$3" ] || return 0
    [ -d "/sys/bus/pci/drivers/$3" ] || modprobe "$3"
    echo "$3" >"$vf/driver_override"
    [ ! -e "$vf/driver" ] || echo "${vf##*/}" >"$vf/driver/unbind"
    echo "${vf##*/}" >/sys/bus/pci/drivers_probe
    [ "$(driver_of "$vf")" = "$3" ] || die "${vf##*/}: $3 did not take it"
}
""",
    "unbind_vf": """\
unbind_vf() {
    vf=$(readlink -f "$1/virtfn$2")
    [ ! -e "$vf/driver" ] || echo "${vf##*/}" >"$vf/driver/unbind"
}
""",
}
_TESTS = {
    "address": '"${{pf##*/}}" = {}',
    "netdev": '"$netdev" = {}',
    "permanent_mac": '"$(permanent_mac_of "$netdev")" = {}',
    "driver": '"$(driver_of "$pf")" = {}',
    "vendor_id": '"$(content_of "$pf/vendor")" = 0x{}',
    "device_id": '"$(content_of "$pf/device")" = 0x{}',
    "phys_port_name": '"$(content_of "/sys/class/net/$netdev/phys_port_name")" = {}',
}


def render(request: ExportRequest) -> Export:
    """Write one script for all PFs.  Pure."""
    parts = [_part(f"pf_{n}", target) for n, target in enumerate(request.targets, 1)]
    body = "\n".join(written_of(parts))
    if not body:
        return export_of((), parts)
    helpers = "".join(f"{_HELPERS[name]}\n" for name in _used_helpers(body))
    file = OutputFile("sriovctl-set-up.sh", DIRECTORY, _HEAD + helpers + body, mode=0o755)
    return export_of([file], parts)


def _part(function: str, target: ExportTarget) -> Part[str]:
    criteria = criteria_of(target, tool="a script", known=tuple(_TESTS))
    if not criteria.values:
        return leave_out_all(target, criteria.why_none)
    divided = divide(target, _why_not)
    text = "".join(_block(function, target, criteria.values, divided))
    return text, divided.left_out, criteria.imposed


def _why_not(key: str, value: object, _said: Mapping[str, object]) -> str | None:
    if key == "msix_count" and value == 0:
        return NO_MSIX_DEFAULT
    return REASONS.get(key)


def _used_helpers(body: str) -> list[str]:
    used: set[str] = set()
    # A helper stands below those that it uses, so one walk from the last finds them all.
    for name in reversed(_HELPERS):
        callers = "\n".join([body, *(_HELPERS[other] for other in used)])
        if re.search(rf"(?<!\w){name}(?!\w)", callers):
            used.add(name)
    return [name for name in _HELPERS if name in used]


def _block(
    function: str, target: ExportTarget, match: Mapping[str, str], divided: Divided
) -> Iterator[str]:
    lines = [*_commands(target, divided)]
    yield f"# {target.name}\nset_up_{function}() {{\n    pf=$1\n"
    if any("$netdev" in line for line in lines):
        yield '    netdev=$(netdev_of "$pf")\n'
    yield from (f"    {line}\n" for line in lines or [": # nothing is said of it"])
    yield "}\n\n"
    yield from _finder(function, target, match)


def _finder(function: str, target: ExportTarget, match: Mapping[str, str]) -> Iterator[str]:
    is_one_of_many = target.wanted.match.all and target.pf is None
    tests = [_TESTS[key].format(value) for key, value in match.items()]
    yield "found=0\nfor pf in $(all_pfs); do\n"
    if any("$netdev" in test for test in tests):
        yield '    netdev=$(netdev_of "$pf")\n'
    yield from (f"    [ {test} ] || continue\n" for test in tests)
    yield "    found=$((found + 1))\n"
    yield f'    set_up_{function} "$pf"\n' if is_one_of_many else "    chosen=$pf\n"
    yield "done\n"
    wanted, words = ("-ge", "no PF fits") if is_one_of_many else ("-eq", "$found PFs fit, not one")
    yield f'[ "$found" {wanted} 1 ] || die "{target.name}: {words}"\n'
    if not is_one_of_many:
        yield f'set_up_{function} "$chosen"\n'


def _commands(target: ExportTarget, divided: Divided) -> Iterator[str]:
    said = divided.pf
    if "drivers_autoprobe" in said:
        yield "# Decides whether the host's own drivers take the VFs that come."
        yield f'echo {int(bool(said["drivers_autoprobe"]))} >"$pf/sriov_drivers_autoprobe"'
    if "link.mtu" in said:
        yield f'ip link set dev "$netdev" mtu {said["link.mtu"]}'
    if said.get("link.state"):
        yield "# Before there are VFs: a VF driver finds a PF that is down 'still in reset'."
        yield 'ip link set dev "$netdev" up'
    if "eswitch.mode" in said and target.eswitch_before_vfs:
        yield f'set_eswitch_mode_without_vfs "$pf" {said["eswitch.mode"]}'
    if "num_vfs" in said:
        yield f'set_num_vfs "$pf" {said["num_vfs"]}'
    if "eswitch.mode" in said and not target.eswitch_before_vfs:
        yield f'set_eswitch_mode "$pf" {said["eswitch.mode"]}'
    yield from _vf_commands(divided)
    if said.get("link.state") is False:
        yield 'ip link set dev "$netdev" down'


def _vf_commands(divided: Divided) -> Iterator[str]:
    vfs = divided.vfs.items()
    counts = {n: str(said["msix_count"]) for n, said in vfs if "msix_count" in said}
    yield from _for_each(counts, 'set_msix_count "$pf" {vf} {words}')
    change = 'ip link set dev "$netdev" vf {vf} {words}'
    yield from _for_each({n: vf_words(said) for n, said in vfs}, change)
    yield from _for_each({n: rate_words(said) for n, said in vfs}, f"patiently {change}")
    drivers = {n: said["driver"] for n, said in vfs if "driver" in said}
    if drivers:
        yield "# Last: a VF driver reads its MAC when it binds."
    bound = {n: str(driver) for n, driver in drivers.items() if driver is not None}
    yield from _for_each(bound, 'bind_vf "$pf" {vf} {words}')
    unbound = dict.fromkeys(sorted(drivers.keys() - bound.keys()), "unbind_vf")
    yield from _for_each(unbound, '{words} "$pf" {vf}')


def _for_each(words: Mapping[int, str], command: str) -> Iterator[str]:
    for vfs, said in grouped(words):
        if len(vfs) == 1:
            yield command.format(vf=vfs[0], words=said)
            continue
        yield f"for n in {shell_list(vfs)}; do"
        yield "    " + command.format(vf='"$n"', words=said)
        yield "done"
