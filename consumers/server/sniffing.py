"""Protocol sniffing: a connection's first bytes are kept until they show what it is.

The head of a GET is kept until it is whole, in whatever pieces it comes. A usual request for a WebSocket is taken
there (`handshake.parse_request`), and Twisted's HTTP never sees it. Everything else goes to Daphne's HTTP with all
its bytes.
"""

import asyncio
from time import monotonic
from typing import Any

from django.conf import settings

from consumers.metrics import counters
from consumers.server.websocket import handshake
from consumers.server.websocket.connection import WebSockets
from consumers.server.websocket.handshake import END

MAX_HEAD_BYTES = 16 * 1024  # as Twisted's HTTP has it, which then refuses what was kept
GET = b"GET "  # a WebSocket is opened with nothing else


class ProtocolSniffer:
    """One connection until the head of its first request is whole."""

    __slots__ = ("_address", "_factory", "_kept", "transport")

    def __init__(self, factory: "SniffingFactory", address: Any) -> None:
        self._factory = factory
        self._address = address
        self._kept: bytearray | None = None

    def makeConnection(self, transport: Any) -> None:
        """Starts the time that a head has. Twisted calls it."""
        self.transport = transport
        self._factory.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Keeps the bytes of a head that is not whole, or hands the connection on. Twisted calls it."""
        searched = 0
        if self._kept is not None:
            searched = max(0, len(self._kept) - len(END) + 1)
            self._kept += data  # in place: joined anew for each packet, a head in tiny ones would cost its square
        kept = data if self._kept is None else self._kept
        end = kept.find(END, searched) + len(END)
        if end >= len(END):
            self._hand_on(bytes(kept), end)
        elif not kept.startswith(GET[: len(kept)]) or len(kept) > MAX_HEAD_BYTES:
            self._hand_on(bytes(kept), 0)
        elif self._kept is None:
            self._kept = bytearray(data)

    def _hand_on(self, data: bytes, end: int) -> None:
        """`end`: of the head in these bytes, 0 where there is none."""
        self._factory.discard(self)
        request = handshake.parse_request(data[:end])
        if request is not None:
            self._factory.websockets.begin(self.transport, request, data[end:])
            return
        channel = self._factory.pages.buildProtocol(self._address)
        self.transport.protocol = channel
        channel.makeConnection(self.transport)
        channel.dataReceived(data)

    @property
    def has_begun(self) -> bool:
        """Whether a part of a head is here."""
        return self._kept is not None

    def connectionLost(self, reason: Any) -> None:
        """Forgets the connection. Twisted calls it."""
        self._factory.discard(self)


class SniffingFactory:
    """What a port builds its protocols with: `pages` is Daphne's factory for HTTP."""

    def __init__(self, pages: Any, websockets: WebSockets) -> None:
        self.pages = pages
        self.websockets = websockets
        self.doStart, self.doStop = pages.doStart, pages.doStop
        self._since: dict[ProtocolSniffer, float] = {}  # when each connection was made; the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def buildProtocol(self, address: Any) -> ProtocolSniffer:
        """Returns the protocol of a new connection. Twisted calls it."""
        return ProtocolSniffer(self, address)

    def add(self, sniffer: ProtocolSniffer) -> None:
        """Gives a connection LIVE_HANDSHAKE_SECONDS for the head of its first request, whatever drips in."""
        self._since[sniffer] = monotonic()
        if self._timer is None:
            self._schedule(settings.LIVE_HANDSHAKE_SECONDS)

    def discard(self, sniffer: ProtocolSniffer) -> None:
        """Takes the time off a connection. Harmless when it has none."""
        self._since.pop(sniffer, None)

    def _schedule(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close_late)

    def _close_late(self) -> None:
        self._timer, allowed = None, settings.LIVE_HANDSHAKE_SECONDS
        while self._since:
            sniffer, since = next(iter(self._since.items()))
            left = since + allowed - monotonic()
            if left > 0:
                self._schedule(left)
                return
            del self._since[sniffer]
            counters.late += sniffer.has_begun
            sniffer.transport.loseConnection()
