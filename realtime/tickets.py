"""Tickets: who a reader is, signed, so that opening a socket costs no query.

A ticket names a user, what that user may follow beyond the public, and the session it came from.
It lives 15 minutes and is renewed over the socket.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest

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


ANONYMOUS = Reader()

_rights: list[Callable[[Any], frozenset[str]]] = []


def register_rights(rights_of: Callable[[Any], frozenset[str]]) -> None:
    """The domain says what a user may follow. Registering the same again is harmless."""
    if rights_of not in _rights:
        _rights.append(rights_of)


def reader_of(user: Any, session_key: str | None) -> Reader:
    """The reader that a signed-in user is. Reads the user's rights from the database."""
    rights = frozenset[str]().union(*(rights_of(user) for rights_of in _rights))
    session = hashlib.sha256((session_key or "").encode()).hexdigest()[:16]
    return Reader(user.pk, user.get_username(), rights, session, datetime.now(UTC) + LIFETIME)


def issue(request: HttpRequest) -> str | None:
    """A ticket for who sent the request; None where nobody is signed in."""
    if not request.user.is_authenticated:
        return None
    return sign(reader_of(request.user, request.session.session_key))


def sign(reader: Reader) -> str:
    """The reader, signed. The inverse of `read`."""
    assert reader.expires is not None
    content = [reader.id, reader.name, sorted(reader.rights), reader.session, int(reader.expires.timestamp())]
    return signing.dumps(content, salt=_SALT)


def read(ticket: str) -> Reader:
    """Who the ticket names. Raises BadTicket when it is forged or has expired."""
    try:
        user, name, rights, session, expires = signing.loads(ticket, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadTicket("This ticket was not issued here.") from error
    until = datetime.fromtimestamp(expires, UTC)
    if until <= datetime.now(UTC):
        raise BadTicket("This ticket has expired; GET /live/ticket gives a new one.")
    return Reader(user, name, frozenset(rights), session, until)
