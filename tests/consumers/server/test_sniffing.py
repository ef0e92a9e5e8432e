"""What a connection's first bytes show, in whatever pieces they come, and what becomes of them."""

import asyncio
from typing import Any

import pytest

from consumers.metrics import counters
from consumers.server.sniffing import MAX_HEAD_BYTES, SniffingFactory
from consumers.server.websocket.connection import WebSocketConnection, WebSockets
from tests.consumers.line import TransportStub
from tests.rfc6455.frames import PING, PONG, frame
from tests.rfc6455.wire import head
from tests.waiting import PATIENCE

HEAD = head()


class Pages:
    """In place of Daphne's factory and what it builds: it keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self.address: Any = None

    def doStart(self) -> None: ...

    doStop = doStart

    def buildProtocol(self, address: Any) -> "Pages":
        self.address = address
        return self

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport

    def dataReceived(self, data: bytes) -> None:
        self.given.append(data)


async def answers(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


class Connection(TransportStub):
    """A connection to a port that sniffs."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = Pages()
        self.factory = SniffingFactory(self.pages, WebSockets(answers))
        self.protocol: Any = self.factory.buildProtocol("an address")
        self.protocol.makeConnection(self)

    def sends(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.dataReceived(piece)

    async def is_over(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.ended:
                await asyncio.sleep(0)

    @property
    def is_websocket(self) -> bool:
        return isinstance(self.protocol, WebSocketConnection)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, len(HEAD) - 1, len(HEAD)])
async def test_a_handshake_is_taken_in_pieces_of_any_size(size: int):
    connection = Connection()
    connection.sends(*[HEAD[at : at + size] for at in range(0, len(HEAD), size)])
    assert connection.is_websocket
    assert (connection.status(), connection.pages.given) == (101, [])


@pytest.mark.parametrize("cut", [1, len(HEAD) - 2, len(HEAD), len(HEAD) + 1])
async def test_what_comes_behind_the_head_is_read_as_frames(cut: int):
    connection = Connection()
    whole = HEAD + frame(PING, b"early")
    connection.sends(whole[:cut], whole[cut:])
    assert [(each.opcode, each.payload) for each in connection.frames()] == [(PONG, b"early")]


REQUEST = b"GET /books/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [REQUEST],
        [REQUEST[:5], REQUEST[5:-2], REQUEST[-2:]],
        [REQUEST + b"behind it"],
        [head(Connection="close")],
        [b"POST / HTTP/1.1\r\n"],
        [b"GET", b"x"],
        [b"\x16\x03\x01"],
        [b"\r\n"],
    ],
)
async def test_everything_else_is_daphne_s_as_soon_as_it_shows(pieces: list[bytes]):
    connection = Connection()
    connection.sends(*pieces)
    assert not connection.is_websocket
    assert connection.pages.given == [b"".join(pieces)]
    assert (connection.pages.address, connection.pages.transport) == ("an address", connection)
    connection.sends(b"more")
    assert connection.pages.given[1:] == [b"more"]


async def test_no_more_is_kept_than_a_head_may_have():
    connection = Connection()
    piece = b"X: " + b"x" * 997 + b"\r\n"
    connection.sends(b"GET / HTTP/1.1\r\n", *[piece] * (MAX_HEAD_BYTES // len(piece)))
    assert connection.pages.given == []
    connection.sends(piece)
    assert [len(given) > MAX_HEAD_BYTES for given in connection.pages.given] == [True]


@pytest.mark.parametrize(("sent", "late"), [(b"", 0), (b"GET /", 1), (HEAD[:-1], 1)])
async def test_a_head_has_its_time_and_a_silent_connection_no_more(sent: bytes, late: int, settings):
    settings.LIVE_HANDSHAKE_SECONDS = 0.0
    before = counters.late
    connection = Connection()
    if sent:
        connection.sends(sent)
    await connection.is_over()
    assert (connection.ended, counters.late - before) == (["lost"], late)


async def test_a_connection_that_ends_first_is_forgotten(settings):
    settings.LIVE_HANDSHAKE_SECONDS = 0.0
    gone, stays = Connection(), Connection()
    gone.sends(b"GET /")
    gone.protocol.connectionLost(None)
    await stays.is_over()
    assert gone.ended == []
