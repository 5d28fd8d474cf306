"""libvirt's domain XML -> how much memory a guest has, and where on the host it may be.

Source: https://libvirt.org/formatdomain.html, "Memory Allocation", "Memory Tuning", "NUMA Node
Tuning" and "CPU Tuning".
"""

from __future__ import annotations

from contextlib import suppress

from sriovctl.model.guest import GuestPlacement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MOST_IN_A_SET = 1 << 14
_UNITS = {"b": 1, "bytes": 1, "": 1024, "k": 1024, "kib": 1024, "kb": 1000}
_UNITS |= {f"{letter}{tail}": 1024**power for power, letter in ((2, "m"), (3, "g"), (4, "t"))
           for tail in ("", "ib")}  # fmt: skip
_UNITS |= {f"{letter}b": 1000**power for power, letter in ((2, "m"), (3, "g"), (4, "t"))}


def parse_placement(domain: Element) -> GuestPlacement:
    """Read what a domain's XML says of memory and pinning.  Pure."""
    nodes = parse_cpu_set(_attribute(domain, "numatune/memory", "nodeset"))
    for node in domain.iterfind("numatune/memnode"):
        nodes |= parse_cpu_set(node.get("nodeset", ""))
    cpus = [parse_cpu_set(pin.get("cpuset", "")) for pin in domain.iterfind("cputune/vcpupin")]
    pinned = frozenset().union(*cpus) or parse_cpu_set(_attribute(domain, "vcpu", "cpuset"))
    return GuestPlacement(
        memory_kib=_parse_size(domain.find("memory")),
        hard_limit_kib=_parse_size(domain.find("memtune/hard_limit")),
        nodes=tuple(sorted(nodes)),
        cpus=tuple(sorted(pinned)),
        has_iommu=domain.find("devices/iommu") is not None,
    )


def parse_cpu_set(text: str) -> frozenset[int]:
    """Read ``0-3,^2,8``, as libvirt and the kernel write sets of CPUs and of nodes.  Pure.

    What is no such set is empty: nothing is known then.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().removeprefix("^").partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()):
            return frozenset()
        numbers = range(int(first), min(int(last), _MOST_IN_A_SET) + 1)
        found = found.difference(numbers) if part.strip()[0] == "^" else found.union(numbers)
    return frozenset(found)


def _attribute(domain: Element, path: str, name: str) -> str:
    element = domain.find(path)
    return "" if element is None else element.get(name, "")


def _parse_size(element: Element | None) -> int | None:
    unit = None if element is None else _UNITS.get(element.get("unit", "").lower())
    if element is None or unit is None:
        return None
    with suppress(ValueError):
        return int(element.text or "") * unit // 1024
    return None
