"""Tickets: a reader's identity and rights, signed, so that opening a socket needs no query.

A ticket names a user, the user's rights, and the session that it was issued in. It is valid for 15 minutes and
renewed over the socket. It also carries the version of the user's access (realtime.revocations) that it was made
from, by which an edge recognises a ticket from before a revocation.
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
    """A reader, signed in or anonymous. `rights`: "desk" may follow the desk, "staff" is staff."""

    id: int | None = None
    name: str | None = None
    rights: frozenset[str] = frozenset()
    session: str | None = None  # the digest of the session: which sign-in the ticket came from
    expires: datetime | None = None
    version: int = 0  # of this user's access, when the rights were read


ANONYMOUS = Reader()

_rights: list[Callable[[Any], frozenset[str]]] = []


def register_rights(rights_of: Callable[[Any], frozenset[str]]) -> None:
    """Registers a function of the domain that returns a user's rights. Registering the same again is harmless."""
    if rights_of not in _rights:
        _rights.append(rights_of)


def digest(session_key: str | None) -> str:
    """Returns the name of a sign-in in tickets and events; its cookie cannot be made from this."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:16]


def reader_of(user: Any, session_key: str | None, version: int) -> Reader:
    """Returns the reader for a signed-in user. `version` has to be read before the user and the user's rights.

    The other way round, a ticket could hold a right that is gone in its version, and stay valid after the loss.
    """
    rights = frozenset[str]().union(*(rights_of(user) for rights_of in _rights))
    return Reader(user.pk, user.get_username(), rights, digest(session_key), datetime.now(UTC) + LIFETIME, version)


def issue(request: HttpRequest, version: int | None = None) -> str | None:
    """Returns a ticket for the user of the request; None where the user is anonymous, or no longer signed in.

    Without a `version` that was read before `request.user`, the version is read now, and the account again.
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
    """Returns the signed ticket of a reader: the inverse of read()."""
    assert reader.expires is not None
    expires = int(reader.expires.timestamp())
    content = [reader.id, reader.name, sorted(reader.rights), reader.session, expires, reader.version]
    return signing.dumps(content, salt=_SALT)


def read(ticket: str) -> Reader:
    """Returns the reader that a ticket names. Raises BadTicket when it is forged or has expired."""
    try:
        user, name, rights, session, expires, version = signing.loads(ticket, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadTicket("This ticket was not issued here.") from error
    until = datetime.fromtimestamp(expires, UTC)
    if until <= datetime.now(UTC):
        raise BadTicket("This ticket has expired; GET /live/ticket gives a new one.")
    return Reader(user, name, frozenset(rights), session, until, version)
