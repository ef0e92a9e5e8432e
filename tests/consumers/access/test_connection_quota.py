"""How much one client may ask for: counted where it arrives, and across processes."""

import asyncio
import contextlib
import re
import select
import signal
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
import redis
from django.conf import settings

from consumers.access import addresses
from consumers.access.connection_quota import EDGES_KEY, ConnectionQuota
from consumers.access.rate_limits import TokenBucket
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw, frame
from tests.consumers.reader import Reader
from tests.consumers.test_websocket import ticket
from tests.consumers.written import write
from tests.faults.readers.slow_readers import SlowReader
from tests.waiting import until

TRY_LATER = 4013


@pytest.fixture
def many() -> Iterator[Callable[..., Reader]]:
    """Opens sockets, and closes them all in the end."""
    with ExitStack() as stack:
        yield lambda edge: stack.enter_context(closing(edge.connect()))


def is_turned_away(edge: Edge) -> bool:
    with closing(Reader(edge.url)) as reader:
        try:
            reader.hear()
        except Exception:
            return reader.end()[0] == TRY_LATER
        return False


@pytest.fixture(scope="module")
def edges(start_edge: Callable[..., Edge]) -> list[Edge]:
    limits = {"LIVE_MAX_PER_ADDRESS": "4", "LIVE_MAX_PER_USER": "2"}
    return [start_edge(**limits), start_edge(**limits)]


class TestConnections:
    def test_of_an_address_are_counted_across_processes(self, edges: list[Edge], many):
        until(lambda: not held())
        readers = [many(edges[number % 2]) for number in range(4)]
        assert is_turned_away(edges[0])
        assert is_turned_away(edges[1])
        readers[0].close()
        until(lambda: len(held()) == 2 and sum(held()) == 3)
        assert many(edges[1]).pong()

    def test_of_a_user_are_too(self, edges: list[Edge], many):
        until(lambda: not held())
        readers = [many(edges[number % 2]) for number in range(3)]
        for reader in readers[:2]:
            assert reader.ask("hello", ticket=ticket(id=99))["user"] == 99
        assert readers[0].ask("hello", ticket=ticket(id=99))["user"] == 99, "the same connection again is not another"
        readers[2].say("hello", ticket=ticket(id=99))
        assert readers[2].end()[0] == TRY_LATER
        assert readers[1].ask("hello")["user"] is None
        until(lambda: many(edges[0]).ask("hello", ticket=ticket(id=99))["user"] == 99)

    def test_are_written_anew_when_redis_has_forgotten(self, edges: list[Edge], many):
        until(lambda: not held())
        for number in range(4):
            many(edges[number % 2])
        store().delete(EDGES_KEY, *store().smembers(EDGES_KEY))
        until(lambda: sum(held()) == 4)
        assert is_turned_away(edges[0])

    def test_of_a_killed_process_are_forgotten(self, edges: list[Edge], start_edge: Callable[..., Edge], many):
        until(lambda: not held())
        killed = start_edge(LIVE_MAX_PER_ADDRESS="4")
        for _ in range(4):
            many(killed)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        assert is_turned_away(edges[0])
        (name,) = [name for name in store().smembers(EDGES_KEY) if store().hgetall(name)]
        assert 0 < store().ttl(name) <= 20
        store().expire(name, 0)  # what the clock would do
        assert many(edges[0]).pong()

    def test_without_a_limit_are_not_counted(self, start_edge: Callable[..., Edge], many):
        until(lambda: not held())
        edge = start_edge(LIVE_MAX_PER_ADDRESS="0", LIVE_MAX_PER_USER="0")
        assert [many(edge).ask("hello", ticket=ticket(id=98))["user"] for _ in range(6)] == [98] * 6
        assert not held()
        assert edge.stop() == 0


def store() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL)


def held() -> list[int]:
    """The connections that each process holds, by all of its subjects."""
    return [sum(map(int, counts.values())) for name in store().smembers(EDGES_KEY) if (counts := store().hgetall(name))]


async def test_without_redis_each_process_counts_for_itself(settings):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    quota = ConnectionQuota()
    assert [await quota.take("address:192.0.2.1", 2) for _ in range(3)] == [True, True, False]
    quota.release("address:192.0.2.1")
    assert await quota.take("address:192.0.2.1", 2)
    assert quota.is_alone
    await quota.stop()


async def test_many_who_ask_at_once_get_no_more_than_there_is():
    quota = ConnectionQuota()
    answers = await asyncio.gather(*[quota.take("address:many", 150) for _ in range(500)])
    assert sum(answers) == quota.held["address:many"] == 150
    await quota.stop()


async def test_who_does_not_wait_for_the_answer_is_not_counted():
    quota, other = ConnectionQuota(), ConnectionQuota()
    impatient = [asyncio.ensure_future(quota.take("address:gone", 3)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in impatient:
        each.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)
    assert await quota.take("address:gone", 3)
    assert [await other.take("address:gone", 3) for _ in range(3)] == [True, True, False]
    for each in (quota, other):
        await each.stop()


def test_who_reads_nothing_is_let_go_before_a_megabyte_waits_for_it(edge: Edge, cleo: Reader):
    """The kernel's part included, which by itself would take four."""
    cleo.subscribe("site")
    reader, ends, size, waiting = SlowReader("stalled", edge.port), select.poll(), 40_000, 0
    ends.register(reader.socket, 0)  # of an end it is told in any case
    while not ends.poll(0):
        write(("tag.tide", ["site"], []), text="t" * size)
        cleo.events(1)
        waiting += size
        assert waiting < 1024 * 1024


class TestFrames:
    def test_a_burst_is_answered(self, cleo: Reader):
        for _ in range(45):
            cleo.say("ping")
        assert {cleo.hear()["type"] for _ in range(45)} == {"pong"}

    def test_more_than_that_is_let_go(self, edge: Edge):
        with closing(Raw(edge)) as raw:
            assert raw.frame()[1].startswith(b'{"type":"welcome"')
            raw.send(frame(1, b'{"type":"ping"}') * 500)  # at once: as time goes by more are allowed
            heard = 0
            while (told := raw.frame())[0] != 0x88:
                heard += 1
        assert told[1] == struct.pack("!H", 4029) + b"Too many frames; come back more slowly."
        assert heard <= 60

    def test_so_are_pings_of_the_transport(self, cleo: Reader):
        with contextlib.suppress(Exception):
            for _ in range(500):
                cleo._socket.ping()
        assert cleo.end()[0] == 4029

    def test_the_pace_is_twenty_a_second(self, monkeypatch):
        now = 0.0
        monkeypatch.setattr("consumers.access.rate_limits.monotonic", lambda: now)
        bucket = TokenBucket(20, 50)
        assert [bucket.allows() for _ in range(51)] == [True] * 50 + [False]
        now = 0.5
        assert [bucket.allows() for _ in range(11)].count(True) == 10


def scope(peer: str | None, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": [peer, 5000] if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("trusted", "asked", "client"),
    [
        ([], scope("192.0.2.1"), "192.0.2.1"),
        ([], scope("192.0.2.1", "198.51.100.7"), "192.0.2.1"),
        (["10.0.0.0/8"], scope("192.0.2.1", "198.51.100.7"), "192.0.2.1"),
        (["10.0.0.0/8"], scope("10.0.0.1", "198.51.100.7"), "198.51.100.7"),
        (["10.0.0.0/8"], scope("10.0.0.1", "203.0.113.9, 198.51.100.7"), "198.51.100.7"),
        (["10.0.0.0/8"], scope("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.2.3.4"), "198.51.100.7"),
        (["10.0.0.0/8"], scope("10.0.0.1", "203.0.113.9", "198.51.100.7"), "198.51.100.7"),
        (["10.0.0.0/8"], scope("10.0.0.1", "203.0.113.9, nonsense"), "10.0.0.1"),
        (["10.0.0.0/8"], scope("10.0.0.1"), "10.0.0.1"),
        (["10.0.0.1"], scope("10.0.0.1", "198.51.100.7:4711"), "198.51.100.7"),
        (["10.0.0.1"], scope("10.0.0.1", "[2001:db8::1]:4711"), "2001:db8::/64"),
        (["10.0.0.1"], scope("::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7"),
        (["unix"], scope(None, "198.51.100.7"), "198.51.100.7"),
        ([], scope(None, "198.51.100.7"), "unix"),
        ([], scope("2001:db8::1"), "2001:db8::/64"),
    ],
)
def test_whose_address_counts(settings, trusted: list[str], asked: dict, client: str):
    settings.TRUSTED_PROXIES = trusted
    assert addresses.subject(addresses.client(asked)) == client


def scrape(edge: Edge, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(f"{edge.origin}/metrics", headers=headers)) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.read().decode()


class TestMetrics:
    def test_each_refusal_is_counted(self, edge: Edge, cleo: Reader):
        cleo.subscribe("desk", "nothing", "front")
        cleo.ask("subscribe")
        with closing(Reader(edge.url, origin="https://evil.example")) as stranger:
            stranger.end()
        text = scrape(edge)
        for name, code in ("refused", "forbidden"), ("errors", "bad-message"), ("closed", "4503"):
            assert re.search(rf'^stop_press_{name}_total\{{.*code="{code}".*\}} [1-9]', text, re.MULTILINE)
        assert f'stop_press_sockets{{process="{edge.process.pid}"}} 1.0\n' in text

    def test_are_not_for_whom_a_proxy_speaks_for(self, edge: Edge):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            scrape(edge, **{"X-Forwarded-For": "127.0.0.1"})
