"""The tail: the one thread of this process that reads the log.

It reads when the bell rings, or after a second, or by the clock where much is committed (adaptive_polling.py),
and hands what it found to the event loop, in order. Between two reads it does one job that must not happen on
the loop: an older read of the log, or rendering.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from consumers.access import revocations
from consumers.delivery.adaptive_polling import POLL_INTERVAL, AdaptivePolling
from consumers.metrics import counters
from consumers.wire.server_frames import JSON, Entry, Variant
from realtime import log
from realtime.bell import bell
from realtime.errors import LogAway
from realtime.position import MAX_OFFSET

T = TypeVar("T")
logger = logging.getLogger(__name__)

IDLE_INTERVAL = 1.0  # seconds between reads when the bell is silent and trusted
DOUBT_INTERVAL = 0.1  # seconds between reads while the bell may not be heard
RETRY_SECONDS = (0.1, 1.0)  # seconds to the next try while the database is away: the first time, and at most
STOP_TIMEOUT = 0.5  # seconds for the read that is under way when the process ends
MAX_ROWS_PER_READ = 1000
MAX_EVENTS_PER_PORTION = 50  # events whose frames are made before they are handed over: about 50 ms of rendering
# bytes of data handed over at once: a reader gets it in one write, which may have to be buffered for it
MAX_PORTION_BYTES = 64 * 1024
# events that adaptive polling finds until it tidies up: 250 pages of 20 rows, a tenth of a millisecond to read
TIDY_AFTER_EVENTS = 5000
PREFILL_ROWS = 1000  # rows that a new process reads back, for the readers of a process that is lost


class LogBatch(NamedTuple):
    """The next events of the log, without a gap, and how much of the log is trimmed."""

    entries: list[Entry]
    trimmed: int


class LogReset(NamedTuple):
    """The log is another one, or skipped what this process had not read: it starts again from here."""

    epoch: str
    offset: int
    head: int
    trimmed: int
    reason: str
    access: Sequence[log.Event] = ()  # revocations that living tickets may be older than


class _Job(NamedTuple):
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class LogTail:
    """Reads the log for one hub. `deliver` is called on the loop, in order; `variants` on the tail's thread."""

    _loop: asyncio.AbstractEventLoop  # from `start` on
    _thread: threading.Thread

    def __init__(
        self, deliver: Callable[[LogBatch | LogReset], None], variants: Callable[[], Iterable[Variant]]
    ) -> None:
        self._deliver = deliver
        self._variants = variants
        self.connection = log.LogConnection()
        self._wake = threading.Event()
        self._rung = False
        self._stopping = False
        self._jobs: deque[_Job] = deque()
        self._waiting: list[_Job] = []  # jobs that met a database that was away
        self._epoch = ""
        self._seen = -1  # the offset up to which everything was handed over; -1 before the first read
        self._unannounced = False  # the last read found events without a ring: rings may be lost
        self._polling = AdaptivePolling()
        self._moved_rows = 0
        self._backoff = 0.0  # seconds; 0 while the database answers
        self._due = 0.0

    # --- on the loop

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the thread, which hands over to this loop."""
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the read that is under way; one that hangs in the database is left alone."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=STOP_TIMEOUT)

    def wake(self) -> None:
        """Has the log read now: the bell rang. From any thread."""
        self._rung = True
        self._wake.set()

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Does the work on the tail's thread, between two reads. A job that meets LogAway waits for the database."""
        job = _Job(work, self._loop.create_future())
        self._jobs.append(job)
        self._wake.set()
        return job.done

    # --- on the thread

    def poll(self) -> int:
        """Sequences and reads what is new and hands it over; returns how much of the log is trimmed. Raises LogAway."""
        rung, self._rung = self._rung, False
        counters.looks += 1
        if self._seen < 0:
            self._begin(self.connection.advance_and_read(MAX_OFFSET))
        began, offered = monotonic(), self._polling.offer()
        found = self.connection.advance_and_read(self._seen, MAX_ROWS_PER_READ, offered)
        if self._polling.note(found, began, offered):
            bell.ring()
        if self._is_another(found):
            self._reset(found, found.head, "epoch")
        elif found.trimmed > self._seen or self._has_holes(found):
            self._reset(found, found.head, "trimmed")
        else:
            self._hand_over(found)
            if not self._polling.is_on:  # else no writer has to ring
                self._unannounced = not rung and (self._unannounced or bool(found.events))
            self._tidy(len(found.events))
        self._due = began + self._interval()
        if len(found.events) == MAX_ROWS_PER_READ:
            self.wake()  # there is more
            self._due = 0.0
        return found.trimmed

    def _tidy(self, moved: int) -> None:
        self._moved_rows += moved
        if self._polling.is_on and self._moved_rows >= TIDY_AFTER_EVENTS:
            self._moved_rows = 0
            self.connection.tidy()

    def _interval(self) -> float:
        """Seconds from the beginning of one read to that of the next, while the bell is silent."""
        if self._polling.is_on:
            return POLL_INTERVAL
        return DOUBT_INTERVAL if bell.doubt or self._unannounced else IDLE_INTERVAL

    def _run(self) -> None:
        while not self._stopping:
            if not self._jobs:
                self._wake.wait(max(0.0, self._due - monotonic()))
            self._wake.clear()
            try:
                if monotonic() >= self._due or (self._rung and not self._backoff and not self._polling.is_on):
                    self.poll()
                    self._came_back()
                if self._jobs:
                    self._do(self._jobs.popleft())
            except LogAway as error:
                self._went_away(error)
            except Exception:  # a mistake of ours: the pages of this process must not freeze because of it
                logger.exception("The tail of the log stumbled; it looks again in a second.")
                self._due = monotonic() + IDLE_INTERVAL
        self.connection.close()

    def _do(self, job: _Job) -> None:
        if job.done.cancelled():
            return
        try:
            result = job.work()
        except LogAway:
            self._waiting.append(job)
            raise
        except Exception as error:
            self._on_loop(_settle, job.done, None, error)
        else:
            self._on_loop(_settle, job.done, result, None)

    def _begin(self, found: log.LogRead) -> None:
        """Begins a little before the head, where the readers of a lost process stand."""
        self._reset(found, max(found.trimmed, found.head - PREFILL_ROWS), "start")

    def _is_another(self, found: log.LogRead) -> bool:
        return found.epoch != self._epoch or found.head < self._seen

    def _has_holes(self, found: log.LogRead) -> bool:
        """Whether rows are gone without having been trimmed: offsets have no holes, so this was a hand in the table."""
        return bool(found.events) and found.events[-1].offset - self._seen != len(found.events)

    def _reset(self, found: log.LogRead, offset: int, reason: str) -> None:
        access = revocations.read_recent(self.connection)  # before anything is moved: it may find the log away
        self._epoch, self._seen = found.epoch, offset
        self._on_loop(self._deliver, LogReset(found.epoch, offset, found.head, found.trimmed, reason, access))

    def _hand_over(self, found: log.LogRead) -> None:
        """Delivers in portions, so that the first of many is not kept back by the rendering of the last."""
        variants = tuple(self._variants())
        limit = MAX_ROWS_PER_READ if all(variant == JSON for variant in variants) else MAX_EVENTS_PER_PORTION
        for portion in portions(found.events, limit):
            entries = [Entry(event, found.epoch) for event in portion]
            for variant in variants:
                prepare(entries, variant)
            self._on_loop(self._deliver, LogBatch(entries, found.trimmed))
            if entries:
                self._seen = entries[-1].offset

    def _went_away(self, error: LogAway) -> None:
        if not self._backoff:
            logger.warning("The log cannot be read (%s); looking until it can.", error)
        first, longest = RETRY_SECONDS
        self._backoff = min(longest, self._backoff * 2 or first)
        self._due = monotonic() + self._backoff

    def _came_back(self) -> None:
        if self._backoff:
            logger.warning("The log can be read again.")
            self._backoff = 0.0
        self._jobs.extend(self._waiting)
        self._waiting.clear()

    def _on_loop(self, function: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)


def portions(events: Iterable[log.Event], limit: int) -> Iterator[list[log.Event]]:
    """Yields the events in order, at most `limit` at a time and MAX_PORTION_BYTES of data, or one that is larger.

    No events are one empty portion.
    """
    portion: list[log.Event] = []
    size = 0
    for event in events:
        size += len(event.data)
        if portion and (len(portion) == limit or size > MAX_PORTION_BYTES):
            yield portion
            portion, size = [], len(event.data)
        portion.append(event)
    yield portion


def prepare(entries: Iterable[Entry], variant: Variant) -> None:
    """Makes the frames of the entries in this variant."""
    for entry in entries:
        entry.prepare(variant)


def _settle(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
