"""Both columns of docs/from-the-old-way.md come to the same, row by row, on a real kernel.

For each table the classic column is gone through from top to bottom, and what ip, sysfs and virsh
show is kept after each row; then the same from the same beginning with our column.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sriovctl.demo.guest import demo_disk, demo_guest_xml
from tests.lab.shell import PCI, netdev_of, run, sriovctl
from tests.old_way import Row, tables

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PF, VF = "0000:01:00.0", "0000:01:10.0"
GUEST, MAC = "OldWay", "52:54:00:6d:90:02"
_FACTS = re.compile(rf"0000:01:[01][0-9a-f]\.\d|{MAC}")
_FAILED = "failed"


@pytest.fixture(scope="module", autouse=True)
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What stands for what on the page, for the shells that run it."""
    home = tmp_path_factory.mktemp("old-way")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name, value in {
            "SRIOVCTL_STATE_DIR": str(home / "state"),
            **{"PF": PF, "DEV": netdev_of(PF), "VF": VF, "SYS": str(PCI)},
            **{"GUEST": GUEST, "MAC": MAC},
        }.items():
            patch.setenv(name, value)
        yield
        make_vfs(0)
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def make_vfs(num_vfs: int) -> None:
    """Make VFs without drivers, of a PF that is up, all anew."""
    run("ip", "link", "set", netdev_of(PF), "mtu", "1500", "up")
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    if num_vfs:
        (PCI / PF / "sriov_numvfs").write_text(str(num_vfs))


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("bash", "-c", command), capture_output=True, text=True, check=False, timeout=300
    )


def can_run(command: str) -> bool:
    return shutil.which(command.split()[0]) is not None or command.startswith("for ")


# --- what is seen ----------------------------------------------------------------------------


def seen() -> dict[str, object]:
    """The PF, its VFs and who has them, by other sources than ours."""
    (link,) = json.loads(run("ip", "-j", "-d", "link", "show", "dev", netdev_of(PF)))
    vfs = sorted((PCI / PF).glob("virtfn*"))
    return {
        "up": "UP" in link["flags"],
        "mtu": link["mtu"],
        "num_vfs": (PCI / PF / "sriov_numvfs").read_text().strip(),
        "autoprobe": (PCI / PF / "sriov_drivers_autoprobe").read_text().strip(),
        # An igbvf whose VF has no MAC makes one up.
        "vfs": [
            {**vf, "address": vf["address"] if vf["address"] == MAC else "another"}
            for vf in link.get("vfinfo_list", [])
        ],
        "drivers": [driver_and_override(vf) for vf in vfs],
        "guest": [interfaces(), interfaces("--inactive")],
    }


def driver_and_override(vf: Path) -> tuple[str | None, str]:
    link = vf / "driver"
    name = link.resolve().name if link.exists() else None
    return name, (vf / "driver_override").read_text().strip()


def interfaces(*flags: str) -> list[tuple[object, ...]]:
    done = subprocess.run(
        ("virsh", "dumpxml", GUEST, *flags), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return []
    found = ElementTree.fromstring(done.stdout).findall("devices/interface[@type='hostdev']")
    return [
        tuple(
            None if (part := each.find(path)) is None else sorted(part.items())
            for path in ("mac", "source/address", "vlan/tag")
        )
        for each in found
    ]


def wait_until_free() -> None:
    """Wait until libvirt has given the VF's driver back, which virsh does not."""
    deadline = time.monotonic() + 60
    while (PCI / VF / "driver").exists():
        assert time.monotonic() < deadline, (seen(), run("virsh", "domstate", GUEST))
        time.sleep(0.3)


# --- going through a table -------------------------------------------------------------------


def by_classic(table: list[Row]) -> list[object]:
    """What is seen after each row; one whose program is not installed follows one that does it."""
    runnable = {row.ours[0] for row in table if can_run(row.classic[0])}
    assert {row.ours[0] for row in table} == runnable
    return [
        after(row, shell(row.classic[0] if can_run(row.classic[0]) else "true")) for row in table
    ]


def by_ours(
    table: list[Row], do: Callable[[str], subprocess.CompletedProcess[str]]
) -> list[object]:
    return [after(row, do(row.ours[0])) for row in table]


def after(row: Row, done: subprocess.CompletedProcess[str]) -> object:
    assert "Traceback" not in done.stderr, done.stderr
    if "detach-device" in row.classic[0]:
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until_free()
    return row.ours[0], _FAILED if done.returncode else "done", seen()


def apply(snippet: str) -> subprocess.CompletedProcess[str]:
    wanted = f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, {snippet}}}}}'
    return subprocess.run(
        ("sriovctl", "apply", "-"), input=wanted, capture_output=True, text=True, check=False
    )


# --- looking ---------------------------------------------------------------------------------


def make_vfs_to_look_at() -> None:
    make_vfs(2)
    run("ip", "link", "set", netdev_of(PF), "vf", "0", "mac", MAC, "vlan", "42")
    run("udevadm", "settle")  # libvirt learns of VFs from it


def most_vfs_that_work() -> int:
    """Try numbers, smaller and smaller, as one does without a forecast."""
    for number in range(9, 0, -1):
        make_vfs(0)
        if shell(f"echo {number} >$SYS/$PF/sriov_numvfs").returncode == 0:
            break
    make_vfs_to_look_at()
    return number


def of_all(classic: str) -> set[str]:
    """Functions and MACs of the card, and how many VFs it takes, as ``ls`` writes them."""
    addresses = re.sub(r"pci_(\w{4})_(\w\w)_(\w\w)_(\w)", r"\1:\2:\3.\4", classic)
    totals = re.findall(r"^\d+$", classic, re.MULTILINE)
    return {*_FACTS.findall(addresses), *(f"of {total}" for total in totals)}


def of_one(classic: str) -> set[str]:
    """What lspci's SR-IOV capability, or libvirt's XML, says of the PF, as ``show`` writes it."""
    found = {
        f"IOMMU group {number}" for number in re.findall(r"iommuGroup number='(\d+)'", classic)
    }
    if numbers := re.search(r"Total VFs: (\d+), Number of VFs: (\d+)", classic):
        found.add(f"{numbers[2]} of {numbers[1]}")
    if places := re.search(r"VF offset: (\d+), stride: (\d+)", classic):
        found.add(f"offset {places[1]}, stride {places[2]}")
    return found


def of_groups(classic: str) -> set[str]:
    numbers = re.findall(r"/iommu_groups/(\d+)$", classic, re.MULTILINE)
    members = re.findall(r"^\w{4}:\w\w:\w\w\.\w$", classic, re.MULTILINE)
    return {*(f"group {each}\n" for each in numbers), *(f"\n   {each}  " for each in members)}


def of_buses(classic: str) -> set[str]:
    one = {f"bus {bus}" for bus in re.findall(r"-\[(\w\w)\]-", classic)}
    return one | {f"buses {buses}" for buses in re.findall(r"-\[(\w\w-\w\w)\]-", classic)}


def of_the_vf(_classic: str) -> set[str]:
    return {f"is alone in IOMMU group {(PCI / VF / 'iommu_group').resolve().name}"}


# What ours has to say, by its verb: what the classic commands said, or what is known of this host.
SAYS: dict[str, Callable[[str], set[str]]] = {
    "ls": of_all,
    "show": of_one,
    "groups": of_groups,
    "tree": of_buses,
    "explain": of_the_vf,
    "doctor": lambda _: {"ERROR acs-missing  0000:04:00.0"},
    "capacity": lambda _: {f"up to {most_vfs_that_work()} VFs will work"},
    "representors": lambda classic: set() if classic else {"igb): no eswitch with a mode"},
    "guests": lambda classic: {GUEST} & set(classic.split()),
    # The VFs were made by echo, and nobody has them.
    "owners": lambda _: {f"foreign:{PF}", "nobody is seen to use the other"},
}


def test_looking() -> None:
    make_vfs_to_look_at()
    Path("dump.txt").write_text(run("lspci", "-xxxx"))
    Path("guest.xml").write_text(demo_guest_xml(GUEST))
    run("virsh", "define", "guest.xml")
    try:
        (table,) = tables("Look")
        for row in table:
            classic = "".join(shell(code).stdout for code in row.classic if "echo N" not in code)
            (verb,) = SAYS.keys() & set(row.ours[0].split())
            expected = SAYS[verb](classic)
            assert expected, row
            ours = shell(row.ours[0])
            assert ours.returncode == (1 if verb == "doctor" else 0), (row, ours.stderr)
            assert {fact for fact in expected if fact not in ours.stdout} == set(), row
    finally:
        run("virsh", "undefine", GUEST)


# --- changing and giving away ----------------------------------------------------------------


def test_changing_by_a_state_file() -> None:
    table = [row for row in tables("Change")[0] if "modprobe" not in row.classic[0]]
    results = []
    for go in (by_classic, lambda rows: by_ours(rows, apply)):
        make_vfs(0)
        run("ip", "link", "set", netdev_of(PF), "down")
        results.append(go(table))
    classic, ours = results
    assert ours == classic
    # Of what is on the page the card can do most.
    assert [one[1] for one in classic].count("done") > len(table) / 2  # type: ignore[index]


def test_changing_drivers() -> None:
    table = [row for row in tables("Change")[1] if "sriovctl ls" not in row.ours]
    table, (several,) = table[:-1], table[-1:]
    results = []
    for go in (by_classic, lambda rows: by_ours(rows, shell)):
        make_vfs(2)
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")  # libvirt leaves it to the kernel
        sriovctl("bind", VF, "--driver", "igbvf")
        results.append(go(table))
    assert results[1] == results[0]
    assert {one[1] for one in results[0]} == {"done"}  # type: ignore[index]
    assert shell(several.ours[0]).returncode == 0
    assert [driver_and_override(vf)[0] for vf in (PCI / PF).glob("virtfn*")] == ["vfio-pci"] * 2
    # libvirt remembers what was detached by hand, and would not give it back after a guest.
    run("virsh", "nodedev-reattach", f"pci_{VF.replace(':', '_').replace('.', '_')}")


def test_lending_to_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    make_vfs(1)
    sriovctl("bind", VF, "--driver", "igbvf")
    run("udevadm", "settle")  # it renames the netdev
    monkeypatch.setenv("VFDEV", netdev_of(VF))
    run("ip", "netns", "add", "blue")
    try:
        (table,) = tables("Network namespaces and containers")
        classic = [(after(row, shell(row.classic[0])), in_blue()) for row in table]
        assert [(after(row, shell(row.ours[0])), in_blue()) for row in table] == classic
        assert [where for _, where in classic] == [[os.environ["VFDEV"], "lo"], ["lo"]]
    finally:
        run("ip", "netns", "del", "blue")


def in_blue() -> list[str]:
    return sorted(link["ifname"] for link in json.loads(run("ip", "-n", "blue", "-j", "link")))


def names_the_vf(text: str) -> bool:
    """Look for the VF as QEMU's options and libvirt's XML write its address."""
    return "01:10.0" in text or "bus='0x01' slot='0x10' function='0x0'" in text


def test_giving_to_guests(tmp_path: Path) -> None:
    make_vfs(1)
    (tmp_path / "disk").write_bytes(demo_disk())
    console = tmp_path / "console"
    xml = demo_guest_xml(GUEST, disk=str(tmp_path / "disk"), console_log=str(console))
    Path("guest.xml").write_text(xml)
    Path("vf.xml").write_text(sriovctl("xml", "--vf", VF, "--mac", MAC, "--vlan", "42"))
    run("virsh", "define", "guest.xml")
    run("virsh", "start", GUEST)
    try:
        while not console.exists() or "up" not in console.read_text():
            assert run("virsh", "domstate", GUEST).strip() == "running"
        attaching, printing = tables("Guests")
        classic = by_classic(attaching)
        assert by_ours(attaching, shell) == classic
        assert {one[1] for one in classic} == {"done"}  # type: ignore[index]
        for row in printing:
            if "SOCKET" not in row.ours[0]:
                assert names_the_vf(shell(row.ours[0]).stdout), row.ours[0]
    finally:
        subprocess.run(("virsh", "destroy", GUEST), capture_output=True, check=False)
        run("virsh", "undefine", GUEST)
    assert os.environ["GUEST"] not in run("virsh", "list", "--all")
