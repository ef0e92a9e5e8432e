"""What only our own server can do, and what happens on the others instead (docs/running.md has the same as a table).

Each test asks every server the same. What the edge alone does is in its first branch.
"""

import re
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from blog.models import User
from realtime import log
from tests.conformance.conftest import SERVERS
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw, frame, write_to
from tests.consumers.reader import Reader
from tests.consumers.written import write
from tests.rfc6455.wire import Connection, head
from tests.waiting import PATIENCE, until

LITTLE = 0.5  # seconds for a handshake
MEGABYTE = 1024 * 1024
DAPHNES = ("daphne", "runserver")


def counted(server: Edge, name: str) -> int:
    """One of the figures of /metrics."""
    with urllib.request.urlopen(f"{server.origin}/metrics") as answer:
        found = re.search(rf"^stop_press_{name}\S* (\d+)\.0$", answer.read().decode(), re.MULTILINE)
    assert found, name
    return int(found[1])


@pytest.mark.parametrize("transport", ["socket", "stream", "log"])
def test_a_reader_who_hangs_up_is_forgotten(server: Edge, transport: str):
    """Everywhere, also where nothing is written that would fail."""
    until(lambda: counted(server, "sockets") == 0)
    if transport == "socket":
        reader: Reader | socket.socket = server.connect()
    else:
        reader = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        path = {"stream": "stream?topic=front", "log": "log?topic=front&wait=25"}[transport]
        reader.sendall(f"GET /live/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    until(lambda: counted(server, "sockets") == 1)
    reader.close()
    until(lambda: counted(server, "sockets") == 0)


def test_a_reader_who_takes_nothing(name: str, server: Edge):
    """Is let go, and keeps no other waiting. Daphne keeps for it in memory whatever it does not take."""
    with closing(server.connect()) as healthy, closing(Raw(server, small=True)) as raw:
        raw.follow(f"tag.unread-{name}", healthy)
        before = counted(server, "cut_total")
        if name in DAPHNES:
            for _ in range(20):
                write_to(f"tag.unread-{name}", healthy)
            assert counted(server, "cut_total") == before
            events = [raw.frame()[1] for _ in range(20)]
            assert all(b'"type":"event"' in event for event in events), "all is there, when it reads at last"
        else:
            written = 0
            while counted(server, "cut_total") == before:
                assert written < 100, "10 MB, and it is still there"
                write_to(f"tag.unread-{name}", healthy)
                written += 1
        assert healthy.pong()


def test_a_frame_that_is_too_large(name: str, server: Edge):
    """Closes with 4509. Daphne cuts the connection where it has more than its own limit, 1 MiB."""
    for size, cut in ((65 * 1024, False), (MEGABYTE + 1, name in DAPHNES)):
        reader = server.connect()
        with suppress(OSError):
            reader.send("x" * size)
        code, _ = reader.end()
        assert code == (None if cut else 4509), size
    assert server.answers()


def test_too_many_frames(server: Edge):
    """Close with 4029 everywhere."""
    with closing(Raw(server)) as raw:
        raw.send(frame(1, b'{"type":"ping"}') * 60)
        assert raw.code() == 4029


def test_pings_and_fragments_are_frames_too(name: str, server: Edge):
    """On the edge; other servers answer a ping by themselves, without counting."""
    with closing(Raw(server)) as raw:
        raw.send(frame(9, b"x") * 100)
        if name == "edge":
            assert raw.code() == 4029
        else:
            pongs = 0
            while pongs < 100:
                pongs += raw.frame()[0] == 0x8A


def test_events_are_compressed(name: str, server: Edge):
    """Once for all readers, by the edge. uvicorn compresses for each of them, and Daphne for none."""
    with closing(Connection(server.port)) as wire:
        wire.send(head(("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")))
        agreed = wire.hear_answer().one("sec-websocket-extensions")
        assert (agreed is not None) == (name not in DAPHNES)
        assert ("server_no_context_takeover" in (agreed or "")) == (name == "edge")


@pytest.fixture
def starting(name: str, start_edge: Callable[..., Edge], ada: User) -> Iterator[Edge]:
    """One of its own: it is given little time for handshakes, and may be ended."""
    server = start_edge(kind=SERVERS[name], LIVE_HANDSHAKE_SECONDS=str(LITTLE))
    yield server
    assert server.said_nothing_of("Traceback")


def test_the_time_of_a_handshake_and_the_end_of_a_process(name: str, starting: Edge, server: Edge):
    """Both on one server of its own, which ends with the test."""
    the_time_of_a_handshake(name, starting)
    the_end(name, starting, server)


def the_time_of_a_handshake(name: str, server: Edge) -> None:
    """The edge ends a connection whose head does not come; others wait longer than that, or without an end."""
    with closing(Connection(server.port)) as half:
        half.send(head()[:-2])
        if name == "edge":
            assert half.is_over()
            return
        began = time.monotonic()
        half.socket.settimeout(3 * LITTLE)
        with pytest.raises(TimeoutError):
            half.socket.recv(1)
        assert time.monotonic() - began >= 3 * LITTLE
        half.socket.settimeout(PATIENCE)
        half.send(b"\r\n")
        assert half.hear_answer().status == 101


def the_end(name: str, ending: Edge, other: Edge) -> None:
    """The edge says `leaving` and closes with 4012; uvicorn closes with 1012; Daphne just goes. Nothing is lost."""
    reader = ending.connect()
    reader.subscribe("tag.leaving")
    write(("tag.leaving-1", ["tag.leaving"], []))
    cursor = reader.hear()["position"]
    ending.process.send_signal(signal.SIGTERM)
    if name == "edge":
        assert reader.hear()["type"] == "leaving"
    code, _ = reader.end()
    assert code == {"edge": 4012, "uvicorn": 1012}.get(name)
    write(("tag.leaving-2", ["tag.leaving"], []))
    until(lambda: ending.process.poll() is not None)
    with closing(other.connect()) as again:
        until(lambda: again.pong() == str(log.position()))
        assert again.subscribe("tag.leaving", since=cursor)["missed"] == 1
        assert again.hear()["key"] == "tag.leaving-2"
