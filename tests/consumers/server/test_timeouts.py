"""Whoever takes too long: to ask, and to take the answer. Real clocks, with little time on them."""

import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from tests.conformance.site import Site
from tests.conformance.transports import ask, page
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw, full, queued, write_to
from tests.consumers.written import write
from tests.waiting import PATIENCE, promptly, until

LITTLE = 0.5  # seconds

UPGRADE = (
    "GET /live/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
HALVES = {
    "nothing at all": "",
    "half a line": "GET /live/log?topic=fr",
    "half a head": "GET / HTTP/1.1\r\nHost: x\r\nX-",
    "half a handshake": UPGRADE,
    "half a body": "POST /sign-in/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nusername=",
}


@pytest.fixture(scope="module")
def hasty(start_edge: Callable[..., Edge]) -> Iterator[Edge]:
    """Who asks it has little time."""
    edge = start_edge(LIVE_HANDSHAKE_SECONDS=str(LITTLE))
    yield edge
    assert edge.said_nothing_of("Traceback")


@pytest.fixture(scope="module")
def lavish(start_edge: Callable[..., Edge]) -> Iterator[Edge]:
    """Who is answered by it has little time to take that."""
    edge = start_edge(LIVE_STALL_SECONDS=str(LITTLE))
    yield edge
    assert edge.said_nothing_of("Traceback")


def at_a_pace(pause: float, turns: int, turn: Callable[[], object]) -> bool:
    """Whether the machine let us keep it: the longest pause took less than half of LITTLE."""
    last, longest = time.monotonic(), 0.0
    for _ in range(turns):
        turn()
        time.sleep(pause)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest < LITTLE / 2


def in_one_try_of(number: int, kept_its_pace: Callable[[], bool]) -> None:
    """Says nothing of a client who was late himself; else it has asserted what it has to."""
    assert any(kept_its_pace() for _ in range(number)), "the machine stood still each time"


def count(edge: Edge, name: str) -> int:
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        return int(re.search(rf"^stop_press_{name}_total\S* (\d+)\.0$", answer.read().decode(), re.MULTILINE)[1])


def was_late(edge: Edge) -> bool:
    """Whether it has counted somebody; it may have had enough of who asks, too."""
    try:
        return count(edge, "late") > 0
    except OSError:
        return False


def dripping(connection: socket.socket) -> None:
    """Sends a byte now and then until the server has had enough."""
    begun = time.monotonic()
    connection.settimeout(0.05)
    with suppress(OSError):
        while time.monotonic() < begun + 2 * PATIENCE:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                if not connection.recv(4096):
                    break


class TestAsking:
    @pytest.mark.parametrize("what", HALVES)
    def test_has_its_time_whatever_drips_in(self, hasty: Edge, what: str):

        def attempt() -> float:
            begun = time.monotonic()
            with closing(socket.create_connection(("127.0.0.1", hasty.port))) as connection:
                connection.sendall(HALVES[what].encode())
                dripping(connection)
            took = time.monotonic() - begun
            assert took > LITTLE / 2
            return took

        promptly(5, attempt)
        until(lambda: was_late(hasty))

    def test_has_no_more_time_on_a_connection_that_was_used(self, hasty: Edge):

        def attempt() -> float:
            with closing(socket.create_connection(("127.0.0.1", hasty.port))) as connection:
                connection.sendall(b"GET /live/log?topic=front HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(12) == b"HTTP/1.1 200"
                begun = time.monotonic()
                connection.sendall(HALVES["half a head"].encode())
                dripping(connection)
                return time.monotonic() - begun

        promptly(5, attempt)

    def test_may_last_while_there_is_much_to_send(self, hasty: Edge):
        """As an upload does: a body that comes at a good pace has the time it needs."""

        def attempt() -> bool:
            with closing(socket.create_connection(("127.0.0.1", hasty.port))) as connection:
                connection.settimeout(PATIENCE)
                connection.sendall(b"POST /live/log HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n")
                if not at_a_pace(2 * LITTLE / 30, 30, lambda: connection.sendall(b"x" * 20_000)):
                    return False
                assert connection.recv(12) == b"HTTP/1.1 405"
                return True

        in_one_try_of(5, attempt)


def small(edge: Edge) -> socket.socket:
    """A connection with little room for what its client does not read."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", edge.port))
    return connection


ASKED = "GET /live/log?topic=tag.much&since={since}&compact=0 HTTP/1.1\r\nHost: x\r\n{close}\r\n"


@pytest.fixture(scope="module")
def much(lavish: Edge) -> str:
    """A position from which an answer of the log is as large as one may be."""
    since = page(Site(lavish.origin), ["tag.much"])["position"]
    write(*[(f"tag.much-{number}", ["tag.much"], []) for number in range(12)], text="tide " * 20_000)
    return since


class TestTaking:
    """The answer is there, and the client leaves it there."""

    def test_answers_that_nobody_reads_are_cut(self, lavish: Edge, much: str):
        """More of them than the kernel keeps; those behind are not even begun."""
        before = count(lavish, "stalled")
        with closing(small(lavish)) as connection:
            connection.sendall(ASKED.format(since=much, close="").encode() * 8)
            until(lambda: count(lavish, "stalled") > before)
            with suppress(ConnectionResetError):
                while connection.recv(100_000):
                    pass

    @pytest.mark.parametrize("what", ["stream", "socket"])
    def test_a_reader_who_takes_nothing_is_cut(self, lavish: Edge, what: str):
        """Though less is waiting than a reader may leave unread."""
        before, cut = count(lavish, "stalled"), count(lavish, "cut")
        with closing(lavish.connect()) as healthy:
            if what == "socket":
                with closing(Raw(lavish, small=True)) as raw:
                    raw.stall("tag.stalled", healthy)
                    until(lambda: count(lavish, "stalled") > before)
            else:
                with closing(small(lavish)) as connection:
                    connection.sendall(b"GET /live/stream?topic=tag.slow HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert connection.recv(12) == b"HTTP/1.1 200"
                    healthy.subscribe("tag.slow")
                    full(lambda: queued(connection), lambda: write_to("tag.slow", healthy))
                    until(lambda: count(lavish, "stalled") > before)
            assert count(lavish, "cut") == cut
            assert healthy.pong()

    def test_a_reader_who_takes_a_little_all_the_time_is_not_cut(self, lavish: Edge, much: str):
        """Not even where the kernel keeps so much that it takes nothing more for long."""

        def attempt() -> bool:
            before = count(lavish, "stalled")
            with closing(small(lavish)) as connection:
                connection.sendall(ASKED.format(since=much, close="").encode() * 8)
                with suppress(ConnectionResetError):
                    kept = at_a_pace(LITTLE / 25, 100, lambda: connection.recv(4096))
                    if kept:
                        assert count(lavish, "stalled") == before
                until(lambda: count(lavish, "stalled") > before)
                return kept

        in_one_try_of(5, attempt)

    def test_an_answer_is_counted_as_a_connection_until_it_is_taken(self, start_edge: Callable[..., Edge], much: str):
        edge = start_edge(LIVE_MAX_PER_ADDRESS="3")
        with ExitStack() as stack:
            for _ in range(3):
                connection = stack.enter_context(closing(small(edge)))
                connection.sendall(ASKED.format(since=much, close="").encode() * 8)
                assert connection.recv(12) == b"HTTP/1.1 200"
                until(lambda: queued(connection) > 100_000)  # it is being answered
            assert {self.status(edge) for _ in range(20)} == {429}
        until(lambda: self.status(edge) == 200, seconds=15)  # before they are cut for taking nothing

    @staticmethod
    def status(edge: Edge) -> int:
        _, answer = ask(Site(edge.origin), "/live/log", ["front"], None, None, False, {})
        return answer.status
