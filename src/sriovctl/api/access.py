"""Who asks, and what they may do.

Over a unix socket the kernel says which user asks: root may do all, whoever is in the operators'
group may operate, others may read where that was wanted, or nothing.  Over TCP a bearer token says
so.  A socket never takes the other's word: a token on a unix socket is looked at as well, and where
both say something, the token does, so that root can act with less.  Over TCP a browser may sign in
with a token instead, or with a key that lets in once, and then has a session.

Tokens are hashed slowly.  Those that were right are remembered for a while by a quick hash under a
key that ends with this process; wrong ones take their time, one after the other, so that guessing
keeps nobody else from being answered.
"""

from __future__ import annotations

import asyncio
import grp
import hmac
import os
import pwd
import time
from collections import OrderedDict
from contextlib import aclosing
from hashlib import sha256

from sriovctl.api.contract.messages import OPERATORS, Caller, Peer, Request, Role
from sriovctl.api.contract.problems import Refusal
from sriovctl.api.contract.tokens import (
    SALT_BYTES,
    StoredToken,
    is_that_token,
    name_in_token,
    parse_stored,
)
from sriovctl.api.sessions import OneTimeKeys, Sessions, check_csrf
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from sriovctl.api.sessions import Session

_REMEMBERED_S = 300.0
_USERS_REMEMBERED_S = 10.0  # a directory in the network may take its time to name them
_MOST_REMEMBERED = 256
_NOBODY = StoredToken("nobody", Role.READ, bytes(SALT_BYTES), bytes(32))


class PeerPolicy(NamedTuple):
    """What the users of this host may do."""

    operators: frozenset[int] = frozenset()  # groups, by number
    others_read: bool = False
    group: str = OPERATORS  # what theirs is called


class _User(NamedTuple):
    name: str
    groups: frozenset[int]


class Access:
    """Finds out who asks.

    :param groups_of: groups of a user: (uid, gid of the process) -> numbers.
    :param keys: that let in once.
    :param read_tokens: reads the tokens anew for each that is not remembered, so that one that
        was taken out of the file is refused within ``_REMEMBERED_S``.
    """

    def __init__(
        self,
        policy: PeerPolicy,
        *,
        read_tokens: Callable[[], Mapping[str, StoredToken]] = dict,
        groups_of: Callable[[int, int], frozenset[int]] | None = None,
        keys: OneTimeKeys | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._read_tokens = read_tokens
        self._groups_of = groups_of or groups_of_user
        self._now = now
        self.keys = keys or OneTimeKeys(_NOBODY.caller())
        self.sessions = Sessions(now)
        self._key = os.urandom(32)
        self._remembered: OrderedDict[bytes, tuple[StoredToken, float]] = OrderedDict()
        self._users: OrderedDict[tuple[int, int], tuple[_User, float]] = OrderedDict()
        self._one_guess = asyncio.Lock()

    async def caller_of(self, request: Request) -> Caller | None:
        """Say who asks; None: nobody whom we know, who may ask for what everybody may.

        :raises Refusal: a token is wrong, this user may not connect at all, or the request may
            not be what the one who is signed in wants.
        """
        token = _bearer(request)
        if token is not None:
            return (await self.stored_of(token)).caller()
        if request.peer is not None:
            return await self._of_peer(request.peer)
        return await self._of_session(request, is_use=True)

    async def _of_session(self, request: Request, *, is_use: bool) -> Caller | None:
        session = self.sessions.find(request, is_use=is_use)
        if session is None or not await self._still_stands(session):
            return None
        check_csrf(request, session)
        return session.caller

    async def while_let_in(
        self, request: Request, stream: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """Pass on what follows a request, until whoever asked would be let in no more.

        To follow is no use of a session: whoever left their browser open has gone all the same.
        """
        async with aclosing(stream):
            async for part in stream:
                if not await self._is_let_in(request):
                    return
                yield part

    async def _is_let_in(self, request: Request) -> bool:
        has_session = request.peer is None and "authorization" not in request.headers
        try:
            if has_session:
                return await self._of_session(request, is_use=False) is not None
            return await self.caller_of(request) is not None
        except Refusal:
            return False

    def session_of(self, request: Request) -> Session | None:
        """Find the session of a browser that is signed in; on a unix socket nobody is."""
        return None if request.peer is not None else self.sessions.find(request)

    # As long as its token does, and found out as late as for a token.
    async def _still_stands(self, session: Session) -> bool:
        stored = session.stored
        if stored is None or self._now() < session.checked_until:
            return True
        known = await asyncio.get_running_loop().run_in_executor(None, self._read_tokens)
        if known.get(stored.name) != stored:
            self.sessions.end(session)
            return False
        session.checked_until = self._now() + _REMEMBERED_S
        return True

    def forget(self) -> None:
        """Look at each token, and at each user's groups, anew."""
        self._remembered.clear()
        self._users.clear()
        self.sessions.doubt()

    async def _of_peer(self, peer: Peer) -> Caller:
        user = await self._user(peer)
        name = f"uid {peer.uid} ({user.name})"
        if peer.uid == 0:
            return Caller(name, Role.ADMIN)
        if self._policy.operators & user.groups:
            return Caller(name, Role.OPERATE)
        if self._policy.others_read:
            return Caller(name, Role.READ)
        raise Refusal(
            403,
            "forbidden",
            "this user may not ask",
            subject=f"uid {peer.uid}",
            hint=f"members of the group '{self._policy.group}' may, where there is one",
        )

    async def _user(self, peer: Peer) -> _User:
        key = (peer.uid, peer.gid)
        user, until = self._users.get(key, (None, 0.0))
        if user is not None and self._now() <= until:
            return user
        look_up = asyncio.get_running_loop().run_in_executor
        user = await look_up(None, lambda: _User(name_of_user(peer.uid), self._groups_of(*key)))
        self._users[key] = (user, self._now() + _USERS_REMEMBERED_S)
        while len(self._users) > _MOST_REMEMBERED:
            self._users.popitem(last=False)
        return user

    async def stored_of(self, token: str) -> StoredToken:
        """Find the token that this is.

        :raises Refusal: it is none of ours.
        """
        quick = hmac.digest(self._key, token.encode(), sha256)
        known = self._recall(quick)
        if known is not None:
            return known
        async with self._one_guess:
            stored = await asyncio.get_running_loop().run_in_executor(None, self._check, token)
        if stored is None:
            raise Refusal(
                401,
                "unauthenticated",
                "this token is not known",
                headers=(("www-authenticate", 'Bearer error="invalid_token"'),),
            )
        self._remembered[quick] = (stored, self._now() + _REMEMBERED_S)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return stored

    def _recall(self, quick: bytes) -> StoredToken | None:
        stored, until = self._remembered.get(quick, (None, 0.0))
        if stored is not None and self._now() > until:
            del self._remembered[quick]
            return None
        return stored

    # A name that is not known takes as long as one that is.
    def _check(self, token: str) -> StoredToken | None:
        name = name_in_token(token)
        if name is None:
            return None
        stored = self._read_tokens().get(name)
        return stored if is_that_token(token, stored or _NOBODY) else None


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.isascii() or not token.strip():
        raise Refusal(
            401,
            "unauthenticated",
            "only bearer tokens are taken",
            subject="authorization",
            headers=(("www-authenticate", "Bearer"),),
        )
    return token.strip()


def require_role(caller: Caller | None, role: Role | None) -> None:
    """Refuse a caller who may not do that much.

    :raises Refusal: nobody whom we know asks, or their role is too small.
    """
    if role is None:
        return
    if caller is None:
        raise Refusal(
            401,
            "unauthenticated",
            "says not who asks",
            subject="authorization",
            hint="send 'Authorization: Bearer TOKEN'; 'sriovctl api token' makes one",
            headers=(("www-authenticate", "Bearer"),),
        )
    if not caller.role.includes(role):
        raise Refusal(
            403,
            "forbidden",
            f"may not: that needs the role {role}",
            subject=caller.name,
        )


# --- users and files of this host ------------------------------------------------------------


def groups_of_user(uid: int, gid: int) -> frozenset[int]:
    """Read the groups of a user, as they are now, beside the one of the process."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return frozenset((gid,))
    return frozenset((gid, *os.getgrouplist(name, gid)))


def name_of_user(uid: int) -> str:
    """Name a user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "no name"


def group_named(name: str) -> int | None:
    """Find the number of a group; None: there is none of that name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def read_token_file(path: str) -> dict[str, StoredToken]:
    """Read the tokens that are known.

    :raises InputError: the file cannot be read, is wrong, or others may write it.
    """
    try:
        with open(path, encoding="ascii") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o022:
                raise InputError("may be written by others", subject=path, hint=f"chmod 600 {path}")
            return parse_stored(stream.read(), source=path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", subject=path) from error


def known_tokens(path: str, log: Callable[[str], None]) -> dict[str, StoredToken]:
    """Read the tokens for a daemon: what is wrong with them its log is told, and no client."""
    if not os.path.exists(path):
        return {}
    try:
        return read_token_file(path)
    except InputError as error:
        log(f"sriovctl: no token is taken: {error}")
        return {}


def add_token_line(path: str, line: str) -> None:
    """Add a token to the file, which root alone may read.

    :raises InputError: it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(handle, "a", encoding="ascii") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", subject=path) from error
