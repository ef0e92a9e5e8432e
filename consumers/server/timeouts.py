"""How long a connection may take: to ask its question, and to take what waits for it.

Both are measured by what gets through, never by signs of life: a byte now and then buys nothing.
With `server`, the only file that knows how Twisted keeps its connections.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, NamedTuple

from django.conf import settings
from twisted.internet.tcp import Connection
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from consumers.metrics import counters
from consumers.server.websocket import header_grammar

IDLE_TIMEOUT = 60  # seconds between two requests on one connection, which proxies keep open
MIN_PROGRESS_BYTES = 16 * 1024  # bytes of a request that buy its client the same time again; a head has no more
CHECKS_PER_TIMEOUT = 3  # at a connection within the time that it has


_HTTPChannel: Any = HTTPChannel  # these say nothing about their types
_LineReceiver: Any = LineReceiver
_Connection: Any = Connection


class Channel(_HTTPChannel):  # type: ignore[misc]
    """HTTP/1 as Twisted speaks it, but for a client that sends its request drop by drop.

    Twisted starts its clock anew with every byte: a head of 500 lines could take eight hours.
    """

    _begun = False  # some of a request is here, and the rest is not
    _came = 0  # bytes of it since the clock was started
    _dataBuffer: list[bytes]  # what came behind a request that is being answered

    def dataReceived(self, data: bytes) -> None:
        self._came += len(data)
        if self.timeOut is not None and (
            not self._begun or self._came >= MIN_PROGRESS_BYTES
        ):  # None: an answer is being made
            self._begun, self._came = True, 0
            self.setTimeout(settings.LIVE_HANDSHAKE_SECONDS)
        _LineReceiver.dataReceived(self, data)
        if self._dataBuffer and self.transport.protocol is not self:
            self._hand_over()

    def _hand_over(self) -> None:
        """What came in one packet with a handshake belongs to the socket."""
        rest, self._dataBuffer = b"".join(self._dataBuffer), []
        self.transport.protocol.dataReceived(rest)

    def allContentReceived(self) -> None:
        self._begun = False
        self.setTimeout(IDLE_TIMEOUT)  # for after the answer
        request = self.requests[-1]
        if header_grammar.is_handshake(request.requestHeaders):
            if header_grammar.is_invalid_handshake(
                self._path, self._version, request.requestHeaders, request.content.tell()
            ):
                self._respondToBadRequestAndDisconnect()
                return
            request.requestHeaders.setRawHeaders(b"Upgrade", [b"websocket"])
        super().allContentReceived()

    def timeoutConnection(self) -> None:
        if self._begun:
            counters.late += 1
        super().timeoutConnection()


class StallDetector:
    """Cuts connections whose client takes nothing of what waits for it: a page, an answer, a stream, a socket.

    While anything waits, Twisted has the connection among its writers. What it handed on since the last
    look shows in its buffers, what the client took in the kernel's: that one may have room for 4 MB, and wants
    a third of them free before it takes more. Nobody has to count on the way.
    """

    def __init__(self, writers: Callable[[], Iterable[Any]]) -> None:
        self._writers = writers
        self._waiting: dict[Any, tuple[int, _Found]] = {}  # and how often they were found like this

    def check(self) -> None:
        """And again, LOOKS times within the time that a connection has."""
        before, self._waiting = self._waiting, {}
        for each in self._writers():
            if not isinstance(each, _Connection):
                continue
            times, was = before.get(each, (0, None))
            found = _Found(each.dataBuffer, each._tempDataBuffer, each.offset, _kept(each))
            if was is None or not found.is_as(was):
                times = 0
            if times == CHECKS_PER_TIMEOUT:
                counters.stalled += 1
                each.abortConnection()
            else:
                self._waiting[each] = times + 1, found
        asyncio.get_running_loop().call_later(settings.LIVE_STALL_SECONDS / CHECKS_PER_TIMEOUT, self.check)


class _Found(NamedTuple):
    """What waits for a client. Kept, a buffer cannot be taken for another at the same place in memory."""

    buffer: Any
    more: Any
    offset: int
    kept: int

    def is_as(self, other: "_Found") -> bool:
        same = self.buffer is other.buffer and self.more is other.more
        return same and (self.offset, self.kept) == (other.offset, other.kept)


def _kept(connection: Any) -> int:
    """Bytes that the kernel keeps for the client; 0 where it does not say."""
    try:
        return int.from_bytes(ioctl(connection.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
