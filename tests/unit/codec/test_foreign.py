"""What people have in files of other tools, and what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.codec.foreign.sources import Source
from sriovctl.engine.exchange.foreign import FORMATS, IMPORTED, guess_format, import_sources
from sriovctl.errors import InputError
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.state import UNSET, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import Import

NAMES = {
    "systemd-networkd": "10-uplink.link",
    "networkmanager": "uplink.nmconnection",
    "nmstate": "state.yml",
    "netplan": "50.yaml",
}


def read(name: str, *texts: str, pfs: tuple[PF, ...] = ()) -> Import:
    return import_sources(name, [Source(NAMES[name], text) for text in texts], pfs)


def only_pf(imported: Import) -> WantedPF:
    (pf,) = imported.state.pfs
    return pf


def left_out(imported: Import) -> list[tuple[str, str]]:
    return [(one.key, one.where) for one in imported.left_out]


# --- systemd ---------------------------------------------------------------------------------

LINK = """\
# A comment; another.
[Match]
Path=pci-0000:01:00.0

[Link]
NamePolicy=keep
MTUBytes=9K

[SR-IOV]
VirtualFunction=0
VLANId=5
QualityOfService=2
VLANProtocol=802.1ad
MACSpoofCheck=off
QueryReceiveSideScaling=yes
Trust=1
LinkState=auto
MACAddress=12:34:56:78:9a:bc

[SR-IOV]
VirtualFunction=3
LinkState=no
"""


def test_a_link_file() -> None:
    imported = read("systemd-networkd", LINK)
    assert only_pf(imported) == WantedPF(
        label="uplink",
        match=PFMatch(address="0000:01:00.0"),
        num_vfs=4,
        mtu=9216,
        vfs=(
            (
                0,
                WantedVF(
                    admin_mac="12:34:56:78:9a:bc",
                    vlan=VLAN(5, 2, "802.1ad"),
                    spoofchk=False,
                    trust=True,
                    link_state="auto",
                    rss_query=True,
                ),
            ),
            (3, WantedVF(link_state="disable")),
        ),
    )
    assert left_out(imported) == [("Link.NamePolicy", "10-uplink.link:6:12")]


def test_a_network_file_makes_no_vfs() -> None:
    text = "[Match]\nName=ens1f0\n[Network]\nDHCP=yes\n[SR-IOV]\nVirtualFunction=2\nTrust=yes\n"
    imported = import_sources("systemd-networkd", [Source("/etc/x/20-a.network", text)], ())
    pf = only_pf(imported)
    assert (pf.label, pf.match, pf.num_vfs) == ("a", PFMatch(netdev="ens1f0"), UNSET)
    assert pf.vfs == ((2, WantedVF(trust=True)),)
    assert left_out(imported) == [("[Network]", "/etc/x/20-a.network:3:1")]


@pytest.mark.parametrize(
    ("match", "criteria", "why"),
    [
        ("PermanentMACAddress=52:54:00:6D:91:01", PFMatch(permanent_mac="52:54:00:6d:91:01"), ""),
        ("MACAddress=52:54:00:6d:91:01", PFMatch(permanent_mac="52:54:00:6d:91:01"), "permanent"),
        ("Driver=igb", PFMatch(driver="igb", all=True), ""),
        ("OriginalName=eth0", PFMatch(netdev="eth0"), "first name"),
        (
            "Property=ID_VENDOR_ID=0x8086 ID_MODEL_ID=0x10C9",
            PFMatch(vendor_id="8086", device_id="10c9", all=True),
            "",
        ),
        ("Driver=igb\nType=ether", PFMatch(driver="igb", all=True), "cannot match by it"),
        ("Path=pci-0000:01:00.0\nHost=a", PFMatch(address="0000:01:00.0"), "cannot match by it"),
    ],
)
def test_how_a_link_file_finds_its_pf(match: str, criteria: PFMatch, why: str) -> None:
    imported = read("systemd-networkd", f"[Match]\n{match}\n[Link]\nSR-IOVVirtualFunctions=1\n")
    assert only_pf(imported).match == criteria
    assert [why in one.why for one in imported.left_out] == ([True] if why else [])


@pytest.mark.parametrize("match", ["OriginalName=*", "Path=pci-0000:0?:00.0", "Path=usb-1", ""])
def test_a_link_file_that_names_no_pf(match: str) -> None:
    imported = read("systemd-networkd", f"[Match]\n{match}\n[Link]\nSR-IOVVirtualFunctions=1\n")
    assert imported.state.pfs == ()
    assert imported.left_out[-1].why == "nothing in [Match] says which PF is meant"


def test_sections_that_systemd_passes_over() -> None:
    text = (
        "[Match]\nDriver=igb\n[Link]\nSR-IOVVirtualFunctions=2\n"
        "[SR-IOV]\nTrust=yes\n"
        "[SR-IOV]\nVirtualFunction=0\nVLANId=1\n"
        "[SR-IOV]\nVirtualFunction=0\nTrust=no\nVLANId=\n"
        "[SR-IOV]\nVirtualFunction=2\n"
        "[SR-IOV]\nVirtualFunction=1\nQualityOfService=3\nNew=1\n"
    )
    imported = read("systemd-networkd", text)
    assert only_pf(imported).vfs == ((0, WantedVF(trust=False)),)
    assert left_out(imported) == [
        ("[SR-IOV]", "10-uplink.link:5:1"),
        ("[SR-IOV]", "10-uplink.link:10:1"),
        ("[SR-IOV]", "10-uplink.link:14:1"),
        ("SR-IOV.New", "10-uplink.link:19:5"),
        ("SR-IOV.QualityOfService", "10-uplink.link:18:18"),
    ]


def test_a_line_goes_on_after_a_backslash() -> None:
    text = "[Match]\nDriver=\\\n# between\n  igb\n[Link]\nSR-IOVVirtualFunctions=1\n"
    assert only_pf(read("systemd-networkd", text)).match.driver == "igb"


# --- NetworkManager --------------------------------------------------------------------------

PROFILE = """\
[connection]
id=uplink
uuid=27767f3a-c9b0-447b-bd04-6ab435de4a2e
type=ethernet
interface-name=eth0
autoconnect-priority=5

[ethernet]
mtu=9000
wake-on-lan=64

[sriov]
autoprobe-drivers=0
eswitch-mode=1
eswitch-inline-mode=2
total-vfs=4
vf.0=mac=52:54:00:6d:90:02 max-tx-rate=100 spoof-check=true trust=false vlans=42.3.ad
vf.1=\\svlans=7
vf.2=min-tx-rate=0 x=1

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=disabled

[proxy]
"""


def test_a_profile() -> None:
    imported = read("networkmanager", PROFILE)
    assert only_pf(imported) == WantedPF(
        label="uplink",
        match=PFMatch(netdev="eth0"),
        num_vfs=4,
        drivers_autoprobe=False,
        link_up=True,
        mtu=9000,
        eswitch_mode="switchdev",
        vfs=(
            (
                0,
                WantedVF(
                    admin_mac="52:54:00:6d:90:02",
                    vlan=VLAN(42, 3, "802.1ad"),
                    spoofchk=True,
                    trust=False,
                    min_tx_rate_mbps=0,
                    max_tx_rate_mbps=100,
                ),
            ),
            (1, WantedVF(vlan=VLAN(7))),
            (2, WantedVF(vlan=VLAN(0))),
        ),
    )
    assert {key for key, _ in left_out(imported)} == {
        "connection.autoconnect-priority",
        "ethernet.wake-on-lan",
        "sriov.eswitch-inline-mode",
        "vf.2 x",
        "vf.2 min_tx_rate_mbps",
        "[ipv4]",
    }


def test_a_profile_without_a_number_means_none() -> None:
    text = "[connection]\ntype=802-3-ethernet\n[match]\npath=pci-0000:01:00.0;\n[sriov]\n"
    pf = only_pf(read("networkmanager", text + "autoprobe-drivers=1\n"))
    assert (pf.num_vfs, pf.drivers_autoprobe) == (0, UNSET)
    assert pf.match == PFMatch(address="0000:01:00.0")


def test_profiles_of_other_kinds() -> None:
    for text in (
        "[connection]\ntype=wifi\n[sriov]\ntotal-vfs=1\n",
        "[connection]\ntype=ethernet\ninterface-name=eth0\n",
        "[connection]\ntype=ethernet\n[match]\ndriver=a;b;\n[sriov]\ntotal-vfs=1\n",
    ):
        imported = read("networkmanager", text)
        assert imported.state.pfs == ()
        assert imported.left_out


# --- nmstate ---------------------------------------------------------------------------------

NMSTATE = """\
dns-resolver: {}
interfaces:
- name: lo
  type: loopback
- name: ens1f0
  type: ethernet
  state: up
  mtu: "9000"
  mac-address: 00:11:22:33:44:55
  ipv4: {enabled: true}
  ethernet:
    speed: 1000
    sr-iov:
      drivers-autoprobe: false
      total-vfs: 2
      vfs:
      - id: 1
        iface-name: ens1f0v1
        mac-address: 00:11:22:33:00:EE
        spoof-check: true
        trust: "false"
        min-tx-rate: 0
        max-tx-rate: 100
        vlan-id: 5
        qos: 3
        vlan-proto: 802.1ad
      - id: 0
        qos: 1
"""


def test_a_state_of_nmstate() -> None:
    imported = read("nmstate", NMSTATE)
    assert only_pf(imported) == WantedPF(
        label="ens1f0",
        match=PFMatch(netdev="ens1f0"),
        num_vfs=2,
        drivers_autoprobe=False,
        link_up=True,
        mtu=9000,
        vfs=(
            (
                1,
                WantedVF(
                    admin_mac="00:11:22:33:00:ee",
                    vlan=VLAN(5, 3, "802.1ad"),
                    spoofchk=True,
                    trust=False,
                    min_tx_rate_mbps=0,
                    max_tx_rate_mbps=100,
                ),
            ),
        ),
    )
    assert left_out(imported) == [
        ("dns-resolver", "state.yml:1:15"),
        ("lo", "state.yml:3:3"),
        ("ens1f0.ipv4", "state.yml:10:9"),
        ("ens1f0.ethernet.speed", "state.yml:12:12"),
        ("ens1f0.mac-address", "state.yml:9:16"),
        ("ens1f0.ethernet.sr-iov.vfs.1.iface-name", "state.yml:18:21"),
        ("ens1f0.ethernet.sr-iov.vfs.0.qos", "state.yml:28:14"),
    ]


def test_nmstate_finds_by_mac() -> None:
    text = (
        "interfaces: [{name: uplink, identifier: mac-address, mac-address: '00:11:22:33:44:55',"
        " state: down, ethernet: {sr-iov: {total-vfs: 1}}}]"
    )
    pf = only_pf(read("nmstate", text))
    assert (pf.match, pf.link_up) == (PFMatch(permanent_mac="00:11:22:33:44:55"), False)


# --- netplan ---------------------------------------------------------------------------------

NETPLAN = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    eno1:
      mtu: 9000
      embedded-switch-mode: switchdev
      delay-virtual-functions-rebind: true
      addresses: ["192.0.2.1/24"]
    eno1v1:
      link: eno1
      macaddress: 52:54:00:6d:90:02
    guest:
      match: {name: eth7}
      link: eno1
      dhcp4: true
    strange: {link: eno1}
    eth9: {dhcp4: true}
  vlans:
    hw: {id: 15, link: eno1v1, renderer: sriov}
    sw: {id: 16, link: eno1v1}
"""


def test_a_netplan_file() -> None:
    pf = VF(2, None, "igbvf", "eth7", None, None)
    host = PF("x", None, None, None, None, None, None, "eno1", None, None, 3, 7, True, (pf,))
    imported = read("netplan", NETPLAN, pfs=(host,))
    assert only_pf(imported) == WantedPF(
        label="eno1",
        match=PFMatch(netdev="eno1"),
        num_vfs=3,
        link_up=True,
        mtu=9000,
        eswitch_mode="switchdev",
        vfs=((1, WantedVF(admin_mac="52:54:00:6d:90:02", vlan=VLAN(15))),),
    )
    assert {key for key, _ in left_out(imported)} == {
        "renderer",
        "eno1.addresses",
        "eno1.delay-virtual-functions-rebind",
        "eno1v1.macaddress",
        "guest.dhcp4",
        "strange",
        "eth9",
        "sw",
    }


def test_netplan_files_are_taken_together() -> None:
    first = "network: {version: 2, ethernets: {up: {match: {macaddress: '52:54:00:00:00:01'}}}}"
    second = "network: {ethernets: {up: {virtual-function-count: 4, activation-mode: off}}}"
    third = (
        "network: {ethernets: {enp1s0v3: {link: up}},"
        " vlans: {a: {id: 3, link: enp1s0v3, renderer: sriov}}}"
    )
    pf = only_pf(read("netplan", first, second, third))
    assert pf.match == PFMatch(permanent_mac="52:54:00:00:00:01")
    assert (pf.num_vfs, pf.link_up) == (4, False)
    assert pf.vfs == ((3, WantedVF(vlan=VLAN(3))),)


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("systemd-networkd", "x=1\n", "10-uplink.link:1:1"),
        ("systemd-networkd", "[Match]\nhello\n", "10-uplink.link:2:1"),
        ("systemd-networkd", "[Match\n", "10-uplink.link:1:1"),
        ("systemd-networkd", LINK.replace("VLANId=5", "VLANId=4095"), "10-uplink.link:11:8"),
        ("systemd-networkd", LINK.replace("Trust=1", "Trust=maybe"), "10-uplink.link:16:7"),
        ("systemd-networkd", LINK.replace("12:34", "11:34"), "10-uplink.link:18:12"),
        ("systemd-networkd", LINK.replace("802.1ad", "802.1x"), "10-uplink.link:13:14"),
        ("systemd-networkd", LINK.replace("MTUBytes=9K", "MTUBytes=K"), "10-uplink.link:7:10"),
        ("networkmanager", PROFILE.replace("total-vfs=4", "total-vfs=2"), ":19:6"),
        ("networkmanager", PROFILE.replace("vlans=7", "vlans=7;8"), "uplink.nmconnection:18:6"),
        ("networkmanager", PROFILE.replace("42.3.ad", "42.3.x"), "uplink.nmconnection:17:6"),
        ("networkmanager", PROFILE.replace("drivers=0", "drivers=2"), "uplink.nmconnection:13:"),
        ("networkmanager", PROFILE.replace("mode=1", "mode=5"), "uplink.nmconnection:14:14"),
        ("networkmanager", PROFILE.replace("trust=false", "trust=x"), "uplink.nmconnection:17:6"),
        (
            "networkmanager",
            PROFILE.replace("max-tx-rate=100", "max-tx-rate=100 min-tx-rate=101"),
            "uplink.nmconnection:17:6",
        ),
        ("nmstate", NMSTATE.replace("id: 0", "id: 1"), "state.yml:27:9"),
        ("nmstate", NMSTATE.replace("id: 0", "id: 2"), "state.yml:27:9"),
        ("nmstate", NMSTATE.replace("- id: 0\n        qos", "- qos"), "state.yml:27:9"),
        ("nmstate", NMSTATE.replace("min-tx-rate: 0", "min-tx-rate: 101"), "state.yml:17:9"),
        ("nmstate", NMSTATE.replace("vlan-id: 5", "vlan-id: five"), "state.yml:24:18"),
        ("nmstate", NMSTATE.replace("- name: lo\n  type", "- type"), "state.yml:3:3"),
        ("netplan", "a: 1\n", "50.yaml:1:1"),
        ("netplan", NETPLAN.replace("version: 2", "version: 3"), "50.yaml:2:12"),
        ("netplan", NETPLAN.replace("52:54", "53:54"), "50.yaml:12:19"),
        ("netplan", NETPLAN.replace("switchdev", "magic"), "50.yaml:7:29"),
    ],
)
def test_an_error_names_its_place(name: str, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(name, text)
    assert said in str(caught.value)


def test_the_format_shows_itself() -> None:
    for name, text in (("systemd-networkd", LINK), ("networkmanager", PROFILE)):
        assert guess_format([Source(NAMES[name], text)]) == name
    assert guess_format([Source("a.yaml", NMSTATE)]) == "nmstate"
    assert guess_format([Source("a.yaml", NETPLAN), Source("b.yaml", NETPLAN)]) == "netplan"
    with pytest.raises(InputError):
        guess_format([Source("a.yaml", NETPLAN), Source("b.yaml", NMSTATE)])
    assert set(IMPORTED) < set(FORMATS)


def is_read_or_refused(name: str, text: str) -> bool:
    """Whether a file is read, or refused with its place; anything else is raised."""
    try:
        return isinstance(read(name, text), Import)
    except InputError as error:
        return error.subject is not None


@pytest.mark.parametrize("name", IMPORTED)
@settings(deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    assert is_read_or_refused(name, text)


@pytest.mark.parametrize("name", IMPORTED)
@settings(deadline=None)
@given(data=st.data())
def test_broken_files_are_read_or_refused(name: str, data: st.DataObject) -> None:
    whole = {
        "systemd-networkd": LINK,
        "networkmanager": PROFILE,
        "nmstate": NMSTATE,
        "netplan": NETPLAN,
    }[name]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 30)))
    put = data.draw(st.text(max_size=8) | st.sampled_from(["{}", "[]", "~", "-1", "*", "=", "[x]"]))
    assert is_read_or_refused(name, whole[:start] + put + whole[end:])
