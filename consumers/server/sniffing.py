"""The door: who has just connected. A request for a WebSocket goes to a lean socket, all else to Daphne.

What is decided here is decided by the first bytes that arrive. Only a request that is whole, alone and
without anything odd is taken (`handshake.read`); Twisted's HTTP never sees it, and nothing is parsed twice.
"""

import asyncio
from time import monotonic
from typing import Any

from django.conf import settings

from consumers.server.websocket import handshake
from consumers.server.websocket.protocol import WebSockets


class ProtocolSniffer:
    """One connection before its first byte."""

    __slots__ = ("_address", "_house", "transport")

    def __init__(self, house: "SniffingFactory", address: Any) -> None:
        self._house = house
        self._address = address

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._house.waits(self)

    def dataReceived(self, data: bytes) -> None:
        self._house.waits_no_more(self)
        asked = handshake.read(data)
        if asked is not None:
            self._house.sockets.begin(self.transport, asked)
            return
        channel = self._house.pages.buildProtocol(self._address)
        self.transport.protocol = channel
        channel.makeConnection(self.transport)
        channel.dataReceived(data)

    def connectionLost(self, reason: Any) -> None:
        self._house.waits_no_more(self)


class SniffingFactory:
    """What a port builds its protocols with: `pages` is Daphne's factory for HTTP."""

    def __init__(self, pages: Any, sockets: WebSockets) -> None:
        self.pages = pages
        self.sockets = sockets
        self.doStart, self.doStop = pages.doStart, pages.doStop
        self._waiting: dict[ProtocolSniffer, float] = {}  # since when; who came first, first
        self._timer: asyncio.TimerHandle | None = None

    def buildProtocol(self, address: Any) -> ProtocolSniffer:
        return ProtocolSniffer(self, address)

    def waits(self, door: ProtocolSniffer) -> None:
        self._waiting[door] = monotonic()
        if self._timer is None:
            self._watch(settings.LIVE_HANDSHAKE_SECONDS)

    def waits_no_more(self, door: ProtocolSniffer) -> None:
        self._waiting.pop(door, None)

    def _watch(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close_to_the_silent)

    def _close_to_the_silent(self) -> None:
        """A connection that asks for nothing has as long as a request has to arrive."""
        self._timer, most = None, settings.LIVE_HANDSHAKE_SECONDS
        while self._waiting:
            door, since = next(iter(self._waiting.items()))
            left = since + most - monotonic()
            if left > 0:
                self._watch(left)
                return
            del self._waiting[door]
            door.transport.loseConnection()
