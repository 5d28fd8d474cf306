"""The verb network, and what attach, detach, guests and xml do with pools and several VFs."""

from __future__ import annotations

import pytest
from tests.unit.cli.test_guest_verbs import MAC, VF, Desk

from sriovctl.errors import InputError, SafetyError
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt

VF1 = "0000:01:10.2"
OTHER_MAC = "52:54:00:6d:90:03"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.libvirt = SimulatedLibvirt(
        desk.host.clock, set_on_card=desk.set_on_card, vfs_of=lambda _netdev: (VF, VF1)
    )
    desk.libvirt.add("MyGuest")
    return desk


def test_a_pool_from_beginning_to_end(desk: Desk) -> None:
    assert desk.run("network", "list") == "libvirt has no network that gives VFs away\n"
    words = ("network", "create", "finance", "--pf", "eth0", "--vlan", "42")
    assert desk.run(*words) == "network finance is there, with 2 VFs\n"
    assert desk.run(*words) == "network finance was there already, with 2 VFs\n"
    said = desk.run("attach", "MyGuest", "--network", "finance", "--mac", MAC)
    assert f"MyGuest: {VF} out of network finance attached, now and after its next boot" in said
    row = desk.run("guests").splitlines()[1].split()
    assert row[2:6] == [VF, "interface", MAC, "-"]
    assert row[-4:] == ["yes", "one", "of", "finance"]
    listed = desk.run("network", "list").splitlines()[1].split()
    assert listed == ["finance", "active", "yes", "eth0", "42", "2", "1"]
    shown = desk.run("network", "show", "finance").splitlines()
    assert shown[4].split() == [VF, "MyGuest", MAC, "-"]
    assert shown[-1] == "guests that take a VF out of it when they start: MyGuest"
    with pytest.raises(SafetyError, match="is in use"):
        desk.run("network", "delete", "finance")
    gone = desk.run("detach", "MyGuest", "--network", "finance")
    assert f"{VF} detached from the running guest and from its next boot" in gone
    nothing = desk.run("detach", "MyGuest", "--network", "finance")
    assert nothing == "MyGuest: a VF of network finance is not attached\n"
    assert desk.run("network", "delete", "finance") == "network finance is gone\n"
    assert desk.run("network", "delete", "finance") == "network finance is not there\n"
    with pytest.raises(InputError, match="no network of libvirt"):
        desk.run("network", "show", "finance")


def test_pools_as_json(desk: Desk) -> None:
    created = desk.json("network", "create", "finance", "--vf", VF, "--vf", "01:10.2")
    assert created["schema"] == "sriovctl/network-create/1"
    assert (created["changed"], created["name"], created["pf_netdevs"]) == (True, "finance", [])
    attached = desk.json("attach", "MyGuest", "--network", "finance")
    assert (attached["vf"], attached["network"], attached["changed"]) == (VF, "finance", True)
    (guest,) = desk.json("guests")["guests"]  # type: ignore[misc]
    assert guest["devices"][0]["network"] == "finance"  # type: ignore[has-type]
    (coming,) = guest["from_networks"]  # type: ignore[has-type]
    assert (coming["network"], coming["mac"]) == ("finance", attached["mac"])
    shown = desk.json("network", "show", "finance")
    assert shown["vfs"] == [
        {"address": VF, "guest": "MyGuest"},
        {"address": VF1, "guest": None},
    ]
    assert desk.json("network", "list")["networks"] == [
        {key: value for key, value in shown.items() if key != "schema"}
    ]
    desk.run("detach", "MyGuest", "--all")
    detached = desk.json("detach", "MyGuest", "--network", "finance")
    assert detached["detached"][0]["network"] == "finance"  # type: ignore[index]
    deleted = desk.json("network", "delete", "finance")
    assert (deleted["network"], deleted["changed"]) == ("finance", True)


def test_detach_of_all_takes_what_came_out_of_pools_too(desk: Desk) -> None:
    desk.run("network", "create", "finance", "--vf", VF)
    desk.run("attach", "MyGuest", "--network", "finance")
    desk.run("attach", "MyGuest", "--vf", VF1)
    first, second = desk.run("detach", "MyGuest", "--all").splitlines()
    for line, vf in ((first, VF), (second, VF1)):
        assert f"{vf} detached from the running guest and from its next boot" in line
    assert desk.run("detach", "MyGuest", "--all") == "MyGuest holds no VF\n"


def test_guests_names_what_is_to_come_out_of_a_pool(desk: Desk) -> None:
    desk.run("network", "create", "finance", "--vf", VF)
    desk.libvirt.guests["MyGuest"].shut_off()
    desk.run("attach", "MyGuest", "--network", "finance", "--mac", MAC)
    row = desk.run("guests").splitlines()[1].split()
    assert row == [
        "MyGuest", "shut", "off", "-", "interface", MAC, "-", "-", "no", "one", "of", "finance",
    ]  # fmt: skip


def test_several_vfs_have_a_mac_each(desk: Desk) -> None:
    words = ("--vf", VF, "--mac", MAC, "--vf", VF1, "--mac", OTHER_MAC, "--boot-order", "3")
    answer = desk.json("attach", "MyGuest", *words)
    attached = answer["attached"]
    assert isinstance(attached, list)
    assert [(row["vf"], row["mac"]) for row in attached] == [(VF, MAC), (VF1, OTHER_MAC)]
    assert "vf" not in answer
    assert "<boot order='3'/>" in desk.libvirt.attached[0]
    assert "<boot order='4'/>" in desk.libvirt.attached[1]
    assert desk.json("attach", "MyGuest", *words)["changed"] is False


def test_so_many_vfs_of_a_pf(desk: Desk) -> None:
    said = desk.run("attach", "MyGuest", "--pf", "eth0", "--count", "2", "--vlan", "42")
    assert [line.split()[1] for line in said.splitlines()[::2]] == [VF, VF1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--vf", VF, "--vf", VF1, "--mac", MAC), "1 --mac: are for 2 VFs"),
        (("--vf", VF, "--mac", MAC, "--mac", OTHER_MAC), "2 --mac: are for 1 VF"),
        (("--vf", VF, "--vf", VF1, "--alias", "ua-a"), "--alias: is for one VF"),
        (("--vf", VF, "--count", "2"), "--count: says how many VFs of a PF"),
        (("--pf", "eth0", "--count", "0"), "--count"),
        (("--vf", VF, "--add-root-ports", "999"), "--add-root-ports: is not 0 to 64"),
        (("--network", "finance", "--qbh", "x"), "no network of libvirt"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    desk: Desk, words: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        desk.run("attach", "MyGuest", *words)
    assert desk.libvirt.attached == []


def test_root_ports_for_later(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("attach", "MyGuest", "--vf", VF, "--add-root-ports", "3")
    assert "attached, now and after its next boot" in desk.run(*words)
    assert "MyGuest has 2 more root ports from its next start on" in capsys.readouterr().err
    desk.run(*words)
    assert capsys.readouterr().err == ""


def test_a_guest_without_room_gets_its_vf_later(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.libvirt.add("Full", SimulatedGuest("Full", root_ports=0))
    said = desk.run("attach", "Full", "--vf", VF, "--add-root-ports", "1", "--config")
    assert "attached, after its next boot" in said
    said = desk.run("attach", "Full", "--vf", VF1, "--add-root-ports", "1")
    assert "attached, after its next boot" in said
    assert "too few free root ports now" in capsys.readouterr().err


def test_a_vf_of_a_pool_is_warned_of(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.run("network", "create", "finance", "--vf", VF)
    desk.run("attach", "MyGuest", "--vf", VF)
    assert f"{VF} is in libvirt's network finance" in capsys.readouterr().err


def test_xml_of_a_pool_and_of_what_comes_out_of_it(desk: Desk) -> None:
    words = ("finance", "--pf", "eth0", "--vlan", "42")
    printed = desk.run("xml", "--define-network", *words)
    desk.run("network", "create", *words)
    report = desk.libvirt.network("finance")
    assert report is not None
    assert report.config_xml == printed.rstrip("\n")
    taken = desk.run("xml", "--network", "finance", "--mac", MAC)
    desk.run("attach", "MyGuest", "--network", "finance", "--mac", MAC)
    assert desk.libvirt.attached == [taken.rstrip("\n")]
    assert desk.json("xml", "--network", "finance")["network"] == "finance"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--define-network", "finance"), "takes a PF with --pf, or VFs"),
        (("--define-network", "a/b", "--pf", "eth0"), "no name of a network"),
        (("--define-network", "finance", "--pf", "0000:01:00.0"), "knows a PF by its netdev"),
        (("--network", "finance", "--vf", VF), "goes without --vf"),
        ((), "--vf: is wanted once"),
        (("--vf", VF, "--hostdev", "--qbh", "x"), "goes without MAC, VLAN and port profile"),
    ],
)
def test_xml_that_cannot_be_is_refused(desk: Desk, words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        desk.run("xml", *words)


def test_xml_of_port_profiles_and_trunks(desk: Desk) -> None:
    assert "<virtualport type='802.1Qbh'>" in desk.run("xml", "--vf", VF, "--qbh", "finance")
    keys = "managerid=11,typeid=1193047,typeidversion=2"
    assert "typeid='1193047'" in desk.run("xml", "--vf", "77:00.1", "--qbg", keys)
    trunk = desk.run("xml", "--vf", VF, "--vlan-trunk", "10,20", "--native", "10")
    assert "<tag id='10' nativeMode='untagged'/>" in trunk
    shown = desk.run("attach", "MyGuest", "--vf", VF, "--qbh", "finance", "--config")
    assert "802.1Qbh profile finance" in shown
    assert "802.1Qbh profile finance" in desk.run("guests")
