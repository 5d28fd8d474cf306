"""What the kernel says over netlink."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple


class NetlinkAnswer(NamedTuple):
    """The kernel's answer to one request."""

    errno: int  # 0 when the request was accepted
    message: str | None  # the kernel's own words (NLMSGERR_ATTR_MSG), if any
    payloads: tuple[bytes, ...]  # whole messages (header included) other than the ack
