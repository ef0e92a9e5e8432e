"""Presence of those who read by requests, and its metrics."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest

from consumers.poll import Waiter
from consumers.presence.request import RequestPresence
from consumers.presence.topic import Occupant
from consumers.presence.tracker import PresenceTracker, tracker
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import JSON
from realtime import tickets
from realtime.presence import GRACE_SECONDS, ProcessShare, Register
from realtime.tickets import ANONYMOUS
from tests.conformance.site import Site
from tests.conformance.transports import Refused, Stream, page
from tests.consumers.conftest import Edge
from tests.consumers.presence.test_tracker import come, hear_presence, heard, here
from tests.consumers.reader import Reader
from tests.consumers.witness import Witness
from tests.waiting import PATIENCE, until


@pytest.fixture
def ben(edge: Edge) -> Iterator[Reader]:
    """He may know names."""
    with closing(come(edge, "ben", "desk")) as ben:
        yield ben


GONE = "post.9113"


@pytest.fixture(scope="module", autouse=True)
def left_behind(package_edge: Edge, other_edge: Edge) -> Iterator[Witness]:
    """Somebody beside whom a stream ended. It takes ten seconds: begun first, and looked at by the last test."""
    ben = Witness(come(package_edge, "ben", "desk"), GONE)
    until(lambda: ben.readers == [1])
    with closing(Stream(Site(other_edge.origin), [GONE], here=GONE)):
        until(lambda: ben.readers == [1, 2])
    yield ben
    ben.end()


class TestRequests:
    """Those who read by a stream or poll are readers too."""

    def test_a_stream_is_present_while_it_is_open_and_told_of_the_others(
        self, other_edge: Edge, ben: Reader, topic: str
    ):
        here(ben, topic, "typing")
        hear_presence(ben, readers=1)
        site, ada = Site(other_edge.origin), ticket_of("ada", "desk")
        with closing(Stream(site, [topic, "front"], here=topic)) as cleo:
            assert hear_presence(ben, readers=2)["people"] == [{"name": "ben", "state": "typing"}]
            frame = presence(cleo)
            assert (frame["topic"], frame["readers"]) == (topic, 2)
            assert "people" not in frame
            with closing(Stream(site, [topic], ticket=ada, here=topic)) as hers:
                assert [each["name"] for each in hear_presence(ben, readers=3)["people"]] == ["ada", "ben"]
                assert [each["name"] for each in presence(hers)["people"]] == ["ada", "ben"]

    def test_who_polls_is_present_all_the_time(self, other_edge: Edge, ben: Reader, topic: str):
        here(ben, topic)
        hear_presence(ben, readers=1)
        poll = partial(page, Site(other_edge.origin), [topic], here=topic)
        poll(wait="0.8")
        hear_presence(ben, readers=2)
        poll(wait="0.8")
        assert not heard(ben, 1.5), "between two questions, too"

    def test_one_person_counts_once_on_whatever(self, edge: Edge, ben: Reader, topic: str):
        here(ben, topic)
        hear_presence(ben, readers=1)
        site = Site(edge.origin)
        hers = {"ticket": ticket_of("ada", "desk"), "here": topic}
        with closing(Stream(site, [topic], **hers)) as one, closing(Stream(site, [topic], **hers)) as two:
            assert presence(one)["readers"] == presence(two)["readers"] == 2
            assert hear_presence(ben, readers=2)
            page(site, [topic], wait="0.8", **hers)
            assert not heard(ben, 1.2)

    def test_who_does_not_say_so_is_not_counted(self, edge: Edge, cleo: Reader, topic: str):
        here(cleo, topic)
        hear_presence(cleo, readers=1)
        with closing(Stream(Site(edge.origin), [topic])) as stream:
            page(Site(edge.origin), [topic], wait="0.8")
            assert not heard(cleo, 1)
            with pytest.raises(TimeoutError):
                stream.block(0.1)

    @pytest.mark.parametrize("where", ["site", "no such", "desk", ""])
    @pytest.mark.parametrize("way", [Stream, page])
    def test_only_on_what_is_followed(self, edge: Edge, way, where: str):
        with pytest.raises(Refused) as refused:
            way(Site(edge.origin), ["front"], here=where)
        assert (refused.value.status, refused.value.code) == (400, "bad-topic")


def ticket_of(name: str, *rights: str) -> str:
    expires = datetime.now(UTC) + timedelta(seconds=600)
    return tickets.sign(tickets.Reader(sum(name.encode()), name, frozenset(rights), "s", expires))


def presence(stream: Stream) -> dict[str, Any]:
    """The next block about presence, which moves no cursor."""
    while (block := stream.block()).get("event") != "presence":
        pass
    assert "id" not in block
    return dict(json.loads(block["data"]))


def test_presence_has_metrics(edge: Edge, cleo: Reader, topic: str):
    def gauge(name: str) -> int:
        return int(re.search(rf"^stop_press_{name}\S* (\d+)\.0$", Site(edge.origin).get("/metrics"), re.MULTILINE)[1])

    before = gauge("present")
    here(cleo, topic)
    hear_presence(cleo)
    assert gauge("present") == before + 1
    assert gauge("crowds") >= 1
    assert gauge("presence_alone") == 0


async def test_a_request_that_lasts_longer_than_a_lease_renews_it(monkeypatch):
    monkeypatch.setattr("consumers.presence.request.RENEW_INTERVAL", 0.01)
    request = RequestPresence(Waiter(JSON, []), ["post.7001"])
    request.begin(tickets.ANONYMOUS)
    (lease,) = tracker._presences["post.7001"].leases.values()
    first = lease.until
    async with asyncio.timeout(PATIENCE):
        while lease.until < first + 0.02:
            await asyncio.sleep(0.01)
    request.end()
    assert not tracker._presences["post.7001"].leases
    await tracker.stop()


class Hearing:
    """A subscription as far as presence needs one."""

    def __init__(self) -> None:
        self.readers: list[int] = []

    def send_ephemeral(self, frame_batch: FrameBatch) -> bool:
        self.readers += [json.loads(text)["readers"] for text in frame_batch.texts]
        return True


async def test_who_comes_while_redis_is_asked_is_never_told_that_nobody_is_here():
    class Meanwhile(Register):
        """Somebody comes between the question and the answer, once to a topic of their own."""

        async def exchange(self, *asked: Any) -> dict[str, dict[str, ProcessShare]]:
            found = await super().exchange(*asked)
            while coming:
                tracker.here(coming.pop(), ANONYMOUS, topics.pop(), "viewing")
            return found

    topics = ["post.7002", "post.7003"]  # nobody else's: `topic` counts from post.90001
    occupants = [Occupant(Hearing()) for _ in range(3)]
    tracker, coming = PresenceTracker(), occupants[1:]
    tracker._register = Meanwhile()
    tracker.here(occupants[0], ANONYMOUS, topics[0], "viewing")
    heard = [cast(Hearing, occupant.listener).readers for occupant in occupants]
    async with asyncio.timeout(PATIENCE):
        while not all(heard):
            await asyncio.sleep(0.01)
    await tracker.stop()
    assert [readers[0] for readers in heard] == [2, 2, 1]


def test_a_stream_is_gone_after_the_time_in_which_it_might_have_come_back(left_behind: Witness):
    until(lambda: left_behind.readers[2:] == [1], 2 * PATIENCE)
    _, came, went = left_behind.times
    assert went - came > GRACE_SECONDS - 1
