"""A crowd: the sockets of this process that are on one topic, and what each was told of it."""

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

NAMING_RIGHT = "desk"  # the right without which nobody is named, and nobody is told names


class Presence(Frame, tag="presence", frozen=True):
    topic: str
    readers: int
    people: tuple[Person, ...] | msgspec.UnsetType = msgspec.UNSET


class PresenceListener(Protocol):
    """What presence is told to: a subscription."""

    def send_ephemeral(self, frame_batch: FrameBatch) -> bool:
        """Writes what is not of the log. False where it has to be said again later."""


class Occupant:
    """One socket or request: who reads there, and the crowds that it is in."""

    def __init__(self, told: PresenceListener) -> None:
        self.told = told
        self.reader: Reader = ANONYMOUS
        self.presences: dict[str, TopicPresence] = {}

    @property
    def sees_names(self) -> bool:
        """Asked when names go out: the timer that ends a ticket does not run while a machine sleeps."""
        expires = self.reader.expires
        return NAMING_RIGHT in self.reader.rights and (expires is None or expires > datetime.now(UTC))


class Lease:
    """One socket in one crowd."""

    __slots__ = ("activity", "told", "told_at", "until")

    def __init__(self, activity: Activity, until: float) -> None:
        self.activity = activity
        self.until = until
        self.told = b""  # the last frame about this topic
        self.told_at = 0.0


class TopicPresence:
    """Times are the loop's, in seconds."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.leases: dict[Occupant, Lease] = {}  # the one that ends first, first
        self.share = ProcessShare()
        self.plain = self.full = b""  # the frame as it is now, without names and with them
        self.behind = False  # somebody has not been told yet what it is now
        self._away: dict[int, tuple[Person | None, float]] = {}
        self._goodbyes = 0
        self._changed = False
        self._ended = 0.0  # when the last lease or absence ended
        self._tally = PresenceTotal()
        self._count: Count | None = None

    def is_over(self, now: float) -> bool:
        """Whether it can be forgotten: others have had the time to hear the last goodbye."""
        return not self.leases and not self._away and self._ended < now - GRACE_SECONDS

    # --- coming and going

    def enter(self, occupant: Occupant, activity: Activity, now: float) -> None:
        """Takes or renews a lease."""
        lease = self.leases.pop(occupant, None)
        if lease is None:
            lease = Lease(activity, now)
            self.behind = self._changed = True
        self._changed |= lease.activity != activity
        lease.activity, lease.until = activity, now + LEASE_SECONDS
        self.leases[occupant] = lease

    def leave(self, occupant: Occupant, now: float) -> None:
        """On purpose, or because the lease ended: gone at once."""
        if self.leases.pop(occupant, None) is not None:
            self.part_from(occupant, now)

    def part_from(self, occupant: Occupant, now: float) -> None:
        """Forgets who the visitor was, who is about to be somebody else, or nobody."""
        if occupant.reader.id is None:
            self._goodbyes += 1
        else:
            self._away.pop(occupant.reader.id, None)
        self._changed, self._ended = True, now

    def lose(self, occupant: Occupant, now: float) -> None:
        """The connection broke: perhaps they are back in a moment, perhaps on another process."""
        lease = self.leases.pop(occupant, None)
        if lease is None:
            return
        if occupant.reader.id is not None:
            self._away[occupant.reader.id] = _person(occupant, lease), min(lease.until, now + GRACE_SECONDS)
        self._changed, self._ended = True, now

    def touch(self) -> None:
        """Somebody in it is somebody else now."""
        self.behind = self._changed = True

    def prolong(self, seconds: float) -> None:
        """Every lease, by the time in which nobody could renew one."""
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

    # --- what is said of it

    def renew_share(self) -> None:
        """What this process tells the others."""
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
        """Makes the frames of what all shares add up to, where that is new."""
        count = self._tally.add_up(shares, now)
        if count != self._count:
            self._count = count
            self.plain = Presence(self.topic, count.readers).encoded()
            self.full = Presence(self.topic, count.readers, count.people).encoded()
            self.behind = True


def _person(occupant: Occupant, lease: Lease) -> Person | None:
    """The reader as others may see them. Who only reads is counted, never named."""
    reader = occupant.reader
    if reader.name is None or not occupant.sees_names:
        return None
    return Person(reader.name, lease.activity)
