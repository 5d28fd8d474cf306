"""The page before a daemon: who is signed in here is answered by the daemon's own interface.

The daemon knows what nobody else does: how the host is kept, what is under way, what it repaired.
It is asked over its unix socket, where it sees the user of this process; so whoever is signed in
may do what that user may, and no more.
"""

from __future__ import annotations

import json
import time
import traceback

from sriovctl.api.access import require_role
from sriovctl.api.contract.browsers import check_browser, is_of_interface
from sriovctl.api.contract.matching import check_content_type, match_route
from sriovctl.api.contract.messages import Caller, Request, Role
from sriovctl.api.contract.problems import response_to
from sriovctl.api.reception import Reception
from sriovctl.api.static import answer_with_file
from sriovctl.errors import SriovctlError
from sriovctl.model.record import NamedTuple
from sriovctl.page.assets import Assets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.api.access import Access
    from sriovctl.api.audit import AuditLog
    from sriovctl.api.contract.messages import Response
    from sriovctl.api.contract.routes import Route
    from sriovctl.api.upstream import Upstream


class Daemon(NamedTuple):
    """What a daemon says of itself, and of who asks."""

    caller: Caller
    host: Mapping[str, object]


async def ask_daemon(upstream: Upstream) -> Daemon | None:
    """Ask a daemon whether it lets this user in; None: it does not.

    :raises LostError: nobody answers.
    """
    answered = await upstream.ask(Request("GET", "/v1/session", "", {}))
    if answered.status != 200:
        return None
    told = json.loads(answered.body)
    if told["role"] is None:
        return None
    return Daemon(Caller(told["name"], Role(told["role"])), told["host"])


class Relay:
    """Answers requests as a ``Service`` does.

    :param host: what the daemon says of the host.
    :param log: told of what people should see.
    """

    def __init__(
        self,
        upstream: Upstream,
        access: Access,
        host: Mapping[str, object],
        *,
        audit: AuditLog,
        log: Callable[[str], None],
        assets: Assets | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = upstream
        self._access = access
        self._audit = audit
        self._log = log
        self._assets = assets or Assets()
        self._reception = Reception(access, host, now=now)

    async def start(self) -> None:
        """Do nothing: the daemon has started."""

    async def close(self) -> None:
        """Do nothing: the daemon goes on."""

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if not is_of_interface(request.path):
            return await answer_with_file(self._assets, request)
        who, name = "nobody", request.method[:16]
        try:
            check_browser(request)
            caller = await self._access.caller_of(request)
            who = who if caller is None else caller.name
            route = match_route(request.method, request.path).route
            name = route.name
            response = await self._answer(request, route, caller)
        except SriovctlError as error:
            response = response_to(error)
            self._audit.note_request(request, response, who=who, what=name, code=error.code)
            return response
        self._audit.note_request(request, response, who=who, what=name)
        return response

    async def _answer(self, request: Request, route: Route, caller: Caller | None) -> Response:
        if route.name == "show_session":
            return self._reception.show(request, caller)
        if route.name == "sign_out":
            return self._reception.sign_out(request)
        if route.name == "sign_in":
            check_content_type(route, request.headers.get("content-type"))
            return await self._reception.sign_in(request)
        require_role(caller, Role.READ)
        response = await self._upstream.ask(request)
        if response.stream is None:
            return response
        return response._replace(stream=self._access.while_let_in(request, response.stream))

    def log_bug(self, bug: Exception) -> None:
        """Say in the log what a client is not told."""
        self._log("".join(traceback.format_exception(bug)))
