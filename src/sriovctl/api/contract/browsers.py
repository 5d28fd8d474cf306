"""What is taken from a browser.  Pure.

A browser sends what any site tells it to, from where its user sits: so it reaches a unix socket
through ``ssh -L`` and what listens on localhost, where the caller is known without a password.  It
also says, in headers that no script can set, for whom it asks; an old one says at least what it is.
Whoever is no browser can say there what they like, and gains nothing.

Source: https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

from sriovctl.api.contract.problems import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.api.contract.messages import Request

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_OWN_SITES = ("none", "same-origin")  # typed by the user, or asked by our own page
_MOST_SHOWN = 64


def is_of_interface(path: str) -> bool:
    """Say whether a path, as it was sent, is one of the interface, rather than of the page."""
    return path == "/v1" or path.startswith("/v1/")


def check_browser(request: Request) -> None:
    """Refuse what another site may have had a browser send.

    :raises Refusal: it came for another site, or under a name that another site may have made up.
    """
    headers = request.headers
    if not is_from_browser(headers):
        return
    if not request.tls:
        _check_host(headers)
    if is_of_interface(request.path):
        _check_site(headers)
        _check_origin(request)


def is_from_browser(headers: Mapping[str, str]) -> bool:
    """Say whether a browser sent these headers."""
    told = "origin" in headers or any(one.startswith("sec-fetch-") for one in headers)
    return told or "mozilla/" in headers.get("user-agent", "").lower()


# A name of another site may be made to point here.  With TLS its certificate would be wrong.
def _check_host(headers: Mapping[str, str]) -> None:
    if _without_port(headers.get("host", "").lower()) not in _LOCAL_NAMES:
        raise Refusal(
            403,
            "foreign-host",
            "a browser may ask for localhost alone here",
            subject=_shown("host", headers),
            hint="use http://localhost and the port",
        )


def _check_site(headers: Mapping[str, str]) -> None:
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise Refusal(
            403,
            "foreign-site",
            "another site asks for this",
            subject=_shown("sec-fetch-site", headers),
        )


def _check_origin(request: Request) -> None:
    headers = request.headers
    if "origin" not in headers:
        return
    scheme, _, authority = headers["origin"].lower().partition("://")
    schemes = ("https",) if request.tls else ("http", "https")
    if scheme not in schemes or authority != headers.get("host", "").lower():
        raise Refusal(
            403, "foreign-site", "another site asks for this", subject=_shown("origin", headers)
        )


def port_of(host: str) -> str:
    """Take the port out of what a Host header says; empty when it says none."""
    return host[len(_without_port(host)) + 1 :]


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdecimal() else host


def _shown(name: str, headers: Mapping[str, str]) -> str:
    value = headers.get(name, "")
    return f"{name}: {value[:_MOST_SHOWN]}" if value.isprintable() else name
