"""An audience: readers who follow the same topics in the same variant over the same sort of connection.

They get the same bytes, so a delivery is a loop over their sockets that does nothing but send. The dispatcher
cuts it into slices; what has not been written to all of them yet waits here, in order.
"""

from typing import NamedTuple

from consumers.delivery.delivery_round import DeliveryRound, PendingBatch
from consumers.delivery.follower import EventBatch, Follower
from consumers.delivery.recipients import Recipients
from consumers.delivery.writer import Writer
from consumers.wire.batch import Encoding, FrameBatch
from consumers.wire.server_frames import Variant


class AudienceKey(NamedTuple):
    """The key that the readers of an audience share. Without an encoding their writers take batches, not bytes."""

    variant: Variant
    encoding: Encoding | None
    topics: frozenset[str]


class Audience:
    """The readers with one key, and what has to be written to them."""

    __slots__ = ("_held", "_live", "_recipients", "_rounds", "key", "told_at")

    def __init__(self, key: AudienceKey, now: float) -> None:
        self.key = key
        self.told_at = now  # when all of them were last told something; a reader who joins is told so at once
        self._live: dict[Writer, Follower] = {}
        self._recipients: Recipients | None = None  # the writers of the live ones, while they are the same
        self._held: dict[Follower, None] = {}
        self._rounds: list[DeliveryRound] = []  # the next begins when the one before it is over

    def __len__(self) -> int:
        return len(self._live) + len(self._held)

    @property
    def is_due(self) -> bool:
        """Whether something has not been written to all of them."""
        return bool(self._rounds)

    def enter(self, follower: Follower) -> None:
        """Adds a follower, who gets what arrives from now on."""
        if follower.is_held:
            self._held[follower] = None
            return
        self._live[follower.writer] = follower
        self._recipients = None

    def leave(self, follower: Follower) -> None:
        """Removes a follower, who gets nothing any more, not even what waits."""
        self._held.pop(follower, None)
        if self._live.pop(follower.writer, None) is not None:
            self._recipients = None
        for each in self._rounds:
            each.skip(follower.writer)

    def flush(self, follower: Follower) -> None:
        """Writes to this follower at once what waits for it."""
        for each in self._rounds:
            each.write_ahead(follower.writer)

    # --- what is written to them

    def add_events(self, batch: EventBatch, mask: int, now: float) -> bool:
        """Takes a share of a batch: followers who are held get it by `hold`, the others by `write`.

        Returns whether the audience has become due by it.
        """
        if self._held:
            entries = batch.share(mask)
            for follower in list(self._held):
                follower.hold(entries)
        if not self._live:
            return False
        self.told_at = now
        return self._add(batch.frames(mask, self.key.variant), mask.bit_count())

    def add_heartbeat(self, heartbeat: FrameBatch, now: float) -> bool:
        """Takes a heartbeat for those who are not held; returns whether the audience has become due by it."""
        self.told_at = now
        return bool(self._live) and not self._rounds and self._add(heartbeat, 0)

    def _add(self, frames: FrameBatch, events: int) -> bool:
        if self._recipients is None:
            self._recipients = Recipients(self._live)
        batch, was_due = PendingBatch(frames, events, len(self._recipients)), self.is_due
        if not (self._rounds and self._rounds[-1].has_room(self._recipients, batch)):
            self._rounds.append(DeliveryRound(self._recipients))
        self._rounds[-1].add(batch)
        return not was_due

    def write(self, limit: int) -> tuple[int, list[Follower]]:
        """Writes what is due to `limit` of them at most; returns how many were served, and which failed."""
        current = self._rounds[0]
        number, failed = current.write(limit, self.key.encoding)
        if current.is_over:
            self._rounds.pop(0)
        return number, [self._live[writer] for writer in failed]
