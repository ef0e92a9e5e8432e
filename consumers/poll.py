"""`/live/log`: the log in pages, and the long poll. docs/protocol.md is its contract."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from consumers.delivery import recovery
from consumers.delivery.hub import hub
from consumers.delivery.recovery import Unrecoverable
from consumers.delivery.writer import IndirectWriter, Writer
from consumers.http import JSON_TYPE, LiveRequest, log_away
from consumers.metrics import counters
from consumers.wire.batch import FrameBatch
from consumers.wire.queries import LogQuery
from consumers.wire.server_frames import Entry, Frame, Variant
from realtime.position import Position

READ_TIMEOUT = 5.0  # seconds for the log to be read; a client that polls comes back by itself
MAX_ANSWER_BYTES = 1024 * 1024  # of the events of one answer: the rest is `more`


class LogAnswer(msgspec.Struct, frozen=True):
    """An answer: the events after `since` up to `position`."""

    position: str
    recovered: bool
    missed: int | None
    events: list[msgspec.Raw]
    more: bool


class Lost(LogAnswer, frozen=True):
    """An answer to a position from which nothing can be recovered."""

    reason: str


class LivePoll(LiveRequest):
    """One request to the log. With `wait` its answer is kept back while there is no event."""

    shape = LogQuery
    _waiter: "Waiter | None" = None

    async def head(self) -> None:
        """Sends the head of an answer, with the log's position."""
        await self.begin(200, {"Content-Type": JSON_TYPE, "Live-Position": str(hub.position)})
        await self.send_body(b"")

    async def answer(self, asked: LogQuery, since: Position | None) -> None:
        """Sends a page of events; waits for one, `wait` seconds at most, where there is none."""
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                await hub.history.poll()  # the answer holds all that was committed before the question
        except TimeoutError as error:
            raise log_away() from error
        since = since or hub.position
        with Waiter(asked.variant, self.topics) as waiter:
            self._waiter = waiter
            self.attend(waiter, asked.here)
            page = await self._page(waiter, asked, since)
            if not page.events and page.recovered and asked.wait and await waiter.hears(asked.wait):
                self.judge(self.topics)
                page = await self._page(waiter, asked, since)
        self.judge(self.topics)  # once more: reading may have taken a while
        await self.reply(200, msgspec.json.encode(page), {"Content-Type": JSON_TYPE, "Live-Position": page.position})

    def access_lost(self) -> None:
        """Ends the waiting: the answer is judged again."""
        super().access_lost()
        if self._waiter is not None:
            self._waiter.heard.set()

    async def _page(self, waiter: "Waiter", asked: LogQuery, since: Position) -> LogAnswer:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await self._read(waiter, asked, since)
        except Unrecoverable as lost:
            counters.resets += 1
            return Lost(str(hub.position), False, lost.missed, [], False, lost.reason)
        except TimeoutError as error:
            raise log_away() from error

    async def _read(self, waiter: "Waiter", asked: LogQuery, since: Position) -> LogAnswer:
        position = hub.position
        past = await recovery.missed(hub.history, since, set(self.topics), compacted=asked.compact)
        page = past[: asked.limit]
        await hub.history.render([each.entry for each in page], asked.variant)
        if waiter.reset_reason:
            raise Unrecoverable(waiter.reset_reason)
        frames, size = [], 0
        for each in page:
            frames.append(msgspec.Raw(each.entry.frame(asked.variant, each.left)))
            size += len(frames[-1])
            if size > MAX_ANSWER_BYTES:
                break
        more = len(frames) < len(past)
        if more:
            position = Position(position.epoch, past[len(frames) - 1].entry.offset)
        return LogAnswer(str(position), True, len(frames), frames, more)


class SilentWriter(IndirectWriter):
    """A writer to which nothing is written: the answer is all that its reader gets."""

    def __init__(self, closed: Callable[[], None]) -> None:
        self.close = closed

    def write(self, frames: FrameBatch) -> None:
        """Drops the frames."""

    async def drain(self) -> None:
        """Returns at once."""

    def abort(self) -> None:
        """Does nothing: no reader is slow here."""


class Waiter:
    """Follows topics only to learn that an event arrived; what it is, the backlog tells."""

    is_held = True  # nothing is written to it, heartbeats included

    def __init__(self, variant: Variant, topics: Iterable[str]) -> None:
        self.variant = variant
        self.topics = topics
        self.heard = asyncio.Event()  # there is an event, or another reason to answer
        self.reset_reason: str | None = None
        # closing it is an empty answer, with which the client asks the next process
        self.writer: Writer = SilentWriter(self.heard.set)

    def __enter__(self) -> "Waiter":
        hub.registry.join(self)
        return self

    def __exit__(self, *_: object) -> None:
        hub.registry.leave(self)

    async def hears(self, seconds: float) -> bool:
        """Waits for an event or another reason to answer, `seconds` at most; returns whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self.heard.wait()
        except TimeoutError:
            return False
        return True

    # --- what the hub calls

    def hold(self, entries: Sequence[Entry]) -> None:
        """Ends the waiting."""
        self.heard.set()

    def reset(self, reason: str) -> None:
        """Ends the waiting, with an answer from which nothing can be recovered."""
        self.reset_reason = reason
        self.heard.set()

    def send(self, frame: Frame) -> None:
        """Drops the frame, for which an answer has no place."""

    def send_ephemeral(self, frames: FrameBatch) -> bool:
        """Drops frames of presence, for which an answer has no place."""
        return True
