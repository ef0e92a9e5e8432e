"""The hub: the readers of this process by topic, and what the log brings them.

One per process, on its event loop. Its tail reads the log; the hub keeps the newest events in a
ring, finds who follows them and hands each reader its share, one write for what arrived together.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Collection
from time import monotonic

from django.conf import settings

from consumers.access.revocations import Revocations
from consumers.delivery.audience import Audience, AudienceKey
from consumers.delivery.backlog import Backlog
from consumers.delivery.follower import EventBatch, Follower
from consumers.delivery.log_tail import MAX_EVENTS_PER_PORTION, LogBatch, LogReset, LogTail, prepare
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import HEARTBEAT, JSON, Entry, Heartbeat, Variant
from realtime.bell import listen
from realtime.log import Event
from realtime.position import Position

logger = logging.getLogger(__name__)

READY_TIMEOUT = 30  # seconds that a new reader waits for a hub that does not know its log yet
SLICE = 500  # readers served in one turn of the loop: 2-3 ms
TICK = 1.0  # seconds between two searches for silence


class Hub:
    """The readers of this process, by topic."""

    def __init__(self) -> None:
        self.epoch = ""
        self.offset = 0  # everything up to here has arrived and is written, or waits in an audience to be
        self.trimmed = 0
        self.backlog = Backlog(0)
        self.revocations = Revocations()
        self.clock = monotonic()
        self._old = 0  # the head when this began: a new process first reads back what is behind it
        self._readers: dict[Follower, Audience] = {}
        self._audiences: dict[AudienceKey, Audience] = {}
        self._topics: dict[str, dict[Audience, None]] = {}
        self._turns: deque[Audience] = deque()  # those who have to be told something, each once
        self._writing = False
        self._variants: Counter[Variant] = Counter()
        self._reads: dict[tuple[int, frozenset[str], int], asyncio.Future[tuple[list[Entry], int]]] = {}
        self._poll: asyncio.Future[None] | None = None  # asked for and not begun
        self._tail: LogTail | None = None

    # --- its life

    def start(self) -> None:
        """Begins to read the log; on the running loop, once. The first reader does it, or the server."""
        if self._tail is not None:
            return
        loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._tail = LogTail(self._arrived, lambda: tuple(self._variants))
        self._ears = loop.create_task(listen(self._tail.heard))
        self._timer = loop.call_later(TICK, self._tick)
        self._tail.start(loop)

    def stop(self) -> None:
        """Stops reading the log. Who still follows hears nothing more."""
        if self._tail is not None:
            self._ears.cancel()
            self._timer.cancel()
            self._tail.stop()
            self._tail = None

    @property
    def is_ready(self) -> bool:
        """Whether it knows where the log stands."""
        return self._tail is not None and self._ready.is_set()

    async def ready(self) -> None:
        """Starts the hub if need be, and waits until it is ready."""
        self.start()
        await self._ready.wait()

    async def ready_in_time(self) -> bool:
        """Starts the hub if need be; returns whether it is ready within READY_TIMEOUT. For new readers."""
        if self.is_ready:
            return True
        waiting = asyncio.ensure_future(self.ready())
        _, late = await asyncio.wait([waiting], timeout=READY_TIMEOUT)
        waiting.cancel()
        return not late

    @property
    def tail(self) -> LogTail:
        assert self._tail is not None, "start() comes first"
        return self._tail

    @property
    def position(self) -> Position:
        """Where a reader stands who has been given everything that arrived: see `flush`."""
        return Position(self.epoch, self.offset)

    @property
    def sockets(self) -> int:
        return len(self._readers)

    @property
    def readers(self) -> list[Follower]:
        return list(self._readers)

    @property
    def topics(self) -> int:
        return len(self._topics)

    # --- its readers

    def join(self, reader: Follower) -> None:
        self._variants[reader.variant] += 1
        self._readers[reader] = self._enter(reader)

    def leave(self, reader: Follower) -> None:
        """Forgets a reader. Harmless when it is forgotten already."""
        audience = self._readers.pop(reader, None)
        if audience is not None:
            self.release(reader.variant)
            self._leave(reader, audience)

    def reindex(self, reader: Follower) -> None:
        """Puts a reader whose topics, variant or hold are others now where it belongs.

        What waits for it is written first, as it was meant before. Nothing happens to one who was forgotten.
        """
        if reader in self._readers:
            self.flush(reader)
            self._leave(reader, self._readers[reader])
            self._readers[reader] = self._enter(reader)

    def flush(self, reader: Follower) -> None:
        """Writes what has arrived for this reader and waits for its slice: it then stands at `position`."""
        if audience := self._readers.get(reader):
            audience.flush(reader)

    def _enter(self, reader: Follower) -> Audience:
        kind = AudienceKey(reader.variant, reader.writer.encoding, frozenset(reader.topics))
        audience = self._audiences.get(kind)
        if audience is None:
            audience = self._audiences[kind] = Audience(kind, self.clock)
            for topic in kind.topics:
                self._topics.setdefault(topic, {})[audience] = None
        audience.enter(reader)
        return audience

    def _leave(self, reader: Follower, audience: Audience) -> None:
        audience.leave(reader)
        if audience:
            return
        del self._audiences[audience.kind]
        for topic in audience.kind.topics:
            del self._topics[topic][audience]
            if not self._topics[topic]:
                del self._topics[topic]

    async def retain(self, variant: Variant) -> None:
        """From when this returns, every batch arrives with its frames of this variant made."""
        self._variants[variant] += 1
        if self._variants[variant] == 1 and variant != JSON:
            await self.tail.call(lambda: None)  # what was being prepared without it has arrived by then

    def release(self, variant: Variant) -> None:
        self._variants[variant] -= 1
        if self._variants[variant] <= 0:
            del self._variants[variant]

    # --- the past

    async def poll(self) -> None:
        """Reads the log now, for somebody who must not wait for the bell. Who asks before it begins shares it."""
        if self._poll is None:
            self._poll = self.tail.call(self._poll_now)
        await asyncio.shield(self._poll)

    def _poll_now(self) -> None:
        self._poll = None  # first: who asks from here on may know of a commit that this look does not see
        self.tail.poll()

    async def read(self, since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
        """What the log holds on these topics after `since` up to `until`, bounded, and how much is trimmed.

        Readers who ask the same at the same time share one read: a storm of them costs one query.
        """
        question = (since, topics, until)
        reading = self._reads.get(question)
        if reading is None:
            reading = self._reads[question] = self.tail.call(lambda: self._read(*question))
            reading.add_done_callback(lambda _: self._reads.pop(question, None))
        return await asyncio.shield(reading)

    def _read(self, since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
        most = settings.LIVE_MAX_RECOVERY_ROWS + 1  # one more tells that there are too many
        events: list[Event] = self.tail.connection.since(since, topics, until, most)
        entries = [Entry(event, self.epoch) for event in events]
        return entries, self.tail.poll()  # trimming raises `trimmed` first: read last, it tells if these are all

    async def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Those of the keys whose objects live on that topic too. One query, on the tail's thread."""
        return await self.tail.call(lambda: self.tail.connection.addressed(topic, keys))

    async def render(self, entries: list[Entry], variant: Variant) -> None:
        """Makes frames that are not made yet, on the tail's thread, in portions between its looks."""
        lacking = [entry for entry in entries if not entry.has(variant)]
        for first in range(0, len(lacking), MAX_EVENTS_PER_PORTION):
            portion = lacking[first : first + MAX_EVENTS_PER_PORTION]
            await self.tail.call(lambda portion=portion: prepare(portion, variant))  # type: ignore[misc]
            self.backlog.recount(portion)

    # --- what arrives

    def _arrived(self, news: LogBatch | LogReset) -> None:
        self.clock = monotonic()
        if isinstance(news, LogReset):
            self._begin(news)
        else:
            self._take(news)

    def _begin(self, anew: LogReset) -> None:
        self._write_all()
        self.revocations.reset(anew.access, is_another_log=anew.reason == "epoch")
        self.epoch, self.offset, self.trimmed = anew.epoch, anew.offset, anew.trimmed
        self._old = anew.head
        self.backlog = Backlog(anew.offset)
        if anew.reason != "start":
            logger.warning("The log starts anew at %s (%s).", self.position, anew.reason)
        for reader in list(self._readers):
            reader.reset(anew.reason)

    def _take(self, news: LogBatch) -> None:
        self.trimmed = news.trimmed
        if news.entries:
            self.revocations.apply(entry.event for entry in news.entries)  # first: what it takes away comes with these
            for entry in news.entries:
                self.backlog.append(entry)
            self.offset = news.entries[-1].offset
            self._hear(news.entries)
        if self.offset >= self._old:
            self._ready.set()

    def _hear(self, entries: list[Entry]) -> None:
        """Hands each audience its share: bit n of a mask stands for event n."""
        masks: dict[Audience, int] = {}
        for number, entry in enumerate(entries):
            for topic in entry.event.topics:
                for audience in self._topics.get(topic, ()):
                    masks[audience] = masks.get(audience, 0) | 1 << number
        batch = EventBatch(entries)
        self._turns.extend(audience for audience, mask in masks.items() if audience.hear(batch, mask, self.clock))
        self._go()

    def _go(self) -> None:
        """Sees to it that all are told what waits for them."""
        if not self._writing:
            self._writing = True
            self._write()

    def _write(self) -> None:
        """Serves one slice of readers; the rest in the next turn of the loop."""
        left = SLICE
        while self._turns and left > 0:
            left -= self._serve(self._turns.popleft(), left)
        self._writing = bool(self._turns)
        if self._writing:
            asyncio.get_running_loop().call_soon(self._write)

    def _write_all(self) -> None:
        while self._turns:
            self._serve(self._turns.popleft(), SLICE)

    def _serve(self, audience: Audience, most: int) -> int:
        """Tells so many of its readers, and lets the other audiences have their turn before the rest."""
        served = 0
        while audience.waits and served < most:
            number, failed = audience.tell(most - served)
            served += max(1, number)
            for reader in failed:
                self.leave(reader)
                reader.writer.abort()
        if audience.waits:
            self._turns.append(audience)
        return served

    def _tick(self) -> None:
        """One timer for all: an audience that heard nothing for almost a heartbeat hears where it stands."""
        self.clock = monotonic()
        self.revocations.expire()
        silent = self.clock - HEARTBEAT + 2 * TICK
        heartbeat = FrameBatch([Heartbeat(str(self.position)).encoded()])
        quiet = [audience for audience in self._audiences.values() if audience.spoke < silent]
        self._turns.extend(audience for audience in quiet if audience.beat(heartbeat, self.clock))
        self._go()
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)


hub = Hub()
