"""Read what a running QEMU has, and what room there is for more."""

from __future__ import annotations

from sriovctl.codec.qmp import (
    PORT_TYPES,
    children,
    free_root_slots,
    guest_addresses,
    is_occupied,
    is_vfio,
    number_field,
    properties,
    text_field,
)
from sriovctl.errors import UnsupportedError
from sriovctl.model.qemu import QEMUFunction, QEMUMachine, QEMUPort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.host.qmp_api import QMP
    from sriovctl.model.address import PCIAddress

_NAMED = "/machine/peripheral"
_NAMELESS = "/machine/peripheral-anon"
_CONVENTIONAL_HOST_BRIDGE = "i440fx"


def read_machine(qmp: QMP) -> QEMUMachine:
    """Ask a QEMU for its ports and for the host's functions in it.

    :raises LostError: it went away meanwhile.
    :raises HostError: it does not answer, or what it says makes no sense.
    """
    named = _children(qmp, _NAMED)
    nameless = _children(qmp, _NAMELESS)
    tree = qmp.execute("query-pci")
    is_conventional = _CONVENTIONAL_HOST_BRIDGE in _children(qmp, "/machine")
    return QEMUMachine(
        name=text_field(qmp.execute("query-name"), "name"),
        status=text_field(qmp.execute("query-status"), "status") or "unknown",
        memory_bytes=_memory(qmp),
        device_ids=frozenset(named),
        ports=tuple(_ports(qmp, named)),
        nameless_ports=sum(kind in PORT_TYPES for kind in nameless.values()),
        free_slots=free_root_slots(tree) if is_conventional else None,
        functions=(
            *_functions(qmp, _NAMED, named, guest_addresses(tree)),
            *_functions(qmp, _NAMELESS, nameless, {}),
        ),
    )


def _list(qmp: QMP, path: str) -> object:
    return qmp.execute("qom-list", {"path": path})


def _children(qmp: QMP, path: str) -> dict[str, str]:
    return children(_list(qmp, path))


def _get(qmp: QMP, path: str, name: str) -> object:
    return qmp.execute("qom-get", {"path": path, "property": name})


def _memory(qmp: QMP) -> int | None:
    try:
        answer = qmp.execute("query-memory-size-summary")
    except UnsupportedError:
        return None
    base = number_field(answer, "base-memory")
    return None if base is None else base + (number_field(answer, "plugged-memory") or 0)


def _ports(qmp: QMP, named: Mapping[str, str]) -> Iterator[QEMUPort]:
    for port_id, kind in sorted(named.items()):
        if kind in PORT_TYPES:
            path = f"{_NAMED}/{port_id}"
            # A switch's port has no such property, and takes a hot plug.
            can_tell = "hotplug" in properties(_list(qmp, path))
            yield QEMUPort(
                port_id,
                occupied=is_occupied(_list(qmp, f"{path}/{port_id}")),
                hotplug=bool(_get(qmp, path, "hotplug")) if can_tell else True,
            )


def _functions(
    qmp: QMP, directory: str, devices: Mapping[str, str], addresses: Mapping[str, PCIAddress]
) -> Iterator[QEMUFunction]:
    for name, kind in sorted(devices.items()):
        if is_vfio(kind):
            path = f"{directory}/{name}"
            yield QEMUFunction(
                path=path,
                device_id=name if directory == _NAMED else None,
                source=_source(qmp, path),
                guest_address=addresses.get(name) if directory == _NAMED else None,
            )


# QEMU fills in the path in sysfs, also where it was given an address.
def _source(qmp: QMP, path: str) -> str:
    sysfs = _get(qmp, path, "sysfsdev")
    if isinstance(sysfs, str) and sysfs:
        return sysfs.rpartition("/")[2]
    return str(_get(qmp, path, "host"))
