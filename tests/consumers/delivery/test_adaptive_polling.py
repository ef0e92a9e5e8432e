"""Adaptive polling: what is committed under a lease reaches every hub, without a ring."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from time import monotonic

import pytest
from django.db import connection, transaction

from blog.models import Author
from consumers.delivery import adaptive_polling
from consumers.delivery import log_tail as tails
from consumers.delivery.adaptive_polling import AdaptivePolling
from consumers.delivery.log_tail import LogBatch, LogReset, LogTail
from consumers.wire.server_frames import JSON, Variant
from realtime.bell import listen
from realtime.log import Event, LogConnection, LogRead
from realtime.polling_lease import LEASE_SECONDS, PollingLease
from realtime.position import MAX_OFFSET
from tests.waiting import PATIENCE

numbers = count(1)


def found(events: int = 0, promised: float = 0.0) -> LogRead:
    return LogRead("k3f9ab", 1, 0, [object()] * events, promised)  # type: ignore[list-item]


class TailOfAHub:
    """A tail as a hub has one, and the names that it delivered."""

    def __init__(self) -> None:
        self.heard = ""
        self.is_ready = asyncio.Event()
        self.tail = LogTail(self._told, tuple)
        self.tail.start(asyncio.get_running_loop())
        self._listening = asyncio.create_task(listen(self.tail.wake))

    def _told(self, found: LogBatch | LogReset) -> None:
        self.is_ready.set()
        if isinstance(found, LogBatch):
            self.heard += "".join(entry.event.data.decode() for entry in found.entries)

    async def until(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while name not in self.heard:
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._listening.cancel()
        self.tail.stop()


@pytest.fixture
def clean(database: None) -> Iterator[None]:
    """No lease before, none afterwards."""

    def forget() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE realtime_log SET promised = NULL")
        connection.polling_lease = PollingLease()

    with closing(LogConnection()) as log:
        log.advance_and_read(MAX_OFFSET)
    forget()
    yield
    forget()


@pytest.fixture
def eager(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polling begins with the second event, and without bell or polling nothing is found in time."""
    monkeypatch.setattr(adaptive_polling, "MIN_EVENTS_PER_READ", 1)
    monkeypatch.setattr(adaptive_polling, "MIN_EVENTS_PER_SECOND", 0)
    monkeypatch.setattr(adaptive_polling, "MIN_BUSY_READS", 1)
    monkeypatch.setattr(tails, "IDLE_INTERVAL", 600.0)
    monkeypatch.setattr(tails, "DOUBT_INTERVAL", 600.0)


def save_unrung() -> str:
    """Saves until a save was certainly not rung for; the name that it gave. On any thread."""
    connection.polling_lease = PollingLease()
    while not connection.polling_lease.is_open:  # it was open after the ring would have been
        name = f"Byline {next(numbers)};"
        Author.objects.create(name=name)
    connection.close()
    return name


async def test_a_commit_under_a_lease_reaches_every_hub(eager: None):
    hubs = [TailOfAHub() for _ in range(3)]
    try:
        for hub in hubs:
            await hub.is_ready.wait()
        for _ in range(3):  # leases, one after the other
            name = await asyncio.to_thread(save_unrung)
            for hub in hubs:
                await hub.until(name)
    finally:
        for hub in hubs:
            hub.stop()


async def test_where_the_holder_of_the_lease_was_killed_a_poll_finds_it(clean: None):
    hub = TailOfAHub()
    try:
        await hub.is_ready.wait()

        def take_a_lease_and_die() -> str:
            Author.objects.create(name="Ada")
            with closing(LogConnection()) as log:
                while not log.advance_and_read(MAX_OFFSET, lease=LEASE_SECONDS).promised:
                    Author.objects.create(name="Ada")  # the other hub was faster and moved it
            return save_unrung()

        await hub.until(await asyncio.to_thread(take_a_lease_and_die))
    finally:
        hub.stop()


@pytest.mark.parametrize(("variants", "portions"), [((JSON,), [3]), ((JSON, Variant("html", "en")), [2, 1])])
async def test_what_needs_no_rendering_is_handed_over_at_once(
    clean: None, monkeypatch: pytest.MonkeyPatch, variants: tuple[Variant, ...], portions: list[int]
):
    monkeypatch.setattr(tails, "MAX_EVENTS_PER_PORTION", 2)
    assert await handed_over(variants) == portions


async def handed_over(variants: tuple[Variant, ...]) -> list[int]:
    """How many events come at once, where three are committed together."""
    told: list[int] = []
    tail = LogTail(
        lambda found: told.append(len(found.entries)) if isinstance(found, LogBatch) else None, lambda: variants
    )
    tail._loop = asyncio.get_running_loop()
    with closing(tail.connection):
        await asyncio.to_thread(tail.poll)
        await asyncio.sleep(0)
        told.clear()  # what earlier tests left
        await asyncio.to_thread(save_three)
        await asyncio.to_thread(tail.poll)
    await asyncio.sleep(0)
    return told


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], [[]]),
        ([10, 20, 30], [[10, 20, 30]]),
        ([60, 40, 1], [[60, 40], [1]]),
        ([500, 1, 500, 500], [[500], [1], [500], [500]]),
        ([1] * 9, [[1] * 4, [1] * 4, [1]]),
    ],
)
def test_what_is_handed_over_at_once_is_bounded_in_number_and_bytes(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], expected: list[list[int]]
):
    monkeypatch.setattr(tails, "MAX_PORTION_BYTES", 100)
    events = [Event(1, "author.updated", "author.1", (), (), datetime.now(UTC), b"x" * size) for size in sizes]
    assert [[len(event.data) for event in portion] for portion in tails.portions(events, 4)] == expected


async def test_large_events_are_written_apart_though_nobody_renders(clean: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tails, "MAX_PORTION_BYTES", 1)
    assert await handed_over((JSON,)) == [1, 1, 1]


def save_three() -> None:
    with transaction.atomic():
        for _ in range(3):
            Author.objects.create(name=f"Byline {next(numbers)};")
    connection.close()


def test_one_transaction_with_many_events_takes_no_lease():
    polling = AdaptivePolling()
    polling.note(found(events=1000), 100.0, 0.0)
    assert polling.offer() == 0
    polling.note(found(events=1), 100.01, 0.0)
    assert polling.offer() == 0
    assert not polling.is_on


def test_busy_reads_in_a_row_begin_to_poll():
    polling = AdaptivePolling()
    for number in range(adaptive_polling.MIN_BUSY_READS + 1):
        assert polling.offer() == 0
        polling.note(found(events=adaptive_polling.MIN_EVENTS_PER_READ), 100.0 + number / 1000, 0.0)
    assert polling.offer() == LEASE_SECONDS
    assert polling.note(
        found(events=adaptive_polling.MIN_EVENTS_PER_READ, promised=LEASE_SECONDS), 100.1, LEASE_SECONDS
    )  # the others are rung for
    assert polling.is_on


def test_a_hundred_events_a_second_begin_nothing():
    polling = AdaptivePolling()
    for number in range(1000):
        polling.note(found(events=1 + number % 4), 100.0 + number / 40, 0.0)
        assert polling.offer() == 0


def test_a_hub_polls_under_the_lease_of_another_and_does_not_ring():
    polling = AdaptivePolling()
    assert not polling.note(found(promised=LEASE_SECONDS), monotonic(), 0.0)
    assert polling.is_on


def test_only_a_read_that_begins_after_the_lease_ends_the_polling():
    polling = AdaptivePolling()
    polling.note(found(promised=1e-9), monotonic(), 0.0)
    end = polling._until
    polling.note(found(), end - 0.001, 0.0)  # the server found it over, but this read may have begun before
    assert polling.is_on
    polling.note(found(), end, 0.0)
    assert not polling.is_on


def test_polling_is_prolonged_while_enough_comes(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr(adaptive_polling, "monotonic", lambda: now)
    busy, calm = AdaptivePolling(), AdaptivePolling()
    for polling in (busy, calm):
        polling.note(found(promised=LEASE_SECONDS), now, 0.0)
        assert polling.offer() == 0
    busy.note(found(events=1000, promised=LEASE_SECONDS), now, 0.0)
    calm.note(found(events=10, promised=LEASE_SECONDS), now, 0.0)
    now += LEASE_SECONDS * 0.6
    assert (busy.offer(), calm.offer()) == (LEASE_SECONDS, 0)
