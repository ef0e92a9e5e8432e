"""The way past Daphne and Twisted, straight to the kernel. It knows the insides of Twisted's connections.

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

MAX_KERNEL_UNSENT_BYTES = (
    128 * 1024
)  # bytes that the kernel takes of what a reader's window has no room for; else up to 4 MB
MSG_MORE = getattr(socket, "MSG_MORE", 0)  # more follows: the kernel sends it together, or by itself after 0.2 s


def tune(listening: socket.socket) -> None:
    """What is accepted has it from the socket that listens, without a call for each connection.

    The kernel refuses early what a slow reader does not take, so that it is counted here.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a second answer waits for no delayed ACK
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_KERNEL_UNSENT_BYTES)


class DirectConnection(tcp.Server):
    """A TCP connection that tells its writer when Twisted holds bytes back for it, and when no longer."""

    writer: "DirectWriter | None" = None

    def startReading(self) -> None:
        """Reads by the event loop itself: by way of Twisted's reactor each read costs three contexts for its log."""
        asyncio.get_running_loop().add_reader(self.fileno(), self._read)

    def stopReading(self) -> None:
        asyncio.get_running_loop().remove_reader(self.fileno())

    def _read(self) -> None:
        why: Any
        try:
            why = self.doRead()
        except Exception as error:
            logger.exception("A connection ends because of a mistake.")
            why = error
        if why:
            self.reactor._disconnectSelectable(self, why, True)

    def _getLogPrefix(self, applicationObject: object) -> str:
        """Returns nothing: Twisted's own log is not read here, and making the prefix costs."""
        return ""

    def startWriting(self) -> None:
        """Closes the way past Twisted: bytes wait, or the end was asked for, and what is sent now would overtake it."""
        super().startWriting()  # type: ignore[no-untyped-call]
        if self.writer is not None:
            self.writer.send = None

    def stopWriting(self) -> None:
        """Opens the way past Twisted again, unless the connection is over: nothing is held back any more."""
        super().stopWriting()  # type: ignore[no-untyped-call]
        if self.writer is not None:
            self.writer.send = self.socket.send if self.writer.may_send() else None

    def begin(self, data: bytes) -> None:
        """Sends the answer to a handshake and opens the way past Twisted; frames that follow at once leave with it."""
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
        """Returns whether the connection ends, or has ended."""
        return bool(self.disconnecting or self._aborting or not self.connected)

    @property
    def unsent(self) -> int:
        """The bytes that Twisted holds back."""
        return int(self._tempDataLen + len(self.dataBuffer) - self.offset)


class Backpressure:
    """Knows whether a client is lagging: Twisted calls it the producer of the connection."""

    __slots__ = ("_caught_up", "is_lagging")

    def __init__(self) -> None:
        self.is_lagging = False  # more than 64 KiB wait in Twisted, and not all of it has left since
        self._caught_up: asyncio.Future[None] | None = None

    async def drain(self) -> None:
        """Waits until the client has taken what Twisted held back for it."""
        while self.is_lagging:
            self._caught_up = asyncio.get_running_loop().create_future()
            await self._caught_up

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:
        self.is_lagging = True

    def resumeProducing(self) -> None:
        self.is_lagging = False
        if self._caught_up is not None and not self._caught_up.done():
            self._caught_up.set_result(None)

    stopProducing = resumeProducing


class DirectWriter(Backpressure):
    """Writes a WebSocket's frames straight to the kernel, and by Twisted what the kernel does not take."""

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
        """The socket's own `send`, while nothing is held back for this client; else None."""
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
        """Returns whether bytes may go past Twisted."""
        return self._open and not self._transport.is_over() and not self._transport.unsent

    def write(self, frame_batch: FrameBatch) -> None:
        """Sends the frames in this connection's encoding."""
        assert self.encoding is not None
        self.tell(frame_batch.encoded(self.encoding))

    def tell(self, data: bytes) -> None:
        """Sends bytes at once, or buffers them where others wait before them."""
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
        """Hands bytes to Twisted; aborts the connection where LIVE_MAX_UNSENT_BYTES wait already."""
        if not self._open:
            return
        if self._transport.unsent > settings.LIVE_MAX_UNSENT_BYTES:
            self.abort()
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Ends the connection because this process ends: 4012."""
        self._protocol.close(int(CloseCode.RESTARTING))

    def abort(self) -> None:
        """Cuts the connection of a slow reader: no close frame could be sent, so the bare end stands for 4008."""
        counters.cut += 1
        self._transport.abortConnection()


class DirectStreamWriter(DirectWriter):
    """Writes the blocks of a stream, once the headers of its answer are written."""

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
        self._over()

    def release(self) -> None:
        """Ends the writing: what the answer still has goes through the server."""
        self.send = None
        if self._open:
            self._protocol.unregisterProducer()
