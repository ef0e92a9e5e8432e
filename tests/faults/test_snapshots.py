"""A page read at any moment becomes, by the events after its position, the page that is read now.

Thousands of pages are rendered, subscribed and followed while transactions of several writers are open, and while the
log is sequenced and trimmed. A seeded schedule decides which step comes next, so a failure can be replayed; its message
has the command. FAULTS_PAGES sets the number of pages.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from django.db import connection

from blog.models import Post
from blog.state import post_states
from consumers.delivery.hub import Hub
from consumers.delivery.subscription import Subscription
from realtime import kinds, log
from realtime.position import Position
from realtime.retention import trim_log
from tests.faults.readers.page_model import Page, Shown
from tests.faults.rig.interleaved_writers import InterleavedWriter, Newsroom
from tests.faults.rig.stepped_hub import Captured, SteppedTail, stepped_hub

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # everything runs on one thread, where the order of the steps is the schedule's
    pytest.mark.usefixtures("database_on_the_loop"),
]

PAGES = int(os.environ.get("FAULTS_PAGES", "5000"))
BATCH = 100  # pages of one newsroom, which a replay repeats
MAX_OPENING = 20  # pages that are being read or are catching up at the same time
WRITERS = 3
EARLIEST = datetime.min.replace(tzinfo=UTC)


@pytest.fixture
def database_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


class Visit:
    """A page, from reading its position until it is compared."""

    def __init__(self, hub: Hub, topic: str, names: list[int]) -> None:
        self.page = Page(topic)
        self.position: Position | None = None
        self.rendered = False
        self.resets: list[str] = []
        self._names = names
        self._hub = hub
        self._writer = Captured()
        self._subscription = Subscription(hub, self._writer)
        self._taken = 0
        self._steps = self._live()

    def step(self) -> bool:
        """Takes the next step; returns whether the page is live."""
        return next(self._steps, None) is None

    def _live(self) -> Iterator[str]:
        self._subscription.open()
        self.position = log.position()
        yield "position"
        while not self.rendered:
            yield "waiting for its data"
        self._following = asyncio.ensure_future(self._follow(self.position))
        while not self._following.done():
            yield "catching up"
        self._following.result()
        self.listen()
        yield "live"

    @property
    def is_waiting(self) -> bool:
        return self.position is not None and not self.rendered

    def render(self, states: Shown) -> None:
        self.page.render(states)
        self.rendered = True

    async def _follow(self, since: Position) -> None:
        await self._subscription.follow([self.page.topic, "site"], [], since)

    def listen(self) -> None:
        """Applies the frames that were written, in order; reads the page again after a `reset`."""
        for frame in self._writer.frames[self._taken :]:
            if frame["type"] == "event":
                self.page.apply(frame)
            elif frame["type"] == "reset":
                self.resets.append(frame["reason"])
                self.page.render(read(self.page.topic, self._names))
        self._taken = len(self._writer.frames)

    def close(self) -> None:
        self._subscription.position  # writes what has arrived for it
        self.listen()
        self._subscription.close()

    def offsets(self) -> list[int]:
        events = [frame for frame in self._writer.frames if frame["type"] == "event"]
        return [Position.parse(event["position"]).offset for event in events]


def read(topic: str, names: list[int]) -> Shown:
    """Returns what a page of this topic shows now, in the form of events."""
    rows = Post.objects.public()
    rows = rows.filter(tags__slug=topic.removeprefix("tag.")) if topic.startswith("tag.") else rows
    return {state.id: plain(state) for state in post_states(rows.filter(byline__in=names))}


def plain(state: Any) -> dict[str, Any]:
    return msgspec.json.decode(kinds.encode(state))


class Schedule:
    """One newsroom, its open pages and its hub; a seed decides which takes the next step."""

    def __init__(self, hub: Hub, seed: str) -> None:
        self.dice = random.Random(seed)
        self.hub = hub
        self.newsroom = Newsroom(self.dice, seed)
        self.writers = [InterleavedWriter(self.newsroom) for _ in range(WRITERS)]
        self.opening: list[Visit] = []
        self.live: list[Visit] = []
        self.seen: Counter[str] = Counter()
        self.topics = ["front", *(f"tag.{tag.slug}" for tag in self.newsroom.tags)]
        self.names = [author.pk for author in self.newsroom.authors]

    async def run(self, pages: int) -> None:
        try:
            while self.seen["page"] < pages:
                self._step()
                for _ in range(3):  # for callbacks of the loop, and those that they schedule
                    await asyncio.sleep(0)
        finally:
            for writer in self.writers:
                writer.close()
            for visit in self.opening + self.live:
                visit.close()

    def _step(self) -> None:
        what = self.dice.random()
        if what < 0.12:
            self.seen[self.dice.choice(self.writers).step()] += 1
        elif what < 0.22:
            self.tail.step()
        elif what < 0.225:
            trim_log(EARLIEST, self.dice.randrange(12))
            self.seen["trim"] += 1
        elif what < 0.235:
            self._compare()
        elif what < 0.29:
            self._render(self.dice.choice(self.topics))
        elif len(self.opening) < MAX_OPENING:
            self.opening.append(Visit(self.hub, self.dice.choice(self.topics), self.names))
        else:
            visit = self.dice.choice(self.opening)
            if visit.step():
                self.opening.remove(visit)
                self.live.append(visit)

    def _render(self, topic: str) -> None:
        """Renders all pages of a topic that have their positions, newer and older ones, from the same data."""
        waiting = [visit for visit in self.opening if visit.is_waiting and visit.page.topic == topic]
        if waiting:
            states = read(topic, self.names)
            for visit in waiting:
                visit.render(states)

    def _compare(self) -> None:
        """Checks that every live page shows exactly what is committed now."""
        now = {topic: read(topic, self.names) for topic in {visit.page.topic for visit in self.live}}
        while self.tail.step():
            pass
        for visit in self.live:
            visit.close()
            offsets = visit.offsets()
            assert offsets == sorted(set(offsets)), "an event came twice, or out of order"
            assert not visit.resets or (
                visit.resets == ["trimmed"] and visit.position.offset < self.hub.history.trimmed
            )
            assert visit.page.shown == now[visit.page.topic]
            self.seen["reset"] += len(visit.resets)
            self.seen["event"] += len(offsets)
        self.seen["page"] += len(self.live)
        self.live.clear()

    @property
    def tail(self) -> SteppedTail:
        tail = self.hub.tail
        assert isinstance(tail, SteppedTail)
        return tail


async def test_every_page_becomes_what_is_read_now(monkeypatch: pytest.MonkeyPatch):
    seed, batch = os.environ.get("FAULTS_SEED", "1"), os.environ.get("FAULTS_BATCH")
    seen = Counter[str]()
    for number in range(PAGES // BATCH) if batch is None else [int(batch)]:
        seen += await play(f"{seed}-{number}", monkeypatch)
    assert seen["page"] >= BATCH
    assert min(seen[what] for what in ("commit", "roll back", "event", "reset", "trim")) > 0


async def play(seed: str, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Plays one batch; returns the counts of what happened in it."""
    hub = await stepped_hub(monkeypatch)
    try:
        schedule = Schedule(hub, seed)
        await schedule.run(BATCH)
        return schedule.seen
    except Exception as error:
        number, batch = seed.split("-")
        replay = f"FAULTS_SEED={number} FAULTS_BATCH={batch} python3 manage.py test tests/faults/test_snapshots.py"
        raise AssertionError(f"A page diverged. Replay: {replay}") from error
    finally:
        hub.stop()
        connection.close()  # the one that this task opened
