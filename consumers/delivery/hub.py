"""The hub: what connects the log to the readers of this process.

One per process, on its event loop. Its tail reads the log, the history keeps where it stands, the registry
knows who follows what, and the dispatcher writes to them, one write for what arrived together.
"""

import asyncio
import logging
from collections.abc import Collection
from time import monotonic

from consumers.access.revocations import Revocations
from consumers.delivery.dispatcher import Dispatcher
from consumers.delivery.follower import Follower
from consumers.delivery.history import History
from consumers.delivery.log_tail import LogBatch, LogReset, LogTail
from consumers.delivery.registry import AudienceRegistry
from consumers.metrics import job_times
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import HEARTBEAT_SECONDS, JSON, Heartbeat, Variant
from realtime.bell import listen
from realtime.position import Position

logger = logging.getLogger(__name__)

READY_TIMEOUT = 30  # seconds that a new reader waits for a hub that does not know its log yet
SILENCE_CHECK_INTERVAL = 1.0  # seconds between two searches for audiences that need a heartbeat


class Hub:
    """Reads the log and tells its readers. Started once, by the server or the first reader, and stopped once."""

    def __init__(self) -> None:
        self.revocations = Revocations()
        self.registry = AudienceRegistry()
        self.tail = LogTail(self._arrived, lambda: self.registry.variants)
        self.history = History(self.tail)
        self._dispatcher = Dispatcher(self.registry)
        self._head = 0  # of the log when this began: a new process first reads back what is behind it
        self._ready = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    # --- its life

    def start(self) -> None:
        """Begins to read the log, on the running loop. Harmless when it has begun."""
        if self._timer is not None or self._is_stopped:
            return
        loop = asyncio.get_running_loop()
        self._listening = loop.create_task(listen(self.tail.wake))
        self._timer = loop.call_later(SILENCE_CHECK_INTERVAL, self._check_silence)
        self.tail.start(loop)

    def stop(self) -> None:
        """Stops reading the log, for good. Followers hear nothing more."""
        self._is_stopped = True
        self._ready.clear()
        if self._timer is not None and self._listening is not None:
            self._timer.cancel()
            self._listening.cancel()
            self.tail.stop()

    @property
    def is_ready(self) -> bool:
        """Whether it knows where the log stands."""
        return self._ready.is_set()

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

    # --- what its readers ask

    @property
    def readers(self) -> list[Follower]:
        """The followers of this process."""
        return self.registry.followers

    @property
    def position(self) -> Position:
        """Where a reader stands to whom everything that arrived was written: see `AudienceRegistry.flush`."""
        return self.history.position

    async def retain(self, variant: Variant) -> None:
        """Counts one more user of the variant. From when this returns, every batch arrives with its frames made."""
        if self.registry.retain(variant) and variant != JSON:
            try:
                await self.tail.call(lambda: None)  # what was being prepared without it has arrived by then
            except asyncio.CancelledError:
                self.registry.release(variant)
                raise

    async def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Returns those of the keys whose objects' events are also on `topic`; for `access.session`."""
        return await self.history.addressed(topic, keys)

    # --- what arrives

    def _arrived(self, found: LogBatch | LogReset) -> None:
        if isinstance(found, LogReset):
            self._begin(found)
        else:
            self._take(found)

    def _begin(self, reset: LogReset) -> None:
        self._dispatcher.flush()
        self.revocations.reset(reset.access, is_another_log=reset.reason == "epoch")
        self.history.begin(reset)
        self._head = reset.head
        if reset.reason != "start":
            logger.warning("The log starts anew at %s (%s).", self.position, reset.reason)
        for reader in self.readers:
            reader.reset(reset.reason)

    def _take(self, batch: LogBatch) -> None:
        self.revocations.apply(entry.event for entry in batch.entries)  # first: what it takes away comes with these
        self.history.append(batch)
        for event in (entry.event for entry in batch.entries):
            if event.kind.startswith("task."):
                job_times.note(event.kind, event.key, event.time)
        if batch.entries:
            self._dispatcher.dispatch(batch.entries, monotonic())
        if self.history.offset >= self._head:
            self._ready.set()

    def _check_silence(self) -> None:
        """Tells audiences that have heard nothing for almost a heartbeat where they stand; reschedules itself."""
        now = monotonic()
        self.revocations.expire()
        heartbeat = FrameBatch([Heartbeat(str(self.position)).encoded()])
        self._dispatcher.beat(heartbeat, now, silent_since=now - HEARTBEAT_SECONDS + 2 * SILENCE_CHECK_INTERVAL)
        self._timer = asyncio.get_running_loop().call_later(SILENCE_CHECK_INTERVAL, self._check_silence)


hub = Hub()
