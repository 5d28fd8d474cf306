"""From a request to its response: who asks, what for, may they, and the answer.

Reads come from the shelf; what changes goes to the thread that changes.  Nothing here blocks.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from functools import partial

from sriovctl import __version__
from sriovctl.api import changing, reading
from sriovctl.api.access import Access, require_role
from sriovctl.api.audit import AuditLog, entry_of_job
from sriovctl.api.bodies import read_json_body, read_state_body
from sriovctl.api.contract.browsers import check_browser, is_from_browser, is_of_interface
from sriovctl.api.contract.matching import (
    check_content_type,
    match_route,
    require_if_match,
    wants_anew,
)
from sriovctl.api.contract.messages import EVENTS, YAML, Caller, Request, Response, Role
from sriovctl.api.contract.negotiation import choose_type
from sriovctl.api.contract.openapi import openapi_document
from sriovctl.api.contract.problems import Refusal, encode_json, response_to
from sriovctl.api.contract.routes import Route
from sriovctl.api.contract.schemas import NEW_JOB, NEW_LEASE, RELEASE, RENEWAL
from sriovctl.api.contract.values import parse_query
from sriovctl.api.doors import told_of
from sriovctl.api.feed import Feed
from sriovctl.api.jobs import Job, JobBoard
from sriovctl.api.packing import packed_etag, respond
from sriovctl.api.reads import Reads
from sriovctl.api.reception import Reception
from sriovctl.api.shelf import MOMENT_S, Answer, Shelf, encode
from sriovctl.api.static import DRAWING_POLICY, answer_with_file
from sriovctl.api.tree_reading import Looks
from sriovctl.api.workers import Workers
from sriovctl.codec.state_schema import state_schema
from sriovctl.errors import InputError, PermissionDenied, SriovctlError, UnsupportedError
from sriovctl.model.record import NamedTuple
from sriovctl.page.assets import Assets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sriovctl.api.doors import Building
    from sriovctl.engine.doors import Doors

    Read = Callable[[Doors], Mapping[str, object]]

_HEARD_S = 10.0  # what the kernel tells of: asked again all the same, for what it forgets to tell


class Ask(NamedTuple):
    """A request that may be answered."""

    request: Request
    route: Route
    named: Mapping[str, object]
    query: Mapping[str, object]
    caller: Caller | None

    @property
    def by(self) -> str:
        """Who asks, for the log."""
        return "nobody" if self.caller is None else self.caller.name

    @property
    def role(self) -> Role | None:
        """What they may; None: nothing beyond what everybody may."""
        return None if self.caller is None else self.caller.role

    def wanted_type(self) -> str:
        """Choose the type to answer with."""
        return choose_type(self.request.headers.get("accept"), self.route.types())

    def number(self, name: str) -> int:
        """Take a number out of the path."""
        value = self.named[name]
        assert isinstance(value, int)
        return value


class Keeping(NamedTuple):
    """How well the host is kept, as the daemon knows it.

    :param conditions: health and reason of each entry of its files, and of what else it needs.
    """

    health: str = "healthy"
    reason: str = ""
    conditions: Mapping[str, Mapping[str, str]] = {}


class Service:
    """Answers requests.

    :param hears_events: whether whoever builds this calls :meth:`host_changed`.
    :param keeping: how well the host is kept.
    :param log: told of what people should see in the daemon's log.
    """

    def __init__(
        self,
        building: Building,
        access: Access,
        *,
        audit: AuditLog,
        log: Callable[[str], None],
        hears_events: bool = False,
        keeping: Callable[[], Keeping] = Keeping,
        assets: Assets | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._building = building
        self._sleep = sleep
        self._access = access
        self._assets = assets or Assets()
        self._reception = Reception(access, told_of(building), now=now)
        self._audit = audit
        self._log = log
        self._keeping = keeping
        heard_s = _HEARD_S if hears_events else MOMENT_S
        self._workers = Workers(building)
        self._shelf = Shelf(self._workers, now)
        self._looks = Looks(now, good_for_s=heard_s)
        recorded = building.read_only is not None
        self._reads = Reads(self._looks, heard_s=heard_s, recorded=recorded)
        self._plans = changing.PlanShelf()
        self._timers: set[asyncio.Task[None]] = set()
        self._document: Answer | None = None
        self.feed = Feed(os.urandom(6).hex())
        self.jobs = JobBoard(self._workers, self.feed, self._job_ended)

    # --- for whoever builds it -----------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier daemon left: runs that wait to be confirmed.

        :raises SriovctlError: the journal cannot be read.
        """
        if self._building.read_only is None:
            for run_id, left_s in await self._workers.read(changing.waiting_runs):
                self._expire_later(run_id, left_s)

    def host_changed(self, kind: str = "host", payload: Mapping[str, object] | None = None) -> None:
        """Have everything read anew, and tell those who follow.  In the loop's thread."""
        self._forget()
        self.feed.publish(kind, payload or {})

    def _forget(self) -> None:
        self._looks.forget()
        self._shelf.forget()

    async def close(self) -> None:
        """Wait for the job that is under way, and drop those that wait."""
        for timer in self._timers:
            timer.cancel()
        await self.jobs.wait()
        self._workers.close()

    # --- from request to response --------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if not is_of_interface(request.path):
            return await answer_with_file(self._assets, request)
        who = "?" if request.peer is None else f"uid {request.peer.uid}"
        name = request.method[:16]
        try:
            check_browser(request)
            caller = await self._access.caller_of(request)
            who = "nobody" if caller is None else caller.name
            match = match_route(request.method, request.path)
            name = match.route.name
            require_role(caller, match.route.role)
            query = parse_query(request.query, match.route.query())
            ask = Ask(request, match.route, match.named, query, caller)
            response = await self._answer(ask)
        except SriovctlError as error:
            response = response_to(error)
            self._audit.note_request(request, response, who=who, what=name, code=error.code)
            return response
        self._audit.note_request(request, response, who=who, what=name)
        return response

    async def _answer(self, ask: Ask) -> Response:
        if ask.route.body is not None:
            check_content_type(ask.route, ask.request.headers.get("content-type"))
        elif ask.request.body:
            raise InputError("nothing is to be sent here", subject="body")
        if ask.route.role is not Role.READ and ask.route.role is not None:
            self._refuse_read_only()
        handler = getattr(self, f"_{ask.route.name}", None)
        if handler is not None:
            response: Response = await handler(ask)
            return response
        return await self._read(ask)

    def _refuse_read_only(self) -> None:
        if self._building.read_only is not None:
            raise PermissionDenied(self._building.read_only, subject="this host")

    # --- reads ---------------------------------------------------------------------------

    async def _list_guests(self, ask: Ask) -> Response:
        if self._building.no_guests is not None:
            raise UnsupportedError(self._building.no_guests, subject="this host")
        return await self._read(ask)

    async def _read(self, ask: Ask) -> Response:
        kind = ask.wanted_type()
        read = self._reads.of(ask.route.name, ask.named, ask.query, kind)
        key = (ask.route.name, kind, *sorted(ask.named.items()), *sorted(ask.query.items()))
        anew = _wants_anew(ask)
        if anew:
            self._looks.forget()
        answer = await self._shelf.answer(key, read.make, good_for_s=read.good_for_s, anew=anew)
        return _with_etag(ask, answer)

    async def _draw_tree(self, ask: Ask) -> Response:
        response = await self._read(ask)
        return response._replace(headers=(*response.headers, DRAWING_POLICY))

    async def _show_state(self, ask: Ask) -> Response:
        as_json, as_yaml = await self._state()
        return _with_etag(ask, as_yaml if ask.wanted_type() == YAML else as_json)

    # Never from the shelf: somebody is about to change what they saw.
    async def _state(self) -> tuple[Answer, Answer]:
        shown = await self._workers.read(reading.show_state)
        as_json = encode(shown.document)
        return as_json, Answer(shown.yaml.encode(), f'{as_json.etag[:-1]}-yaml"')

    async def _schema(self, ask: Ask) -> Response:
        return _with_etag(ask, encode(state_schema()))

    async def _openapi(self, ask: Ask) -> Response:
        if self._document is None:
            self._document = encode(openapi_document())
        return _with_etag(ask, self._document)

    async def _health(self, _: Ask) -> Response:
        keeping = self._keeping()
        told = {"version": __version__, "state_directory": self._building.state_directory}
        shaped = {**keeping._asdict(), **told}
        return _json(200, reading.document("health", shaped))

    async def _events(self, ask: Ask) -> Response:
        if ask.request.method == "HEAD":
            return Response(200, content_type=EVENTS)
        stream = self.feed.follow(ask.request.headers.get("last-event-id"))
        stream = self._access.while_let_in(ask.request, stream)
        return Response(200, content_type=EVENTS, stream=stream)

    # --- sessions of browsers ------------------------------------------------------------

    async def _show_session(self, ask: Ask) -> Response:
        return self._reception.show(ask.request, ask.caller)

    async def _sign_in(self, ask: Ask) -> Response:
        return await self._reception.sign_in(ask.request)

    async def _sign_out(self, ask: Ask) -> Response:
        return self._reception.sign_out(ask.request)

    # --- plans ---------------------------------------------------------------------------

    async def _plan_state(self, ask: Ask) -> Response:
        text = read_state_body(ask.request)
        made = await self._workers.read(lambda doors: changing.make_plan(doors, text))
        return _json(200, changing.plan_document(self._plans.keep(made), made))

    async def _plan_edited_state(self, ask: Ask) -> Response:
        header = ask.request.headers.get("if-match")
        shown = () if header is None else await self._state()
        etags = [answer.etag for answer in shown]
        require_if_match(header, *etags, *map(packed_etag, etags))
        return await self._plan_state(ask)

    # --- jobs ----------------------------------------------------------------------------

    async def _list_jobs(self, ask: Ask) -> Response:
        jobs = [job.as_json() for job in self.jobs.newest_first()]
        document = reading.page("jobs", "jobs", jobs, ask.query, key_of=lambda one: one["job"])
        return _with_etag(ask, encode(document))

    async def _show_job(self, ask: Ask) -> Response:
        return _with_etag(ask, encode(_job_document(self.jobs.find(ask.number("job")))))

    async def _cancel_job(self, ask: Ask) -> Response:
        return _json(202, _job_document(self.jobs.cancel(ask.number("job"))))

    async def _start_job(self, ask: Ask) -> Response:
        said = read_json_body(ask.request, NEW_JOB)
        if said.get("allow") and ask.role is not Role.ADMIN:
            raise Refusal(
                403, "forbidden", "may disturb nobody: that needs the role admin", subject=ask.by
            )
        job = self._begin(said, changing.read_wish(said, ask.by))
        location = (("location", f"/v1/jobs/{job.number}"),)
        return _json(202, _job_document(job), location)

    def _begin(self, said: Mapping[str, object], wish: changing.Wish) -> Job:
        kind = str(said["kind"])
        changing.check_job(kind, said)
        if kind == "apply":
            made = self._plans.find(str(said["plan"]))
            work = partial(changing.apply, made=made, wish=wish)
            return self.jobs.start(kind, wish.by, work, can_cancel=True)
        work = partial(changing.undo if kind == "undo" else changing.confirm, wish=wish)
        return self.jobs.start(kind, wish.by, work)

    def _job_ended(self, job: Job) -> None:
        self._forget()
        self._audit.note(entry_of_job(job))
        if job.bug is not None:
            self._log("".join(traceback.format_exception(job.bug)))
        if job.kind == "apply" and job.confirm_within_s is not None and job.run_id is not None:
            self._expire_later(job.run_id, job.confirm_within_s)

    def _expire_later(self, run_id: int, left_s: float) -> None:
        timer = asyncio.create_task(self._expire(run_id, left_s))
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    async def _expire(self, run_id: int, left_s: float) -> None:
        await self._sleep(left_s)
        self.jobs.expire(partial(changing.expire, run_id=run_id))

    # --- pools and leases ----------------------------------------------------------------

    async def _define_pools(self, ask: Ask) -> Response:
        text = read_state_body(ask.request)
        return await self._lend(201, partial(changing.define_pools, text=text, by=ask.by))

    async def _remove_pool(self, ask: Ask) -> Response:
        return await self._lend(200, partial(changing.remove_pool, name=str(ask.named["pool"])))

    async def _take_leases(self, ask: Ask) -> Response:
        said = read_json_body(ask.request, NEW_LEASE)
        return await self._lend(201, partial(changing.take_leases, said=said, by=ask.by))

    async def _release_lease(self, ask: Ask) -> Response:
        return await self._lend(200, partial(changing.release_lease, lease_id=ask.number("lease")))

    async def _release_leases(self, ask: Ask) -> Response:
        said = read_json_body(ask.request, RELEASE)
        return await self._lend(200, partial(changing.release_leases, said=said))

    async def _renew_lease(self, ask: Ask) -> Response:
        said = read_json_body(ask.request, RENEWAL)
        lease_id = ask.number("lease")
        return await self._lend(200, partial(changing.renew_lease, lease_id=lease_id, said=said))

    async def _lend(self, status: int, work: Read) -> Response:
        try:
            document = await self._workers.change(work)
        finally:
            self.host_changed("leases")
        return _json(status, document)

    # --- bugs ----------------------------------------------------------------------------

    def log_bug(self, bug: Exception) -> None:
        """Say in the log what a client is not told."""
        self._log("".join(traceback.format_exception(bug)))


# Reading anew costs the host, so that others are shown what is on the shelf; and so are browsers,
# which ask for it each time that a page has them keep nothing.
def _wants_anew(ask: Ask) -> bool:
    may = ask.role is not None and ask.role.includes(Role.OPERATE)
    headers = ask.request.headers
    return may and not is_from_browser(headers) and wants_anew(headers.get("cache-control"))


def _with_etag(ask: Ask, answer: Answer) -> Response:
    vary = "Accept, Accept-Encoding" if ask.route.other_types else "Accept-Encoding"
    return respond(
        ask.request, *answer[:2], packed=answer.packed, content_type=ask.wanted_type(), vary=vary
    )


def _json(
    status: int, document: Mapping[str, object], headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    return Response(status, encode_json(document), headers=headers)


def _job_document(job: Job) -> dict[str, object]:
    return reading.document("job", {"job": job.as_json()})
