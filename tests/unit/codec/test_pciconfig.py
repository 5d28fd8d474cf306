"""Config space that we wrote ourselves, whole, cut and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.pciconfig import (
    bar_sizes_from_resource,
    decode_config,
    vf_bar_sizes_from_resource,
    with_bar_sizes,
)
from sriovctl.codec.pciconfig_build import build_config
from sriovctl.errors import InputError
from sriovctl.model.capabilities import (
    BAR,
    Bridge,
    ConfigSpace,
    ResizableBAR,
    SRIOVCapability,
    acs_mask,
    acs_names,
)

SRIOV = SRIOVCapability(
    total_vfs=8,
    initial_vfs=8,
    num_vfs=3,
    first_vf_offset=128,
    vf_stride=2,
    vf_device_id=0x10CA,
    vf_enable=True,
    vf_mse=True,
    ari_capable_hierarchy=True,
    vf_bars=(
        BAR(0, 0x38_0000_0000, width=64, prefetchable=True),
        BAR(3, None, width=64, prefetchable=True),
    ),
)


def nic(**changes: object) -> bytes:
    wanted: dict[str, object] = {
        "vendor_id": 0x8086,
        "device_id": 0x10C9,
        "class_code": 0x020000,
        "flr": True,
        "acs_capabilities": 0x1D,
        "ari": True,
        "ari_next_function": 1,
        "sriov": SRIOV,
        "msix_vectors": 10,
        "bars": (BAR(0, 0xFE600000), BAR(2, 0xC000, is_io=True), BAR(4, 1 << 40, width=64)),
    }
    return build_config(**(wanted | changes))  # type: ignore[arg-type]


def put(data: bytes, offset: int, patch: bytes) -> bytes:
    return data[:offset] + patch + data[offset + len(patch) :]


def test_pf() -> None:
    config = decode_config(nic())
    assert config.problems == ()
    assert config.truncated_at is None
    assert config.header is not None
    assert (config.header.vendor_id, config.header.device_id) == (0x8086, 0x10C9)
    assert config.header.class_code == 0x020000
    assert config.header.multifunction is False
    assert config.header.bridge is None
    assert [entry.name for entry in config.capabilities if entry.extended] == [
        "Access Control Services (ACS)",
        "Alternative Routing-ID (ARI)",
        "SR-IOV",
    ]
    assert config.sriov == SRIOV._replace(offset=0x120)
    assert config.sriov.supported_page_sizes[0] == 4096
    assert config.sriov.system_page_size == 4096
    assert config.ari is not None
    assert config.ari.next_function == 1
    assert config.express is not None
    assert (config.express.type_name, config.express.flr) == ("Endpoint", True)
    assert config.msix is not None
    assert (config.msix.vectors, config.msix.table_bar, config.msix.pba_offset) == (10, 3, 0x2000)


def test_bars_of_every_kind() -> None:
    header = decode_config(nic()).header
    assert header is not None
    assert header.bars == (
        BAR(0, 0xFE600000),
        BAR(2, 0xC000, is_io=True),
        BAR(4, 1 << 40, width=64),
    )


def test_64_bit_bar_without_room_for_its_upper_half_is_taken_as_32_bit() -> None:
    header = decode_config(put(nic(bars=()), 0x24, b"\x04\x00\x00\xfe")).header
    assert header is not None
    assert header.bars == (BAR(5, 0xFE000000),)


def test_bar_that_reads_ff_is_no_bar() -> None:
    header = decode_config(put(nic(bars=()), 0x10, b"\xff" * 4)).header
    assert header is not None
    assert header.bars == ()


def test_root_port() -> None:
    config = decode_config(
        build_config(
            vendor_id=0x1B36,
            device_id=0x000C,
            class_code=0x060400,
            express_type=4,
            slot=True,
            multifunction=True,
            bridge=(0, 1, 2),
            acs_capabilities=0x5F,
            acs_control=0x1D,
            ari_forwarding_supported=True,
        )
    )
    assert config.header is not None
    assert config.header.bridge == Bridge(0, 1, 2)
    assert (config.header.header_type, config.header.multifunction) == (1, True)
    assert config.express is not None
    assert config.express.type_name == "Root Port"
    assert config.express.slot_implemented
    assert config.express.ari_forwarding_supported is True
    assert config.express.ari_forwarding_enable is False
    assert config.acs is not None
    assert acs_names(config.acs.capabilities) == ("SV", "TB", "RR", "CR", "UF", "DT")
    assert acs_names(config.acs.control) == ("SV", "RR", "CR", "UF")
    assert config.sriov is None
    assert config.knows_extended


def test_conventional_function_ends_at_256_and_is_whole() -> None:
    data = build_config(vendor_id=1, device_id=2, class_code=0x0C0500, express_type=None)
    config = decode_config(data)
    assert len(data) == 256
    assert config.truncated_at is None
    assert config.knows_capabilities
    assert config.knows_extended


def test_without_root_capabilities_are_unknown() -> None:
    config = decode_config(nic()[:64])
    assert config.header is not None
    assert config.truncated_at == 64
    assert not config.knows_capabilities
    assert not config.knows_extended
    assert not config.is_gone
    assert (config.sriov, config.express, config.problems) == (None, None, ())


def test_without_root_a_function_that_claims_no_capabilities_has_none() -> None:
    data = build_config(vendor_id=1, device_id=2, class_code=0, express_type=None)[:64]
    assert decode_config(data).knows_capabilities
    assert decode_config(data).knows_extended


def test_without_extended_space_only_the_extended_are_unknown() -> None:
    config = decode_config(nic()[:256])
    assert config.truncated_at == 256
    assert config.knows_capabilities
    assert not config.knows_extended
    assert config.express is not None
    assert config.sriov is None


def test_extended_space_of_ff_is_no_extended_space() -> None:
    config = decode_config(nic()[:256] + b"\xff" * 3840)
    assert config.truncated_at == 256
    assert config.problems == ("extended capability at 100 reads ff: unreachable",)


def test_gone_device() -> None:
    config = decode_config(b"\xff" * 4096)
    assert config.is_gone
    assert config.header is None
    assert not config.knows_capabilities
    assert not config.knows_extended


def test_vf_header_reads_ffff_ids_and_is_not_gone() -> None:
    config = decode_config(nic(vendor_id=0xFFFF, device_id=0xFFFF, sriov=None))
    assert not config.is_gone
    assert config.header is not None


@pytest.mark.parametrize("size", [0, 1, 63])
def test_less_than_a_header(size: int) -> None:
    config = decode_config(nic()[:size])
    assert config.header is None
    assert config.truncated_at == size
    assert not config.is_gone
    assert not config.knows_extended


def test_normal_chain_that_loops() -> None:
    config = decode_config(put(nic(), 0x81, b"\x70"))
    assert config.problems == ("capability list loops back to 70",)
    assert config.express is not None


def test_normal_chain_that_leads_into_the_header() -> None:
    config = decode_config(put(nic(), 0x34, b"\x10"))
    assert config.problems == ("capability pointer 10 leads out of the list's space",)
    assert config.express is None


def test_normal_chain_of_ff() -> None:
    config = decode_config(put(nic(), 0x70, b"\xff\xff"))
    assert config.problems == ("capability at 70 reads ff: the chain is broken",)


def test_extended_chain_that_loops() -> None:
    config = decode_config(put(nic(), 0x122, b"\x01\x10"))
    assert config.problems == ("extended capability list loops back to 100",)
    assert config.sriov is not None


def test_extended_chain_that_leads_below_100() -> None:
    config = decode_config(put(nic(), 0x112, b"\x01\x08"))
    assert config.problems == ("extended capability pointer 80 leads out of the list's space",)
    assert config.sriov is None


def test_capability_that_runs_out_of_config_space() -> None:
    data = put(nic(sriov=None), 0x112, b"\x01\xfe")
    config = decode_config(put(data, 0xFE0, b"\x10\x00\x01\x00"))
    assert config.problems == ("SR-IOV at fe0 runs out of config space",)
    assert config.sriov is None


def test_express_of_version_1_cannot_forward_ari() -> None:
    express = decode_config(nic(express_version=1)).express
    assert express is not None
    assert express.ari_forwarding_supported is False


def test_express_at_the_end_of_the_space_leaves_unknown_what_is_cut() -> None:
    data = put(nic(), 0x71, b"\xf0")
    express = decode_config(put(data, 0xF0, b"\x10\x00\x42\x00")).express
    assert express is not None
    assert express.type_name == "Root Port"
    assert express.ari_forwarding_supported is None
    assert express.max_link_width is None


def test_integrated_endpoint_has_no_link() -> None:
    express = decode_config(nic(express_type=9)).express
    assert express is not None
    assert (express.max_link_width, express.link_speed_gts) == (None, None)


def test_unknown_express_type_keeps_its_number() -> None:
    express = decode_config(nic(express_type=13)).express
    assert express is not None
    assert express.type_name == "type 13"


def test_msi_ats_pri_pasid_and_resizable_bars() -> None:
    data = put(nic(sriov=None), 0x71, b"\x50")
    data = put(data, 0x50, b"\x05\x00\xa7\x01")
    data = put(data, 0x112, b"\x01\x20")
    data = put(data, 0x200, bytes.fromhex("0f000121 20000380"))
    data = put(data, 0x210, bytes.fromhex("13000122 01000101 00020000 10000000"))
    data = put(data, 0x220, bytes.fromhex("1b000123 06140500"))
    data = put(data, 0x230, bytes.fromhex("24000100 f0000000 20010000"))
    config = decode_config(data)
    assert config.problems == ()
    assert config.msi == (0x50, True, 8, 4, True, True)
    assert config.ats == (0x200, 32, True, True, 3)
    assert config.pri == (0x210, True, False, True, True, False, 0x200, 16)
    assert config.pasid == (0x220, 20, True, True, True, False, True)
    assert config.vf_resizable_bars == (
        ResizableBAR(0, 2 << 20, (1 << 20, 2 << 20, 4 << 20, 8 << 20)),
    )


def test_a_serial_number_reads_with_its_highest_octet_first() -> None:
    data = nic(serial_number="52-54-00-ff-ff-6d-91-01")
    start = next(entry.offset for entry in decode_config(data).capabilities if entry.id == 3)
    assert data[start + 4 : start + 12] == bytes.fromhex("01916dffff005452")
    assert decode_config(data).serial_number == "52-54-00-ff-ff-6d-91-01"
    assert decode_config(nic()).serial_number is None


@pytest.mark.parametrize("octet", ["00", "ff"])
def test_a_serial_number_that_says_nothing_is_none(octet: str) -> None:
    assert decode_config(nic(serial_number="-".join([octet] * 8))).serial_number is None


def test_system_page_size_of_several_bits_makes_no_sense() -> None:
    assert SRIOV._replace(system_page_size_mask=3).system_page_size is None
    assert SRIOV._replace(system_page_size_mask=0x100).system_page_size == 1 << 20


@given(st.binary(max_size=600))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(decode_config(data), ConfigSpace)


@given(st.lists(st.tuples(st.integers(0, 4095), st.binary(min_size=1, max_size=8)), max_size=12))
def test_damaged_config_decodes(damages: list[tuple[int, bytes]]) -> None:
    data = nic()
    for offset, patch in damages:
        data = put(data, offset, patch)
    config = decode_config(data[:4096])
    assert len(config.capabilities) <= 48 + 960


@given(st.integers(0, 4096))
def test_cut_anywhere(size: int) -> None:
    whole, cut = decode_config(nic()), decode_config(nic()[:size])
    assert cut.truncated_at == (None if size == 4096 else size)
    # Never a guess: whatever is decoded from less is what the whole says, or unknown.
    assert cut.sriov in (None, whole.sriov)
    assert cut.ari in (None, whole.ari)
    assert cut.msix in (None, whole.msix)
    for known, found in zip(whole.express or (), cut.express or (), strict=False):
        assert found in (None, known)


def bar_registers() -> st.SearchStrategy[tuple[BAR, ...]]:
    return st.lists(
        st.builds(
            BAR,
            bar_index=st.sampled_from((0, 2, 4)),
            address=st.integers(1, (1 << 60) - 1).map(lambda n: n << 4),
            width=st.just(64),
            prefetchable=st.booleans(),
            is_io=st.just(False),
            size=st.none(),
        ),
        max_size=3,
        unique_by=lambda bar: bar.bar_index,
    ).map(lambda bars: tuple(sorted(bars)))


@given(
    st.builds(
        SRIOVCapability,
        total_vfs=st.integers(0, 0xFFFF),
        initial_vfs=st.integers(0, 0xFFFF),
        num_vfs=st.integers(0, 0xFFFF),
        first_vf_offset=st.integers(0, 0xFFFF),
        vf_stride=st.integers(0, 0xFFFF),
        vf_device_id=st.integers(0, 0xFFFF),
        supported_page_size_mask=st.integers(0, 0xFFFFFFFF),
        system_page_size_mask=st.integers(0, 0xFFFFFFFF),
        vf_enable=st.booleans(),
        vf_mse=st.booleans(),
        ari_capable_hierarchy=st.booleans(),
        vf_bars=bar_registers(),
        dependency_link=st.integers(0, 255),
        status=st.integers(0, 1),
        vf_migration_capable=st.booleans(),
        vf_migration_enable=st.booleans(),
        migration_interrupt_enable=st.booleans(),
        migration_interrupt_message=st.integers(0, 0x7FF),
        migration_array_bar=st.integers(0, 5),
        migration_array_offset=st.integers(0, 0xFFFF).map(lambda n: n << 3),
        offset=st.integers(0x12, 0xFC).map(lambda n: n << 4),
    )
)
def test_sriov_round_trip(sriov: SRIOVCapability) -> None:
    assert decode_config(nic(sriov=sriov)).sriov == sriov


@pytest.mark.parametrize("sriov", [SRIOV._replace(offset=0x110), SRIOV._replace(offset=0xF0)])
def test_builder_refuses_an_offset_that_overlaps(sriov: SRIOVCapability) -> None:
    with pytest.raises(ValueError, match="cannot stand at"):
        nic(sriov=sriov)


def test_builder_refuses_extended_capabilities_without_pci_express() -> None:
    with pytest.raises(ValueError, match="not PCIe"):
        nic(express_type=None)


def test_acs_names_round_trip() -> None:
    assert all(acs_mask(acs_names(mask)) == mask for mask in range(0x80))


def test_unknown_acs_name() -> None:
    with pytest.raises(InputError, match="is not an ACS control"):
        acs_mask(["SV", "XX"])


RESOURCE = "\n".join(
    [
        "0x00000000fe600000 0x00000000fe61ffff 0x0000000000040200",
        "0x0000000000000000 0x0000000000000000 0x0000000000000000",
        "0x000000000000c000 0x000000000000c01f 0x0000000000040101",
        *["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 4,
        "0x0000000fe0000000 0x0000000fe001ffff 0x000000000014220c",
        *["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 2,
        "0x0000000fe0020000 0x0000000fe003ffff 0x000000000014220c",
        *["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 2,
    ]
)


def test_vf_bar_sizes() -> None:
    assert vf_bar_sizes_from_resource(RESOURCE, total_vfs=8) == (
        0x4000, None, None, 0x4000, None, None,
    )  # fmt: skip
    assert bar_sizes_from_resource(RESOURCE) == (0x20000, None, 32, None, None, None)


def test_bar_sizes_are_filled_in_by_number() -> None:
    sizes = vf_bar_sizes_from_resource(RESOURCE, total_vfs=8)
    assert [bar.size for bar in with_bar_sizes(SRIOV.vf_bars, sizes)] == [0x4000, 0x4000]


@pytest.mark.parametrize("total_vfs", [0, 7])
def test_vf_bar_size_that_does_not_come_out_even_is_unknown(total_vfs: int) -> None:
    assert set(vf_bar_sizes_from_resource(RESOURCE, total_vfs=total_vfs)) == {None}


@given(st.text(), st.integers(0, 0xFFFF))
def test_any_resource_text(text: str, total_vfs: int) -> None:
    assert len(vf_bar_sizes_from_resource(text, total_vfs=total_vfs)) == 6
    assert len(bar_sizes_from_resource(text)) == 6
