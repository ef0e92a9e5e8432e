"""Who is here: across processes, through breaks, and told to nobody who should not know."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from blog.models import User
from consumers.delivery.subscription import Subscription
from consumers.presence.topic import Occupant, TopicPresence
from realtime import tickets
from realtime.presence import GRACE_SECONDS
from tests.consumers.conftest import Edge
from tests.consumers.own_redis import Redis, a_redis
from tests.consumers.reader import Reader
from tests.consumers.witness import Witness
from tests.waiting import PATIENCE, until

SOON = GRACE_SECONDS - 1  # seconds: after GRACE_SECONDS whose connection broke is gone in any case


def come(edge: Edge, name: str = "", *rights: str, seconds: float = 600) -> Reader:
    """A reader comes to an edge; with a name they are signed in, with rights they may be named."""
    reader = edge.connect()
    if name:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        who = tickets.Reader(sum(name.encode()), name, frozenset(rights), "s", expires)
        reader.ask("hello", ticket=tickets.sign(who))
    return reader


@pytest.fixture
def comes() -> Iterator[Callable[..., Reader]]:
    """As many as a test wants, who leave when it ends."""
    with ExitStack() as stack:
        yield lambda *who, **options: stack.enter_context(closing(come(*who, **options)))


def here(reader: Reader, topic: str, state: str = "viewing") -> None:
    reader.say("here", topic=topic, state=state)


def hear_presence(reader: Reader, seconds: float = SOON, **wanted: Any) -> dict[str, Any]:
    """The next presence frame that says this."""
    end = time.monotonic() + seconds
    frame: dict[str, Any] = {}
    while True:
        try:
            frame = reader.hear(max(0.01, end - time.monotonic()))
        except TimeoutError:
            raise AssertionError(f"Not told {wanted} within {seconds} s; last: {frame}") from None
        if frame["type"] == "presence" and wanted.items() <= frame.items():
            return frame


def heard(reader: Reader, seconds: float) -> list[dict[str, Any]]:
    """All that comes in that time."""
    end = time.monotonic() + seconds
    frames = []
    with contextlib.suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            frames.append(reader.hear(left))
    return frames


class Disaster:
    """Six come, three of them to an edge that is killed; one goes silent. Two stay and are witnesses."""

    def __init__(self, edge: Edge, doomed: Edge) -> None:
        topic = "post.9112"
        self._lost = [come(edge), come(doomed), come(doomed), come(doomed, "ben", "desk")]
        for reader in self._lost:
            here(reader, topic)
        self.cleo, self.ada = Witness(come(edge), topic), Witness(come(edge, "ada", "desk"), topic)
        until(lambda: 6 in self.cleo.readers and 6 in self.ada.readers)
        self.silent = time.monotonic()
        here(self._lost[0], topic)  # for the last time
        doomed.process.kill()
        self.killed = time.monotonic()

    def end(self) -> None:
        self.cleo.end()
        self.ada.end()
        for reader in self._lost:
            reader.close()


@pytest.fixture(scope="module", autouse=True)
def disaster(package_edge: Edge, start_edge: Callable[..., Edge]) -> Iterator[Disaster]:
    """It takes twenty seconds: begun first, while the other tests run, and looked at by the last."""
    disaster = Disaster(package_edge, start_edge())
    yield disaster
    disaster.end()


class Alone:
    """Two edges whose Redis is killed: when the others are not believed to be there any more, each counts its own."""

    topic = "post.9114"

    def __init__(self, redis: Redis, start_edge: Callable[..., Edge]) -> None:
        self.redis = redis
        self.one, self.two = start_edge(REDIS_URL=redis.url), start_edge(REDIS_URL=redis.url)
        self.cleo, self.ben = Witness(come(self.one), self.topic), Witness(come(self.two, "ben", "desk"), self.topic)
        until(lambda: self.cleo.readers[-1:] == self.ben.readers[-1:] == [2])
        redis.kill()

    def end(self) -> None:
        self.cleo.end()
        self.ben.end()


@pytest.fixture(scope="module", autouse=True)
def alone(start_edge: Callable[..., Edge]) -> Iterator[Alone]:
    """That takes fifteen seconds, and is begun early as well."""
    with a_redis() as redis:
        alone = Alone(redis, start_edge)
        yield alone
        alone.end()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    with a_redis() as redis:
        yield redis


class TestCounting:
    def test_across_processes(self, edge: Edge, other_edge: Edge, cleo: Reader, comes, topic: str):
        here(cleo, topic)
        assert hear_presence(cleo) == {"type": "presence", "topic": topic, "readers": 1}
        dora = comes(other_edge)
        here(dora, topic)
        for reader in (cleo, dora):
            assert hear_presence(reader)["readers"] == 2, "the first that dora hears counts everybody"
        here(dora, topic, "gone")
        assert hear_presence(cleo)["readers"] == 1
        here(cleo, topic, "gone")
        assert not heard(dora, 1.2), "whoever has gone is told nothing more"

    def test_two_tabs_of_one_person_count_once(self, edge: Edge, other_edge: Edge, comes, topic: str):
        tabs = [comes(edge, "ada"), comes(edge, "ada"), comes(other_edge, "ada")]
        for tab in tabs:
            here(tab, topic)
            assert hear_presence(tab)["readers"] == 1
        here(tabs[0], topic, "gone")
        here(comes(other_edge), topic)
        assert hear_presence(tabs[1])["readers"] == hear_presence(tabs[2])["readers"] == 2

    def test_one_socket_counts_once_however_often_it_says_so(self, cleo: Reader, topic: str):
        for state in ("viewing", "typing", "viewing"):
            here(cleo, topic, state)
        assert hear_presence(cleo)["readers"] == 1
        assert heard(cleo, 1.2) == []

    def test_unsubscribing_is_going(self, cleo: Reader, dora: Reader, topic: str):
        for reader in (cleo, dora):
            reader.subscribe(topic)
            here(reader, topic)
        hear_presence(cleo, readers=2)
        dora.say("unsubscribe", topics=[topic])
        assert hear_presence(cleo)["readers"] == 1

    def test_a_crowd_is_told_once_a_second(self, edge: Edge, other_edge: Edge, comes, topic: str):
        witness = Witness(come(edge), topic)
        for number in range(20):
            here(comes(other_edge if number % 2 else edge), topic)
        until(lambda: witness.readers[-1:] == [21])
        witness.end()
        # from the first to the last: one that came late makes the next seem early
        assert witness.times[-1] - witness.times[0] > 0.8 * (len(witness.times) - 1) - witness.late, witness.times
        assert len(witness.times) < 20, "and not for each who came"

    def test_who_does_not_ask_is_not_told(self, cleo: Reader, dora: Reader, topic: str):
        dora.subscribe(topic)
        here(cleo, topic)
        hear_presence(cleo)
        assert dora.is_told_nothing()


class TestNames:
    def test_people_of_the_desk_are_named_to_each_other_only(self, edge: Edge, other_edge: Edge, comes, topic: str):
        ada, ben = comes(edge, "ada", "desk"), comes(other_edge, "ben", "desk")
        cleo, dora = comes(edge, "cleo"), comes(other_edge)
        for reader in (cleo, dora, ada):
            here(reader, topic)
        hear_presence(dora, readers=3)
        here(ben, topic, "typing")
        people = [{"name": "ada", "state": "viewing"}, {"name": "ben", "state": "typing"}]
        for author in (ada, ben):
            assert hear_presence(author, readers=4)["people"] == people, "cleo is counted and not named"
        for reader in (cleo, dora):
            assert "people" not in hear_presence(reader, readers=4)
        here(ben, topic, "unsaved")
        assert hear_presence(ada)["people"][1] == {"name": "ben", "state": "unsaved"}
        assert cleo.is_told_nothing(), "who may not know what they do is not told that they do something"
        assert dora.is_told_nothing()

    def test_unsaved_text_in_any_tab_is_what_others_should_know(self, edge: Edge, other_edge: Edge, comes, topic: str):
        ada, one, two = comes(edge, "ada", "desk"), comes(edge, "ben", "desk"), comes(other_edge, "ben", "desk")
        here(ada, topic)
        here(one, topic, "unsaved")
        hear_presence(ada, people=[{"name": "ada", "state": "viewing"}, {"name": "ben", "state": "unsaved"}])
        here(two, topic, "typing")
        assert hear_presence(two)["people"][1]["state"] == "unsaved"
        here(one, topic, "viewing")
        assert hear_presence(ada)["people"][1]["state"] == "typing"

    def test_an_expired_ticket_takes_the_name_along(self, edge: Edge, comes, topic: str):
        ada, ben = comes(edge, "ada", "desk", seconds=4), comes(edge, "ben", "desk")
        for author in (ada, ben):
            here(author, "desk")
            here(author, topic)
        hear_presence(ben, topic="desk", readers=2)
        hear_presence(ada, topic=topic, readers=2)
        assert hear_presence(ben, topic="desk", readers=1)["people"] == [{"name": "ben", "state": "viewing"}]
        assert hear_presence(ben, topic=topic, readers=2, people=[{"name": "ben", "state": "viewing"}]), (
            "now she is anonymous"
        )
        assert "people" not in hear_presence(ada, topic=topic)

    def test_who_signs_out_or_loses_the_right_is_gone_at_once_and_told_no_names(
        self, edge: Edge, other_edge: Edge, comes, topic: str
    ):
        ben = comes(edge, "ben", "desk")
        for way in ("signs out", "loses the right"):
            erin = User.objects.create_user(f"erin-{time.monotonic_ns()}")
            erin.user_permissions.add(Permission.objects.get(codename="add_post"))
            browser = Client()
            browser.force_login(erin)
            tab = comes(other_edge)
            tab.ask("hello", ticket=browser.get("/live/ticket").json()["ticket"])
            for reader in (ben, tab):
                here(reader, topic)
                here(reader, "desk")
            for reader in (ben, tab):
                seen: set[str] = set()
                while seen != {topic, "desk"}:
                    seen.add(hear_presence(reader, readers=2)["topic"])
            if way == "signs out":
                browser.post("/sign-out/")
                assert hear_presence(ben, topic=topic, readers=1), "sooner than a broken connection would be believed"
                assert tab.end()[0] == 4401
            else:
                erin.user_permissions.clear()
                assert "people" not in hear_presence(tab, topic=topic)
                assert hear_presence(ben, topic="desk", readers=1, people=[{"name": "ben", "state": "viewing"}])
                here(ben, "desk", "typing")
                assert not [frame for frame in heard(tab, 1.2) if frame["type"] == "presence"]


@pytest.mark.parametrize("bad", ["no such", "", "x" * 101, "elsewhere", "post", "desk", "user.7"])
def test_only_what_may_be_followed(cleo: Reader, bad: str):
    for state in ("viewing", "gone"):
        answer = cleo.ask("here", topic=bad, state=state)
        assert (answer["type"], answer["code"]) == ("error", "bad-topic")


def test_names_of_topics_are_composed(cleo: Reader):
    here(cleo, "tag.cafe\u0301")
    assert hear_presence(cleo)["topic"] == "tag.caf\u00e9"


def test_a_socket_is_on_so_many_topics_and_no_more(start_edge: Callable[..., Edge]):
    edge = start_edge(LIVE_MAX_FRAMES="0")
    with closing(edge.connect()) as cleo:
        for number in range(200):
            here(cleo, f"tag.many-{number}")
        here(cleo, "tag.one-too-many")
        while (frame := cleo.hear())["type"] == "presence":
            pass
    assert (frame["type"], frame["code"]) == ("error", "bad-topic")


class TestBreaks:
    def test_leases_do_not_run_out_while_the_process_sleeps(self):
        presence, occupant = TopicPresence("front"), Occupant(cast(Subscription, None))
        presence.enter(occupant, "viewing", now=0)
        presence.prolong(60)
        presence.expire(79)
        assert list(presence.leases) == [occupant]
        presence.expire(80)
        assert not presence.leases

    def test_a_blip_of_five_seconds_changes_nothing(self, edge: Edge, other_edge: Edge, comes, topic: str):
        cleo, ada = comes(edge), comes(edge, "ada", "desk")
        abort = [comes(other_edge), comes(other_edge, "ben", "desk"), comes(other_edge, "mina")]
        for reader in (cleo, ada, *abort):
            here(reader, topic)
        hear_presence(cleo, readers=5)
        hear_presence(ada, readers=5, people=[{"name": name, "state": "viewing"} for name in ("ada", "ben")])
        for reader in abort:
            reader.close()
        assert not heard(cleo, 5)
        for name, rights in (("", ()), ("ben", ("desk",)), ("mina", ())):
            here(comes(edge, name, *rights), topic)
        assert not heard(cleo, 1.2)
        assert not heard(ada, 0.1)

    def test_redis_killed_restarted_and_flushed(self, alone: Alone, comes):
        one, two, redis, cleo = alone.one, alone.two, alone.redis, alone.cleo
        until(lambda: cleo.readers[-1] == 1, 2 * PATIENCE)  # those of this process
        here(comes(one), alone.topic)
        until(lambda: cleo.readers[-1] == 2)
        redis.start()
        until(lambda: cleo.readers[-1] == 3)
        redis.client.flushall()
        time.sleep(2)  # in which nobody is told anything
        here(comes(two), alone.topic)
        until(lambda: cleo.readers[-1] == 4)
        assert cleo.readers[cleo.readers.index(2) :] == [2, 1, 2, 3, 4]
        alone.end()
        for edge in (one, two):
            assert edge.stop() == 0
            assert edge.said_nothing_of("/presence.py")
            assert edge.said_nothing_of("never")

    def test_redis_hardly_notices_how_many_they_are(self, start_edge: Callable[..., Edge], own_redis: Redis, comes):
        edge = start_edge(REDIS_URL=own_redis.url, LIVE_MAX_PER_ADDRESS="0")  # whose counts are written there too
        readers = [comes(edge) for _ in range(30)]
        for reader in readers:
            here(reader, "front")
        hear_presence(readers[0], readers=30)
        turns = own_redis.calls("smembers")  # who came in the middle of one is told first, and written in the next
        until(lambda: own_redis.calls("smembers") >= turns + 2)
        written, read, began = own_redis.calls("hset"), own_redis.calls("smembers"), time.monotonic()
        for _ in range(3):
            for reader in readers:
                here(reader, "front")
        assert heard(readers[0], 1) == []
        assert own_redis.calls("hset") == written <= 4
        assert own_redis.calls("smembers") - read <= 2 * (time.monotonic() - began) + 2, "two turns a second"
        for reader in readers:
            reader.close()

    def test_a_killed_edge_and_a_silent_tab_are_gone_in_twenty_seconds(self, disaster: Disaster):
        cleo, ada = disaster.cleo, disaster.ada
        until(lambda: cleo.readers[-1:] == ada.readers[-1:] == [2], seconds=60)
        late = max(cleo.late, ada.late)
        fell = cleo.readers[cleo.readers.index(6) :]
        assert fell == [6, 5, 3, 2], "who has a name, then the doomed, then the silent"
        of_three, of_two = cleo.times[-2:]
        assert of_three - disaster.killed < 20 + late
        assert 19.5 < of_two - disaster.silent < 22 + late
        seen = ["ben" in str(frame["people"]) for frame in ada.told]
        assert seen[ada.readers.index(6)]
        assert not seen[ada.readers.index(6) + 1]
