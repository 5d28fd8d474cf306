"""Who gets no group, by the firmware's tables."""

from __future__ import annotations

from struct import pack

from sriovctl.topology.coverage import GRAPHICS_OFF, IS_IOMMU, NO_UNIT, NOT_IN_IVRS
from sriovctl.topology.groups import Prediction

from .synthetic import Machine, partition, sets

VGA = 0x030000


def table(signature: str, *structures: bytes) -> bytes:
    body = b"".join(structures)
    head = signature.encode() + pack("<I", 48 + len(body))
    data = bytearray(head.ljust(48, b"\0") + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def drhd(*scopes: bytes, everything: bool = False, segment: int = 0, register: int = 1) -> bytes:
    body = b"".join(scopes)
    return pack("<HHBBHQ", 0, 16 + len(body), everything, 0, segment, register) + body


def scope(kind: int, start_bus: int, *path: tuple[int, int]) -> bytes:
    hops = b"".join(bytes(hop) for hop in path)
    return bytes((kind, 6 + len(hops), 0, 0, 0, start_bus)) + hops


def ivhd(*entries: bytes, segment: int = 0) -> bytes:
    body = b"".join(entries)
    return pack("<BBHHHQHHI", 0x10, 0, 24 + len(body), 2, 0x40, 0xFEB80000, segment, 0, 0) + body


def without(prediction: Prediction) -> dict[str, str]:
    return {str(a): prediction.ungrouped_because[a] for a in prediction.ungrouped}


def machine() -> Machine:
    made = Machine().add("00:02.0", kind=9, class_code=VGA).port("00:01.0", 1, bridge=(1, 2))
    return made.port("01:00.0", 2, kind=6).add("02:00.0").add("00:1f.0", kind=None)


def test_a_unit_that_includes_all_the_rest() -> None:
    tables = {"DMAR": table("DMAR", drhd(scope(1, 0, (2, 0))), drhd(everything=True, register=2))}
    assert without(machine().predict(acpi_tables=tables)) == {}
    off = machine().predict(acpi_tables=tables, cmdline="intel_iommu=on,igfx_off")
    assert without(off) == {"0000:00:02.0": GRAPHICS_OFF}


def test_only_what_a_scope_names_or_is_below_a_named_bridge() -> None:
    bridge = table("DMAR", drhd(scope(2, 0, (1, 0))))
    found = without(machine().predict(acpi_tables={"DMAR": bridge}))
    assert found == {"0000:00:02.0": NO_UNIT, "0000:00:1f.0": NO_UNIT}
    deep = table("DMAR", drhd(scope(1, 0, (1, 0), (0, 0), (0, 0)), scope(3, 0, (0x1F, 0))))
    found = without(machine().predict(acpi_tables={"DMAR": deep}))
    assert set(found) == {"0000:00:01.0", "0000:00:02.0", "0000:00:1f.0", "0000:01:00.0"}
    lost = table("DMAR", drhd(scope(1, 0, (9, 0), (0, 0)), segment=0))
    assert len(without(machine().predict(acpi_tables={"DMAR": lost}))) == 5


def test_vfs_are_looked_up_by_their_pf() -> None:
    made = machine().add("02:00.1", is_vf=True, pf_address=next(
        a for a in machine().functions if str(a) == "0000:02:00.0"
    ))  # fmt: skip
    named = table("DMAR", drhd(scope(1, 0, (1, 0), (0, 0), (0, 0))))
    found = without(made.predict(acpi_tables={"DMAR": named}))
    assert "0000:02:00.1" not in found
    assert "0000:01:00.0" in found


def test_ivrs_lists_routing_ids() -> None:
    made = Machine().add("00:00.0", "1022:1480", kind=None, class_code=0x060000)
    made.add("00:00.2", "1022:1481", kind=None, class_code=0x080600).port("00:01.0", 1)
    made.add("01:00.0")
    entries = (pack("<BHB", 2, 0x0008, 0), pack("<BHB", 3, 0x0100, 0), pack("<BHB", 4, 0x01FF, 0))
    found = without(made.predict(acpi_tables={"IVRS": table("IVRS", ivhd(*entries))}))
    assert found == {"0000:00:00.0": NOT_IN_IVRS, "0000:00:00.2": NOT_IN_IVRS}
    everything = {"IVRS": table("IVRS", ivhd(pack("<BHB", 1, 0, 0)))}
    assert without(made.predict(acpi_tables=everything)) == {"0000:00:00.2": IS_IOMMU}
    # Without the table: what all machines seen leave out.
    assert set(without(made.predict())) == {"0000:00:00.0", "0000:00:00.2"}
    assert any("AMD" in text for text in made.predict().assumptions)


def test_ivrs_aliases_on_the_same_bus() -> None:
    made = Machine().port("00:01.0", 1).port("00:02.0", 2).add("01:00.0").add("01:05.0")
    made.add("02:00.0").add("02:05.0")
    alias = pack("<BHBBHB", 0x42, 0x0128, 0, 0, 0x0100, 0)
    other_bus = pack("<BHBBHB", 0x42, 0x0228, 0, 0, 0x0100, 0)
    tables = {"IVRS": table("IVRS", ivhd(pack("<BHB", 1, 0, 0), alias, other_bus))}
    assert partition(made.predict(acpi_tables=tables)) == sets(
        "00:01.0", "00:02.0", "01:00.0 01:05.0", "02:00.0", "02:05.0"
    )


def test_an_iommu_does_not_serve_itself() -> None:
    made = Machine().add("00:03.0", "1af4:1057", kind=9, class_code=0xFF00).add("00:04.0", kind=9)
    assert without(made.predict()) == {"0000:00:03.0": IS_IOMMU}
