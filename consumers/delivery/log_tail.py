"""The tail: the one thread of this process that reads the log.

It looks when the bell rings, or after a second, or as it has promised to where much is committed, and
hands what it found to the event loop, in order.
Between two looks it does one thing that must not happen on the loop: an older read of the log, or
rendering.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from consumers.access.revocations import MEMORY
from consumers.delivery.adaptive_polling import PACE, Watch
from consumers.metrics import counters
from consumers.wire.server_frames import JSON, Entry, Variant
from realtime import log
from realtime.bell import bell
from realtime.errors import LogAway
from realtime.position import LARGEST
from realtime.revocations import KIND

T = TypeVar("T")
logger = logging.getLogger(__name__)

IDLE = 1.0  # seconds between looks when the bell is silent and trusted
DOUBT = 0.1  # seconds while the bell may not be heard
BACKOFF = (0.1, 1.0)  # seconds to the next try while the database is away: first, longest
BATCH = 1000  # rows of one look
PORTION = 50  # events whose frames are made before they are handed over: about 50 ms of rendering
TOGETHER = 64 * 1024  # bytes of data handed over at once: a reader gets it in one write, which may be kept for it
UNTIDY = 5000  # events that a watch finds until it tidies up: 250 pages of 20 rows, a tenth of a millisecond to read
PREFILL = 1000  # rows that a new process reads back, for those who lost the old one


class News(NamedTuple):
    """What the tail hands over: the next events, without a gap, and how much of the log is trimmed."""

    entries: list[Entry]
    trimmed: int


class Anew(NamedTuple):
    """The log is another one, or skipped what this process had not read: start again from here."""

    epoch: str
    offset: int
    head: int
    trimmed: int
    reason: str
    access: Sequence[log.Event] = ()  # revocations that living tickets may be older than


class _Job(NamedTuple):
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class Tail:
    """Reads the log for one hub. `tell` is called on the loop, in order."""

    def __init__(self, tell: Callable[[News | Anew], None], variants: Callable[[], Iterable[Variant]]) -> None:
        self._tell = tell
        self._variants = variants
        self.connection = log.LogConnection()
        self._wake = threading.Event()
        self._rung = False
        self._stopping = False
        self._jobs: deque[_Job] = deque()
        self._waiting: list[_Job] = []  # jobs that met a database that was away
        self._epoch = ""
        self._seen = -1  # the offset up to which everything was handed over; -1 before the first look
        self._unannounced = False
        self._watch = Watch()
        self._untidy = 0
        self._away = 0.0  # seconds of the present backoff; 0 while the database answers
        self._due = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the look it is in; one that hangs in the database is a daemon and left alone."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=0.5)

    def heard(self) -> None:
        """The bell rang. From any thread."""
        self._rung = True
        self._wake.set()

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Does the work on this thread, between two looks. A job that meets LogAway waits for the database."""
        job = _Job(work, self._loop.create_future())
        self._jobs.append(job)
        self._wake.set()
        return job.done

    # On the loop above, on the thread below.

    def look(self) -> int:
        """Reads what is new and hands it over; how much of the log is trimmed. Raises LogAway."""
        rung, self._rung = self._rung, False
        counters.looks += 1
        if self._seen < 0:
            self._begin(self.connection.look(LARGEST))
        began, offered = monotonic(), self._watch.offer()
        look = self.connection.look(self._seen, BATCH, offered)
        if self._watch.note(look, began, offered):
            bell.ring()
        if self._is_another(look):
            self._anew(look, look.head, "epoch")
        elif look.trimmed > self._seen or self._lacks(look):
            self._anew(look, look.head, "trimmed")
        else:
            self._hand_over(look)
            if not self._watch.is_on:  # else nobody has to ring
                self._unannounced = not rung and (self._unannounced or bool(look.events))
            self._tidy(len(look.events))
        self._due = began + self._pace()
        if len(look.events) == BATCH:
            self.heard()  # there is more
            self._due = 0.0
        return look.trimmed

    def _tidy(self, came: int) -> None:
        self._untidy += came
        if self._watch.is_on and self._untidy >= UNTIDY:
            self._untidy = 0
            self.connection.tidy()

    def _pace(self) -> float:
        """Seconds from the beginning of one look to that of the next, where nobody rings."""
        if self._watch.is_on:
            return PACE
        return DOUBT if bell.doubt or self._unannounced else IDLE

    def _run(self) -> None:
        while not self._stopping:
            if not self._jobs:
                self._wake.wait(max(0.0, self._due - monotonic()))
            self._wake.clear()
            try:
                if monotonic() >= self._due or (self._rung and not self._away and not self._watch.is_on):
                    self.look()
                    self._came_back()
                if self._jobs:
                    self._do(self._jobs.popleft())
            except LogAway as error:
                self._went_away(error)
            except Exception:  # a mistake of ours: the pages of this process must not freeze because of it
                logger.exception("The tail of the log stumbled; it looks again in a second.")
                self._due = monotonic() + IDLE
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

    def _begin(self, look: log.Look) -> None:
        """The first look: starts a little before the head, where the readers of a lost process stand."""
        self._anew(look, max(look.trimmed, look.head - PREFILL), "start")

    def _is_another(self, look: log.Look) -> bool:
        return look.epoch != self._epoch or look.head < self._seen

    def _lacks(self, look: log.Look) -> bool:
        """Whether rows are gone that nobody trimmed: offsets have no holes, so this was a hand in the table."""
        return bool(look.events) and look.events[-1].offset - self._seen != len(look.events)

    def _anew(self, look: log.Look, offset: int, reason: str) -> None:
        access = self.connection.recent(KIND, MEMORY)  # before anything is moved: it may find the log away
        self._epoch, self._seen = look.epoch, offset
        self._on_loop(self._tell, Anew(look.epoch, offset, look.head, look.trimmed, reason, access))

    def _hand_over(self, look: log.Look) -> None:
        """In portions, so that the first of many is not kept back by the rendering of the last."""
        variants = tuple(self._variants())
        most = BATCH if all(variant == JSON for variant in variants) else PORTION
        for portion in portions(look.events, most):
            entries = [Entry(event, look.epoch) for event in portion]
            for variant in variants:
                prepare(entries, variant)
            self._on_loop(self._tell, News(entries, look.trimmed))
            if entries:
                self._seen = entries[-1].offset

    def _went_away(self, error: LogAway) -> None:
        if not self._away:
            logger.warning("The log cannot be read (%s); looking until it can.", error)
        first, longest = BACKOFF
        self._away = min(longest, self._away * 2 or first)
        self._due = monotonic() + self._away

    def _came_back(self) -> None:
        if self._away:
            logger.warning("The log can be read again.")
            self._away = 0.0
        self._jobs.extend(self._waiting)
        self._waiting.clear()

    def _on_loop(self, function: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)


def portions(events: Iterable[log.Event], most: int) -> Iterator[list[log.Event]]:
    """The events in order, at most so many at a time, and no more than TOGETHER but for one that is larger.

    There is a portion even of no events.
    """
    portion: list[log.Event] = []
    size = 0
    for event in events:
        size += len(event.data)
        if portion and (len(portion) == most or size > TOGETHER):
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
