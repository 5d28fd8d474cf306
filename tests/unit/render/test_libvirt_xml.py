"""The XML for libvirt: what it says, and that libvirt's own schemas accept it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sriovctl.codec.libvirt_xml import parse_definition
from sriovctl.demo.guest import demo_guest_xml
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.guest import DeviceKind, VFAttachment, alias_of
from sriovctl.render.libvirt_xml import format_attachment

SCHEMAS = Path("/usr/share/libvirt/schemas")
FRAGMENT = Path(__file__).parents[2] / "data/libvirt-device.rng"
VF = parse_pci_address("0000:01:10.0")

needs_schemas = pytest.mark.skipif(
    not (SCHEMAS / "domaincommon.rng").exists() or shutil.which("xmllint") is None,
    reason="libvirt's schemas (libvirt0) or xmllint (libxml2-utils) are not installed",
)

macs = st.binary(min_size=5, max_size=5).map(lambda tail: "52:" + tail.hex(":"))
addresses = st.builds(
    PCIAddress, st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7)
).filter(any)  # libvirt takes 0000:00:00.0 for "no address"
interfaces = st.builds(
    VFAttachment,
    kind=st.just(DeviceKind.INTERFACE),
    source=addresses,
    mac=st.none() | macs,
    vlan=st.none() | st.integers(1, 4094),
    alias=st.none() | st.just("ua-sriovctl-test"),
    managed=st.booleans(),
    boot_order=st.none() | st.integers(1, 99),
    teaming_with=st.none() | st.just("ua-backup"),
)
hostdevs = st.builds(
    VFAttachment,
    kind=st.just(DeviceKind.HOSTDEV),
    source=addresses,
    mac=st.none(),
    vlan=st.none(),
    teaming_with=st.none(),
    alias=st.none() | st.just("ua-sriovctl-test"),
    managed=st.booleans(),
    boot_order=st.none() | st.integers(1, 99),
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


@given(interfaces | hostdevs)
def test_what_is_written_reads_back(attachment: VFAttachment) -> None:
    xml = f"<domain><devices>{format_attachment(attachment)}</devices></domain>"
    (device,) = parse_definition(xml, live=False).devices
    assert (device.kind, device.source) == (attachment.kind, attachment.source)
    assert (device.mac, device.vlan) == (attachment.mac, attachment.vlan)
    assert device.alias == attachment.alias


def validate(xml: str, schema: str, work: Path) -> None:
    (work / "document.xml").write_text(xml)
    (work / "schema.rng").write_text(schema)
    subprocess.run(
        ("xmllint", "--noout", "--relaxng", work / "schema.rng", work / "document.xml"),
        check=True,
        capture_output=True,
    )


@needs_schemas
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(attachment=interfaces | hostdevs)
def test_libvirts_schema_accepts_it(attachment: VFAttachment, tmp_path: Path) -> None:
    schema = FRAGMENT.read_text().replace("LIBVIRT_SCHEMAS", str(SCHEMAS))
    validate(format_attachment(attachment), schema, tmp_path)


@needs_schemas
@pytest.mark.parametrize("kernel", [None, "/boot/vmlinuz"])
def test_libvirts_schema_accepts_the_demo_guest_with_a_vf(
    kernel: str | None, tmp_path: Path
) -> None:
    xml = demo_guest_xml("MyGuest", kernel, kernel, console_log="/tmp/console")
    device = format_attachment(VFAttachment(DeviceKind.INTERFACE, VF, vlan=42))
    xml = xml.replace("</devices>", f"{device}</devices>")
    validate(
        xml, (SCHEMAS / "domain.rng").read_text().replace('href="', f'href="{SCHEMAS}/'), tmp_path
    )


@needs_schemas
def test_the_schema_would_reject_nonsense(tmp_path: Path) -> None:
    schema = FRAGMENT.read_text().replace("LIBVIRT_SCHEMAS", str(SCHEMAS))
    xml = format_attachment(VFAttachment(DeviceKind.HOSTDEV, PCIAddress(0, 0x1FF, 0, 9)))
    with pytest.raises(subprocess.CalledProcessError):
        validate(xml, schema, tmp_path)
