"""The XML for libvirt: what it says, and that libvirt's own schemas accept it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sriovctl.codec.libvirt_xml import parse_definition, parse_vf_pool
from sriovctl.demo.guest import demo_guest_xml
from sriovctl.errors import HostError
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.guest import DeviceKind, NetworkAttachment, VFAttachment, alias_of
from sriovctl.model.guest_network import (
    NativeMode,
    VFPool,
    VirtualPort,
    VirtualPortKind,
    VLANTrunk,
    parse_qbg,
    parse_qbh,
    parse_vlan_trunk,
)
from sriovctl.render.libvirt_xml import (
    add_root_ports,
    format_attachment,
    format_network_attachment,
    format_vf_pool,
)

INSTALLED = "/usr/share/libvirt/schemas"
# Schemas of other versions, such as those of an unpacked package, are tried as well.
SCHEMAS = [Path(each) for each in (INSTALLED, *os.environ.get("LIBVIRT_SCHEMAS", "").split())]
VF = parse_pci_address("0000:01:10.0")

needs_schemas = pytest.mark.skipif(
    not (SCHEMAS[0] / "domaincommon.rng").exists(),
    reason="libvirt's schemas (Debian: libvirt0) are not installed",
)
each_version = pytest.mark.parametrize("schemas", SCHEMAS, ids=str)

vlan_ids = st.integers(1, 4094)
aliases = st.none() | st.from_regex(r"ua-[A-Za-z0-9_-]{1,20}", fullmatch=True)
boot_orders = st.none() | st.integers(1, 99)
macs = st.binary(min_size=5, max_size=5).map(lambda tail: "52:" + tail.hex(":"))
addresses = st.builds(
    PCIAddress, st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7)
).filter(any)  # libvirt takes 0000:00:00.0 for "no address"
uuids = st.uuids().map(str)
bytes_ = st.integers(0, 255)


@st.composite
def trunks(draw: st.DrawFn) -> VLANTrunk:
    ids = tuple(sorted(draw(st.sets(vlan_ids, min_size=1, max_size=5))))
    native = draw(st.none() | st.sampled_from(ids))
    mode = None if native is None else draw(st.sampled_from(NativeMode))
    return VLANTrunk(ids, native, mode)


qbh_ports = st.builds(
    VirtualPort,
    kind=st.just(VirtualPortKind.QBH),
    profile_id=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=39),
    manager_id=st.none(),
    type_id=st.none(),
    type_id_version=st.none(),
    instance_id=st.none(),
)
qbg_ports = st.builds(
    VirtualPort,
    kind=st.just(VirtualPortKind.QBG),
    profile_id=st.none(),
    manager_id=bytes_,
    type_id=st.integers(0, (1 << 24) - 1),
    type_id_version=bytes_,
    instance_id=st.none() | uuids,
)
interfaces = st.builds(
    VFAttachment,
    kind=st.just(DeviceKind.INTERFACE),
    source=addresses,
    mac=st.none() | macs,
    vlan=st.none(),
    trunk=st.none(),
    virtual_port=st.none(),
    alias=aliases,
    managed=st.booleans(),
    boot_order=boot_orders,
    teaming_with=aliases,
)
networked = st.one_of(
    interfaces,
    st.builds(lambda base, vlan: base._replace(vlan=vlan), interfaces, vlan_ids),
    st.builds(lambda base, trunk: base._replace(trunk=trunk), interfaces, trunks()),
    st.builds(
        lambda base, port: base._replace(virtual_port=port), interfaces, qbh_ports | qbg_ports
    ),
)
hostdevs = st.builds(
    VFAttachment,
    kind=st.just(DeviceKind.HOSTDEV),
    source=addresses,
    mac=st.none(),
    vlan=st.none(),
    trunk=st.none(),
    virtual_port=st.none(),
    alias=aliases,
    managed=st.booleans(),
    boot_order=boot_orders,
    teaming_with=aliases,
)
network_attachments = st.builds(
    NetworkAttachment,
    network=st.from_regex(r"[A-Za-z0-9_.:+@-]{1,64}", fullmatch=True),
    mac=st.none() | macs,
    vlan=st.none() | vlan_ids,
    alias=aliases,
    boot_order=boot_orders,
    teaming_with=aliases,
)
# libvirt takes a PF or addresses, and shows both once the network is started.
pools = st.builds(
    VFPool,
    name=st.from_regex(r"[A-Za-z0-9_.:+@-]{1,64}", fullmatch=True),
    pf_netdevs=st.just(())
    | st.from_regex(r"[a-z][a-z0-9]{1,14}", fullmatch=True).map(lambda x: (x,)),
    sources=st.lists(addresses, max_size=4, unique=True).map(tuple),
    vlan=st.none() | vlan_ids,
    managed=st.booleans(),
)


def test_a_network_vf_is_an_interface() -> None:
    attachment = VFAttachment(
        DeviceKind.INTERFACE, VF, mac="52:54:00:6d:90:02", vlan=42, alias=alias_of(VF)
    )
    assert format_attachment(attachment) == (
        """\
<interface type='hostdev' managed='yes'>
  <mac address='52:54:00:6d:90:02'/>
  <source>
    <address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/>
  </source>
  <vlan>
    <tag id='42'/>
  </vlan>
  <alias name='ua-sriovctl-0000-01-10-0'/>
</interface>"""
    )


def test_any_other_vf_is_a_hostdev() -> None:
    attachment = VFAttachment(DeviceKind.HOSTDEV, parse_pci_address("0000:05:00.1"), managed=False)
    assert format_attachment(attachment) == (
        """\
<hostdev mode='subsystem' type='pci' managed='no'>
  <source>
    <address domain='0x0000' bus='0x05' slot='0x00' function='0x1'/>
  </source>
</hostdev>"""
    )


def test_quotes_in_a_value_stay_inside_it() -> None:
    xml = format_attachment(VFAttachment(DeviceKind.HOSTDEV, VF, alias="a'b\"c"))
    assert "name='a&apos;b&quot;c'" in xml


def test_a_trunk_names_its_native_vlan() -> None:
    attachment = VFAttachment(
        DeviceKind.INTERFACE, VF, trunk=parse_vlan_trunk("20,10", native="20:tagged")
    )
    assert """\
  <vlan trunk='yes'>
    <tag id='10'/>
    <tag id='20' nativeMode='tagged'/>
  </vlan>
""" in format_attachment(attachment)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (
            parse_qbh("finance"),
            "<virtualport type='802.1Qbh'>\n    <parameters profileid='finance'/>",
        ),
        (
            parse_qbg("managerid=11,typeid=0x123457,typeidversion=2"),
            "<virtualport type='802.1Qbg'>\n"
            "    <parameters managerid='11' typeid='1193047' typeidversion='2'/>",
        ),
    ],
)
def test_a_port_profile_says_what_the_switch_is_asked_for(port: VirtualPort, words: str) -> None:
    assert words in format_attachment(VFAttachment(DeviceKind.INTERFACE, VF, virtual_port=port))


def test_a_pool_is_a_network() -> None:
    assert format_vf_pool(VFPool("finance", ("enp1s0",), (), vlan=42)) == (
        """\
<network>
  <name>finance</name>
  <forward mode='hostdev' managed='yes'>
    <pf dev='enp1s0'/>
  </forward>
  <vlan>
    <tag id='42'/>
  </vlan>
</network>"""
    )


def test_root_ports_go_into_the_devices_and_leave_the_rest_alone() -> None:
    xml = (
        "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n  <devices>\n"
        "  </devices>\n  <qemu:commandline/>\n</domain>"
    )
    after = add_root_ports(xml, 2)
    assert after.count("<controller type='pci' model='pcie-root-port'/>\n") == 2
    assert after.endswith("  </devices>\n  <qemu:commandline/>\n</domain>")
    with pytest.raises(HostError, match="no devices"):
        add_root_ports("<domain/>", 1)


@given(networked | hostdevs)
def test_what_is_written_reads_back(attachment: VFAttachment) -> None:
    xml = f"<domain><devices>{format_attachment(attachment)}</devices></domain>"
    definition = parse_definition(xml, live=False)
    (device,) = definition.devices
    assert (device.kind, device.source) == (attachment.kind, attachment.source)
    assert (device.mac, device.vlan) == (attachment.mac, attachment.vlan)
    assert (device.trunk, device.virtual_port) == (attachment.trunk, attachment.virtual_port)
    assert device.alias == attachment.alias
    assert definition.aliases == ((attachment.alias,) if attachment.alias else ())


@given(network_attachments)
def test_what_is_taken_out_of_a_pool_reads_back(attachment: NetworkAttachment) -> None:
    xml = f"<domain><devices>{format_network_attachment(attachment)}</devices></domain>"
    (found,) = parse_definition(xml, live=False).network_interfaces
    assert (found.network, found.mac) == (attachment.network, attachment.mac)
    assert (found.vlan, found.alias) == (attachment.vlan, attachment.alias)


@given(pools)
def test_a_pool_reads_back(pool: VFPool) -> None:
    assert parse_vf_pool(format_vf_pool(pool)) == pool


# One device element by itself, as "virsh attach-device" takes it.
FRAGMENT = """
<grammar xmlns="http://relaxng.org/ns/structure/1.0"
         datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <include href="{}/domaincommon.rng"/>
  <start><choice><ref name="hostdev"/><ref name="interface"/></choice></start>
</grammar>"""


@cache
def schema(directory: Path, name: str = "") -> etree.RelaxNG:
    if name:
        return etree.RelaxNG(file=str(directory / name))
    return etree.RelaxNG(etree.fromstring(FRAGMENT.format(directory)))


def check(rules: etree.RelaxNG, xml: str) -> None:
    rules.assertValid(etree.fromstring(xml))


@needs_schemas
@each_version
@settings(max_examples=200, deadline=None)
@given(attachment=networked | hostdevs)
def test_libvirts_schema_accepts_a_device(schemas: Path, attachment: VFAttachment) -> None:
    check(schema(schemas), format_attachment(attachment))


@needs_schemas
@each_version
@settings(deadline=None)
@given(attachment=network_attachments)
def test_libvirts_schema_accepts_what_comes_out_of_a_pool(
    schemas: Path, attachment: NetworkAttachment
) -> None:
    check(schema(schemas), format_network_attachment(attachment))


@needs_schemas
@each_version
@settings(deadline=None)
@given(pool=pools)
def test_libvirts_schema_accepts_a_pool(schemas: Path, pool: VFPool) -> None:
    check(schema(schemas, "network.rng"), format_vf_pool(pool))


@needs_schemas
@each_version
@pytest.mark.parametrize("kernel", [None, "/boot/vmlinuz"])
def test_libvirts_schema_accepts_the_demo_guest_with_a_vf_and_more_ports(
    kernel: str | None, schemas: Path
) -> None:
    xml = demo_guest_xml("MyGuest", kernel, kernel, console_log="/tmp/console")
    device = format_attachment(VFAttachment(DeviceKind.INTERFACE, VF, vlan=42))
    xml = add_root_ports(xml, 2).replace("</devices>", f"{device}</devices>")
    check(schema(schemas, "domain.rng"), xml)


@needs_schemas
@each_version
def test_the_schema_would_reject_nonsense(schemas: Path) -> None:
    xml = format_attachment(VFAttachment(DeviceKind.HOSTDEV, PCIAddress(0, 0x1FF, 0, 9)))
    with pytest.raises(etree.DocumentInvalid):
        check(schema(schemas), xml)
