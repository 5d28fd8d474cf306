"""Bearer tokens, and the file that knows them: a line for each, with a hash in place of the secret.

A token names itself (``sriovctl.NAME.SECRET``), so that one hash is worked out for each request at
most, however many tokens there are.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import scrypt
from hmac import compare_digest

from sriovctl.api.contract.messages import Caller, Role
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

PREFIX = "sriovctl"
SECRET_BYTES = 32
SALT_BYTES = 16
MOST_TOKEN_CHARACTERS = 256
# 16 MiB and some 50 ms for each guess; the secrets are random, so that this is the second fence.
_COST = 2**14
_BLOCK = 8
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class StoredToken(NamedTuple):
    """A token as the file has it."""

    name: str
    role: Role
    salt: bytes
    digest: bytes

    def caller(self) -> Caller:
        """Say whom it lets in."""
        return Caller(f"token {self.name}", self.role)


def format_token(name: str, secret: bytes) -> str:
    """Write a token as its owner sends it.

    :raises InputError: the name has other characters than letters, digits, - and _.
    """
    check_name(name)
    return f"{PREFIX}.{name}.{secret.hex()}"


def check_name(name: str) -> None:
    """Refuse a name that would not fit into a line, or a token.

    :raises InputError: it has other characters than letters, digits, - and _.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            "is no name for a token", subject=name, hint="use up to 64 of A-Z a-z 0-9 - _"
        )


def name_in_token(token: str) -> str | None:
    """Say which token this claims to be; None: it is none of ours."""
    if len(token) > MOST_TOKEN_CHARACTERS:
        return None
    prefix, _, rest = token.partition(".")
    name, _, secret = rest.partition(".")
    return name if prefix == PREFIX and _NAME.fullmatch(name) and secret else None


def hash_token(token: str, salt: bytes) -> bytes:
    """Hash a token; slow on purpose."""
    return scrypt(token.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)


def store_token(token: str, role: Role, salt: bytes) -> StoredToken:
    """Make of a token what the file keeps of it."""
    name = name_in_token(token)
    assert name is not None
    return StoredToken(name, role, salt, hash_token(token, salt))


def is_that_token(token: str, stored: StoredToken) -> bool:
    """Say whether a token is the one that was stored; takes as long either way."""
    return compare_digest(hash_token(token, stored.salt), stored.digest)


def format_stored(stored: StoredToken) -> str:
    """Write one line of the file."""
    salt, digest = (b64encode(one).decode() for one in (stored.salt, stored.digest))
    return f"{stored.name} {stored.role} scrypt ${_COST}${_BLOCK}$1${salt}${digest}"


def parse_stored(text: str, *, source: str) -> dict[str, StoredToken]:
    """Read the file: tokens by their names.  Lines that begin with # say nothing.

    :raises InputError: a line is wrong, or two tokens have one name.
    """
    found: dict[str, StoredToken] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        stored = _parse_line(line)
        if stored is None or stored.name in found:
            cause = "is no token" if stored is None else f"names {stored.name} a second time"
            raise InputError(
                cause, subject=f"{source}:{number}", hint="'sriovctl api token' writes such lines"
            )
        found[stored.name] = stored
    return found


def _parse_line(line: str) -> StoredToken | None:
    try:
        name, role, kind, how = line.split()
        empty, cost, block, parallel, salt, digest = how.split("$")
        given = (kind, empty, cost, block, parallel)
        if given != ("scrypt", "", str(_COST), str(_BLOCK), "1") or not _NAME.fullmatch(name):
            return None
        stored = StoredToken(
            name, Role(role), b64decode(salt, validate=True), b64decode(digest, validate=True)
        )
    except ValueError:
        return None
    return stored if len(stored.digest) == 32 and len(stored.salt) >= SALT_BYTES else None
