"""Hide MAC addresses and serial numbers, each behind the same stand-in wherever it occurs.  Pure.

Stand-ins are numbered in the order in which the originals are met, so that two recordings of the
same host look alike and nothing can be worked out from them.
"""

from __future__ import annotations

import re

from sriovctl.codec.pciconfig import decode_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.link import LinkReport

# 6 octets, and more for InfiniBand addresses and GUIDs.
_WITH_SEPARATORS = re.compile(
    r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2})+)(?![0-9A-Fa-f:-])"
)
_WITHOUT_SEPARATORS = re.compile(r"[0-9A-Fa-f]{12,}")
_MIN_OCTETS = 6
_DEVICE_SERIAL_NUMBER = 3  # id of the extended capability; 8 bytes after its header
_SAYS_NOTHING = (0x00, 0xFF)


class MACMask:
    """Replaces MAC addresses.

    A stand-in begins with 02, the mark of an address that was made up, and ends with a number.
    All zeros and all ones say nothing and are kept.
    """

    def __init__(self) -> None:
        self._stand_ins: dict[bytes, bytes] = {}
        self._bare: dict[str, str] = {}  # the same in hexadecimal, lower case
        self._bare_sizes: tuple[int, ...] = ()  # digits, longest first

    def mask_octets(self, octets: bytes) -> bytes:
        """Return the stand-in, of the same length."""
        if not octets or set(octets) <= set(_SAYS_NOTHING[:1]) or set(octets) == {0xFF}:
            return octets
        if octets not in self._stand_ins:
            number = (len(self._stand_ins) + 1).to_bytes(4, "big")
            self._stand_ins[octets] = b"\x02" + bytes(len(octets) - 5) + number
            self._bare[octets.hex()] = self._stand_ins[octets].hex()
            self._bare_sizes = tuple(sorted({len(known) for known in self._bare}, reverse=True))
        return self._stand_ins[octets]

    def mask_text(self, text: str) -> str:
        """Replace every MAC address with separators, and those met before without (``enx…``)."""
        text = _WITH_SEPARATORS.sub(self._mask_match, text)
        return _WITHOUT_SEPARATORS.sub(self._mask_digits, text) if self._bare else text

    # A known address anywhere in a run of hexadecimal digits.  One pattern of all addresses would
    # be simpler, and with a thousand VFs takes minutes.
    def _mask_digits(self, match: re.Match[str]) -> str:
        run, start = match[0], 0
        while start <= len(run) - 2 * _MIN_OCTETS:
            for size in self._bare_sizes:
                stand_in = self._bare.get(run[start : start + size].lower())
                if stand_in is not None:
                    run = run[:start] + stand_in + run[start + size :]
                    start += size - 1
                    break
            start += 1
        return run

    def _mask_match(self, match: re.Match[str]) -> str:
        octets = bytes.fromhex(re.sub("[:-]", "", match[0]))
        if len(octets) < _MIN_OCTETS or octets in self._stand_ins.values():
            return match[0]
        return self.mask_octets(octets).hex(match[1])

    def mask_link(self, link: LinkReport) -> LinkReport:
        """Replace what a netdev and its VFs show."""
        return link._replace(
            ifname=self.mask_text(link.ifname),
            mac=self._mask_optional(link.mac),
            permanent_mac=self._mask_optional(link.permanent_mac),
            vfs=tuple(
                vf._replace(
                    admin_mac=self._mask_optional(vf.admin_mac),
                    node_guid=self._mask_optional(vf.node_guid),
                    port_guid=self._mask_optional(vf.port_guid),
                )
                for vf in link.vfs
            ),
        )

    def _mask_optional(self, mac: str | None) -> str | None:
        return None if mac is None else self.mask_text(mac)


def without_device_serial_number(config: bytes) -> bytes:
    """Blank the Device Serial Number capability; in network cards it holds the MAC.  Pure."""
    for entry in decode_config(config).capabilities:
        if entry.extended and entry.id == _DEVICE_SERIAL_NUMBER:
            start = entry.offset + 4
            size = len(config[start : start + 8])
            config = config[:start] + bytes(size) + config[start + size :]
    return config
