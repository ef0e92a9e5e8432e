"""Writing straight to the kernel, past Daphne and Twisted. It knows the insides of Twisted's connections.

Twisted's own write always takes two calls of epoll_ctl and another turn of the loop: five times the
cost of the whole delivery (docs/edge.md). So bytes are sent at once, as long as Twisted holds none
back for the same connection and the connection is not about to end. A `DirectConnection` says when that changes.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from daphne.http_protocol import WebRequest
from django.conf import settings
from twisted.internet import tcp

from consumers.delivery.writer import send_path_changes
from consumers.metrics import counters
from consumers.wire.batch import Encoding, FrameBatch
from consumers.wire.close_codes import CloseCode

logger = logging.getLogger(__name__)

MAX_KERNEL_UNSENT_BYTES = 128 * 1024  # that the kernel takes of what a reader has no room for; else up to 4 MB
MSG_MORE = getattr(socket, "MSG_MORE", 0)  # more follows: the kernel sends it together, or by itself after 0.2 s


def tune(listening: socket.socket) -> None:
    """Sets TCP options on the listening socket; accepted sockets inherit them, without a call for each.

    The kernel refuses early what a slow reader does not take, so that it is counted here.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a second answer waits for no delayed ACK
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_KERNEL_UNSENT_BYTES)


class DirectConnection(tcp.Server):
    """A TCP connection whose writer knows when Twisted holds bytes back for it."""

    writer: "DirectWriter | None" = None

    def startReading(self) -> None:
        """Registers with the event loop. By way of Twisted's reactor each read costs three contexts for its log."""
        asyncio.get_running_loop().add_reader(self.fileno(), self._read)

    def stopReading(self) -> None:
        """Takes that back."""
        asyncio.get_running_loop().remove_reader(self.fileno())

    def _read(self) -> None:
        why: Any
        try:
            why = self.doRead()
        except Exception as error:
            logger.exception("A connection ends because of an error.")
            why = error
        if why:
            self.reactor._disconnectSelectable(self, why, True)

    def _getLogPrefix(self, applicationObject: object) -> str:
        """Returns no prefix: Twisted's log is not kept."""
        return ""

    def startWriting(self) -> None:
        """Closes the direct way: something was written through Twisted, or the end was asked for, and comes first."""
        super().startWriting()  # type: ignore[no-untyped-call]
        if self.writer is not None:
            self.writer.send = None

    def stopWriting(self) -> None:
        """Opens the direct way again, unless the connection is over: Twisted holds nothing back any more."""
        super().stopWriting()  # type: ignore[no-untyped-call]
        if self.writer is not None:
            self.writer.send = self.socket.send if self.writer.may_send() else None

    def begin(self, data: bytes) -> None:
        """Sends the answer to a handshake and opens the direct way. What follows at once goes in the same packet."""
        if self.unsent:  # of an answer to an earlier request on this connection
            self.write(data)  # type: ignore[no-untyped-call]
            return
        try:
            sent = self.socket.send(data, MSG_MORE)
        except BlockingIOError:
            sent = 0
        except OSError:  # the reading side finds out by itself and ends the connection
            return
        if sent < len(data):
            self.write(data[sent:])  # type: ignore[no-untyped-call]
        elif self.writer is not None:
            self.writer.send = self.socket.send

    def is_over(self) -> bool:
        """Returns whether the connection has ended, or is about to."""
        return bool(self.disconnecting or self._aborting or not self.connected)

    @property
    def unsent(self) -> int:
        """Bytes that Twisted holds back."""
        return int(self._tempDataLen + len(self.dataBuffer) - self.offset)


class Backpressure:
    """Knows whether a reader lags: what Twisted calls the producer of a connection."""

    __slots__ = ("_caught_up", "is_lagging")

    def __init__(self) -> None:
        self.is_lagging = False  # more than 64 KiB wait in Twisted, and not all of it has left since
        self._caught_up: asyncio.Future[None] | None = None

    async def drain(self) -> None:
        """Waits until the reader does not lag any more."""
        while self.is_lagging:
            self._caught_up = asyncio.get_running_loop().create_future()
            await self._caught_up

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:
        """Notes that more than 64 KiB wait."""
        self.is_lagging = True

    def resumeProducing(self) -> None:
        """Notes that all of it has left, or that the connection is over."""
        self.is_lagging = False
        if self._caught_up is not None and not self._caught_up.done():
            self._caught_up.set_result(None)

    stopProducing = resumeProducing


class DirectWriter(Backpressure):
    """The writer of a WebSocket (see consumers.delivery.writer.Writer)."""

    __slots__ = ("_protocol", "_send", "_transport", "encoding")

    def __init__(self, protocol: Any, transport: Any, encoding: Encoding = Encoding.FRAMES) -> None:
        self.encoding: Encoding | None = encoding
        self._send: Callable[[bytes], int] | None = None  # until the answer to the handshake has left
        self._protocol = protocol
        self._transport = transport
        super().__init__()
        self._register()
        transport.writer = self

    def _register(self) -> None:
        self._transport.unregisterProducer()  # Twisted's HTTP channel, which has nothing more to say here
        self._transport.registerProducer(self, True)

    @property
    def send(self) -> Callable[[bytes], int] | None:
        """The socket's own send while nothing is held back before it, else None."""
        return self._send

    @send.setter
    def send(self, way: Callable[[bytes], int] | None) -> None:
        if way is not self._send:
            self._send = way
            send_path_changes.count += 1

    @property
    def _open(self) -> bool:
        return bool(self._protocol.is_open)

    def may_send(self) -> bool:
        """Returns whether bytes may go straight to the socket."""
        return self._open and not self._transport.is_over() and not self._transport.unsent

    def write(self, frame_batch: FrameBatch) -> None:
        """Sends frames that go out together."""
        assert self.encoding is not None
        self.tell(frame_batch.encoded(self.encoding))

    def tell(self, data: bytes) -> None:
        """Sends bytes at once, or gives Twisted what the kernel does not take."""
        if self.send is None:
            self.buffer(data)
            return
        try:
            sent = self.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # the reading side finds out by itself and ends the connection
            return
        if sent < len(data):
            self.buffer(data[sent:])

    def buffer(self, data: bytes) -> None:
        """Gives Twisted bytes to hold back; cuts a reader for whom too much is held back already."""
        if not self._open:
            return
        if self._transport.unsent > settings.LIVE_MAX_UNSENT_BYTES:
            self.abort()
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the WebSocket with 4012."""
        self._protocol.close(int(CloseCode.RESTARTING))

    def abort(self) -> None:
        """Cuts the connection: no close frame could be sent any more, and this bare end stands for 4008."""
        counters.cut += 1
        self._transport.abortConnection()


class DirectStreamWriter(DirectWriter):
    """The writer of an answer that goes on without an end, once its headers are written."""

    __slots__ = ("_over",)

    was_aborted = False  # a connection that is cut is a request that ends

    def __init__(self, request: WebRequest, over: Callable[[], None]) -> None:
        self._over = over
        encoding = Encoding.CHUNKS if request.chunked else Encoding.BLOCKS
        super().__init__(request, request.channel.transport, encoding)

    @classmethod
    def of(cls, request: WebRequest, over: Callable[[], None]) -> "DirectStreamWriter | None":
        """Returns the writer of a request, or None where its client is gone already."""
        return cls(request, over) if request.channel is not None else None

    def _register(self) -> None:
        self._protocol.registerProducer(self, True)

    @property
    def _open(self) -> bool:
        request = self._protocol  # in this order: one that is finished has no channel
        return not request.finished and request.channel is not None

    def close(self) -> None:
        """Has the application end its answer."""
        self._over()

    def release(self) -> None:
        """Gives the connection back to the server, which ends the answer."""
        self.send = None
        if self._open:
            self._protocol.unregisterProducer()
