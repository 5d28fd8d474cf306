"""Compare what libvirt says of a VF with what is on its card."""

from __future__ import annotations

from sriovctl.engine.guests.vf_place import read_attributes
from sriovctl.errors import VerifyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import Host
    from sriovctl.model.guest import Guest


def verify_on_card(host: Host, place: VFPlace, after: Guest) -> None:
    """Make sure that the card has the MAC and the VLAN of a VF that a running guest holds.

    :raises VerifyError: it has others.
    """
    # libvirt's XML says what libvirt meant to do; the PF's driver says what came of it.
    attributes = read_attributes(host, place)
    if attributes is None:
        return
    device = next(device for device in after.holds(place.address) if device.live)
    vlan_id = attributes.vlan.id if attributes.vlan is not None else None
    for name, meant, found in (
        ("MAC", device.mac, attributes.admin_mac),
        ("VLAN", device.vlan or 0, vlan_id),
    ):
        if found is not None and found != meant:
            raise VerifyError(
                f"the card has another {name} for the VF than libvirt says",
                subject=f"{after.name}: {place.address}",
                hint="does somebody else set it too?  See 'sriovctl ls'",
                evidence={"libvirt": meant, "card": found},
            )
