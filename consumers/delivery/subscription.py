"""A subscription: the topics of one reader, and where in the log that reader stands.

Catching up is hold, load, release. From the moment a topic is new its live events are held; the past
up to that moment is loaded, from the backlog or the log; it is sent, then what was held, then live
again. The past ends where the held begins, so nothing is missing, twice or out of order.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings

from consumers.delivery import recovery
from consumers.delivery.hub import Hub
from consumers.delivery.recovery import Missed, Unrecoverable
from consumers.delivery.writer import WRITE_TIMEOUT, Writer
from consumers.metrics import counters
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import JSON, Entry, Frame, Refused, Reset, Subscribed, Unsubscribed, Variant
from realtime.position import Position

MAX_EVENTS_PER_WRITE = 20  # events of the past written before the reader has to have taken most of them


class Subscription:
    """The topics of one reader. Its methods are called one after the other, never at once."""

    __slots__ = ("_held", "_hub", "_is_closed", "_reset_reason", "_topics", "variant", "writer")

    def __init__(self, hub: Hub, writer: Writer) -> None:
        self.writer = writer
        self.variant: Variant = JSON
        self._hub = hub
        self._topics: dict[str, None] = {}  # in the order in which they were asked for
        self._held: list[Entry] | None = None  # None: live
        self._reset_reason: str | None = None  # why what is being loaded is worth nothing any more
        self._is_closed = False

    @property
    def topics(self) -> list[str]:
        """The topics that are followed, in the order in which they were asked for."""
        return list(self._topics)

    @property
    def is_held(self) -> bool:
        """Whether the reader is catching up, and live events are held."""
        return self._held is not None

    @property
    def position(self) -> Position:
        """Where the reader stands: everything up to here on its topics was sent."""
        self._hub.registry.flush(self)
        return self._hub.position

    def open(self) -> None:
        """Has the hub tell this reader, first of all by heartbeats."""
        self._hub.registry.join(self)

    def close(self) -> None:
        """Writes nothing from now on, not even what is still being loaded. Harmless when it was never open."""
        self._is_closed = True
        self._hub.registry.leave(self)

    def send(self, frame: Frame) -> None:
        """Writes a frame, unless the subscription is closed."""
        self._write(FrameBatch([frame.encoded()]))

    def send_ephemeral(self, frames: FrameBatch) -> bool:
        """Writes frames that are not of the log; returns False where the reader is catching up, or closed.

        They are no sign of life: they have no position, and a reader who hears only these needs a heartbeat.
        """
        if self._is_closed or self._held is not None:
            return False
        self.writer.write(frames)
        return True

    async def set_variant(self, variant: Variant) -> None:
        """Sends events in this variant from now on."""
        if variant == self.variant:
            return
        await self._hub.retain(variant)
        if self._is_closed:  # meanwhile; its former variant was released then
            self._hub.registry.release(variant)
            return
        self._hub.registry.release(self.variant)
        self.variant = variant
        self._hub.registry.reindex(self)

    async def follow(
        self, new: Sequence[str], refused: list[Refused], since: Position | None, compacted: bool = True
    ) -> None:
        """Follows topics not followed before, and answers. `since` counts for these only."""
        if since is None or not new:
            position = self.position
            self._enter(new)
            self.send(self._subscribed(refused, position))
        else:
            await self._catch_up(new, refused, since, compacted)

    def unfollow(self, topics: Sequence[str], code: str) -> None:
        """Follows these topics no longer, and says so. `code` is `asked` or `forbidden`."""
        for topic in topics:
            self._topics.pop(topic, None)
        self._hub.registry.reindex(self)
        self.send(Unsubscribed(list(topics), "asked" if code == "asked" else "forbidden"))

    # --- what the hub calls

    def hold(self, entries: Sequence[Entry]) -> None:
        """Keeps live events while the past is loaded; aborts a reader for whom they become too many."""
        if self._held is not None:
            self._held.extend(entries)
            if len(self._held) > settings.LIVE_MAX_RECOVERY_ROWS:  # it takes what it missed slower than more arrives
                self._held.clear()
                self.writer.abort()

    def reset(self, reason: str) -> None:
        """Tells the reader to begin anew: at once, or at the end of what is being loaded."""
        if self._held is not None:
            self._held.clear()
            self._reset_reason = reason
        elif self._topics:
            self._send_reset(self.topics, self._hub.position, reason)

    # --- hold, load, release

    async def _catch_up(self, new: Sequence[str], refused: list[Refused], since: Position, compacted: bool) -> None:
        history = self._hub.history
        if since.epoch != history.epoch or since.offset > history.offset:
            await history.poll()  # a page may be newer than what this process has read so far
        start = self.position
        old = set(self._topics)
        self._held, self._reset_reason = [], None
        self._enter(new)
        try:
            past = await self._load(since, set(new), old, compacted)
        except Unrecoverable as lost:
            self._begin_anew(list(new), refused, start, lost)
        else:
            await self._release(past, refused, since)
        finally:
            self._held = None
            self._hub.registry.reindex(self)

    async def _load(self, since: Position, new: set[str], old: set[str], compacted: bool) -> list[Missed]:
        past = await recovery.missed(self._hub.history, since, new, old, compacted)
        await self._hub.history.render([each.entry for each in past], self.variant)
        if self._reset_reason:
            raise Unrecoverable(self._reset_reason)
        return past

    async def _release(self, past: list[Missed], refused: list[Refused], since: Position) -> None:
        counters.recovered += 1
        self.send(self._subscribed(refused, since, len(past)))
        await self._write_past(past)
        if self._reset_reason:
            self._send_reset(self.topics, self._hub.position, self._reset_reason)
        else:
            self._write_held()

    async def _write_past(self, past: list[Missed]) -> None:
        """Writes at the pace of the reader, who asked for this and is not slow because it is much."""
        for portion in _portions(past):
            self._write(FrameBatch([each.entry.frame(self.variant, each.left) for each in portion]))
            if self.writer.is_lagging and not await self._is_taken():
                self.writer.abort()
                return

    async def _is_taken(self) -> bool:
        taken = asyncio.ensure_future(self.writer.drain())
        _, late = await asyncio.wait([taken], timeout=WRITE_TIMEOUT)
        taken.cancel()
        return not late

    def _write_held(self) -> None:
        held, self._held = self._held, None
        self._hub.registry.reindex(self)
        if held:
            self._write(FrameBatch([entry.frame(self.variant) for entry in held]))

    def _begin_anew(self, topics: list[str], refused: list[Refused], start: Position, lost: Unrecoverable) -> None:
        if self._reset_reason:  # the log itself is another: the other topics stand on nothing, either
            topics, start, lost = self.topics, self._hub.position, Unrecoverable(self._reset_reason)
        self.send(self._subscribed(refused, start, recovered=False))
        self._send_reset(topics, start, lost.reason, lost.missed)
        self._write_held()

    # --- parts

    def _enter(self, topics: Iterable[str]) -> None:
        if self._is_closed:
            return
        self._topics.update(dict.fromkeys(topics))
        self._hub.registry.reindex(self)

    def _subscribed(
        self, refused: list[Refused], position: Position, missed: int = 0, recovered: bool = True
    ) -> Subscribed:
        return Subscribed(self.topics, refused, str(position), recovered, missed)

    def _send_reset(self, topics: list[str], position: Position, reason: str, missed: int | None = None) -> None:
        counters.resets += 1
        self.send(Reset(topics, str(position), missed, reason))

    def _write(self, frames: FrameBatch) -> None:
        if not self._is_closed:
            self.writer.write(frames)


def _portions(past: list[Missed]) -> Iterator[list[Missed]]:
    for first in range(0, len(past), MAX_EVENTS_PER_WRITE):
        yield past[first : first + MAX_EVENTS_PER_WRITE]
