"""MACs for VFs whose state says ``admin_mac: auto``.

They follow from what the PF is and from the VF's index alone, so they are the same after a reboot,
a resize or a move to another slot or host, and nothing need be kept.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import PF

# Another number would give every VF in the world another MAC.
_VERSION = "sriovctl admin_mac 1"


def auto_mac(identity: str, vf_index: int) -> str:
    """Work out the MAC of one VF.  Pure.

    The last two octets are the index, so two VFs of one PF never have the same.

    :param identity: what :func:`pf_identity` says of the PF.
    :param vf_index: 0 .. 65535.
    """
    from hashlib import sha256  # loads OpenSSL, and few plans need it

    digest = sha256(f"{_VERSION}\n{identity}".encode()).digest()
    # Locally administered and unicast.  The highest bit stays 0: libvirt refuses MACs from fe:,
    # which it gives to the host's end of a guest's tap device.
    first = digest[0] & 0x7C | 0x02
    return bytes((first, *digest[1:4], vf_index >> 8, vf_index & 0xFF)).hex(":")


def pf_identity(pf: PF) -> str:
    """Say what tells this PF from every other one, best without its place.  Pure.

    The functions of one card share its serial, hence the function number beside it.
    """
    return next(iter(pf_identities(pf)), f"device {pf.device}")


def pf_identities(pf: PF) -> tuple[str, ...]:
    """Say all that tells this PF from every other one wherever it is plugged in, best first.  Pure.

    Empty where its place is all that is known.
    """
    found = []
    if pf.permanent_mac is not None:
        found.append(f"permanent_mac {pf.permanent_mac}")
    if pf.serial is not None:
        function = "" if pf.address is None else f" function {pf.address.routing_id & 0xFF}"
        found.append(f"serial {pf.serial}{function}")
    return tuple(found)
