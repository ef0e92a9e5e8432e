"""What each may ask for, when the operator says how much: in a second, at once, and at all."""

import json
import re
import runpy
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from email.message import Message

import pytest
from environs import EnvError
from websockets.exceptions import ConnectionClosed

from consumers.access.rate_limits import AddressBuckets
from realtime import log
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw
from tests.consumers.written import write
from tests.waiting import until


def asked(edge: Edge, path: str, address: str = "") -> tuple[int, Message, str]:
    """The answer; with an address, to somebody who comes through a proxy."""
    request = urllib.request.Request(edge.origin + path, headers={"X-Forwarded-For": address} if address else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def count(edge: Edge, name: str) -> int:
    found = re.search(rf"^stop_press_{name} (\d+)\.0$", asked(edge, "/metrics")[2], re.MULTILINE)
    return int(found[1]) if found else 0


class TestRequests:
    def test_have_a_pace_for_each_address(self, start_edge: Callable[..., Edge]):
        """Streams, the log and tickets together; a moment later they may ask again."""
        edge = start_edge(LIVE_MAX_REQUESTS="2", TRUSTED_PROXIES="127.0.0.1")
        paths = ["/live/log?topic=front", "/live/ticket", "/live/stream?topic=no%20topic", "/live/log"]
        answers = [asked(edge, paths[number % 4], "198.51.100.7") for number in range(30)]
        assert [status for status, _, _ in answers[:10]] == [200, 200, 404, 400, 200, 200, 404, 400, 200, 200]
        late = [answer for answer in answers if answer[0] == 429]
        assert late
        for _, headers, body in late:
            assert json.loads(body)["code"] == "too-fast"
            assert (headers["Retry-After"], headers["Cache-Control"]) == ("1", "no-store")
        assert asked(edge, paths[0], "198.51.100.8")[0] == 200
        assert asked(edge, "/", "198.51.100.7")[0] == 200, "pages have no limit"
        assert count(edge, r'turned_away_total\{.*code="too-fast".*\}') == len(late)
        until(lambda: asked(edge, paths[1], "198.51.100.7")[0] == 200)

    def test_who_asked_longest_ago_is_forgotten_first(self, monkeypatch):
        monkeypatch.setattr("consumers.access.rate_limits.MAX_ADDRESSES", 2)
        monkeypatch.setattr("consumers.access.rate_limits.monotonic", lambda: 0.0)
        address_buckets = AddressBuckets()
        assert [address_buckets.allows("a", 1) for _ in range(6)] == [True] * 5 + [False]
        assert [address_buckets.allows("b", 1) for _ in range(6)] == [True] * 5 + [False]
        assert not address_buckets.allows("a", 1)
        assert address_buckets.allows("c", 1)
        assert not address_buckets.allows("a", 1)
        assert address_buckets.allows("b", 1), "forgotten for c, and so new"

    def test_who_keeps_asking_does_not_wait_longer_for_it(self, monkeypatch):
        now = 0.0
        monkeypatch.setattr("consumers.access.rate_limits.monotonic", lambda: now)
        address_buckets = AddressBuckets()
        assert [address_buckets.allows("a", 10) for _ in range(1000)].count(True) == 50
        now = 1.0
        assert [address_buckets.allows("a", 10) for _ in range(1000)].count(True) == 10

    def test_without_a_limit_are_not_counted(self):
        address_buckets = AddressBuckets()
        assert all(address_buckets.allows("a", 0) for _ in range(1000))


@pytest.fixture(scope="module")
def strict(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge(
        LIVE_MAX_TOPICS="2",
        LIVE_MAX_BAD_FRAMES="2",
        LIVE_MAX_FRAME_BYTES="1024",
        LIVE_MAX_RECOVERY_ROWS="3",
        LIVE_MAX_FRAMES="5",
        LIVE_MAX_BURST="7",
        LIVE_MAX_UNSENT_BYTES="16384",
    )


class TestLimitsAreWhatTheEnvironmentSays:
    def test_for_topics_and_recovery(self, strict: Edge):
        since = log.position()
        write(*[(f"tag.few-{number}", ["tag.few"], []) for number in range(4)])
        until(lambda: log.position().offset >= since.offset + 4)
        until(strict.caught_up)
        with closing(strict.connect()) as cleo:
            answer = cleo.subscribe("tag.few", "front", "books", since=str(since))
            assert answer["refused"] == [{"topic": "books", "code": "limit"}]
            reset = cleo.hear()
            assert (reset["reason"], reset["missed"]) == ("too-many", 3)
            for topic in ("front", "site"):
                cleo.say("here", topic=topic, state="viewing")
            assert cleo.ask("here", topic="books", state="viewing").get("code") == "bad-topic"
        assert asked(strict, "/live/log?topic=front&topic=site&topic=books")[0] == 400
        lost = json.loads(asked(strict, f"/live/log?topic=tag.few&since={since}")[2])
        assert (lost["recovered"], lost["reason"], lost["missed"]) == (False, "too-many", 3)

    def test_for_rows_that_only_the_log_has(self, start_edge: Callable[..., Edge]):
        """The edge reads back a thousand events when it starts; these are older."""
        since = str(log.position())
        write(*[(f"tag.older-{number}", ["tag.older"], []) for number in range(4)])
        write(*[(f"tag.newer-{number}", ["tag.newer"], []) for number in range(1000)])
        edge = start_edge(LIVE_MAX_RECOVERY_ROWS="3")
        lost = json.loads(asked(edge, f"/live/log?topic=tag.older&since={since}")[2])
        assert (lost["recovered"], lost["reason"], lost["missed"]) == (False, "too-many", 3)

    @pytest.mark.parametrize(
        ("frames", "code"),
        [(["{}"] * 2, 4522), ([" " * 1025], 4509), (['{"type":"ping"}'] * 40, 4029)],
        ids=["bad frames", "bytes", "at once"],
    )
    def test_for_frames(self, strict: Edge, frames: list[str], code: int):
        with closing(strict.connect()) as cleo:
            with suppress(ConnectionClosed):  # before all of them are said
                for frame in frames:
                    cleo.send(frame)
            assert cleo.end()[0] == code

    def test_for_what_is_not_read(self, strict: Edge):
        before = count(strict, r"cut_total\{.*\}")
        with closing(strict.connect()) as healthy, closing(Raw(strict, small=True)) as raw:
            raw.follow("tag.unsent", healthy)
            for _ in range(20):  # with the 128 KiB of the kernel less than by default may wait in the process alone
                write(("tag.unsent", ["tag.unsent"], []), text="tide " * 5000)
                assert healthy.hear()["type"] == "event"
            until(lambda: count(strict, r"cut_total\{.*\}") > before)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("LIVE_MAX_PER_ADDRESS", "-1"),
        ("LIVE_MAX_PER_USER", "many"),
        ("LIVE_MAX_REQUESTS", "1.5"),
        ("LIVE_MAX_FRAMES", "-20"),
        ("LIVE_MAX_BURST", "19"),
        ("LIVE_MAX_BAD_FRAMES", "0"),
        ("LIVE_MAX_FRAME_BYTES", "64KiB"),
        ("LIVE_MAX_TOPICS", "0"),
        ("LIVE_MAX_UNSENT_BYTES", "1"),
        ("LIVE_MAX_RECOVERY_ROWS", "0"),
        ("LIVE_HANDSHAKE_SECONDS", "0"),
        ("LIVE_STALL_SECONDS", "forever"),
    ],
)
def test_an_odd_limit_is_refused_by_name(monkeypatch, name: str, odd: str):
    monkeypatch.setenv(name, odd)
    with pytest.raises(EnvError, match=name):
        runpy.run_path("realtime/settings.py")
