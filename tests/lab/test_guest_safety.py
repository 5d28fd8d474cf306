"""A guest that has a VF is not disturbed by the way: refused by name, and unharmed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.demo.guest import demo_guest_xml
from tests.lab.daemon_at_work import Daemon, set_vf, until, vlan_of
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vfs_by_ip

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PF = "0000:01:00.0"
VF1 = "0000:01:10.2"
MAC = "52:54:00:6d:90:02"
GUEST = "Tenant"


def state(num_vfs: int, *, vlans: dict[int, int] | None = None, link: str = "up") -> str:
    vfs = ", ".join(f"{index}: {{vlan: {{id: {vlan}}}}}" for index, vlan in (vlans or {}).items())
    return (
        f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, num_vfs: {num_vfs}, '
        f"drivers_autoprobe: false, link: {{state: {link}}}, vfs: {{{vfs}}}}}}}"
    )


@pytest.fixture(autouse=True, scope="module")
def state_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def tenant() -> Iterator[str]:
    """A running guest that has VF 1, which sriovctl made."""
    (PCI / PF / "sriov_numvfs").write_text("0")  # other tests of this machine leave theirs
    sriovctl("apply", "-", stdin=state(3))
    path = Path("/tmp/tenant.xml")
    path.write_text(demo_guest_xml(GUEST))
    run("virsh", "define", str(path))
    run("virsh", "start", GUEST)
    sriovctl("attach", GUEST, "--vf", VF1, "--mac", MAC, "--vlan", "42")
    yield GUEST
    subprocess.run(("virsh", "destroy", GUEST), capture_output=True, check=False)
    run("virsh", "undefine", GUEST)
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def life_signs() -> object:
    """What a guest would miss, by other sources than ours: QEMU, its open files, the card."""
    state = run("virsh", "domstate", GUEST).strip()
    (pid,) = run("pgrep", "-f", f"guest={GUEST},").split()[:1]
    fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    held = sorted(name for name in fds if "vfio" in name)
    devices = run("virsh", "qemu-monitor-command", "--hmp", GUEST, "info pci")
    return state, pid, held, "8086:10ca" in devices, vfs_by_ip(netdev_of(PF))[1]


@pytest.mark.usefixtures("tenant")
def test_it_lives_to_begin_with() -> None:
    signs = life_signs()
    assert isinstance(signs, tuple)
    assert signs[0] == "running"
    assert signs[2], "QEMU holds the VF's group"
    assert signs[3], "the guest has the VF"


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(state(2), id="fewer VFs"),
        pytest.param(state(5), id="more VFs"),
        pytest.param(state(3, link="down"), id="PF down"),
        pytest.param(state(3, vlans={1: 43}), id="VLAN of its VF"),
    ],
)
def test_what_it_would_feel_is_refused_by_its_name(wish: str) -> None:
    before = life_signs()
    assert f"affects: guest:{GUEST}" in sriovctl("plan", "-", stdin=wish, expect=3)
    said = sriovctl("apply", "-", stdin=wish, expect=4)
    assert f"--allow guest:{GUEST}" in said
    assert life_signs() == before
    assert (PCI / PF / "sriov_numvfs").read_text() == "3\n"


@pytest.mark.usefixtures("tenant")
def test_its_neighbours_can_be_changed() -> None:
    before = life_signs()
    sriovctl("apply", "-", stdin=state(3, vlans={0: 50, 2: 52}))
    assert life_signs() == before
    assert [vf["vlan_list"][0]["vlan"] for vf in vfs_by_ip(netdev_of(PF))] == [50, 42, 52]  # type: ignore[index]
    sriovctl("undo")
    assert life_signs() == before


@pytest.mark.usefixtures("tenant")
def test_the_daemon_repairs_its_neighbour_and_leaves_it_alone(tmp_path: Path) -> None:
    before = life_signs()
    daemon = Daemon(tmp_path, state(3, vlans={0: 50, 1: 42, 2: 52}))
    daemon.start()
    try:
        until(lambda: (vlan_of(PF, 0), vlan_of(PF, 2)) == (50, 52), daemon)
        set_vf(PF, 0, "vlan", "99")
        until(lambda: vlan_of(PF, 0) == 50, daemon)
        assert life_signs() == before
        set_vf(PF, 1, "vlan", "77")
        said = f"{PF} vf 1: differs, and is in use by guest:{GUEST}"
        until(lambda: said in daemon.log(), daemon)
        assert vlan_of(PF, 1) == 77
        set_vf(PF, 1, "vlan", "42")
        assert life_signs() == before
    finally:
        assert daemon.kill(signal.SIGTERM) == 0


@pytest.mark.usefixtures("tenant")
def test_undo_does_not_take_its_vf_away() -> None:
    before = life_signs()
    said = sriovctl("undo", expect=4)
    assert f"guest:{GUEST}" in said
    assert life_signs() == before


@pytest.mark.usefixtures("tenant")
def test_whoever_names_it_may_go_on() -> None:
    sriovctl("apply", "-", "--allow", f"guest:{GUEST}", stdin=state(3, vlans={1: 43}))
    assert vfs_by_ip(netdev_of(PF))[1]["vlan_list"][0]["vlan"] == 43  # type: ignore[index]


@pytest.mark.usefixtures("tenant")
def test_a_guest_that_is_off_keeps_the_vf_that_it_is_configured_with() -> None:
    run("virsh", "destroy", GUEST)
    said = sriovctl("apply", "-", stdin=state(1), expect=4)
    assert f"--allow guest-config:{GUEST}" in said
    sriovctl("apply", "-", stdin=state(4))  # its VF comes again
    run("virsh", "start", GUEST)
    assert VF1 in sriovctl("guests")
    ip("link", "show", netdev_of(PF))
