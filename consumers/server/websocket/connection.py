"""What runs an ASGI application on a WebSocket: the transport, the tasks, and detached consumers.

It speaks ASGI to the application like any server. One thing more: a consumer that knows of it *detaches* when
it has sent its welcome. Its coroutine ends, and from then on the connection calls the consumer itself: an idle
reader has no coroutine, no task and no queue.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from math import ceil, inf
from typing import Any, Protocol

from django.conf import settings

from consumers.access.rate_limits import TokenBucket
from consumers.metrics import counters
from consumers.server.direct_writer import DirectWriter
from consumers.server.receive_queue import ReceiveQueue
from consumers.server.websocket import eager_task, frame_parser
from consumers.server.websocket.frame_parser import Message
from consumers.server.websocket.handshake import HandshakeRequest
from consumers.server.websocket.protocol import CLOSED, CONNECTING, OPEN, End, WebSocketProtocol
from consumers.wire.batch import Encoding, framed
from consumers.wire.close_codes import CLOSE_TIMEOUT, CloseCode, close_sentence

logger = logging.getLogger(__name__)

KEEPALIVE_INTERVAL = 75.0  # seconds in which each is checked once: silent for one it is pinged, for two let go
CHECK_INTERVAL = 1.0  # seconds between two checks of a share of them
CHECKS_PER_INTERVAL = int(KEEPALIVE_INTERVAL / CHECK_INTERVAL)
DISCONNECT_TIMEOUT = 10.0  # seconds for an application to end when its client is gone, as with Daphne

Application = Callable[[dict[str, Any], Any, Any], Coroutine[Any, Any, None]]


class DetachedConsumer(Protocol):
    """A consumer whose coroutine has ended, and which is called instead."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers a message of the client."""

    def connection_lost(self) -> None:
        """Releases what the consumer holds: the connection is over."""


class WebSockets:
    """The WebSockets of this process, and what they have in common: reading a setting costs 1 us."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.max_message_bytes: int = settings.LIVE_MAX_FRAME_BYTES
        self.rate: tuple[int, int] = settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST
        self.max_waiting: float = settings.LIVE_MAX_BURST if settings.LIVE_MAX_FRAMES else inf
        self.handshake_timeout: float = settings.LIVE_HANDSHAKE_SECONDS
        self._all: set[WebSocketConnection] = set()
        self._round: list[WebSocketConnection] = []  # those not checked yet in this interval
        self._checks_left = 0  # until the next interval
        self._all_gone: asyncio.Future[None] | None = None  # set when this process ends

    def begin(self, transport: Any, request: HandshakeRequest, early: bytes = b"") -> None:
        """Makes the connection a WebSocket. `early`: what came behind the head, without waiting for the answer."""
        connection = WebSocketConnection(self, transport, request)
        transport.protocol = connection
        self._all.add(connection)
        connection.begin(self.application, request)
        if self._all_gone is not None:  # it was connected before, and asks only now
            connection.close(int(CloseCode.RESTARTING))
        if early:
            connection.dataReceived(early)

    def discard(self, connection: "WebSocketConnection") -> None:
        """Forgets a connection that is over."""
        self._all.discard(connection)
        if not self._all and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)

    def check(self) -> None:
        """Checks a share of the connections, each once per KEEPALIVE_INTERVAL; reschedules itself."""
        if not self._checks_left:
            self._round, self._checks_left = list(self._all), CHECKS_PER_INTERVAL
        share = ceil(len(self._round) / self._checks_left)
        some, self._round = self._round[:share], self._round[share:]
        self._checks_left -= 1
        for each in some:
            each.check()
        asyncio.get_running_loop().call_later(CHECK_INTERVAL, self.check)

    async def end(self, seconds: float) -> None:
        """Closes all that are still open with 4012, and waits at most `seconds` until they are gone."""
        self._all_gone = asyncio.get_running_loop().create_future()
        for each in list(self._all):
            each.close(int(CloseCode.RESTARTING))
        if self._all:
            await asyncio.wait([self._all_gone], timeout=seconds)


class WebSocketConnection:
    """One WebSocket: what Twisted calls the protocol of a connection, and the application behind it."""

    __slots__ = (
        *("_consumer", "_queue", "_protocol", "_quiet", "_task", "_waiting", "_websockets"),
        *("transport", "writer"),
    )

    def __init__(self, websockets: WebSockets, transport: Any, request: HandshakeRequest) -> None:
        self.transport = transport
        self.writer = DirectWriter(self, transport, Encoding.DEFLATED if request.extension else Encoding.FRAMES)
        self._websockets = websockets
        self._protocol = WebSocketProtocol(request, websockets.max_message_bytes, TokenBucket(*websockets.rate))
        self._quiet = 0  # checks since the client sent anything
        self._queue: ReceiveQueue | None = ReceiveQueue()  # of an application that does not detach
        self._consumer: DetachedConsumer | None = None
        self._waiting: list[Message] | None = None  # what a detached consumer could not take at once
        self._task: asyncio.Task[None] | None = None  # the application's, or that of a frame which takes its time

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._protocol.state is OPEN

    # --- the application

    def begin(self, application: Application, request: HandshakeRequest) -> None:
        """Runs the application as far as it goes without waiting."""
        assert self._queue is not None
        self._queue.put_nowait({"type": "websocket.connect"})
        self._run(application(self._scope(request), self._queue.get, self._reply))
        if self._protocol.state is CONNECTING:
            asyncio.get_running_loop().call_later(self._websockets.handshake_timeout, self._reject, 503)

    def _scope(self, request: HandshakeRequest) -> dict[str, Any]:
        return {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": request.path,
            "raw_path": request.raw_path,
            "root_path": "",
            "query_string": request.query,
            "headers": request.headers,
            "client": list(self.transport.client[:2]),
            "server": list(self.transport.socket.getsockname()[:2]),
            "subprotocols": request.subprotocols,
            "extensions": {"stop_press.writer": self.writer, "stop_press.detach": self._detach},
        }

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self._task = eager_task.run_eagerly(coroutine)
        except Exception as error:
            self._has_failed(error)
        else:
            if self._task is not None:
                self._task.add_done_callback(self._has_run)
            elif self._consumer is None:
                self.close(frame_parser.NORMAL)  # it is not served any more

    def _has_run(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            self._has_failed(error)
        elif self._consumer is None:
            self.close(frame_parser.NORMAL)
        if self._protocol.state is CLOSED:
            self._release_consumer()
        else:
            self._deliver_waiting()

    def _has_failed(self, error: BaseException) -> None:
        logger.error("Exception inside application: %s", error, exc_info=error)
        self.close(frame_parser.INTERNAL_ERROR)

    def _detach(self, consumer: DetachedConsumer) -> None:
        """Ends the application's coroutine; from here on the consumer is called."""
        self._consumer = consumer
        assert self._queue is not None
        early = [message["message"] for message in self._queue.take() if message["type"] == "websocket.receive"]
        self._waiting, self._queue = early or None, None

    def _release_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.connection_lost()
            self._consumer = None

    async def _reply(self, message: dict[str, Any]) -> None:
        """ASGI's send."""
        match message["type"]:
            case "websocket.accept":
                if answer := self._protocol.accept(message.get("subprotocol")):
                    self.transport.begin(answer)
            case "websocket.close":
                self.close(message.get("code") or frame_parser.NORMAL)
            case "websocket.send" if self.is_open:
                self._send(message)
                await self.writer.drain()

    def _send(self, message: dict[str, Any]) -> None:
        if (text := message.get("text")) is not None:
            self.writer.tell(framed(text.encode()))
        else:
            self.writer.tell(framed(message["bytes"], frame_parser.FINAL | frame_parser.BINARY))

    # --- the client

    def dataReceived(self, data: bytes) -> None:
        """Reads what the client sent. Twisted calls it."""
        self._quiet = 0
        for event in self._protocol.receive(data):
            if isinstance(event, Message):
                self._receive(event)
            elif isinstance(event, bytes):
                self.writer.tell(event)
            else:
                self._end(event)

    def _receive(self, message: Message) -> None:
        if self._number_waiting >= self._websockets.max_waiting:
            self._end(self._protocol.fail(CloseCode.TOO_FAST, CloseCode.TOO_FAST.sentence))
        elif self._queue is not None:
            is_text = message.opcode == frame_parser.TEXT
            content = {"text": message.text} if is_text else {"bytes": message.payload}
            self._queue.put_nowait({"type": "websocket.receive", "message": message, **content})
        elif self._task is not None:
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(message)
        else:
            self._deliver(message)

    @property
    def _number_waiting(self) -> int:
        if self._queue is not None:
            return self._queue.qsize()
        return len(self._waiting) if self._waiting else 0

    def _deliver(self, message: Message) -> None:
        assert self._consumer is not None
        if message.opcode == frame_parser.TEXT:
            self._run(self._consumer.receive(message.text))
        else:
            self._run(self._consumer.receive(None, message.payload))

    def _deliver_waiting(self) -> None:
        """Goes on with what the client sent while the consumer was busy."""
        while self._waiting and self._task is None and self.is_open:
            self._deliver(self._waiting.pop(0))
        if not self._waiting:
            self._waiting = None

    def check(self) -> None:
        """Pings a client that was silent for one interval, and cuts one that was silent for two.

        Only a sign of life finds a client that vanished behind a proxy.
        """
        self._quiet += 1
        if self._quiet > 2:
            self.transport.abortConnection()
        elif self._quiet == 2 and (ping := self._protocol.ping()):
            self.writer.tell(ping)

    # --- its end

    def close(self, code: int) -> None:
        """Closes with the code; before the handshake is answered, refuses it."""
        if code == CloseCode.SLOW:  # a client that reads nothing reads no close frame either
            self.transport.abortConnection()
        elif self._protocol.state is CONNECTING:
            self._reject(500 if code == frame_parser.INTERNAL_ERROR else 403)
        elif frame := self._protocol.close(code, close_sentence(code)):
            self._write_close(code, frame)

    def _reject(self, status: int) -> None:
        if answer := self._protocol.reject(status):
            self.transport.write(answer)
            self._hang_up()

    def _write_close(self, code: int, frame: bytes) -> None:
        counters.closed[str(code)] += 1
        self.transport.write(frame)
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.transport.abortConnection)

    def _end(self, end: End) -> None:
        """Ends the connection. Where it failed, our half of it: a reset would overtake the close frame."""
        if end.failure is None:
            self.transport.write(end.data)
            self._hang_up()
            return
        if end.data:
            self._write_close(end.failure, end.data)
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()

    def _hang_up(self) -> None:
        """Ends the connection behind what was written, within CLOSE_TIMEOUT if the client does not read it."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.transport.abortConnection)

    def connectionLost(self, reason: Any) -> None:
        """Tells the application. Twisted calls it."""
        self._protocol.connection_lost()
        self._websockets.discard(self)
        self.writer.stopProducing()  # nothing is to be waited for any more
        if self._queue is not None:
            self._queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
            if self._task is not None:
                asyncio.get_running_loop().call_later(DISCONNECT_TIMEOUT, self._task.cancel)
        elif self._task is not None:
            self._task.cancel()
        else:
            self._release_consumer()
