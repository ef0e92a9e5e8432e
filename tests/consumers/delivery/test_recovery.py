"""What a reader missed: all of it, once, in order, or a reset. Never a part."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.db import connection

from blog.models import User
from realtime import log
from realtime.log import LogConnection
from realtime.position import Position
from tests import cast
from tests.consumers.conftest import Edge, on_every_server
from tests.consumers.reader import Reader, offset
from tests.consumers.written import fill, write
from tests.waiting import until


def here() -> str:
    """The newest position, once everything committed has one."""
    sequencing = LogConnection()
    found = sequencing.advance_and_read(0, 1)
    sequencing.close()
    return str(Position(found.epoch, found.head))


@pytest.fixture(scope="module")
def long_ago(database: None, ada: User) -> str:
    """A place that a process started later does not hold in its backlog."""
    since = here()
    cast.a_post(ada, "Long ago")
    fill(5000, "tag.flood")
    write(("tag.more", ["tag.flood"], []))
    cast.a_post(ada, "Just now")
    return since


@pytest.fixture(scope="module")
def late(start_edge: Callable[..., Edge], long_ago: str) -> Iterator[Edge]:
    edge = start_edge()
    yield edge
    assert edge.said_nothing_of("Traceback")
    edge.stop()


@on_every_server
class TestFromTheRing:
    def test_what_was_missed_and_then_what_is_live(self, cleo: Reader, ada: User):
        since = here()
        missed = cast.posts(ada, 3)
        until(lambda: cleo.pong() == here())
        answer = cleo.subscribe("front", since=since)
        assert (answer["position"], answer["recovered"], answer["missed"]) == (since, True, 3)
        assert [event["key"] for event in cleo.events(3)] == [f"post.{post.pk}" for post in missed]
        live = cast.a_post(ada)
        assert cleo.hear()["key"] == f"post.{live.pk}"

    def test_nothing_was_missed(self, cleo: Reader):
        since = here()
        answer = cleo.subscribe("front", since=since)
        assert (answer["position"], answer["missed"]) == (since, 0)
        assert cleo.is_told_nothing()

    def test_only_the_newest_of_an_object(self, cleo: Reader, ada: User):
        post = cast.a_post(ada)
        since = here()
        for title in "abc":
            post.title = title
            post.save()
        until(lambda: cleo.pong() == here())
        answer = cleo.subscribe("front", since=since)
        assert answer["missed"] == 1
        assert cleo.hear()["data"]["title"] == "c"
        assert cleo.is_told_nothing()

    def test_likes_are_another_family_than_the_post(self, cleo: Reader, ada: User):
        post = cast.a_post(ada)
        since = here()
        post.title = "Fog"
        post.save()
        post.liked_by.add(ada)
        until(lambda: cleo.pong() == here())
        assert cleo.subscribe(f"post.{post.pk}", since=since)["missed"] == 2
        assert [event["kind"] for event in cleo.events(2)] == ["post.updated", "post.likes.changed"]

    def test_a_topic_that_was_left_on_the_way_is_named(self, cleo: Reader):
        since = here()
        write(("tag.a", ["tag.one", "tag.two"], ["tag.one"]))
        write(("tag.a", ["tag.two"], []))
        until(lambda: cleo.pong() == here())
        assert cleo.subscribe("tag.one", "tag.two", since=since)["missed"] == 1
        event = cleo.hear()
        assert (event["topics"], event["left"]) == (["tag.two", "tag.one"], ["tag.one"])

    def test_a_topic_that_was_left_and_entered_again_is_not(self, cleo: Reader):
        since = here()
        write(("tag.b", ["tag.one", "tag.two"], ["tag.one"]))
        write(("tag.b", ["tag.two", "tag.one"], []))
        until(lambda: cleo.pong() == here())
        cleo.subscribe("tag.one", "tag.two", since=since)
        assert cleo.hear()["left"] == []

    def test_since_counts_for_new_topics_only(self, cleo: Reader):
        cleo.subscribe("tag.old")
        since = here()
        write(("tag.x", ["tag.old"], []), ("tag.y", ["tag.old", "tag.new"], []), ("tag.z", ["tag.new"], []))
        assert [event["key"] for event in cleo.events(2)] == ["tag.x", "tag.y"]
        answer = cleo.subscribe("tag.new", since=since)
        assert (answer["position"], answer["missed"]) == (since, 1)
        assert cleo.hear()["key"] == "tag.z"
        assert cleo.is_told_nothing()

    def test_since_recovers_nothing_for_what_is_followed(self, cleo: Reader):
        since = here()
        cleo.subscribe("tag.old")
        write(("tag.x", ["tag.old"], []))
        cleo.hear()
        answer = cleo.subscribe("tag.old", since=since)
        assert (answer["recovered"], answer["missed"]) == (True, 0)
        assert cleo.is_told_nothing()

    def test_a_withdrawn_text_is_not_in_it(self, cleo: Reader, ada: User):
        since = here()
        post = cast.a_post(ada, "A secret that must not have been told")
        post.withdraw("a mistake")
        until(lambda: cleo.pong() == here())
        assert cleo.subscribe("front", since=since)["missed"] == 1
        event = cleo.hear()
        assert (event["kind"], event["data"]["reason"]) == ("post.withdrawn", "a mistake")

    def test_a_withdrawn_text_is_gone_from_topics_that_the_withdrawal_is_not_on(self, cleo: Reader, dora: Reader):
        """A reader follows only a tag which the post had lost before: the backlog has lost the text all the same."""
        cleo.subscribe("post.900000")
        since = here()
        write(("post.900000", ["post.900000", "tag.lost"], ["tag.lost"]), text="A secret")
        cleo.hear()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO realtime_pending (kind, key, topics, left_topics, data, scrub) VALUES"
                " ('post.withdrawn', 'post.900000', '{post.900000}', '{}', %s, true)",
                ['{"id": 900000, "withdrawn": "2026-11-20T09:00:00Z", "reason": "", "deleted": false, "version": 2}'],
            )
        assert cleo.hear()["kind"] == "post.withdrawn"
        until(lambda: cleo.pong() == here())
        assert dora.subscribe("tag.lost", since=since)["missed"] == 1
        event = dora.hear()
        assert (event["data"], event["left"]) == ({"scrubbed": True}, ["tag.lost"])


class TestFromTheLog:
    def test_all_of_it_in_order(self, late: Edge, long_ago: str, ada: User):
        with closing(late.connect()) as cleo:
            assert cleo.subscribe("front", since=long_ago)["missed"] == 2
            assert [event["data"]["title"] for event in cleo.events(2)] == ["Long ago", "Just now"]
            cast.a_post(ada, "Live")
            assert cleo.hear()["data"]["title"] == "Live"

    def test_with_fragments(self, late: Edge, long_ago: str):
        with closing(late.connect()) as cleo:
            cleo.ask("hello", format="html")
            cleo.subscribe("front", since=long_ago)
            assert all("<article" in event["html"]["entry"] for event in cleo.events(2))

    def test_more_than_5000_is_too_many(self, late: Edge, long_ago: str):
        with closing(late.connect()) as cleo:
            answer = cleo.subscribe("tag.flood", since=long_ago)
            reset = cleo.hear()
            assert (answer["recovered"], answer["missed"], answer["position"]) == (False, 0, reset["position"])
            assert (reset["reason"], reset["missed"], reset["topics"]) == ("too-many", 5000, ["tag.flood"])
            write(("tag.live", ["tag.flood"], []))
            assert cleo.hear()["key"] == "tag.live"

    def test_5000_are_not(self, late: Edge, long_ago: str):
        first = long_ago.replace(f"-{offset(long_ago)}", f"-{offset(long_ago) + 5}")
        with closing(late.connect()) as cleo:
            missed = cleo.subscribe("tag.flood", since=first)["missed"]
            offsets = [offset(event["position"]) for event in cleo.events(missed)]
            assert 4990 <= missed <= 5000
            assert offsets == sorted(set(offsets))

    def test_trimmed(self, late: Edge, long_ago: str):
        trimmed = offset(long_ago) + 100
        with connection.cursor() as cursor:
            cursor.execute("UPDATE realtime_log SET trimmed = %s", [trimmed])
            cursor.execute('DELETE FROM realtime_event WHERE "offset" <= %s', [trimmed])
        with closing(late.connect()) as cleo:
            assert cleo.subscribe("front", since=long_ago)["recovered"] is False
            reset = cleo.hear()
            assert reset["reason"] == "trimmed"
            assert 1 <= reset["missed"] < 50, "only what is left is counted"


@on_every_server
class TestReset:
    def test_another_epoch(self, cleo: Reader):
        cleo.subscribe("books")
        answer = cleo.subscribe("front", since="elsewhere-7")
        reset = cleo.hear()
        assert (answer["topics"], answer["recovered"], answer["missed"]) == (["books", "front"], False, 0)
        assert reset == {
            "type": "reset", "topics": ["front"], "position": answer["position"], "missed": None, "reason": "epoch"
        }  # fmt: skip

    def test_ahead_of_the_log(self, cleo: Reader):
        epoch, head = log.position()
        assert cleo.subscribe("front", since=f"{epoch}-{head + 1000}")["recovered"] is False
        assert cleo.hear()["reason"] == "ahead"

    def test_a_page_that_is_newer_than_the_process_is_not_ahead(self, cleo: Reader):
        """Somebody else sequenced, and no bell rang: the position is in the log, but not in the hub yet."""
        for _ in range(20):
            write(("tag.q", ["tag.quiet"], []), ring=False)
            answer = cleo.subscribe("tag.quiet", since=here())
            assert answer["recovered"] is True
            cleo.ask("unsubscribe", topics=["tag.quiet"])

    def test_the_log_starts_anew_under_its_readers(self, cleo: Reader, dora: Reader):
        cleo.subscribe("front", "books")
        with connection.cursor() as cursor:
            log.begin(cursor, anew=True)
        reset = cleo.hear()
        assert (reset["reason"], reset["topics"]) == ("epoch", ["front", "books"])
        assert reset["position"] == str(log.position())
        write(("tag.anew", ["books"], []))
        assert cleo.hear()["key"] == "tag.anew"
        assert dora.pong() == str(log.position())

    def test_the_log_goes_backwards(self, cleo: Reader):
        cleo.subscribe("front")
        write(("tag.a", ["front"], []), ("tag.b", ["front"], []))
        cleo.events(2)
        with connection.cursor() as cursor:  # restored, by somebody who forgot to begin anew
            cursor.execute("BEGIN; DELETE FROM realtime_event; UPDATE realtime_log SET head = 0, trimmed = 0; COMMIT")
        assert cleo.hear()["reason"] == "epoch"
        write(("tag.c", ["front"], []))
        assert cleo.hear()["key"] == "tag.c"


@on_every_server
class TestWhileOthersPublish:
    def test_no_gap_nothing_twice_nothing_out_of_order(self, edge: Edge):
        """Readers come and go, each resuming where it stood, while writers commit all the time."""
        start, stopped = here(), threading.Event()
        begin = offset(start)
        writers = [threading.Thread(target=keep_writing, args=(name, stopped)) for name in "ab"]
        readers = [Resuming(edge, start) for _ in range(4)]
        for thread in writers + readers:
            thread.start()
        try:
            until(lambda: min(reader.rounds for reader in readers) >= 15 and offset(here()) > begin + 200, seconds=120)
        finally:
            stopped.set()
            for thread in writers:
                thread.join()
        for reader in readers:
            reader.last = offset(here())
        for reader in readers:
            reader.join(120)
        rows = LogConnection()
        written = [event.offset for event in rows.since(begin, ["tag.stream"], 2**62, 100_000)]
        rows.close()
        for reader in readers:
            assert reader.got == written


def keep_writing(name: str, stopped: threading.Event) -> None:
    number = 0
    while not stopped.wait(0.01):  # slower than readers can follow, or they would be too far behind to recover
        number += 1
        write((f"tag.{name}-{number}", ["tag.stream", f"tag.{name}"], []))
    connection.close()


class Resuming(threading.Thread):
    """A reader who is cut again and again and resumes from the last position it was sent."""

    def __init__(self, edge: Edge, cursor: str) -> None:
        super().__init__(daemon=True)
        self.edge, self.cursor = edge, cursor
        self.got: list[int] = []
        self.rounds = 0
        self.last: int | None = None  # the offset that ends it, once nothing more is written

    def run(self) -> None:
        while self.last is None or offset(self.cursor) < self.last:
            with closing(self.edge.connect()) as reader:
                reader.say("subscribe", topics=["tag.a", "tag.stream"], since=self.cursor)
                reader.say("ping")
                self._read(reader)
            self.rounds += 1

    def _read(self, reader: Reader) -> None:
        """Until a few frames after the pong, so that the cut falls anywhere."""
        more = self.rounds % 7
        pong = False
        while not pong or more:
            if pong:
                reader.say("ping")
                more -= 1
            frame = reader.hear()
            pong = pong or frame["type"] == "pong"
            assert frame["type"] != "reset", (frame, self.cursor)
            if frame["type"] == "event":
                self.got.append(offset(frame["position"]))
            self.cursor = frame.get("position", self.cursor)
