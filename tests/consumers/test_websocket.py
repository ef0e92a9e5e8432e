"""The socket, row by row of the contract."""

import json
import resource
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from blog.models import Tag, User
from realtime import log, tickets
from tests import cast
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader, offset
from tests.waiting import until

KILOBYTE = 1024


def ticket(*rights: str, id: int = 7, seconds: float = 60) -> str:
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return tickets.sign(tickets.Reader(id, "ada", frozenset(rights), "s", expires))


def test_the_first_frame_welcomes(cleo: Reader):
    assert cleo.welcome == {"type": "welcome", "protocol": 1, "epoch": log.position().epoch, "heartbeat": 25}


def test_an_event_reaches_who_follows_it(cleo: Reader, ada: User):
    cleo.subscribe("front")
    post = cast.a_post(ada, "Fog")
    event = cleo.hear()
    assert list(event) == ["type", "position", "topics", "left", "kind", "key", "time", "data"]
    assert (event["kind"], event["key"], event["data"]["title"]) == ("post.published", f"post.{post.pk}", "Fog")
    assert list(event["data"])[:4] == ["id", "url", "title", "body"], "not in the order of jsonb"
    assert datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert len(event["time"]) == len("2026-11-20T09:00:00.123Z")


def test_an_event_of_several_followed_topics_comes_once(cleo: Reader, ada: User):
    cleo.subscribe("front")
    author = f"author.{cast.a_post(ada).byline_id}"
    cleo.hear()  # so that it does not come after the next answer
    cleo.subscribe(author)
    cast.a_post(ada)
    assert {"front", author} < set(cleo.hear()["topics"])
    assert cleo.is_told_nothing()


def test_events_come_in_the_order_of_the_log(cleo: Reader, ada: User):
    cleo.subscribe("front")
    titles = [post.title for post in cast.posts(ada, 30)]
    events = cleo.events(30)
    assert [event["data"]["title"] for event in events] == titles
    offsets = [offset(event["position"]) for event in events]
    assert offsets == sorted(set(offsets))


class TestHello:
    def test_anonymous(self, cleo: Reader):
        answer = cleo.ask("hello")
        assert answer == {
            "type": "hello", "user": None, "name": None, "format": "json", "language": "en", "expires": None
        }  # fmt: skip

    def test_with_a_ticket(self, cleo: Reader):
        answer = cleo.ask("hello", ticket=ticket("desk"), format="html", language="ko")
        assert (answer["user"], answer["name"], answer["format"], answer["language"]) == (7, "ada", "html", "ko")
        assert answer["expires"].endswith("Z")

    def test_each_is_complete_in_itself(self, cleo: Reader):
        cleo.ask("hello", ticket=ticket(), format="html", language="ko")
        answer = cleo.ask("hello")
        assert (answer["user"], answer["format"], answer["language"]) == (None, "json", "en")

    def test_a_bad_ticket_changes_nothing(self, cleo: Reader):
        cleo.ask("hello", ticket=ticket("desk"))
        for bad in ("", "x", ticket("desk")[:-1], ticket("desk", seconds=-1)):
            if bad:
                assert cleo.ask("hello", ticket=bad)["code"] == "bad-ticket"
        assert cleo.subscribe("desk")["topics"] == ["desk"]

    @pytest.mark.parametrize(("asked", "named"), [("ko-KR", "ko"), ("fr", "en"), ("x" * 1000, "en"), ("", "en")])
    def test_an_unknown_language_falls_back(self, cleo: Reader, asked: str, named: str):
        assert cleo.ask("hello", format="html", language=asked)["language"] == named

    def test_losing_a_right_ends_what_needed_it(self, cleo: Reader):
        cleo.ask("hello", ticket=ticket("desk"))
        cleo.subscribe("front", "desk", "user.7")
        cleo.ask("hello")
        assert cleo.hear() == {"type": "unsubscribed", "topics": ["desk", "user.7"], "code": "forbidden"}
        assert cleo.subscribe("desk")["refused"] == [{"topic": "desk", "code": "forbidden"}]

    def test_an_expired_ticket_ends_what_needed_it(self, cleo: Reader):
        for life in (1, 5, 25):  # more where the machine is slower than that
            cleo.ask("hello", ticket=ticket("desk", seconds=life))
            if cleo.subscribe("front", "desk")["topics"] == ["front", "desk"]:
                break
        assert cleo.hear() == {"type": "unsubscribed", "topics": ["desk"], "code": "forbidden"}
        assert cleo.subscribe("desk")["refused"] == [{"topic": "desk", "code": "forbidden"}]

    def test_another_hello_renews(self, edge: Edge):
        for life in (1, 5, 25):
            with closing(edge.connect()) as cleo:
                cleo.ask("hello", ticket=ticket("desk", seconds=life))
                followed = cleo.subscribe("desk")["topics"]
                if followed and cleo.ask("hello", ticket=ticket("desk", seconds=600))["type"] == "hello":
                    with pytest.raises(TimeoutError):
                        cleo.hear(seconds=life + 0.5)
                    return
        raise AssertionError("no ticket lasted long enough")


class TestSubscribe:
    def test_from_now_on(self, cleo: Reader):
        answer = cleo.subscribe("front", "post.42", "tag.파이썬")
        assert list(answer) == ["type", "topics", "refused", "position", "recovered", "missed"]
        assert answer["topics"] == ["front", "post.42", "tag.파이썬"]
        assert (answer["position"], answer["recovered"], answer["missed"]) == (str(log.position()), True, 0)

    def test_it_lists_all_that_is_followed_now(self, cleo: Reader):
        cleo.subscribe("front")
        assert cleo.subscribe("books", "front")["topics"] == ["front", "books"]

    def test_names_are_composed(self, cleo: Reader):
        assert cleo.subscribe("tag.cafe\u0301")["topics"] == ["tag.caf\u00e9"]

    @pytest.mark.parametrize(
        ("topic", "code"),
        [("desk", "forbidden"), ("user.7", "forbidden"), ("task.x", "forbidden"), ("nothing.7", "unknown"),
         ("no such", "unknown"), ("", "unknown"), ("post." + "9" * 100, "unknown"), ("front.7", "unknown")],
    )  # fmt: skip
    def test_what_may_not_be_followed_is_refused(self, cleo: Reader, topic: str, code: str):
        answer = cleo.subscribe("front", topic)
        assert (answer["topics"], answer["refused"]) == (["front"], [{"topic": topic, "code": code}])

    def test_at_most_200_topics(self, cleo: Reader):
        answer = cleo.subscribe(*[f"post.{n}" for n in range(202)])
        assert len(answer["topics"]) == 200
        assert answer["refused"] == [{"topic": f"post.{n}", "code": "limit"} for n in (200, 201)]

    def test_private_topics_with_a_ticket(self, cleo: Reader, ada: User):
        cleo.ask("hello", ticket=ticket("desk"))
        cleo.subscribe("desk")
        cast.a_post(ada, state="draft", published_date=None)
        assert cleo.hear()["kind"] == "desk.changed"

    def test_unsubscribed_is_silent(self, cleo: Reader, ada: User):
        cleo.subscribe("front", "books")
        answer = cleo.ask("unsubscribe", topics=["front"])
        assert answer == {"type": "unsubscribed", "topics": ["front"], "code": "asked"}
        cast.a_post(ada)
        assert cleo.is_told_nothing()


def test_a_ping_is_answered_with_the_position(cleo: Reader, ada: User):
    cleo.subscribe("front")
    cast.a_post(ada)
    event = cleo.hear()
    until(lambda: cleo.pong() == str(log.position()))
    assert offset(cleo.pong()) >= offset(event["position"])


def test_here_has_no_answer(cleo: Reader):
    for state in ("viewing", "typing", "unsaved", "gone"):
        cleo.say("here", topic="post.42", state=state)
    assert cleo.is_told_nothing()


class TestBadFrames:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("", "bad-message"),
            ("no json", "bad-message"),
            ("7", "bad-message"),
            ("[]", "bad-message"),
            ("{}", "bad-message"),
            ('{"type":7}', "bad-message"),
            ('{"type":"shout"}', "bad-message"),
            ('{"type":"subscribe"}', "bad-message"),
            ('{"type":"subscribe","topics":"front"}', "bad-message"),
            ('{"type":"subscribe","topics":[7]}', "bad-message"),
            ('{"type":"subscribe","topics":["front"],"since":7}', "bad-message"),
            ('{"type":"subscribe","topics":["front"],"since":"yesterday"}', "bad-position"),
            ('{"type":"subscribe","topics":["front"],"since":"abc-99999999999999999999"}', "bad-position"),
            ('{"type":"subscribe","topics":["front"],"since":""}', "bad-position"),
            ('{"type":"subscribe","topics":["\\ud800"]}', "bad-message"),
            ('{"type":"hello","format":"xml"}', "bad-message"),
            ('{"type":"hello","ticket":7}', "bad-message"),
            ('{"type":"hello","language":[]}', "bad-message"),
            ('{"type":"unsubscribe","topics":["no such"]}', "bad-topic"),
            ('{"type":"here","topic":"no such","state":"viewing"}', "bad-topic"),
            ('{"type":"here","topic":"desk","state":"viewing"}', "bad-topic"),
            ('{"type":"here","topic":"front","state":"asleep"}', "bad-message"),
            ('{"type":"ping","x":' + "[" * 30_000 + "]" * 30_000 + "}", "bad-message"),
            (b'{"type":"ping"}', "bad-message"),
            (b"", "bad-message"),
        ],
    )
    def test_each_has_an_answer_and_changes_nothing(self, cleo: Reader, frame: str | bytes, code: str):
        cleo.send(frame)
        answer = cleo.hear()
        assert (answer["type"], answer["code"]) == ("error", code)
        assert len(answer["detail"]) > 10
        assert cleo.subscribe()["topics"] == []

    @pytest.mark.parametrize("odd", ["1e999999", "9" * 5000, "-0", '{"a":[null]}', '"\\ud83d\\ude00"'])
    def test_unknown_members_are_ignored(self, cleo: Reader, odd: str):
        cleo.send('{"type":"ping","odd":' + odd + "}")
        assert cleo.hear()["type"] == "pong"

    def test_null_is_absent(self, cleo: Reader):
        assert cleo.ask("hello", ticket=None, format=None, language=None)["type"] == "hello"
        assert cleo.subscribe("front", since=None)["topics"] == ["front"]

    def test_the_tenth_closes(self, cleo: Reader):
        for _ in range(9):
            assert cleo.ask("shout")["type"] == "error"
        cleo.say("shout")
        assert cleo.hear()["type"] == "error"
        assert cleo.end() == (4522, "Too many frames that could not be understood.")

    def test_64_kib_are_enough(self, cleo: Reader):
        frame = json.dumps({"type": "ping", "x": ""})
        cleo.send(frame[:-2] + "x" * (64 * KILOBYTE - len(frame)) + frame[-2:])
        assert cleo.hear()["type"] == "pong"

    def test_more_is_too_much(self, cleo: Reader):
        cleo.send(" " * (64 * KILOBYTE + 1))
        assert cleo.end() == (4509, "This frame is too large.")

    def test_more_in_pieces_is_too_much(self, edge: Edge):
        with closing(edge.connect(compression=None)) as plain:  # compressed, they were pieces of a few bytes
            plain.send([" " * KILOBYTE] * 65)
            assert plain.end()[0] == 4509

    def test_text_that_is_no_utf_8_is_an_error_of_the_transport(self, cleo: Reader):
        cleo.send_malformed(b"\xff\xfe")
        assert cleo.end()[0] == 1007


def test_a_large_event_arrives_whole(cleo: Reader, ada: User):
    cleo.subscribe("front")
    cast.a_post(ada, text="All night it held. " * 60_000)
    assert len(cleo.hear()["data"]["body"]) > 1_000_000


def test_a_reader_who_leaves_harms_nobody(edge: Edge, cleo: Reader):
    cleo.subscribe("site")
    for _ in range(20):
        with closing(edge.connect()) as passing:
            passing.subscribe("site")
    tag = Tag.objects.create(name=f"tide {log.position()}")
    tag.name += " line"
    tag.save()
    assert cleo.hear()["kind"] == "tag.updated"


def test_an_edge_may_have_more_readers_than_a_shell_has_files(start_edge: Callable[..., Edge]):
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, most))
    try:
        edge = start_edge()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    assert resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE) == (most, most)


def test_another_path_is_no_socket(edge: Edge):
    with pytest.raises(Exception, match="403"):
        Reader(edge.url + "/elsewhere")
