"""Presence on one topic: its occupants in this process, and the frame that each was sent of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import Frame
from realtime.presence import (
    GRACE_SECONDS,
    LEASE_SECONDS,
    Activity,
    Count,
    Person,
    PresenceTotal,
    Present,
    ProcessShare,
    add,
)
from realtime.tickets import ANONYMOUS, Reader

NAMING_RIGHT = "desk"  # the right to be named to others, and to be told the names of others


class Presence(Frame, tag="presence", frozen=True):
    """Tells how many read a topic; with names of those who write, to those who may know them."""

    topic: str
    readers: int
    people: tuple[Person, ...] | msgspec.UnsetType = msgspec.UNSET


class PresenceListener(Protocol):
    """A connection that is sent the counts: a subscription, or a poll that waits."""

    def send_ephemeral(self, frames: FrameBatch) -> bool:
        """Writes frames that are not of the log; returns False where they have to be sent again later."""


class Occupant:
    """One socket or request: who reads there, and the topics that it is present on."""

    def __init__(self, listener: PresenceListener) -> None:
        self.listener = listener
        self.reader: Reader = ANONYMOUS
        self.presences: dict[str, TopicPresence] = {}

    @property
    def sees_names(self) -> bool:
        """Whether names may be sent to it now: the timer that ends a ticket does not run while a machine sleeps."""
        expires = self.reader.expires
        return NAMING_RIGHT in self.reader.rights and (expires is None or expires > datetime.now(UTC))


class Lease:
    """One occupant's presence on one topic, and the last frame that it was sent about it."""

    __slots__ = ("activity", "sent", "sent_at", "until")

    def __init__(self, activity: Activity, until: float) -> None:
        self.activity = activity
        self.until = until
        self.sent = b""
        self.sent_at = 0.0


class TopicPresence:
    """The occupants of one topic in this process. Times are the loop's, in seconds."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.leases: dict[Occupant, Lease] = {}  # the one that ends first, first
        self.share = ProcessShare()
        self.plain_frame = self.named_frame = b""  # as they are now, without names and with them
        self.has_unsent = False  # an occupant has not been sent the frame of now
        self._away: dict[int, tuple[Person | None, float]] = {}  # users whose connection broke, until when kept
        self._goodbyes = 0
        self._changed = False
        self._ended = 0.0  # when the last lease or absence ended
        self._total = PresenceTotal()
        self._count: Count | None = None

    def is_over(self, now: float) -> bool:
        """Returns whether it can be forgotten: other processes have had the time to hear the last goodbye."""
        return not self.leases and not self._away and self._ended < now - GRACE_SECONDS

    # --- coming and going

    def enter(self, occupant: Occupant, activity: Activity, now: float) -> None:
        """Takes or renews a lease."""
        lease = self.leases.pop(occupant, None)
        if lease is None:
            lease = Lease(activity, now)
            self.has_unsent = self._changed = True
        self._changed |= lease.activity != activity
        lease.activity, lease.until = activity, now + LEASE_SECONDS
        self.leases[occupant] = lease

    def leave(self, occupant: Occupant, now: float) -> None:
        """Ends the lease of an occupant who goes on purpose, or whose lease has run out: gone at once."""
        if self.leases.pop(occupant, None) is not None:
            self.forget_reader(occupant, now)

    def forget_reader(self, occupant: Occupant, now: float) -> None:
        """Says goodbye to the occupant's reader, who goes or is about to be replaced by another."""
        if occupant.reader.id is None:
            self._goodbyes += 1
        else:
            self._away.pop(occupant.reader.id, None)
        self._changed, self._ended = True, now

    def disconnect(self, occupant: Occupant, now: float) -> None:
        """Ends the lease of a broken connection, and keeps its user for GRACE_SECONDS, to come back on any process."""
        lease = self.leases.pop(occupant, None)
        if lease is None:
            return
        if occupant.reader.id is not None:
            self._away[occupant.reader.id] = _person(occupant, lease), min(lease.until, now + GRACE_SECONDS)
        self._changed, self._ended = True, now

    def mark_changed(self) -> None:
        """Has everything made anew: the reader of an occupant has changed."""
        self.has_unsent = self._changed = True

    def prolong(self, seconds: float) -> None:
        """Prolongs every lease by the time in which none could be renewed."""
        for lease in self.leases.values():
            lease.until += seconds

    def expire(self, now: float) -> None:
        """Ends the leases and absences that lasted until now."""
        while self.leases:
            occupant, lease = next(iter(self.leases.items()))
            if lease.until > now:
                break
            self.leave(occupant, now)
            occupant.presences.pop(self.topic, None)
        for user in [user for user, (_, until) in self._away.items() if until <= now]:
            del self._away[user]
            self._changed, self._ended = True, now

    # --- what is sent of it

    def renew_share(self) -> None:
        """Makes what this process tells the others, where it has changed."""
        if not self._changed:
            return
        self._changed = False
        anonymous = 0
        here: Present = {}
        for occupant, lease in self.leases.items():
            if occupant.reader.id is None:
                anonymous += 1
            else:
                add(here, occupant.reader.id, _person(occupant, lease))
        away = {user: person for user, (person, _) in self._away.items() if user not in here}
        self.share = ProcessShare(anonymous, self._goodbyes, here, away)

    def add_up(self, shares: Mapping[str, ProcessShare], now: float) -> None:
        """Adds up the shares of all processes, and makes the frames of the total where it is new."""
        count = self._total.add_up(shares, now)
        if count != self._count:
            self._count = count
            self.plain_frame = Presence(self.topic, count.readers).encoded()
            self.named_frame = Presence(self.topic, count.readers, count.people).encoded()
            self.has_unsent = True


def _person(occupant: Occupant, lease: Lease) -> Person | None:
    """Returns the reader as others may see them. A reader without the right is counted, never named."""
    reader = occupant.reader
    if reader.name is None or not occupant.sees_names:
        return None
    return Person(reader.name, lease.activity)
