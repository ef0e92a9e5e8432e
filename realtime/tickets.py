"""Tickets: who a reader is, signed, so that opening a socket costs no query.

A ticket names a user, what that user may follow beyond the public, and the session it came from.
It lives 15 minutes and is renewed over the socket. It also carries the version of that user's access
(realtime.revocations) that it was made from, so that an edge can tell a ticket from before a revocation.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.http import HttpRequest

from realtime import log
from realtime.errors import BadTicket

LIFETIME = timedelta(minutes=15)
_SALT = "realtime.tickets"


@dataclass(frozen=True)
class Reader:
    """Who is reading. `rights`: "desk" may follow the desk, "staff" is staff."""

    id: int | None = None
    name: str | None = None
    rights: frozenset[str] = frozenset()
    session: str | None = None  # a digest: which sign-in this came from
    expires: datetime | None = None
    version: int = 0  # of this user's access, when the rights were read


ANONYMOUS = Reader()

_rights: list[Callable[[Any], frozenset[str]]] = []


def register_rights(rights_of: Callable[[Any], frozenset[str]]) -> None:
    """The domain says what a user may follow. Registering the same again is harmless."""
    if rights_of not in _rights:
        _rights.append(rights_of)


def digest(session_key: str | None) -> str:
    """What tickets and events call a sign-in: nobody can make its cookie from this."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:16]


def reader_of(user: Any, session_key: str | None, version: int) -> Reader:
    """The reader that a signed-in user is. `version` was read before the user and the user's rights:

    the other way round a ticket could hold a right that its version says is gone, and outlive the loss.
    """
    rights = frozenset[str]().union(*(rights_of(user) for rights_of in _rights))
    return Reader(user.pk, user.get_username(), rights, digest(session_key), datetime.now(UTC) + LIFETIME, version)


def issue(request: HttpRequest, version: int | None = None) -> str | None:
    """A ticket for who sent the request; None where nobody is signed in, or has just ceased to be.

    Without a `version` that was read before `request.user`, it is read now, and the account again.
    """
    user: Any = request.user
    if not user.is_authenticated:
        return None
    if version is None:
        version = log.versions([f"user.{user.pk}"]).get(f"user.{user.pk}", 0)
        password, user = user.password, get_user_model()._default_manager.filter(pk=user.pk, is_active=True).first()
        if user is None or user.password != password:
            return None
    return sign(reader_of(user, request.session.session_key, version))


def sign(reader: Reader) -> str:
    """The reader, signed. The inverse of `read`."""
    assert reader.expires is not None
    expires = int(reader.expires.timestamp())
    content = [reader.id, reader.name, sorted(reader.rights), reader.session, expires, reader.version]
    return signing.dumps(content, salt=_SALT)


def read(ticket: str) -> Reader:
    """Who the ticket names. Raises BadTicket when it is forged or has expired."""
    try:
        user, name, rights, session, expires, version = signing.loads(ticket, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadTicket("This ticket was not issued here.") from error
    until = datetime.fromtimestamp(expires, UTC)
    if until <= datetime.now(UTC):
        raise BadTicket("This ticket has expired; GET /live/ticket gives a new one.")
    return Reader(user, name, frozenset(rights), session, until, version)
