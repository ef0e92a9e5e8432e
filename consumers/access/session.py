"""A session: who is reading over one connection, until when, and what that reader may follow.

A socket, a stream and a request to the log own one each. A ticket or a cookie says who reads. The log says
what was revoked since then (revocations.py), and which topics are the reader's own whatever their rights
are. On the event loop only.
"""

import asyncio
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Protocol

from django.conf import settings

from consumers.access.connection_quota import ConnectionSlot
from consumers.access.revocations import Revocations
from realtime import topics
from realtime.tickets import ANONYMOUS, Reader

_NONE: frozenset[str] = frozenset()  # one for all: each would be 216 bytes of an idle socket


class AccessSource(Protocol):
    """Answers what a session asks about access: the hub of the process."""

    revocations: Revocations

    async def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Returns those of the keys whose objects' events are also on `topic`."""


class SessionOwner(Protocol):
    """A connection that is told when the access of its reader changes."""

    def access_expired(self) -> None:
        """The ticket has expired. The owner calls `Session.expire` as soon as its own work allows."""

    def access_changed(self, lost: frozenset[str]) -> None:
        """The session's reader has other rights now; `lost` are those that are gone."""

    def access_ended(self) -> None:
        """The reader was signed out, and the session has ended."""


class Session:
    """The reader of one connection, and their rights. It begins anonymous, and ends with `end` or `release`."""

    __slots__ = ("_address_slot", "_expiry", "_owner", "_personal", "_source", "_user_slot", "reader")

    def __init__(self, owner: SessionOwner, source: AccessSource) -> None:
        self.reader = ANONYMOUS  # as last identified; `current_reader` knows whether the ticket has expired since
        self._owner: SessionOwner | None = owner  # None once the session has ended: no cycle is left to collect
        self._source = source
        self._personal = _NONE  # topics that the log, not the ticket, says are the reader's
        self._address_slot = ConnectionSlot()
        self._user_slot = ConnectionSlot()
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Whether the session has ended."""
        return self._owner is None

    @property
    def current_reader(self) -> Reader:
        """The reader while the ticket lives, then the anonymous one: a timer does not run while a machine sleeps."""
        if self.reader.expires is not None and self.reader.expires <= datetime.now(UTC):
            return ANONYMOUS
        return self.reader

    # --- who is reading

    async def take_address_slot(self, subject: str) -> bool:
        """Counts the connection under its address (addresses.subject); returns False where all slots are taken."""
        return await self._address_slot.take(f"address:{subject}", settings.LIVE_MAX_PER_ADDRESS)

    async def admit(self, reader: Reader) -> bool:
        """Counts the connection under the user, before `become`; returns False where all slots are taken.

        Raises BadTicket where the ticket was revoked.
        """
        self.check(reader)
        return reader.id is None or await self._user_slot.take(f"user:{reader.id}", settings.LIVE_MAX_PER_USER)

    def become(self, reader: Reader) -> None:
        """Makes `reader` the one who reads, and watches the ticket's expiry and revocation. Raises BadTicket."""
        self.check(reader)
        if self.is_over:
            return
        self._forget()
        if reader.id is None:
            self._user_slot.release()
        if reader.id != self.reader.id:
            self._personal = _NONE
        self.reader = reader
        self._source.revocations.add(self)
        self._watch_expiry()

    def check(self, reader: Reader) -> None:
        """Raises BadTicket where the reader's ticket was revoked."""
        self._source.revocations.check(reader)

    def expire(self) -> bool:
        """Makes the reader anonymous if the ticket has expired; returns whether it had."""
        if self.is_over or self.current_reader is self.reader:
            return False
        self.become(ANONYMOUS)
        return True

    # --- what the reader may follow

    async def load_personal(self, names: Iterable[str]) -> None:
        """Asks the log which topics are the reader's own although their rights do not cover them.

        One query for all of the names; none where no name is of a family with such topics.
        """
        reader = self.current_reader
        forbidden = [name for name in names if topics.check(reader, name) == "forbidden"]
        own = {topic for name in forbidden if (topic := topics.personal(reader, name))}
        if not own:
            return
        (topic,) = own  # `user.<id>`, whichever name it was asked for
        found = await self._source.addressed(topic, forbidden)
        if found and self.reader.id == reader.id:
            self._personal |= found

    def refusal(self, topic: str) -> str | None:
        """Returns why the reader may not follow the topic (`forbidden` or `unknown`), or None."""
        reader = self.current_reader
        reason = topics.check(reader, topic)
        return None if reason == "forbidden" and topic in self._personal and reader.id is not None else reason

    def refusals(self, names: Iterable[str]) -> dict[str, str]:
        """Returns the topics that the reader may not follow, each with the reason."""
        return {name: reason for name in names if (reason := self.refusal(name)) is not None}

    # --- what the revocations say

    def access_changed(self, reader: Reader) -> None:
        """Takes the reader's new rights and tells the owner which were lost."""
        lost = self.reader.rights - reader.rights
        self.reader = reader
        if self._owner is not None:
            self._owner.access_changed(lost)

    def access_ended(self) -> None:
        """Ends the session and tells its owner."""
        owner = self._owner
        self.end()
        if owner is not None:
            owner.access_ended()

    # --- its end

    def end(self) -> None:
        """Ends the session: the reader is anonymous, and the owner is told nothing more. Its slots stay taken."""
        self._forget()
        self._owner = None
        self.reader, self._personal = ANONYMOUS, _NONE

    def release(self) -> None:
        """Ends the session and gives its slots back: the connection is gone."""
        self.end()
        self._address_slot.release()
        self._user_slot.release()

    def _forget(self) -> None:
        self._source.revocations.discard(self)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _watch_expiry(self) -> None:
        if self.reader.expires is not None and self._owner is not None:
            seconds = (self.reader.expires - datetime.now(UTC)).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, seconds), self._owner.access_expired)
