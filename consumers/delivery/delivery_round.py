"""A delivery round: the way round the recipients of an audience, a slice at a time.

What arrives meanwhile joins the round where it stands, and goes round to there again. So each recipient gets
in one write all that waits for it, and nothing waits for another batch's end.
"""

from collections.abc import Iterable
from time import time

from consumers.delivery.recipients import Recipients, write_batches
from consumers.delivery.writer import Writer
from consumers.metrics import counters, delivery_seconds
from consumers.wire.batch import Encoding, FrameBatch

MAX_WRITE_BYTES = 64 * 1024  # bytes of one write: what arrives during a round joins it up to here


class PendingBatch:
    """Frames on their way round the recipients."""

    __slots__ = ("events", "frames", "passed", "remaining", "size")

    def __init__(self, frames: FrameBatch, events: int, remaining: int) -> None:
        self.frames = frames
        self.events = events
        self.remaining = remaining  # recipients that the round has not come to since the batch joined
        self.passed: set[Writer] = set()  # those of them that are passed over: written to ahead, or gone
        self.size = sum(map(len, frames.texts))


class DeliveryRound:
    """Batches that go round the same recipients together."""

    __slots__ = ("_batches", "_place", "_recipients")

    def __init__(self, recipients: Recipients) -> None:
        self._recipients = recipients
        self._place = 0  # of the next recipient: from there on, a batch waits for as many as its `remaining` says
        self._batches: list[PendingBatch] = []  # the oldest first; it has the fewest remaining

    @property
    def is_over(self) -> bool:
        """Whether every batch has reached all of its recipients."""
        return not self._batches

    def has_room(self, recipients: Recipients, batch: PendingBatch) -> bool:
        """Whether the batch may join: the recipients are the same, and a write does not get too large."""
        size = sum(each.size for each in self._batches)
        return recipients is self._recipients and size + batch.size <= MAX_WRITE_BYTES

    def add(self, batch: PendingBatch) -> None:
        """Lets the batch join where the round stands."""
        self._batches.append(batch)

    def write_ahead(self, writer: Writer) -> None:
        """Writes to one recipient, before its turn, what it has not got yet."""
        for batch in self._pending(writer):
            batch.passed.add(writer)
            writer.write(batch.frames)
            counters.delivered += batch.events

    def skip(self, writer: Writer) -> None:
        """Passes over a recipient that has gone."""
        for batch in self._pending(writer):
            batch.passed.add(writer)

    def _pending(self, writer: Writer) -> list[PendingBatch]:
        place = self._recipients.places.get(writer)
        if place is None:
            return []
        ahead = (place - self._place) % len(self._recipients)
        return [batch for batch in self._batches if ahead < batch.remaining and writer not in batch.passed]

    def write(self, limit: int, encoding: Encoding | None) -> tuple[int, list[Writer]]:
        """Writes to the next `limit` recipients at most; returns how many it came past, and which writers failed."""
        first, recipients = self._place, self._recipients
        last = min(first + limit, first + self._batches[0].remaining, len(recipients))
        passed = set[Writer]().union(*[batch.passed for batch in self._batches])
        if passed:
            some = recipients[first:last]
            others = Recipients(writer for writer in some if writer not in passed)
            failed = self._write_same(others, 0, len(others), encoding)
            failed += self._write_missing(writer for writer in some if writer in passed)
        else:
            failed = self._write_same(recipients, first, last, encoding)
        self._advance(last - first)
        return last - first, failed

    def _write_same(self, recipients: Recipients, first: int, last: int, encoding: Encoding | None) -> list[Writer]:
        """Writes all batches to recipients that have got none of them."""
        if encoding is None:
            return write_batches([batch.frames for batch in self._batches], recipients[first:last])
        data = b"".join([batch.frames.encoded(encoding) for batch in self._batches])
        return recipients.send(data, first, last)

    def _write_missing(self, writers: Iterable[Writer]) -> list[Writer]:
        """Writes to recipients that have got some of the batches what they have not got."""
        failed = []
        for writer in writers:
            failed += write_batches([batch.frames for batch in self._batches if writer not in batch.passed], [writer])
        return failed

    def _advance(self, number: int) -> None:
        self._place = (self._place + number) % len(self._recipients)
        for batch in self._batches:
            batch.remaining -= number
            counters.delivered += batch.events * number
        while self._batches and not self._batches[0].remaining:
            done = self._batches.pop(0)
            counters.delivered -= done.events * len(done.passed)
            if done.frames.committed:
                delivery_seconds.observe(time() - done.frames.committed)
