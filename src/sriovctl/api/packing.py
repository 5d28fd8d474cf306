"""Responses that a client may have already, packed for those who can unpack them."""

from __future__ import annotations

import gzip

from sriovctl.api.contract.matching import names_etag
from sriovctl.api.contract.messages import JSON, Request, Response
from sriovctl.api.contract.negotiation import takes_gzip

TYPE_CHECKING = False
if TYPE_CHECKING:
    Headers = tuple[tuple[str, str], ...]

_WORTH_PACKING = 1400  # what one packet of a network holds
_QUICKLY = 1  # of 9; for documents with many alike it leaves a tenth all the same


def pack(body: bytes) -> bytes | None:
    """Pack a document; None: that is not worth it."""
    return gzip.compress(body, _QUICKLY, mtime=0) if len(body) > _WORTH_PACKING else None


def packed_etag(etag: str) -> str:
    """Make the ETag of the packed form, whose bytes are others."""
    return f'{etag[:-1]}-gz"'


def respond(
    request: Request,
    body: bytes,
    etag: str,
    *,
    packed: bytes | None,
    content_type: str = JSON,
    vary: str = "Accept-Encoding",
) -> Response:
    """Send what the client lacks, in the form that it takes.

    :param packed: the packed form; None: there is none.
    :param vary: the headers of the request on which the answer depends.
    """
    headers: Headers = (("vary", vary),)
    if packed is not None and takes_gzip(request.headers.get("accept-encoding")):
        body, etag = packed, packed_etag(etag)
        headers = (*headers, ("content-encoding", "gzip"))
    headers = (*headers, ("etag", etag))
    if names_etag(request.headers.get("if-none-match"), etag, weakly=True):
        return Response(304, headers=headers)
    return Response(200, body, content_type, headers)
