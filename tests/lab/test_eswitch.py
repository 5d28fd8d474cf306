"""Eswitch modes and representors on a real kernel, as iproute2's devlink and sysfs tell of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sriovctl.engine.eswitch import read_eswitch_mode
from sriovctl.engine.link import read_link
from sriovctl.engine.runs.execute import verify
from sriovctl.engine.runs.steps import observe, perform
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import BusyError, PermissionDenied, UnsupportedError
from sriovctl.host.live import LiveHost
from sriovctl.model.functions import VLAN, EswitchMode
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.state import WantedVF
from tests.lab.netdevsim import BUS, new_netdevsim

pytestmark = pytest.mark.lab("netdevsim")

ID = 52
DEVICE = f"netdevsim{ID}"
DIRECTORY = BUS / "devices" / DEVICE
HANDLE = f"netdevsim/{DEVICE}"
NOBODY = 65534


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pfs_by(*words: str) -> list[dict[str, Any]]:
    document: dict[str, list[dict[str, Any]]] = json.loads(run("sriovctl", *words, "--json"))
    return document["pfs"]


# --- what iproute2 and sysfs say -----------------------------------------------------------------


def mode_by_devlink() -> str:
    shown = json.loads(run("devlink", "dev", "eswitch", "show", HANDLE, "-j"))
    return str(shown["dev"][HANDLE]["mode"])


def representors_by_devlink() -> dict[int, tuple[str, str]]:
    """vf_index -> (port, netdev)."""
    ports = json.loads(run("devlink", "port", "show", "-j"))["port"]
    return {
        port["vfnum"]: (name, port["netdev"])
        for name, port in ports.items()
        if name.startswith(f"{HANDLE}/") and port["flavour"] == "pcivf"
    }


def representors_by_sysfs() -> dict[int, str]:
    """vf_index -> netdev."""
    names = {netdev: port_name(netdev) for netdev in os.listdir(DIRECTORY / "net")}
    return {
        int(name.removeprefix("pf0vf")): netdev
        for netdev, name in names.items()
        if name.startswith("pf0vf")
    }


def port_name(netdev: str) -> str:
    return Path(f"/sys/class/net/{netdev}/phys_port_name").read_text().strip()


# --- a PF to work on -----------------------------------------------------------------------------


@pytest.fixture
def netdev() -> Iterator[str]:
    with new_netdevsim(ID, max_vfs=256) as name:
        yield name


@pytest.fixture
def host(netdev: str) -> Iterator[LiveHost]:
    assert netdev
    host = LiveHost()
    yield host
    host.close()


def set_num_vfs(number: int) -> None:
    (DIRECTORY / "sriov_numvfs").write_text(str(number))


def set_mode(host: LiveHost, mode: EswitchMode) -> None:
    host.devlink.write_eswitch("netdevsim", DEVICE, mode)


def step_to(mode: EswitchMode, *, before: EswitchMode) -> Step:
    return Step(
        action=Action.SET_ESWITCH_MODE,
        subject=DEVICE,
        device=DEVICE,
        vf_index=None,
        before={"eswitch_mode": str(before)},
        after={"eswitch_mode": str(mode)},
        disruption=Disruption.NONE,
        reason="",
        commands=(),
    )


# --- the mode ------------------------------------------------------------------------------------


def test_steps_set_the_mode_that_devlink_shows(host: LiveHost) -> None:
    set_num_vfs(2)
    legacy, switchdev = EswitchMode.LEGACY, EswitchMode.SWITCHDEV
    for step in (step_to(switchdev, before=legacy), step_to(legacy, before=switchdev)):
        assert observe(host, [step]) == [step.before]
        perform(host, [step])
        verify(host, [step])
        assert mode_by_devlink() == step.after["eswitch_mode"]


def test_what_devlink_sets_is_read(host: LiveHost) -> None:
    for mode in ("switchdev", "legacy"):
        run("devlink", "dev", "eswitch", "set", HANDLE, "mode", mode)
        assert read_eswitch_mode(host, DEVICE) == mode


def test_refusal_has_the_kernels_own_words(host: LiveHost) -> None:
    set_num_vfs(1)
    set_mode(host, EswitchMode.SWITCHDEV)
    run("devlink", "port", "function", "rate", "add", f"{HANDLE}/group")
    try:
        with pytest.raises(BusyError, match=r"Rate node\(s\) exists\.") as caught:
            set_mode(host, EswitchMode.LEGACY)
        assert caught.value.evidence == {"errno": "EBUSY", "kernel": "Rate node(s) exists."}
        assert mode_by_devlink() == "switchdev"
    finally:
        run("devlink", "port", "function", "rate", "del", f"{HANDLE}/group")


def as_nobody(action: Callable[[], None]) -> int:
    """Run *action* without root's rights; return the exit status, 0 when it returned."""
    child = os.fork()
    if child == 0:
        os.setuid(NOBODY)
        try:
            action()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_without_root_the_mode_is_neither_told_nor_set(host: LiveHost) -> None:
    def try_both() -> None:
        with pytest.raises(PermissionDenied, match="run as root"):
            read_eswitch_mode(host, DEVICE)
        with pytest.raises(PermissionDenied, match="run as root"):
            set_mode(host, EswitchMode.SWITCHDEV)
        os._exit(0)

    assert as_nobody(try_both) == 0


def test_num_vfs_0_takes_switchdev_away_from_netdevsim(host: LiveHost) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    set_num_vfs(0)
    assert read_eswitch_mode(host, DEVICE) == mode_by_devlink() == "legacy"


# --- representors --------------------------------------------------------------------------------


@pytest.mark.parametrize("num_vfs", [1, 64, 256])
def test_representors_are_those_that_devlink_and_sysfs_show(host: LiveHost, num_vfs: int) -> None:
    set_num_vfs(num_vfs)
    set_mode(host, EswitchMode.SWITCHDEV)
    (pf,) = pfs_by("representors", DEVICE)
    assert pf["eswitch_mode"] == "switchdev"
    found = {one["vf_index"]: one for one in pf["representors"]}
    assert set(found) == set(range(num_vfs))
    by_devlink, by_sysfs = representors_by_devlink(), representors_by_sysfs()
    for vf_index, one in found.items():
        assert (one["devlink_port"], one["netdev"]) == by_devlink[vf_index]
        assert one["netdev"] == by_sysfs[vf_index]
        assert one["port_name"] == port_name(one["netdev"])


def test_representors_tell_whether_they_are_up(host: LiveHost) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    run("ip", "link", "set", representors_by_sysfs()[1], "up")
    (pf,) = pfs_by("representors", DEVICE)
    assert [one["up"] for one in pf["representors"]] == [False, True]


def test_representor_in_another_network_namespace_is_listed_without_a_name(
    host: LiveHost,
) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    run("ip", "netns", "add", "elsewhere")
    try:
        run("ip", "link", "set", representors_by_sysfs()[1], "netns", "elsewhere")
        (pf,) = pfs_by("representors", DEVICE)
        here, gone = pf["representors"]
        assert (here["vf_index"], here["netdev"]) == (0, representors_by_sysfs()[0])
        assert (gone["vf_index"], gone["netdev"], gone["up"]) == (1, None, None)
    finally:
        run("ip", "netns", "del", "elsewhere")


def test_pf_is_listed_once_and_under_its_own_netdev(host: LiveHost, netdev: str) -> None:
    run("ip", "link", "set", netdev, "name", "zz-longer-name")  # sorts behind all representors
    set_num_vfs(3)
    set_mode(host, EswitchMode.SWITCHDEV)
    pfs = pfs_by("ls")
    assert [(pf["driver"], pf["netdev"], pf["num_vfs"]) for pf in pfs] == [
        ("netdevsim", "zz-longer-name", 3)
    ]
    assert len(pfs[0]["vfs"]) == 3


def test_recording_says_the_same(host: LiveHost, tmp_path: Path) -> None:
    set_num_vfs(3)
    set_mode(host, EswitchMode.SWITCHDEV)
    directory = str(tmp_path / "recording")
    run("sriovctl", "record", "--hide-macs", directory)
    assert pfs_by("--host-tree", directory, "representors") == pfs_by("representors")
    recorded, live = pfs_by("--host-tree", directory, "ls"), pfs_by("ls")
    assert [(pf["driver"], pf["netdev"], pf["num_vfs"]) for pf in recorded] == [
        (pf["driver"], pf["netdev"], pf["num_vfs"]) for pf in live
    ]


# --- attributes in switchdev ---------------------------------------------------------------------


def test_rates_are_refused_in_switchdev_and_the_rest_is_not(host: LiveHost, netdev: str) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    wanted = WantedVF(admin_mac="52:54:00:6d:90:02", vlan=VLAN(42), spoofchk=True, trust=True)
    write_vf_attributes(host.rtnl, netdev, [(1, wanted)])
    found = read_link(host.rtnl, netdev).vfs[1]
    assert (found.admin_mac, found.vlan, found.trust) == (wanted.admin_mac, VLAN(42), True)
    with pytest.raises(UnsupportedError, match="max_tx_rate_mbps 100") as caught:
        write_vf_attributes(host.rtnl, netdev, [(1, WantedVF(max_tx_rate_mbps=100))])
    assert caught.value.evidence["errno"] == "EOPNOTSUPP"


# --- through a state file ------------------------------------------------------------------------


def sriovctl(*words: str, wanted: str = "", status: int = 0) -> str:
    done = subprocess.run(
        ["sriovctl", *words], input=wanted, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def state(netdev: str, mode: str | None, num_vfs: int, **vf: object) -> str:
    eswitch = f"    eswitch: {{mode: {mode}}}\n" if mode else ""
    default = f"    vf_default: {json.dumps(vf)}\n" if vf else ""
    return f"""\
version: 1
pfs:
  sim:
    match: {{netdev: {netdev}}}
    num_vfs: {num_vfs}
{eswitch}{default}"""


def test_apply_brings_switchdev_and_undo_legacy(host: LiveHost, netdev: str) -> None:
    wanted = state(netdev, "switchdev", 64, trust=True, vlan={"id": 42})
    sriovctl("plan", "-", wanted=wanted, status=3)
    sriovctl("apply", "-", wanted=wanted)
    assert mode_by_devlink() == "switchdev"
    assert set(representors_by_devlink()) == set(representors_by_sysfs()) == set(range(64))
    assert all(vf.trust for vf in read_link(host.rtnl, netdev).vfs)
    sriovctl("plan", "-", wanted=wanted)
    sriovctl("undo")
    assert (mode_by_devlink(), representors_by_devlink()) == ("legacy", {})
    assert (DIRECTORY / "sriov_numvfs").read_text() == "0\n"


def test_apply_changes_the_mode_of_vfs_that_are_there(host: LiveHost, netdev: str) -> None:
    set_num_vfs(3)
    sriovctl("apply", "-", wanted=state(netdev, "switchdev", 3))
    assert set(representors_by_devlink()) == {0, 1, 2}
    sriovctl("apply", "-", wanted=state(netdev, "legacy", 3))
    assert (mode_by_devlink(), representors_by_sysfs()) == ("legacy", {})
    assert read_link(host.rtnl, netdev).num_vfs == 3
    sriovctl("undo")
    assert mode_by_devlink() == "switchdev"


@pytest.mark.parametrize("mode", ["switchdev", None])
def test_resize_in_switchdev_stays_there(host: LiveHost, netdev: str, mode: str | None) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    allowed = ("--allow", f"foreign:{DEVICE}")  # the VFs are not sriovctl's
    sriovctl("apply", "-", *allowed, wanted=state(netdev, mode, 5))
    assert mode_by_devlink() == "switchdev"
    assert set(representors_by_devlink()) == set(range(5))
    sriovctl("undo")
    assert (mode_by_devlink(), set(representors_by_devlink())) == ("switchdev", {0, 1})


def test_rates_in_switchdev_are_refused_before_anything_changes(netdev: str) -> None:
    wanted = state(netdev, "switchdev", 2, max_tx_rate_mbps=100)
    said = sriovctl("apply", "-", wanted=wanted, status=1)
    assert "max_tx_rate_mbps" in said
    assert (DIRECTORY / "sriov_numvfs").read_text() == "0\n"
    assert mode_by_devlink() == "legacy"


def test_refusal_of_the_kernel_takes_the_rest_back(host: LiveHost, netdev: str) -> None:
    set_num_vfs(2)
    set_mode(host, EswitchMode.SWITCHDEV)
    run("devlink", "port", "function", "rate", "add", f"{HANDLE}/group")
    try:
        mtu = Path(f"/sys/class/net/{netdev}/mtu").read_text()
        wanted = state(netdev, "legacy", 2) + "    link: {mtu: 2000}\n"
        said = sriovctl("apply", "-", wanted=wanted, status=1)
        assert "Rate node(s) exists." in said
        assert mode_by_devlink() == "switchdev"
        assert Path(f"/sys/class/net/{netdev}/mtu").read_text() == mtu
    finally:
        run("devlink", "port", "function", "rate", "del", f"{HANDLE}/group")
