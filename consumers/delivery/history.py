"""The history: where this process stands in the log, and what came before, from memory or read again."""

import asyncio
from collections.abc import Collection

from django.conf import settings

from consumers.delivery.backlog import Backlog
from consumers.delivery.log_tail import MAX_EVENTS_PER_PORTION, LogBatch, LogReset, LogTail, prepare
from consumers.wire.server_frames import Entry, Variant
from realtime.log import Event
from realtime.position import Position


class History:
    """The newest events in the backlog, and the older ones by reads on the tail's thread. Used on the loop only."""

    def __init__(self, tail: LogTail) -> None:
        self.epoch = ""
        self.offset = 0  # everything up to here has arrived and is written, or waits in an audience to be
        self.trimmed = 0
        self.backlog = Backlog(0)
        self._tail = tail
        self._reads: dict[tuple[int, frozenset[str], int], asyncio.Future[tuple[list[Entry], int]]] = {}
        self._poll: asyncio.Future[None] | None = None  # asked for and not begun

    @property
    def position(self) -> Position:
        """The position of a reader to whom everything that arrived was written."""
        return Position(self.epoch, self.offset)

    def begin(self, reset: LogReset) -> None:
        """Forgets everything: the log starts anew here."""
        self.epoch, self.offset, self.trimmed = reset.epoch, reset.offset, reset.trimmed
        self.backlog = Backlog(reset.offset)

    def append(self, batch: LogBatch) -> None:
        """Takes the next events."""
        self.trimmed = batch.trimmed
        for entry in batch.entries:
            self.backlog.append(entry)
            self.offset = entry.offset

    async def poll(self) -> None:
        """Has the log sequenced and read now, for a question that must not wait for the bell.

        Questions that come before the read begins share it.
        """
        if self._poll is None:
            self._poll = self._tail.call(self._poll_now)
        await asyncio.shield(self._poll)

    def _poll_now(self) -> None:
        self._poll = None  # first: a question from here on may know of a commit that this read does not see
        self._tail.poll()

    async def read(self, since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
        """Returns the log's events on these topics after `since` up to `until`, and how much of the log is trimmed.

        At most one event more than a recovery may have: then there are too many. Readers who ask the same at
        the same time share one read: a storm of them costs one query.
        """
        question = (since, topics, until)
        reading = self._reads.get(question)
        if reading is None:
            reading = self._reads[question] = self._tail.call(lambda: self._read(*question))
            reading.add_done_callback(lambda _: self._reads.pop(question, None))
        return await asyncio.shield(reading)

    def _read(self, since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
        limit = settings.LIVE_MAX_RECOVERY_ROWS + 1  # one more tells that there are too many
        events: list[Event] = self._tail.connection.since(since, topics, until, limit)
        entries = [Entry(event, self.epoch) for event in events]
        return entries, self._tail.poll()  # trimming raises `trimmed` first: read last, it tells if these are all

    async def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Returns those of the keys whose objects' events are also on `topic`. One query, on the tail's thread."""
        return await self._tail.call(lambda: self._tail.connection.addressed(topic, keys))

    async def render(self, entries: list[Entry], variant: Variant) -> None:
        """Makes the frames that are not made yet, on the tail's thread, in portions between its reads."""
        lacking = [entry for entry in entries if not entry.has(variant)]
        for first in range(0, len(lacking), MAX_EVENTS_PER_PORTION):
            portion = lacking[first : first + MAX_EVENTS_PER_PORTION]
            await self._tail.call(lambda portion=portion: prepare(portion, variant))  # type: ignore[misc]
            self.backlog.recount(portion)
