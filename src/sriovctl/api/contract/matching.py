"""From a request's path to its route, and from ETags to whether anything is to be sent."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from sriovctl.api.contract.problems import Refusal, not_found
from sriovctl.api.contract.routes import PATH_PARAMETERS, ROUTES, Route
from sriovctl.api.contract.values import parse_text
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

MOST_PATH_CHARACTERS = 2048
_SEGMENTS = {route.path: tuple(route.path.split("/")[1:]) for route in ROUTES}
_SAME = 2  # so many segments are words in each route, and tell most of them apart
_ROUTES_LIKE: dict[tuple[object, ...], list[Route]] = {}
for _route in ROUTES:
    _like = (len(_SEGMENTS[_route.path]), *_SEGMENTS[_route.path][:_SAME])
    _ROUTES_LIKE.setdefault(_like, []).append(_route)


class Match(NamedTuple):
    """A route, and what its path names."""

    route: Route
    named: dict[str, object]


def match_route(method: str, path: str) -> Match:
    """Find the route that a request means; HEAD is what GET is, without its body.

    :raises Refusal: there is none, or none with this method.
    :raises InputError: the path is written in a way that only tricks are.
    """
    segments = split_path(path)
    like = _ROUTES_LIKE.get((len(segments), *segments[:_SAME]), ())
    fitting = [route for route in like if _fits(segments, _SEGMENTS[route.path])]
    wanted = "GET" if method == "HEAD" else method
    for route in fitting:
        if route.method == wanted:
            return Match(route, _named(route, segments))
    if fitting:
        allowed = sorted({route.method for route in fitting})
        allow = ", ".join([*allowed, *(["HEAD"] if "GET" in allowed else [])])
        raise Refusal(
            405,
            "method-not-allowed",
            "cannot be done to this path",
            subject=method[:32],
            headers=(("allow", allow),),
        )
    raise not_found("path", "nothing is served there")


def split_path(path: str) -> tuple[str, ...]:
    """Decode a path into its segments, once.

    :raises InputError: it is not absolute, too long, no UTF-8, or has segments that a path of
        ours never has: empty ones, dots alone, slashes and control characters.
    """
    if not path.startswith("/") or len(path) > MOST_PATH_CHARACTERS:
        raise InputError("is no absolute path, or too long", subject="path")
    try:
        segments = tuple(unquote_to_bytes(one).decode() for one in path[1:].split("/"))
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", subject="path") from error
    for one in segments:
        if one in ("", ".", "..") or not one.isprintable() or "/" in one or "\\" in one:
            raise InputError("has segments that no path here has", subject="path")
    return segments


def _fits(segments: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return all(
        want == segment or want.startswith("{")
        for want, segment in zip(pattern, segments, strict=True)
    )


def _named(route: Route, segments: tuple[str, ...]) -> dict[str, object]:
    named: dict[str, object] = {}
    for want, segment in zip(_SEGMENTS[route.path], segments, strict=True):
        if want.startswith("{"):
            name = want[1:-1]
            named[name] = parse_text(segment, PATH_PARAMETERS[name].schema, name)
    return named


def names_etag(header: str | None, etag: str, *, weakly: bool = False) -> bool:
    """Say whether a list of ETags, as a header has it, names this one.

    :param weakly: take weak ones for as good, as If-None-Match does.
    """
    if header is None:
        return False
    listed = [one.strip() for one in header.split(",")]
    if weakly:
        listed = [one.removeprefix("W/") for one in listed]
    return "*" in listed or etag in listed


def wants_anew(header: str | None) -> bool:
    """Say whether ``Cache-Control`` asks for an answer that is not from the shelf."""
    return "no-cache" in [one.strip().lower() for one in (header or "").split(",")]


def check_content_type(route: Route, header: str | None) -> None:
    """Refuse a body of another type than the route takes.

    :raises Refusal: it is of another type, or of none.
    """
    given = (header or "").partition(";")[0].strip().lower()
    if given not in route.body_types:
        raise Refusal(
            415,
            "unsupported-media-type",
            "this path takes " + " or ".join(route.body_types),
            subject="content-type",
        )


def require_if_match(header: str | None, *etags: str) -> None:
    """Refuse a change of what the client has not seen as it is.

    :param etags: of the same thing, written in different ways.
    :raises Refusal: the header is missing, or names something else.
    """
    if header is None:
        raise Refusal(
            428,
            "precondition-required",
            "needs If-Match",
            subject="if-match",
            hint="GET the state first, and send its ETag",
        )
    if not any(names_etag(header, etag) for etag in etags):
        raise Refusal(
            412,
            "precondition-failed",
            "the host is not as it was when the state was read",
            subject="if-match",
            hint="GET the state again",
        )
