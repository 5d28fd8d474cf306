"""Capacity as text and as JSON."""

from __future__ import annotations

import json

from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.capacity import Capacity, Evidence, Limit, LimitKind, Placement
from sriovctl.render.capacity import (
    capacity_as_json,
    format_addresses,
    format_bytes,
    format_capacities,
    format_capacity,
    headline_of,
)
from sriovctl.render.what_if import format_what_if, what_if_as_json

PF = parse_pci_address("01:00.0")
BUSES = Limit(LimitKind.BUS_NUMBERS, 8, (Evidence("VF Stride", "2"), Evidence("bus", "01")))
MMIO = Limit(
    LimitKind.MMIO, 0, (Evidence("line 8", "unassigned"),), "boot with pci=realloc", 8, "ENOMEM"
)
UNKNOWN = Limit(LimitKind.DRIVER, None, (Evidence("driver", "not known"),))


def capacity(*limits: Limit, placement: Placement | None = None) -> Capacity:
    known = [one.max_vfs for one in limits if one.max_vfs is not None]
    at_most = min(known, default=None)
    usable = at_most if at_most == 0 or len(known) == len(limits) else None
    return Capacity(
        PF, "eth0", 8, 0, usable, at_most, limits, is_forecast=True, placement=placement,
        notes=("a forecast",),
    )  # fmt: skip


def placed(vfs: int, first_limit: LimitKind | None = None) -> Placement:
    addresses = tuple(PCIAddress(0, 1, 16, n) for n in range(vfs))
    return Placement(vfs, addresses, (1,) if vfs else (), vfs * 16384, first_limit)


def test_json_of_a_limit_and_of_a_placement() -> None:
    shaped = json.loads(json.dumps(capacity_as_json(capacity(MMIO, placement=placed(2)))))
    assert shaped["address"] == "0000:01:00.0"
    assert (shaped["total_vfs"], shaped["max_usable_vfs"]) == (8, 0)
    assert shaped["limits"] == [
        {
            "kind": "mmio",
            "max_vfs": 0,
            "evidence": [{"source": "line 8", "value": "unassigned"}],
            "remedy": "boot with pci=realloc",
            "max_vfs_after": 8,
            "refusal": "ENOMEM",
        }
    ]
    assert shaped["addresses"] == ["0000:01:10.0", "0000:01:10.1"]
    assert (shaped["vfs"], shaped["buses"], shaped["memory_bytes"]) == (2, ["01"], 32768)
    assert shaped["first_limit"] is None


def test_json_without_a_number_has_no_placement() -> None:
    assert "vfs" not in capacity_as_json(capacity(BUSES))
    named = capacity(MMIO, placement=placed(1, LimitKind.MMIO))
    assert capacity_as_json(named)["first_limit"] == "mmio"


def test_the_answer_comes_first() -> None:
    assert headline_of(capacity(BUSES)) == "up to 8 VFs will work (bus-numbers); 0 on now"
    assert headline_of(capacity(MMIO)) == "no VF will work (mmio); 0 on now"
    one = capacity(BUSES._replace(max_vfs=1))
    assert headline_of(one) == "1 VF will work (bus-numbers); 0 on now"


def test_what_is_not_known_is_not_promised() -> None:
    some = capacity(BUSES, UNKNOWN)
    assert headline_of(some).startswith("at most 8 VFs (bus-numbers): some limits cannot be seen")
    none = capacity(UNKNOWN)._replace(num_vfs=None)
    assert headline_of(none) == "how many VFs will work cannot be told from here"


def test_the_text_names_each_limit_its_reason_and_the_remedy() -> None:
    assert format_capacity(capacity(BUSES, MMIO, UNKNOWN)).splitlines() == [
        "0000:01:00.0  eth0",
        "   no VF will work (mmio); 0 on now",
        "   limit        VFs  because",
        "   bus-numbers  ok   enough for all 8",
        "                     VF Stride: 2",
        "                     bus: 01",
        "   mmio         0    line 8: unassigned",
        "   driver       ?    driver: not known",
        "   to get more: boot with pci=realloc (8 VFs then)",
        "   note: a forecast",
    ]


def test_only_a_number_that_binds_or_is_named_stands_there() -> None:
    offered = Limit(LimitKind.TOTAL_VFS, 8, (Evidence("TotalVFs", "8"),))
    allowed = Limit(LimitKind.SRIOV_TOTALVFS, 7, (Evidence("sysfs", "7"),))
    bound = Limit(LimitKind.DRIVER, 8, (Evidence("driver", "igb is bound"),))
    scarce = BUSES._replace(max_vfs=7)
    lines = format_capacity(capacity(offered, allowed, bound, scarce)).splitlines()[3:]
    numbers = [line.split()[1] for line in lines if line[3] != " " and ":" not in line[:20]]
    assert numbers[:4] == ["8", "7", "ok", "7"]
    unknown = capacity(offered, bound)._replace(total_vfs=None)
    assert "ok" not in format_capacity(unknown)


def test_what_is_noted_of_several_is_said_once() -> None:
    one = capacity(BUSES)._replace(notes=("a forecast", "its own"))
    other = capacity(BUSES)._replace(notes=("a forecast",))
    text = format_capacities([one, other])
    assert text.count("a forecast") == 1
    assert text.endswith("\n\nnote: a forecast")
    assert "\n   note: its own\n" in text
    third = other._replace(notes=(), address=PCIAddress(0, 2, 0, 0))
    assert format_capacities([one, other, third]).endswith(f"note on {PF} {PF}: a forecast")


def outcome(*limits: Limit, vfs: int, first_limit: LimitKind | None = None) -> str:
    text = format_capacity(capacity(*limits, placement=placed(vfs, first_limit)))
    return next(line.split("outcome")[1].strip() for line in text.splitlines() if "outcome" in line)


def test_the_outcome_of_a_number() -> None:
    assert outcome(BUSES, vfs=2) == "works"
    assert outcome(BUSES, vfs=0) == "no VFs"
    assert outcome(BUSES, UNKNOWN, vfs=2) == "no known limit stands against it"
    refused = outcome(MMIO, vfs=2, first_limit=LimitKind.MMIO)
    assert refused == "fails at mmio; the kernel answers ENOMEM"
    silent = outcome(MMIO._replace(refusal=None), vfs=2, first_limit=LimitKind.MMIO)
    assert silent == "fails at mmio"


def test_one_vf_is_no_plural() -> None:
    assert "   with 1 VF:\n" in format_capacity(capacity(BUSES, placement=placed(1)))
    tried = format_what_if([capacity(BUSES, placement=placed(1))], [])
    assert "had 1 VF: 0000:01:10.0\n" in tried


def test_places_that_are_not_known() -> None:
    text = format_capacity(capacity(BUSES, placement=Placement(3, (), (), None, None)))
    assert text.count("not known") == 3


def test_a_pf_without_limits_or_name() -> None:
    bare = capacity()._replace(name=None)
    assert format_capacity(bare).splitlines()[0] == "0000:01:00.0"
    assert bare.binding is None
    assert format_capacities([bare, bare]).count("0000:01:00.0") == 2


def test_a_long_series_is_shortened() -> None:
    addresses = tuple(PCIAddress(0, 1, n, 0) for n in range(20))
    shown = format_addresses(addresses).split()
    assert (len(shown), shown[6], shown[7]) == (8, "…", "0000:01:13.0")


def test_bytes_for_a_person() -> None:
    shown = [format_bytes(size) for size in (None, 512, 98304, 0x1FC000, 1 << 30)]
    assert shown == ["not known", "512 bytes", "96 KiB", "1.984 MiB", "1024 MiB"]


def test_what_if() -> None:
    tried = [capacity(BUSES, placement=placed(2)), capacity(UNKNOWN, placement=placed(0))]
    assert format_what_if(tried, [PF]).splitlines() == [
        "as if:",
        "   0000:01:00.0 had 2 VFs: 0000:01:10.0 0000:01:10.1",
        "      buses 01, memory 32 KiB, largest number that works: 8",
        "   0000:01:00.0 had no VFs",
        "      largest number that works: not known",
        "   0000:01:00.0 had ACS",
    ]
    shaped = what_if_as_json(tried, [PF])
    assert shaped["slot_acs"] == ["0000:01:00.0"]
