"""Where browsers sign in and out."""

from __future__ import annotations

from sriovctl import __version__
from sriovctl.api.bodies import read_json_body
from sriovctl.api.contract.messages import Response
from sriovctl.api.contract.problems import Refusal, encode_json
from sriovctl.api.contract.schemas import NEW_SESSION
from sriovctl.api.sessions import Throttle, clear_cookie, set_cookie

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.api.access import Access
    from sriovctl.api.contract.messages import Caller, Request
    from sriovctl.api.contract.tokens import StoredToken

_SCHEMA = "sriovctl/session/1"


class Reception:
    """Signs people in and out, and says who is signed in.

    :param host: what is told of the host, also to who is not signed in.
    """

    def __init__(
        self, access: Access, host: Mapping[str, object], *, now: Callable[[], float]
    ) -> None:
        self._access = access
        self._host = host
        self._throttle = Throttle(now)

    def show(self, request: Request, caller: Caller | None) -> Response:
        """Say who asks, what they may, and where."""
        session = self._access.session_of(request)
        return Response(200, self._document(caller, None if session is None else session.csrf))

    async def sign_in(self, request: Request) -> Response:
        """Take a bearer token, or a one-time key, for a session.

        :raises Refusal: it is none, there were too many wrong ones, or nobody needs to sign in.
        """
        if request.peer is not None:
            raise Refusal(
                409, "sign-in-not-needed", "the kernel says who asks here", subject="session"
            )
        token = str(read_json_body(request, NEW_SESSION)["token"])
        caller, stored = await self._let_in(request, token)
        secret, session = self._access.sessions.begin(caller, stored, user=request.user)
        body = self._document(caller, session.csrf)
        return Response(201, body, headers=(set_cookie(request, secret),), who=caller.name)

    # One-time keys are too long to be guessed, so that nobody who guesses keeps others out.
    async def _let_in(self, request: Request, token: str) -> tuple[Caller, StoredToken | None]:
        by_key = self._access.keys.use(token)
        if by_key is not None:
            return by_key, None
        place = place_of(request)
        self._throttle.check(place)
        try:
            stored = await self._access.stored_of(token)
        except Refusal:
            self._throttle.note_wrong(place)
            raise
        return stored.caller(), stored

    def sign_out(self, request: Request) -> Response:
        """End the session; who has none is told the same."""
        session = self._access.session_of(request)
        if session is not None:
            self._access.sessions.end(session)
        return Response(200, self._document(None, None), headers=(clear_cookie(request),))

    def _document(self, caller: Caller | None, csrf: str | None) -> bytes:
        return encode_json(
            {
                "schema": _SCHEMA,
                "name": None if caller is None else caller.name,
                "role": None if caller is None else str(caller.role),
                "csrf": csrf,
                "host": dict(self._host),
                "version": __version__,
            }
        )


def place_of(request: Request) -> str:
    """Say from where somebody asks; of IPv6 the network, whose addresses are all one's own."""
    if request.user is not None:
        return f"uid {request.user}"
    if request.remote is None or ":" not in request.remote:
        return request.remote or "this host"
    from ipaddress import IPv6Address, ip_network

    address = IPv6Address(request.remote.partition("%")[0])
    return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))
