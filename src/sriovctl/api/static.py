"""From a request for a file of the page to its response, with what keeps a browser safe."""

from __future__ import annotations

import asyncio

from sriovctl.api.contract.browsers import check_browser
from sriovctl.api.contract.matching import split_path
from sriovctl.api.contract.messages import Request, Response
from sriovctl.api.contract.problems import Refusal, not_found, response_to
from sriovctl.api.packing import respond
from sriovctl.errors import SriovctlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.page.assets import Assets

_FOLDER = "page"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# A drawing has a style sheet of its own, and nothing else; it may be opened by itself.
DRAWING_POLICY = (
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox",
)
# nosniff and no-cache stand on every response already.
SAFETY = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)


async def answer_with_file(assets: Assets, request: Request) -> Response:
    """Answer whatever is not asked of the interface."""
    try:
        response = await _answer(assets, request)
    except SriovctlError as error:
        response = response_to(error)
    return response._replace(headers=(*response.headers, *SAFETY))


async def _answer(assets: Assets, request: Request) -> Response:
    check_browser(request)
    steps = _steps(request.path)
    if request.method not in ("GET", "HEAD"):
        raise Refusal(
            405,
            "method-not-allowed",
            "cannot be done to this path",
            subject=request.method[:32],
            headers=(("allow", "GET, HEAD"),),
        )
    asset = await asyncio.to_thread(assets.find, steps)
    if asset is None:
        raise not_found("path", "nothing is served there")
    return respond(
        request, asset.body, asset.etag, packed=asset.packed, content_type=asset.content_type
    )


def _steps(path: str) -> tuple[str, ...]:
    if path == "/":
        return ()
    folder, *steps = split_path(path)
    if folder != _FOLDER or not steps:
        raise not_found("path", "nothing is served there")
    return tuple(steps)
