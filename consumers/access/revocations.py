"""Revocations: tickets that are worth nothing any more, and the sessions that are told of it.

A ticket is signed and costs no query, so what was true when it was made stays written in it. What has been
taken back since then is an event in the log (realtime.revocations). The hub hands every such event to this
table before any reader gets the events beside it, and a process that starts reads them back as far as the
oldest ticket reaches. On the event loop only.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import time
from typing import Protocol

from realtime import kinds
from realtime.errors import BadTicket
from realtime.log import Event, LogConnection
from realtime.revocations import KIND, Access
from realtime.tickets import LIFETIME, Reader

# seconds that a revocation is kept: what was signed before it has expired by then, whatever the clocks say
REVOCATION_SECONDS = LIFETIME.total_seconds() + 60


class SignedIn(Protocol):
    """A session whose reader came with a ticket."""

    reader: Reader

    def access_changed(self, reader: Reader) -> None:
        """Replaces the reader by the same person with the rights of now, which may be fewer."""

    def access_ended(self) -> None:
        """Ends the session: its reader was signed out."""


@dataclass
class _Revoked:
    """Which tickets of one person are refused: those of an older version, and those of sign-ins that ended."""

    version: int = 0
    sessions: set[str] = field(default_factory=set)
    until: float = 0.0


class Revocations:
    """A table of what was revoked, and of this process's sessions by user."""

    def __init__(self) -> None:
        self._sessions: dict[int, set[SignedIn]] = {}
        self._users: dict[SignedIn, int] = {}
        self._revoked: dict[int, _Revoked] = {}  # by user, the one that expires first, first

    def __len__(self) -> int:
        return len(self._revoked)

    def check(self, reader: Reader) -> None:
        """Raises BadTicket where the reader's ticket was made before something that took it back."""
        revoked = self._revoked.get(reader.id) if reader.id is not None else None
        if revoked and (reader.version < revoked.version or reader.session in revoked.sessions):
            raise BadTicket("This ticket has been revoked; GET /live/ticket gives a new one.")

    def add(self, session: SignedIn) -> None:
        """Tells the session of revocations from now on. Its reader was checked in the same turn of the loop."""
        if session.reader.id is not None:
            self._users[session] = session.reader.id
            self._sessions.setdefault(session.reader.id, set()).add(session)

    def discard(self, session: SignedIn) -> None:
        """Tells the session nothing more. Harmless where it is not known."""
        user = self._users.pop(session, None)
        if user is not None:
            self._sessions[user].discard(session)
            if not self._sessions[user]:
                del self._sessions[user]

    def apply(self, events: Iterable[Event]) -> None:
        """Obeys those of the events that are about access."""
        for event in events:
            if event.kind == KIND:
                self._revoke(kinds.decode(kinds.get(KIND), event.data))

    def reset(self, events: Iterable[Event], is_another_log: bool) -> None:
        """Takes the revocations of a log that begins anew; in another log the versions of before mean nothing."""
        if is_another_log:
            self._revoked.clear()
        self.apply(events)

    def expire(self) -> None:
        """Drops the revocations that every living ticket is younger than."""
        now = time()
        while self._revoked and next(iter(self._revoked.values())).until < now:
            del self._revoked[next(iter(self._revoked))]

    def _revoke(self, change: Access) -> None:
        revoked = self._revoked.pop(change.id, None) or _Revoked()
        revoked.sessions.update(change.ended)
        if change.tickets != "valid":
            revoked.version = max(revoked.version, change.version)
        revoked.until = time() + REVOCATION_SECONDS
        self._revoked[change.id] = revoked
        for session in list(self._sessions.get(change.id, ())):
            _tell(session, change)


def _tell(session: SignedIn, change: Access) -> None:
    reader = session.reader
    is_older = reader.version < change.version
    if reader.session in change.ended or (is_older and change.tickets == "ended"):
        session.access_ended()
    elif is_older and change.tickets == "stale":
        session.access_changed(replace(reader, rights=frozenset(change.rights), version=change.version))


def read_recent(connection: LogConnection) -> list[Event]:
    """Returns the revocations that living tickets may be older than, oldest first. Raises LogAway."""
    return connection.recent(KIND, REVOCATION_SECONDS)
