"""Who is signed in, in memory alone: a restart signs everybody out.

A cookie holds a random secret, of which only a hash is kept.  A browser sends it by itself, whoever
made it ask; so each request that could change something also has to say the session's CSRF token,
which only our own page can read.
"""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64encode
from collections import OrderedDict
from hashlib import sha256

from sriovctl.api.contract.browsers import port_of
from sriovctl.api.contract.messages import COOKIE
from sriovctl.api.contract.problems import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.api.contract.messages import Caller, Request
    from sriovctl.api.contract.tokens import StoredToken

CSRF_HEADER = "x-csrf-token"
IDLE_S = 12 * 3600.0
MOST_SESSIONS = 256
_SECRET_BYTES = 32
_READS = ("GET", "HEAD")
# Slow enough to be no use to who guesses, and to leave the processor to others.
_MOST_WRONG = 5
_FORGIVEN_AFTER_S = 10.0  # one of them
_MOST_REMEMBERED = 1024


class Session:
    """One browser that is signed in.

    :param stored: the token that it signed in with, as the file had it; None: a one-time key.
    :param user: of this host, whose browser it is; None: not known.
    """

    def __init__(self, caller: Caller, stored: StoredToken | None, user: int | None = None) -> None:
        self.caller = caller
        self.stored = stored
        self.user = user
        self.csrf = new_secret()
        self.used_at = 0.0
        self.checked_until = 0.0  # so long its token is taken for one that is still known


class Sessions:
    """All browsers that are signed in.  For one thread.

    :param now: seconds, of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()  # the longest unused first

    def begin(
        self, caller: Caller, stored: StoredToken | None, *, user: int | None = None
    ) -> tuple[str, Session]:
        """Sign somebody in; return the cookie's secret, too."""
        secret, session = new_secret(), Session(caller, stored, user)
        session.used_at = self._now()
        self._sessions[_hash(secret)] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return secret, session

    def find(self, request: Request, *, is_use: bool = True) -> Session | None:
        """Find the session that a request's cookie names.

        Another user of this host cannot have it, whatever cookies they got hold of.

        :param is_use: let it last on.
        """
        secret = _secret_in(request)
        if secret is None:
            return None
        key = _hash(secret)
        session = self._sessions.get(key)
        if session is None or session.user != request.user:
            return None
        if self._now() - session.used_at > IDLE_S:
            del self._sessions[key]
            return None
        if is_use:
            session.used_at = self._now()
            self._sessions.move_to_end(key)
        return session

    def end(self, session: Session) -> None:
        """Sign somebody out."""
        self._sessions = OrderedDict(
            (key, one) for key, one in self._sessions.items() if one is not session
        )

    def doubt(self) -> None:
        """Look at the token of each session anew."""
        for one in self._sessions.values():
            one.checked_until = 0.0


def check_csrf(request: Request, session: Session) -> None:
    """Refuse what our own page may not have asked for.

    :raises Refusal: the request could change something, and does not say the session's token.
    """
    if request.method in _READS:
        return
    said = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(said.encode(), session.csrf.encode()):
        raise Refusal(
            403,
            "csrf",
            "does not say the token of this session",
            subject=CSRF_HEADER,
            hint="GET /v1/session says it",
        )


def set_cookie(request: Request, secret: str) -> tuple[str, str]:
    """Make the header that leaves a secret with the browser."""
    secure = "; Secure" if request.tls else ""
    value = f"{_cookie_name(request)}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}"
    return ("set-cookie", value)


def clear_cookie(request: Request) -> tuple[str, str]:
    """Make the header that takes the secret from the browser."""
    name, value = set_cookie(request, "")
    return (name, f"{value}; Max-Age=0")


# A browser keeps cookies of all ports of a host together, and on localhost each port may be
# another host, behind another ssh.
def _cookie_name(request: Request) -> str:
    port = port_of(request.headers.get("host", ""))
    return COOKIE if request.tls or not port else f"{COOKIE}_{port}"


def _secret_in(request: Request) -> str | None:
    name = _cookie_name(request)
    for part in request.headers.get("cookie", "").split(";"):
        found, sign, value = part.strip().partition("=")
        if sign and found == name:
            return value
    return None


def new_secret() -> str:
    """Make a secret that nobody guesses."""
    return urlsafe_b64encode(os.urandom(_SECRET_BYTES)).decode().rstrip("=")


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


class OneTimeKeys:
    """Keys that let in once.  For one thread.

    :param caller: whom they let in.
    :param on_used: told of each that was used.
    """

    def __init__(self, caller: Caller, on_used: Callable[[], object] = lambda: None) -> None:
        self._caller = caller
        self._hashes: set[bytes] = set()
        self.on_used = on_used

    def make(self) -> str:
        """Make a key."""
        key = new_secret()
        self._hashes.add(_hash(key))
        return key

    def use(self, key: str) -> Caller | None:
        """Use a key up; None: it is none."""
        said = _hash(key)
        known = [one for one in self._hashes if hmac.compare_digest(one, said)]
        if not known:
            return None
        self._hashes.difference_update(known)
        self.on_used()
        return self._caller


class Throttle:
    """Slows down who is wrong again and again.  For one thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how often, by when

    def check(self, who: str) -> None:
        """Refuse who was wrong too often.

        :raises Refusal: try again later.
        """
        wrong = self._wrong_of(who)
        if wrong <= _MOST_WRONG - 1:
            return
        left_s = (wrong - _MOST_WRONG + 1) * _FORGIVEN_AFTER_S
        raise Refusal(
            429,
            "too-many-wrong-keys",
            "too many keys were wrong",
            subject=who,
            hint=f"try again in {left_s:.0f} s",
            headers=(("retry-after", str(max(1, round(left_s)))),),
        )

    def note_wrong(self, who: str) -> None:
        """Note that somebody was wrong."""
        self._wrong[who] = (self._wrong_of(who) + 1, self._now())
        self._wrong.move_to_end(who)
        while len(self._wrong) > _MOST_REMEMBERED:
            self._wrong.popitem(last=False)

    def _wrong_of(self, who: str) -> float:
        wrong, at = self._wrong.get(who, (0.0, 0.0))
        return max(0.0, wrong - (self._now() - at) / _FORGIVEN_AFTER_S)
