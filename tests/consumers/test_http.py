"""The stream and the log as a server has to bear them; what they tell, tests/conformance checks."""

import json
import os
import re
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

import pytest

from blog.models import User
from consumers.wire.event_stream import block
from consumers.wire.server_frames import Heartbeat, Leaving, Pong, Reset
from realtime import tickets
from tests import cast
from tests.conformance.site import Site
from tests.conformance.transports import Refused, Stream, ask, page
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.consumers.written import fill, write
from tests.waiting import PATIENCE, until

MEGABYTE = 1024 * 1024
NOBODY = 7_000_000  # no user of any test: what one of those loses, tickets of the same number lose, too
T = TypeVar("T")


@pytest.fixture
def site(edge: Edge) -> Site:
    return Site(edge.origin)


def raw(edge: Edge, path: str, version: str = "1.1", headers: str = "", method: str = "GET") -> socket.socket:
    """A connection on which a request was sent, byte for byte."""
    connection = socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE)
    connection.sendall(f"{method} {path} HTTP/{version}\r\nHost: {edge.origin[7:]}\r\n{headers}\r\n".encode("latin-1"))
    return connection


def sockets_of(edge: Edge) -> int:
    """The sockets that the process has open; what it closes meanwhile does not count."""
    number = 0
    for each in Path(f"/proc/{edge.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            number += os.readlink(each).startswith("socket:")
    return number


def is_answered(connection: socket.socket) -> bool:
    return select.select([connection], [], [], 0)[0] != []


def readers_of(site: Site) -> int:
    """The readers that the process knows of, of whatever transport."""
    return int(re.search(r"^stop_press_sockets\S* (\d+)\.0$", site.get("/metrics"), re.MULTILINE)[1])


class TestBlocks:
    """Frames in the format of Server-Sent Events."""

    def test_silence_moves_the_cursor_and_tells_nothing(self):
        assert block(Heartbeat("k3f9ab-7").encoded()) == b"id: k3f9ab-7\n\n"

    def test_a_reset_has_the_cursor_and_the_frame(self):
        frame = Reset(["front"], "k3f9ab-7", None, "epoch").encoded()
        assert block(frame) == b"id: k3f9ab-7\nevent: reset\ndata: " + frame + b"\n\n"

    def test_leaving_moves_no_cursor(self):
        frame = Leaving((0, 1000)).encoded()
        assert block(frame) == b"event: leaving\ndata: " + frame + b"\n\n"

    def test_what_a_stream_cannot_ask_for_is_not_told(self):
        assert block(Pong("k3f9ab-7").encoded()) == b""


def ends_soon(open: Callable[[str], T], *rights: str) -> tuple[T, datetime]:
    """What is opened by a ticket, and when that ends: a second later, or more where opening takes longer."""
    for life in (1, 5, 25):
        expires = datetime.now(UTC) + timedelta(seconds=life)
        with suppress(Refused):
            return open(tickets.sign(tickets.Reader(NOBODY, "ada", frozenset(rights), "s", expires))), expires
    raise AssertionError("No ticket lasts long enough.")


class TestWhoReads:
    def test_a_stream_ends_when_the_ticket_does(self, site: Site):
        """The next request has to say again who reads."""
        opened, _ = ends_soon(lambda ticket: Stream(site, ["front", "desk"], ticket=ticket), "desk")
        with closing(opened) as stream:
            ended = stream.block()
            assert ended["event"] == "unsubscribed"
            assert json.loads(ended["data"]) == {"type": "unsubscribed", "topics": ["desk"], "code": "forbidden"}
            with pytest.raises(EOFError):
                stream.block()

    def test_the_next_question_may_come_on_the_connection_of_a_stream_that_ended(self, edge: Edge):
        def opens(ticket: str) -> tuple[socket.socket, BinaryIO]:
            connection = raw(edge, "/live/stream?topic=desk", headers=f"Authorization: Bearer {ticket}\r\n")
            heard = connection.makefile("rb")
            if b"401" in heard.readline():
                connection.close()
                raise Refused("bad-ticket", 401)
            return connection, heard

        (opened, heard), _ = ends_soon(opens, "desk")
        with closing(opened) as connection:
            while heard.readline() != b"0\r\n":
                pass
            assert heard.readline() == b"\r\n"
            connection.sendall(f"GET /live/log?topic=front HTTP/1.1\r\nHost: {edge.origin[7:]}\r\n\r\n".encode())
            assert b"200" in heard.readline()

    def test_an_answer_that_waits_is_refused_when_the_ticket_has_ended(self, edge: Edge, site: Site):
        def opens(ticket: str) -> socket.socket:
            until(lambda: readers_of(site) == 0)  # those of the test before
            poll = raw(edge, "/live/log?topic=desk&wait=25", headers=f"Authorization: Bearer {ticket}\r\n")
            until(lambda: readers_of(site) == 1 or is_answered(poll))
            if is_answered(poll):
                assert poll.recv(12) == b"HTTP/1.1 401"
                poll.close()
                raise Refused("bad-ticket", 401)
            return poll

        opened, expires = ends_soon(opens, "desk")
        with closing(opened) as poll:
            until(lambda: datetime.now(UTC) > expires)
            fill(1, "desk")
            assert poll.recv(12) == b"HTTP/1.1 403"

    def test_a_public_stream_outlives_a_ticket(self, site: Site, ada: User):
        opened, expires = ends_soon(lambda ticket: Stream(site, ["front"], ticket=ticket))
        with closing(opened) as stream:
            until(lambda: datetime.now(UTC) > expires)
            cast.a_post(ada, "Still here")
            assert stream.hear()["data"]["title"] == "Still here"

    def test_somebody_else_s_session_is_nobody_s(self, site: Site):
        _, answer = ask(site, "/live/log", ["desk"], None, None, False, {}, Cookie="sessionid=nonsense")
        assert (answer.status, json.loads(answer.read())["code"]) == (403, "forbidden")

    def test_the_password_of_a_proxy_is_no_ticket(self, site: Site):
        _, answer = ask(site, "/live/log", ["front"], None, None, False, {}, Authorization="Basic YWRhOmFkYQ==")
        assert answer.status == 200


class TestAnswers:
    def test_http_1_0_gets_blocks_without_chunks(self, edge: Edge, ada: User):
        with closing(raw(edge, "/live/stream?topic=front", "1.0")) as connection:
            heard = connection.makefile("rb")
            assert b"200" in heard.readline()
            head = list(iter(heard.readline, b"\r\n"))
            assert not any(line.lower().startswith(b"transfer-encoding") for line in head)
            assert heard.readline().startswith(b"id: ")
            assert heard.readline() == b"\n"
            cast.a_post(ada)
            assert heard.readline().startswith(b"id: ")
            assert heard.readline() == b"event: post.published\n"

    def test_the_next_question_may_come_on_the_same_connection(self, edge: Edge):
        with closing(raw(edge, "/live/log?topic=front")) as connection:
            heard = connection.makefile("rb")
            for _ in range(2):
                assert b"200" in heard.readline()
                head = dict(line.decode().strip().split(": ", 1) for line in iter(heard.readline, b"\r\n"))
                assert json.loads(heard.read(int(head["Content-Length"])))["recovered"] is True
                connection.sendall(f"GET /live/log?topic=front HTTP/1.1\r\nHost: {edge.origin[7:]}\r\n\r\n".encode())

    def test_much_is_told_in_several_answers(self, site: Site):
        since = page(site, ["tag.much"])["position"]
        for number in range(6):
            write((f"tag.{number}", ["tag.much"], []), text="tide " * 60_000)
        until(lambda: page(site, ["tag.much"], since)["more"])
        keys, more = [], True
        while more:
            answer = page(site, ["tag.much"], since)
            assert len(json.dumps(answer)) < 2 * MEGABYTE
            keys += [event["key"] for event in answer["events"]]
            since, more = answer["position"], answer["more"]
        assert keys == [f"tag.{number}" for number in range(6)]

    def test_an_answer_has_all_that_was_committed_before_the_question(self, site: Site):
        """Though no bell rang."""
        for number in range(10):
            since = page(site, ["tag.quiet"])["position"]
            write((f"tag.{number}", ["tag.quiet"], []), ring=False)
            assert page(site, ["tag.quiet"], since)["missed"] == 1

    @pytest.mark.parametrize(
        "query",
        [
            "", "?", "topic", "?topic=%ff", "?topic=%ED%A0%80", "?topic=%00", "?topic=a%0d%0aSet-Cookie:x",
            "?topic=front&since=%00", "?topic=front&language=%ff%00", "?topic=front&limit=1e3",
            "?topic=front&limit=%D9%A1",
            "?" + "&".join(["topic=front"] * 400), "?topic=" + "x" * 5000,
        ],
    )  # fmt: skip
    def test_an_odd_question_is_answered_and_breaks_nothing(self, edge: Edge, query: str):
        """The fixture looks for an exception in the log."""
        for path in ("/live/stream", "/live/log"):
            with closing(raw(edge, path + query)) as connection:
                status = connection.makefile("rb").readline()
                assert status.split()[1] in (b"200", b"400", b"404"), status

    def test_a_header_of_the_server_s_own_changes_no_address(self, edge: Edge):
        with closing(raw(edge, "/live/log?topic=front", headers="Daphne-Root-Path: /elsewhere\r\n")) as connection:
            assert connection.recv(12) == b"HTTP/1.1 200"

    def test_a_body_is_ignored(self, edge: Edge):
        with closing(raw(edge, "/live/log?topic=front", headers="Content-Length: 5\r\n")) as connection:
            connection.sendall(b"hello")
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_who_hangs_up_leaves_nothing_behind(edge: Edge, site: Site, cleo: Reader, ada: User):
    before, here = sockets_of(edge), readers_of(site)
    streams = [Stream(site, ["front"]) for _ in range(5)]
    polls = [raw(edge, "/live/log?topic=front&wait=25") for _ in range(5)]
    until(lambda: readers_of(site) == here + 10)
    for each in [*streams, *polls]:
        each.close()
    until(lambda: sockets_of(edge) == before and readers_of(site) == here)
    cleo.subscribe("front")
    cast.a_post(ada)
    assert cleo.hear()["kind"] == "post.published"


def test_a_stream_that_nobody_reads_is_cut(edge: Edge, site: Site):
    with closing(raw(edge, "/live/stream?topic=tag.flood")) as stalled, closing(Stream(site, ["tag.flood"])) as healthy:
        assert stalled.recv(12) == b"HTTP/1.1 200"
        before = sockets_of(edge)
        number = 0
        while sockets_of(edge) == before:
            assert number < 100, "30 MB, and it is still there"
            write((f"tag.{number}", ["tag.flood"], []), text="tide " * 60_000)
            assert healthy.hear()["key"] == f"tag.{number}"
            number += 1


def test_a_stream_that_comes_back_for_much_gets_it_at_its_own_pace(edge: Edge, site: Site):
    """More than a slow reader may leave unread; whoever asked for it is not slow because it is much."""
    since = page(site, ["tag.past"])["position"]
    for number in range(20):
        write((f"tag.{number}", ["tag.past"], []), text="tide " * 30_000)
    until(lambda: page(site, ["tag.past"], since, limit="1", compact="0")["more"])
    with closing(Stream(site, ["tag.past"], since)) as stream:
        assert [stream.hear()["key"] for _ in range(20)] == [f"tag.{number}" for number in range(20)]


class TestTheEnd:
    @pytest.fixture
    def leaving(self, start_edge: Callable[..., Edge]) -> Iterator[Edge]:
        edge = start_edge(ORIGINS="https://friend.example")
        yield edge
        assert edge.said_nothing_of("Traceback")

    def test_streams_are_told_and_answers_come_early(self, leaving: Edge):
        site = Site(leaving.origin)
        self._check_origins(site)
        stream = Stream(site, ["front"])
        waiting = raw(leaving, "/live/log?topic=front&wait=25")
        with closing(Stream(site, ["front"])):  # by then the other request has been taken
            assert leaving.stop() == 0
        told = stream.block()
        assert (told["event"], json.loads(told["data"])["type"]) == ("leaving", "leaving")
        with pytest.raises(EOFError):
            stream.block()
        answer = waiting.recv(MEGABYTE)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"events":[]' in answer
        waiting.close()

    def _check_origins(self, site: Site) -> None:
        """Here, because it needs an edge of its own as well."""
        for method in ("GET", "OPTIONS"):
            _, answer = ask(
                site, "/live/log", ["front"], None, None, False, {}, method, Origin="https://friend.example"
            )
            assert answer.headers["Access-Control-Allow-Origin"] == "https://friend.example"
            assert answer.headers["Vary"] == "Origin"
            assert answer.headers["Access-Control-Allow-Credentials"] is None
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
