"""The log: exactly what was committed, each once, per key in the order of the commits."""

import random
import threading
from collections import Counter, defaultdict
from contextlib import closing

import msgspec
import psycopg2
import pytest
from django.db import connection, transaction

from blog.models import Author
from realtime import log
from realtime.errors import LogAway
from realtime.log import LogConnection
from realtime.position import MAX_OFFSET
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 200
KEYS = 20


class Roll(Exception):
    pass


def test_a_look_gives_each_event_its_place():
    with captured_events() as events:
        for name in "ABC":
            Author.objects.create(name=name)
    first = events[0].offset
    assert [event.offset for event in events] == [first, first + 1, first + 2]
    assert log.position().offset == first + 2


def test_a_transaction_left_open_delays_nobody():
    other = psycopg2.connect(**{k: v for k, v in connection.get_connection_params().items() if k in LIBPQ})
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO realtime_pending (kind, key, topics, data)"
                " VALUES ('author.updated', 'author.0', '{site}', '{}')"
            )
        with captured_events() as events:
            Author.objects.create(name="Ada")
        assert events.kinds() == ["author.updated"]
        with captured_events() as late:
            other.commit()
        assert [event.key for event in late] == ["author.0"]
    finally:
        other.close()


def test_tidying_up_waits_for_nobody():
    with transaction.atomic():
        Author.objects.create(name="Ada")
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE realtime_pending IN ROW EXCLUSIVE MODE")
            sequencing = LogConnection()
            sequencing.tidy()  # in 2 s it would have given up waiting
            cursor.execute("LOCK TABLE realtime_pending IN SHARE UPDATE EXCLUSIVE MODE")  # as another who tidies up
            sequencing.tidy()
            sequencing.close()


def test_another_cluster_is_another_epoch():
    epoch = log.position().epoch
    with connection.cursor() as cursor:
        log.begin(cursor)
        assert log.position().epoch == epoch
        cursor.execute("UPDATE realtime_log SET cluster = 'elsewhere'")
        log.begin(cursor)
    assert log.position().epoch != epoch


def test_an_operator_can_begin_anew():
    before = log.position()
    with connection.cursor() as cursor:
        log.begin(cursor, anew=True)
    assert log.position().epoch != before.epoch
    assert log.position().offset == before.offset


def test_a_log_that_was_not_made_is_away():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM realtime_log")
    connected = LogConnection()
    connected._connection = psycopg2.connect(
        **{k: v for k, v in connection.get_connection_params().items() if k in LIBPQ}
    )
    with pytest.raises(LogAway):
        connected.advance_and_read(0)
    connected.close()


def test_200_writers_of_whom_30_percent_roll_back():
    """Each writer renames authors, in savepoints too, and keeps count of what it committed."""
    authors = [Author.objects.create(name=f"{n}") for n in range(KEYS)]
    start, committed, errors = LogConnection().advance_and_read(MAX_OFFSET).head, Counter(), []
    lock, gate = threading.Lock(), threading.Semaphore(24)  # connections at once

    def write(seed: int) -> None:
        dice = random.Random(seed)
        try:
            with gate:
                mine = renames(dice, authors, seed)
                with lock:
                    committed.update(mine)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    hubs = [Sequencer(start) for _ in range(3)]
    for hub in hubs:
        hub.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    events, *others = [hub.finish() for hub in hubs]

    assert errors == []
    assert all(other == events for other in others)
    assert [event.offset for event in events] == list(range(start + 1, start + 1 + len(events)))
    assert Counter(event.key for event in events) == committed
    versions = defaultdict(list)
    for event in events:
        versions[event.key].append(msgspec.json.decode(event.data)["version"])
    assert all(seen == sorted(set(seen)) for seen in versions.values())
    newest = {event.key: msgspec.json.decode(event.data)["name"] for event in events}
    assert all(newest.get(f"author.{a.pk}", a.name) == a.name for a in Author.objects.all())


def renames(dice: random.Random, authors: list[Author], seed: int) -> set[str]:
    """One transaction; returns the keys it committed."""
    mine = set()
    try:
        with transaction.atomic():
            for author in sorted(dice.sample(authors, dice.choice((1, 1, 2, 3))), key=lambda a: a.pk):
                try:
                    with transaction.atomic():
                        Author.objects.filter(pk=author.pk).update(name=f"{author.pk} by {seed}")
                        if dice.random() < 0.2:
                            raise Roll
                    mine.add(f"author.{author.pk}")
                except Roll:
                    pass
            if dice.random() < 0.3:
                raise Roll
    except Roll:
        return set()
    return mine


class Sequencer(threading.Thread):
    """A hub's looking, without the hub: sequences while the writers write."""

    def __init__(self, since: int) -> None:
        super().__init__()
        self.since, self.events, self.done = since, [], threading.Event()

    def run(self) -> None:
        looking = LogConnection()
        while True:
            last = self.done.is_set()
            found = looking.advance_and_read(self.since).events
            self.events += found
            self.since = found[-1].offset if found else self.since
            if last and not found:
                break
            self.done.wait(0.005)
        looking.close()

    def finish(self):
        self.done.set()
        self.join(30)
        return self.events


def test_a_withdrawn_text_leaves_the_log():
    with connection.cursor() as cursor:
        for scrub, text in ((False, "secret"), (False, "secret too"), (True, "gone")):
            cursor.execute(
                "INSERT INTO realtime_pending (kind, key, topics, data, scrub)"
                " VALUES ('post.updated', 'post.0', '{front}', %s, %s)",
                [f'{{"text": "{text}"}}', scrub],
            )
            if text == "secret":
                LogConnection().advance_and_read(MAX_OFFSET)
        LogConnection().advance_and_read(MAX_OFFSET)
        cursor.execute("SELECT data FROM realtime_event WHERE key = 'post.0' ORDER BY \"offset\"")
        assert [msgspec.json.decode(data) for (data,) in cursor.fetchall()] == [
            {"scrubbed": True},
            {"scrubbed": True},
            {"text": "gone"},
        ]


LIBPQ = {"host", "port", "user", "password", "dbname"}


ODD = ["site", "tag.긴급", 'a,"b"', "{}", "NULL", "back\\slash", ""]


def test_topics_are_read_as_they_were_written_and_kept_once():
    with closing(LogConnection()) as found:
        since = found.advance_and_read(MAX_OFFSET).head
        with connection.cursor() as cursor:
            for topics in (ODD, ["site"], ODD):
                cursor.execute(
                    "INSERT INTO realtime_pending (kind, key, topics, data)"
                    " VALUES ('author.updated', 'author.0', %s, '{}')",
                    [topics],
                )
        first, other, again = found.advance_and_read(since).events
    assert first.topics == tuple(ODD)
    assert (other.topics, other.left) == (("site",), ())
    assert again.topics is first.topics


def test_no_more_topics_are_kept_than_events(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log.TopicsReader, "MAX_ARRAYS", 2)
    read = log.TopicsReader()
    texts = ["{a}", "{b}", "{c}", "{a}"]
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        assert [read(text, cursor) for text in texts] == [("a",), ("b",), ("c",), ("a",)]
    assert len(read) <= 2


def test_a_withdrawal_finds_what_came_before_it_by_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute(f"EXPLAIN {log.SEQUENCE.replace('$1', '0')}")
            assert "event_by_key" in str(cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan")
