"""Who reads as whom in this process, and whose tickets are worth nothing any more.

A ticket is signed and costs no query, so what was true when it was made stays written in it. What has
been taken back since is learned from the log (realtime.revocations): the hub hands every such event to this
table before anybody gets the events beside it, and a process that starts reads them back as far as the
oldest ticket reaches. Used on the loop only.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from time import time
from typing import Protocol

from realtime import kinds, topics
from realtime.errors import BadTicket
from realtime.log import Event
from realtime.revocations import KIND, Access
from realtime.tickets import LIFETIME, Reader

# seconds that a revocation is kept: what was signed before it has expired by then, whatever the clocks say
REVOCATION_SECONDS = LIFETIME.total_seconds() + 60

Addressed = Callable[[str, Collection[str]], Awaitable[set[str]]]


class SignedIn(Protocol):
    """A connection whose reader came with a ticket."""

    reader: Reader

    def access_changed(self, reader: Reader) -> None:
        """It is this reader from now on, whose rights may be less."""

    def access_ended(self) -> None:
        """Whoever this was is signed out."""


@dataclass
class _Revoked:
    """What one person's tickets are not accepted for: an older version, or a sign-in that ended."""

    version: int = 0
    sessions: set[str] = field(default_factory=set)
    until: float = 0.0


class Revocations:
    """The connections of this process by user, and what was revoked."""

    def __init__(self) -> None:
        self._signed_in: dict[int, set[SignedIn]] = {}
        self._users: dict[SignedIn, int] = {}
        self._revoked: dict[int, _Revoked] = {}  # in the order in which they are forgotten

    def admit(self, reader: Reader) -> None:
        """Raises BadTicket where the ticket was made before something that took it back."""
        revoked = self._revoked.get(reader.id) if reader.id is not None else None
        if revoked and (reader.version < revoked.version or reader.session in revoked.sessions):
            raise BadTicket("This ticket has been revoked; GET /live/ticket gives a new one.")

    async def personal(self, reader: Reader, names: Iterable[str], addressed: Addressed) -> set[str]:
        """The topics among these that are refused to the reader's rights, and are the reader's all the same.

        Only the log knows that, so it is asked, once for all, and only where there is one to ask about.
        """
        asked = [name for name in names if topics.check(reader, name) == "forbidden"]
        mine = {topic for name in asked if (topic := topics.personal(reader, name))}
        if not mine:
            return set()
        (topic,) = mine
        return await addressed(topic, asked)

    def enter(self, who: SignedIn) -> None:
        """From now on it is told. Whoever enters was admitted in the same turn of the loop."""
        if who.reader.id is not None:
            self._users[who] = who.reader.id
            self._signed_in.setdefault(who.reader.id, set()).add(who)

    def leave(self, who: SignedIn) -> None:
        """Harmless when it has left already."""
        user = self._users.pop(who, None)
        if user is not None:
            self._signed_in[user].discard(who)
            if not self._signed_in[user]:
                del self._signed_in[user]

    def hear(self, events: Iterable[Event]) -> None:
        """Obeys those of the events that are about access."""
        for event in events:
            if event.kind == KIND:
                self._obey(kinds.decode(kinds.get(KIND), event.data))

    def begin(self, events: Iterable[Event], another: bool) -> None:
        """The log starts anew with these. In `another` log the versions are others too."""
        if another:
            self._revoked.clear()
        self.hear(events)

    def forget(self) -> None:
        """Drops what no living ticket can be older than."""
        now = time()
        while self._revoked and next(iter(self._revoked.values())).until < now:
            del self._revoked[next(iter(self._revoked))]

    def __len__(self) -> int:
        return len(self._revoked)

    def _obey(self, change: Access) -> None:
        revoked = self._revoked.pop(change.id, None) or _Revoked()
        revoked.sessions.update(change.ended)
        if change.tickets != "valid":
            revoked.version = max(revoked.version, change.version)
        revoked.until = time() + REVOCATION_SECONDS
        self._revoked[change.id] = revoked
        for who in list(self._signed_in.get(change.id, ())):
            _tell(who, change)


def _tell(who: SignedIn, change: Access) -> None:
    older = who.reader.version < change.version
    if who.reader.session in change.ended or (older and change.tickets == "ended"):
        who.access_ended()
    elif older and change.tickets == "stale":
        who.access_changed(replace(who.reader, rights=frozenset(change.rights), version=change.version))
