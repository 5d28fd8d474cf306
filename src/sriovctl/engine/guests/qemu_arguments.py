"""What somebody should know before a QEMU is started with VFs."""

from __future__ import annotations

from sriovctl.engine.guests.attach_checks import check_isolated
from sriovctl.engine.guests.qemu_checks import check_token, warnings_for
from sriovctl.engine.guests.vf_place import read_attributes, read_vf_place
from sriovctl.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.host.api import Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.qemu_line import DeviceOptions


def read_doubts(host: Host, vf: PCIAddress, options: DeviceOptions) -> tuple[str, ...]:
    """Say why a QEMU that gets a VF would not start, or would surprise.

    :raises InputError: there is no such VF.
    """
    return tuple(_doubts(host, vf, options))


def _doubts(host: Host, vf: PCIAddress, options: DeviceOptions) -> Iterator[str]:
    place = read_vf_place(host.files, vf)
    if "vfio" not in (place.driver or ""):
        yield (
            f"{vf} is bound to {place.driver or 'no driver'}, and QEMU takes it from vfio-pci: "
            f"sriovctl bind {vf} --driver vfio-pci"
        )
    for check in (check_isolated, lambda place: check_token(host.files, place, options)):
        try:
            check(place)
        except UnsupportedError as error:
            yield str(error)
    yield from warnings_for(place, read_attributes(host, place) if place.is_network else None)
