"""The dispatcher: what is due to whom, written in slices so that the event loop is never kept for long."""

import asyncio
from collections import deque
from collections.abc import Iterable

from consumers.delivery.audience import Audience
from consumers.delivery.follower import EventBatch
from consumers.delivery.registry import AudienceRegistry
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import Entry

MAX_READERS_PER_TURN = 500  # readers served in one turn of the loop: 2-3 ms


class Dispatcher:
    """Tells the audiences of a registry what has arrived. Audiences take turns; none waits for another's end."""

    def __init__(self, registry: AudienceRegistry) -> None:
        self._registry = registry
        self._due: deque[Audience] = deque()  # audiences with something to write, each once
        self._is_scheduled = False

    @property
    def is_idle(self) -> bool:
        """Whether everything that has arrived is written."""
        return not self._due

    def dispatch(self, entries: list[Entry], now: float) -> None:
        """Hands each audience its share of the events, and begins to write. `now` is the monotonic clock."""
        batch = EventBatch(entries)
        masks = self._registry.match(entries)
        self._schedule(audience for audience, mask in masks.items() if audience.add_events(batch, mask, now))

    def beat(self, heartbeat: FrameBatch, now: float, silent_since: float) -> None:
        """Tells the audiences that have heard nothing since `silent_since` where they stand."""
        silent = [audience for audience in self._registry.audiences if audience.told_at < silent_since]
        self._schedule(audience for audience in silent if audience.add_heartbeat(heartbeat, now))

    def flush(self) -> None:
        """Writes all that is due, to the last reader."""
        while self._due:
            self._serve(self._due.popleft(), MAX_READERS_PER_TURN)

    def _schedule(self, audiences: Iterable[Audience]) -> None:
        self._due.extend(audiences)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._write_slice()

    def _write_slice(self) -> None:
        """Serves one slice of readers now; the rest in the next turns of the loop."""
        left = MAX_READERS_PER_TURN
        while self._due and left > 0:
            left -= self._serve(self._due.popleft(), left)
        self._is_scheduled = not self.is_idle
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._write_slice)

    def _serve(self, audience: Audience, limit: int) -> int:
        """Writes to at most `limit` readers of the audience, which then waits for its next turn; returns how many."""
        served = 0
        while audience.is_due and served < limit:
            number, failed = audience.write(limit - served)
            served += max(1, number)
            for follower in failed:
                self._registry.leave(follower)
                follower.writer.abort()
        if audience.is_due:
            self._due.append(audience)
        return served
