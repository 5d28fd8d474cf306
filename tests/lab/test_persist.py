"""What is persisted on one machine comes back when another one boots with its disk.

The first machine applies and persists; the second boots by systemd, with libvirtd and networkd, and
nothing is done by hand.  What it made of it is asked of ``ip``, sysfs, systemd and its journal.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sriovctl.lab.machines import IOMMU, Machine, NVMe, RootPort, Service, find_machine
from sriovctl.lab.runner import Job, run_job
from sriovctl.lab.session import guest_environment

pytestmark = pytest.mark.qemu

PF, OTHER_PF, DISK = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
MAC0, MAC1 = "52:54:00:6d:90:02", "52:54:00:6d:90:03"
STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{PF}"}}
    num_vfs: 2
    drivers_autoprobe: false
    link: {{state: up}}
    vfs:
      0: {{admin_mac: "{MAC0}", vlan: {{id: 42}}, driver: igbvf}}
      1: {{admin_mac: "{MAC1}", vlan: {{id: 43, qos: 3}}, driver: vfio-pci}}
  disks:
    match: {{driver: nvme}}
    num_vfs: 2
    drivers_autoprobe: false
"""
# The driver makes the VFs, and the host's own driver has them before anything is set.
BY_PARAMETER = """\
version: 1
pfs:
  cards:
    match: {driver: igb, all: true}
    num_vfs: 2
    vf_default: {vlan: {id: 42}}
"""
# The slots are those of the machine 82576, but nothing is plugged into the first one.
WITHOUT_THE_CARD = Machine(
    name="82576-pulled-out",
    summary="the first card of 82576 is gone",
    iommu=IOMMU.INTEL,
    memory_mib=768,
    root_bus=(RootPort(None), RootPort(NVMe(total_vfs=4))),
)

FIRST = """
set -e
cd "$SRIOVCTL_LAB_RESULTS"
run() {  # NAME COMMAND...: keep what it says and how it ends
    name=$1; shift
    "$@" >"$name.out" 2>"$name.err" && echo 0 >"$name.status" || echo $? >"$name.status"
}
disk() {
    mkdir "$1"
    (cd "$SRIOVCTL_LAB_DISK" && cp -a --parents etc var/lib/sriovctl "$SRIOVCTL_LAB_RESULTS/$1")
}
systemctl enable systemd-networkd.service 2>/dev/null
run apply sriovctl apply state.yaml --wait 60s

mount -t tmpfs -o size=4k tmpfs /etc/modules-load.d
head -c 4096 /dev/zero >/etc/modules-load.d/theirs.conf
run full sriovctl persist state.yaml
rm /etc/modules-load.d/theirs.conf; umount /etc/modules-load.d
mount --bind /etc/systemd/system /etc/systemd/system
mount -o remount,ro,bind /etc/systemd/system
run read-only sriovctl persist state.yaml
umount /etc/systemd/system
find /etc -path '*sriovctl*' -newer state.yaml >left-behind

run persist sriovctl persist state.yaml --json
run again sriovctl persist state.yaml
run status sriovctl persist --status
run early sriovctl verify-boot --json
run analyze systemd-analyze verify --man=no /etc/systemd/system/sriovctl-apply.service \
    /etc/systemd/system/sriovctl-verify-boot.service
disk disk
run removed sriovctl persist --remove
find /etc -name '*sriovctl*' -newer state.yaml >after-removal
run parameter sriovctl persist parameter.yaml --by-parameter igb
disk parameter-disk
"""

SECOND = """
cd "$SRIOVCTL_LAB_RESULTS"
run() { name=$1; shift; "$@" >"$name.out" 2>"$name.err"; echo $? >"$name.status"; }
run running systemctl is-system-running --wait
run failed systemctl --failed --no-legend --plain
run show systemctl show -p Id,UnitFileState,ActiveState,ExecMainStatus \
    -p ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic \
    -p ActiveEnterTimestampMonotonic sriovctl-apply.service sriovctl-verify-boot.service \
    network-pre.target systemd-networkd.service libvirtd.service
run journal journalctl -b -o short-monotonic --no-pager
run unit-journal journalctl -b -o cat --no-pager -u sriovctl-apply -u sriovctl-verify-boot
run links ip -j -d link show
for link in /sys/bus/pci/devices/*/driver; do
    echo "$link" "$(basename "$(readlink "$link")")"
done >drivers
for file in /sys/bus/pci/devices/*/sriov_numvfs; do echo "$file" "$(cat "$file")"; done >counts
run verify sriovctl verify-boot --json
run status sriovctl persist --status
run history sriovctl history --json
netdev=$(ls /sys/bus/pci/devices/0000:01:00.0/net 2>/dev/null)
[ -z "$netdev" ] || ip link set dev "$netdev" vf 0 vlan 99
run spoilt sriovctl verify-boot --json
"""


class Boot:
    """What a machine left of itself."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        return self._directory / name

    def text(self, name: str) -> str:
        return self.path(name).read_text()

    def status(self, name: str) -> int:
        return int(self.text(f"{name}.status"))

    def json(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text(f"{name}.out"))
        return document

    def links(self) -> list[dict[str, Any]]:
        links: list[dict[str, Any]] = json.loads(self.text("links.out"))
        return links

    def units(self) -> dict[str, dict[str, str]]:
        blocks = self.text("show.out").strip().split("\n\n")
        parsed = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return {block["Id"]: block for block in parsed}

    def pairs(self, name: str) -> dict[str, str]:
        """Lines of a path below /sys/bus/pci/devices and a word, by device."""
        rows = (line.split() for line in self.text(name).splitlines())
        return {path.split("/")[5]: word for path, word in rows}

    def vfs(self, pf: str) -> list[dict[str, Any]]:
        (link,) = [
            one for one in self.links() if one.get("parentdev") == pf and one.get("vfinfo_list")
        ]
        vfs: list[dict[str, Any]] = link["vfinfo_list"]
        return vfs

    def bad(self, name: str) -> list[dict[str, Any]]:
        return [check for check in self.json(name)["checks"] if check["ok"] is False]


def boot(
    machine: Machine,
    script: str,
    results: Path,
    *services: Service,
    disk: Path | None = None,
) -> Boot:
    said = bytearray()
    job = Job(
        machine,
        ("sh", "-c", script),
        services=frozenset(services),
        results=results,
        disk=disk,
        environment=guest_environment(),
    )
    assert run_job(job, stdout=said.extend, stderr=said.extend) == 0, said.decode()
    return Boot(results)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    results = tmp_path_factory.mktemp("first")
    script = f"cat >$SRIOVCTL_LAB_RESULTS/state.yaml <<'END'\n{STATE}END\n"
    script += f"cat >$SRIOVCTL_LAB_RESULTS/parameter.yaml <<'END'\n{BY_PARAMETER}END\n"
    return boot(find_machine("82576"), script + FIRST, results, Service.UDEV)


@pytest.fixture(scope="module")
def second(first: Boot, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return boot(
        find_machine("82576"),
        SECOND,
        tmp_path_factory.mktemp("second"),
        *(Service.SYSTEMD, Service.LIBVIRT),
        disk=first.path("disk"),
    )


@pytest.fixture(scope="module")
def pulled_out(first: Boot, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    results = tmp_path_factory.mktemp("pulled-out")
    disk = first.path("disk")
    return boot(WITHOUT_THE_CARD, SECOND, results, Service.SYSTEMD, disk=disk)


@pytest.fixture(scope="module")
def by_parameter(first: Boot, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    results = tmp_path_factory.mktemp("by-parameter")
    disk = first.path("parameter-disk")
    return boot(find_machine("82576"), SECOND, results, Service.SYSTEMD, disk=disk)


# --- the first machine -----------------------------------------------------------------------


def test_a_full_disk_or_a_read_only_one_leaves_nothing_behind(first: Boot) -> None:
    assert first.status("apply") == 0, first.text("apply.err")
    assert first.status("full") == 1
    assert "/etc/modules-load.d/sriovctl.conf" in first.text("full.err")
    assert "the disk is full; nothing was changed" in first.text("full.err")
    assert first.status("read-only") == 1
    assert "the file system is read-only; nothing was changed" in first.text("read-only.err")
    assert first.text("left-behind") == ""


def test_what_was_persisted_is_intact_and_a_second_run_has_nothing_to_do(first: Boot) -> None:
    assert first.status("persist") == 0, first.text("persist.err")
    assert first.json("persist")["changed"] is True
    assert first.text("again.out") == "nothing to do: all is installed\n"
    assert first.status("status") == 0
    loaded = first.path("disk/etc/modules-load.d/sriovctl.conf").read_text()
    assert {"igbvf", "vfio_pci"} <= set(loaded.splitlines())


def test_systemd_finds_nothing_wrong_with_the_units(first: Boot) -> None:
    assert first.text("analyze.err") + first.text("analyze.out") == ""


def test_without_systemd_the_check_says_so(first: Boot) -> None:
    assert first.status("early") == 0
    (unseen,) = [check for check in first.json("early")["checks"] if check["ok"] is None]
    assert unseen["id"] == "systemd"


def test_removal_leaves_nothing(first: Boot) -> None:
    assert first.status("removed") == 0
    assert first.text("after-removal") == ""


# --- the second, which boots with the disk of the first -----------------------------------------


def test_the_boot_is_over_and_nothing_failed(second: Boot) -> None:
    assert second.text("running.out") == "running\n"
    assert second.text("failed.out") == ""
    units = second.units()
    for unit in ("sriovctl-apply.service", "sriovctl-verify-boot.service"):
        assert (units[unit]["UnitFileState"], units[unit]["ActiveState"]) == ("enabled", "active")


def test_vfs_macs_vlans_and_drivers_are_there(second: Boot) -> None:
    counts = second.pairs("counts")
    assert (counts[PF], counts[OTHER_PF], counts[DISK]) == ("2", "0", "2")
    vfs = second.vfs(PF)
    assert [vf["address"] for vf in vfs] == [MAC0, MAC1]
    assert [vf["vlan_list"] for vf in vfs] == [[{"vlan": 42}], [{"vlan": 43, "qos": 3}]]
    drivers = second.pairs("drivers")
    assert (drivers[VF0], drivers[VF1]) == ("igbvf", "vfio-pci")
    assert not [device for device in drivers if re.match(r"0000:05:00\.[1-7]|0000:05:01", device)]
    (vf_netdev,) = [link for link in second.links() if link.get("parentdev") == VF0]
    assert vf_netdev["address"] == MAC0


def test_the_units_ran_in_order(second: Boot) -> None:
    units = second.units()
    ended = int(units["sriovctl-apply.service"]["ExecMainExitTimestampMonotonic"])
    reached = int(units["network-pre.target"]["ActiveEnterTimestampMonotonic"])
    assert 0 < ended <= reached
    for user in ("systemd-networkd.service", "libvirtd.service"):
        assert reached <= int(units[user]["ExecMainStartTimestampMonotonic"]), user
    checked = int(units["sriovctl-verify-boot.service"]["ExecMainStartTimestampMonotonic"])
    assert checked >= int(units["libvirtd.service"]["ExecMainStartTimestampMonotonic"])


def test_the_journal_has_the_same_order(second: Boot) -> None:
    journal = second.text("journal.out")
    marks = (
        "Starting sriovctl-apply.service",
        "Finished sriovctl-apply.service",
        "Reached target network-pre.target",
        "Starting systemd-networkd.service",
        "Starting libvirtd.service",
        "Starting sriovctl-verify-boot.service",
    )
    places = [journal.find(mark) for mark in marks]
    assert -1 not in places
    assert places[:4] == sorted(places[:4])
    assert places[2] < places[4] < places[5]
    assert "ordering cycle" not in journal
    assert f"{PF}: num_vfs 0 -> 2  verified" in second.text("unit-journal.out")


def test_verify_boot_is_content(second: Boot) -> None:
    assert second.status("verify") == 0, second.text("verify.out")
    verify = second.json("verify")
    assert verify["ok"] is True
    assert all(check["ok"] for check in verify["checks"])
    orders = {check["subject"] for check in verify["checks"] if check["id"] == "order"}
    assert {"network-pre.target", "libvirtd.service", "libvirtd.socket"} <= orders
    assert "verify-boot of this boot: good" in second.text("status.out")


def test_a_vlan_that_was_changed_is_named(second: Boot) -> None:
    assert second.status("spoilt") == 1
    (check,) = second.bad("spoilt")
    assert (check["id"], check["subject"]) == ("state", f"{PF} vf 0")
    assert check["evidence"] == "vlan is 99, wanted 42"


def test_the_journal_of_runs_goes_on_over_the_reboot(second: Boot) -> None:
    runs = second.json("history")["runs"]
    applied = [run for run in runs if run["kind"] == "apply"]
    assert [run["status"] for run in applied] == ["done", "done"]
    assert len({run["boot_id"] for run in applied}) == 2
    (persisted,) = (run for run in runs if run["kind"] == "record")
    assert persisted["source"].startswith("persist ")


# --- without one of the cards ------------------------------------------------------------------


def test_a_boot_without_the_card_goes_on_and_says_what_is_missing(pulled_out: Boot) -> None:
    units = pulled_out.units()
    apply = units["sriovctl-apply.service"]
    assert (apply["ActiveState"], apply["ExecMainStatus"]) == ("failed", "1")
    reached = int(units["network-pre.target"]["ActiveEnterTimestampMonotonic"])
    assert reached >= int(apply["ExecMainExitTimestampMonotonic"]) > 0
    assert "sriovctl-apply.service" in pulled_out.text("failed.out")
    said = pulled_out.text("unit-journal.out")
    assert f"missing: uplink: no PF fits address {PF}" in said
    assert set(pulled_out.pairs("counts").values()) == {"2"}, (
        "the other PF is to be set all the same"
    )
    assert pulled_out.status("verify") == 1
    bad = {(check["id"], check["subject"]) for check in pulled_out.bad("verify")}
    assert bad == {("pf", "uplink"), ("unit-ran", "sriovctl-apply.service")}


# --- VFs by a module parameter ------------------------------------------------------------------


def test_vfs_that_the_driver_makes_when_it_is_loaded(first: Boot, by_parameter: Boot) -> None:
    assert first.status("parameter") == 0, first.text("parameter.err")
    options = first.path("parameter-disk/etc/modprobe.d/sriovctl.conf").read_text()
    assert "options igb max_vfs=2\n" in options
    counts = by_parameter.pairs("counts")
    assert (counts[PF], counts[OTHER_PF], counts[DISK]) == ("2", "2", "0")
    # The kernel's own words: the module took the parameter, sriovctl did not set the number.
    assert "igb" in by_parameter.text("journal.out")
    assert "num_vfs" not in by_parameter.text("unit-journal.out")
    for pf in (PF, OTHER_PF):
        assert [vf["vlan_list"] for vf in by_parameter.vfs(pf)] == [[{"vlan": 42}]] * 2
    assert by_parameter.status("verify") == 0, by_parameter.text("verify.out")
    (seen,) = [
        one for one in by_parameter.json("verify")["checks"] if one["id"] == "module-parameter"
    ]
    assert (seen["ok"], seen["evidence"]) == (True, "in effect: 2")
