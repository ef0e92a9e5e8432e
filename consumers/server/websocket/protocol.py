"""A WebSocket with as little as it takes: our own, in place of Daphne's.

It speaks ASGI to the application like any server. One thing more: a consumer that knows of it *parks* when
it has said its welcome. Its coroutine ends, and from then on the socket calls the consumer itself: an idle
reader has no coroutine, no task and no queue.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from math import ceil
from typing import Any, Protocol

from django.conf import settings

from consumers.access.rate_limits import TokenBucket
from consumers.metrics import counters
from consumers.server.direct_writer import DirectWriter
from consumers.server.receive_queue import Inbox
from consumers.server.websocket import eager_task, frame_parser, handshake
from consumers.server.websocket.frame_parser import FrameParser, Message, ProtocolError
from consumers.server.websocket.handshake import HandshakeRequest
from consumers.wire.batch import Encoding, framed
from consumers.wire.close_codes import CLOSE_TIMEOUT, CloseCode, sentence

logger = logging.getLogger(__name__)

KEEPALIVE_INTERVAL = (
    75.0  # seconds in which each socket is looked at once: who is silent for one is asked, who for two is gone
)
CHECK_INTERVAL = 1.0  # seconds between two looks at some of them
CHECKS_PER_INTERVAL = int(KEEPALIVE_INTERVAL / CHECK_INTERVAL)
DISCONNECT_TIMEOUT = 10.0  # seconds for an application to end when its client is gone, as with Daphne

CONNECTING, OPEN, CLOSING, CLOSED = range(4)
Application = Callable[[dict[str, Any], Any, Any], Coroutine[Any, Any, None]]


class DetachedConsumer(Protocol):
    """A consumer whose coroutine has ended, and who is called instead."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None: ...

    def connection_lost(self) -> None:
        """The connection is over."""


class WebSockets:
    """The lean sockets of this process, and what they have in common: a setting costs 1 us to ask for."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.limit: int = settings.LIVE_MAX_FRAME_BYTES
        self.bucket: tuple[int, int] = settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST
        self.handshake_timeout: float = settings.LIVE_HANDSHAKE_SECONDS
        self._all: set[WebSocketProtocol] = set()
        self._round: list[WebSocketProtocol] = []  # who has not been looked at yet
        self._turns = 0  # until the next round
        self._gone: asyncio.Future[None] | None = None  # from when this process ends

    def begin(self, line: Any, asked: HandshakeRequest, early: bytes = b"") -> None:
        """Makes the connection a WebSocket. `early`: what came behind the head, without waiting for the answer."""
        made = WebSocketProtocol(self, line, asked)
        line.protocol = made
        self._all.add(made)
        made.begin(self.application, asked)
        if self._gone is not None:  # it was connected before, and asks only now
            made.serverClose(int(CloseCode.RESTARTING))
        if early:
            made.dataReceived(early)

    def discard(self, ended: "WebSocketProtocol") -> None:
        self._all.discard(ended)
        if not self._all and self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def check(self) -> None:
        """At some, so that each has its turn in a round, however few they are. And again."""
        if not self._turns:
            self._round, self._turns = list(self._all), CHECKS_PER_INTERVAL
        portion = ceil(len(self._round) / self._turns)
        some, self._round = self._round[:portion], self._round[portion:]
        self._turns -= 1
        for each in some:
            each.check()
        asyncio.get_running_loop().call_later(CHECK_INTERVAL, self.check)

    async def end(self, seconds: float) -> None:
        """Lets all go who are still here, and waits for that."""
        self._gone = asyncio.get_running_loop().create_future()
        for each in list(self._all):
            each.serverClose(int(CloseCode.RESTARTING))
        if self._all:
            await asyncio.wait([self._gone], timeout=seconds)


class WebSocketProtocol:
    """One WebSocket: a protocol as Twisted has them, on a connection that Twisted keeps."""

    __slots__ = (
        *("_asked", "_deaf", "_heard", "_inbox", "_bucket", "_consumer", "_quiet", "_parser", "_sockets"),
        *("_state", "_task", "transport", "writer"),
    )

    def __init__(self, sockets: WebSockets, line: Any, asked: HandshakeRequest) -> None:
        self.transport = line
        self.writer = DirectWriter(self, line)
        self._sockets = sockets
        self._asked: HandshakeRequest | None = asked
        if asked.extension:
            self.writer.encoding = Encoding.DEFLATED
        self._parser = FrameParser(sockets.limit, inflates=bool(asked.extension))
        self._bucket = TokenBucket(*sockets.bucket)
        self._state = CONNECTING
        self._deaf = False  # nothing more of this client is read
        self._quiet = 0  # rounds since it said something
        self._inbox: Inbox | None = Inbox()  # of an application that does not park
        self._consumer: DetachedConsumer | None = None
        self._heard: list[Message] | None = None  # what a parked consumer could not take at once
        self._task: asyncio.Task[None] | None = None  # the application's, or that of a frame which takes its time

    @property
    def is_live(self) -> bool:
        return self._state == OPEN

    # --- the application

    def begin(self, application: Application, asked: HandshakeRequest) -> None:
        assert self._inbox is not None
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._run(application(self._scope(asked), self._inbox.get, self._reply))
        if self._state == CONNECTING:
            asyncio.get_running_loop().call_later(self._sockets.handshake_timeout, self._is_late)

    def _is_late(self) -> None:
        """The application has not answered the handshake, and its client does not wait any longer."""
        if self._state == CONNECTING:
            self._refuse(503)

    def _scope(self, asked: HandshakeRequest) -> dict[str, Any]:
        return {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": asked.path,
            "raw_path": asked.raw_path,
            "root_path": "",
            "query_string": asked.query,
            "headers": asked.headers,
            "client": list(self.transport.client[:2]),
            "server": list(self.transport.socket.getsockname()[:2]),
            "subprotocols": asked.subprotocols,
            "extensions": {"stop_press.writer": self.writer, "stop_press.detach": self._detach},
        }

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self._task = eager_task.run(coroutine)
        except Exception as error:
            self._has_failed(error)
        else:
            if self._task is not None:
                self._task.add_done_callback(self._has_run)
            elif self._consumer is None:
                self.serverClose(frame_parser.NORMAL)  # it is not served any more

    def _has_run(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            self._has_failed(error)
        elif self._consumer is None:
            self.serverClose(frame_parser.NORMAL)
        if self._state == CLOSED:
            self._forget()
        else:
            self._go_on()

    def _has_failed(self, error: BaseException) -> None:
        logger.error("Exception inside application: %s", error, exc_info=error)
        self.serverClose(frame_parser.INTERNAL_ERROR)

    def _forget(self) -> None:
        if self._consumer is not None:
            self._consumer.connection_lost()
            self._consumer = None

    def _detach(self, consumer: DetachedConsumer) -> None:
        """The application's coroutine ends now; from here on this is called."""
        self._consumer = consumer
        assert self._inbox is not None
        early = [message["said"] for message in self._inbox.take() if message["type"] == "websocket.receive"]
        self._heard, self._inbox = early or None, None

    def _go_on(self) -> None:
        """With what was said while the consumer was busy."""
        while self._heard and self._task is None and self._state == OPEN:
            said = self._heard.pop(0)
            self._tell(said)
        if not self._heard:
            self._heard = None

    def _tell(self, said: Message) -> None:
        assert self._consumer is not None
        if said.opcode == frame_parser.TEXT:
            self._run(self._consumer.receive(said.text))
        else:
            self._run(self._consumer.receive(None, said.payload))

    async def _reply(self, message: dict[str, Any]) -> None:
        """ASGI's send."""
        match message["type"]:
            case "websocket.accept":
                self._accept(message.get("subprotocol"))
            case "websocket.close":
                self.serverClose(message.get("code") or frame_parser.NORMAL)
            case "websocket.send" if self._state == OPEN:
                self._send(message)
                await self.writer.drain()

    def _send(self, message: dict[str, Any]) -> None:
        if (text := message.get("text")) is not None:
            self.writer.tell(framed(text.encode()))
        else:
            self.writer.tell(framed(message["bytes"], 0x80 | frame_parser.BINARY))

    def _accept(self, subprotocol: str | None) -> None:
        if self._state != CONNECTING:
            return
        assert self._asked is not None
        self._state = OPEN
        self.transport.begin(handshake.accepted(self._asked.key, self._asked.extension, subprotocol))
        self._asked = None

    # --- the client

    def dataReceived(self, data: bytes) -> None:
        if self._deaf:
            return
        self._quiet = 0
        try:
            for said in self._parser.feed(data):
                self._hear(said)
                if self._deaf:
                    return
        except ProtocolError as violation:
            self._fail(violation.code, violation.reason)

    def _hear(self, said: Message) -> None:
        if said.opcode == frame_parser.CLOSE:
            frame_parser.check_close(said.payload)
            self._answer_close()
        elif said.counts and not self._bucket.allows():  # also while the connection ends
            self._fail(CloseCode.TOO_FAST, CloseCode.TOO_FAST.sentence)
        elif self._state not in (CONNECTING, OPEN):
            return
        elif said.opcode == frame_parser.PING:
            self.writer.tell(framed(said.payload, 0x80 | frame_parser.PONG))
        elif said.opcode in (frame_parser.TEXT, frame_parser.BINARY):
            self._receive(said)

    def _receive(self, said: Message) -> None:
        if not self._bucket.holds(self._waiting):
            self._fail(CloseCode.TOO_FAST, CloseCode.TOO_FAST.sentence)
        elif self._inbox is not None:
            content = {"text": said.text} if said.opcode == frame_parser.TEXT else {"bytes": said.payload}
            self._inbox.put_nowait({"type": "websocket.receive", "said": said, **content})
        elif self._task is not None:
            if self._heard is None:
                self._heard = []
            self._heard.append(said)
        else:
            self._tell(said)

    @property
    def _waiting(self) -> int:
        """Messages that were not taken yet."""
        if self._inbox is not None:
            return self._inbox.qsize()
        return len(self._heard) if self._heard else 0

    def check(self) -> None:
        """Once in a round. Only a sign of life finds who vanished behind a proxy."""
        self._quiet += 1
        if self._quiet > 2:
            self.transport.abortConnection()
        elif self._quiet == 2 and self._state == OPEN:
            self.writer.tell(framed(b"", 0x80 | frame_parser.PING))

    # --- its end

    def serverClose(self, code: int) -> None:
        if code == CloseCode.SLOW:  # who reads nothing reads no close frame either
            self.transport.abortConnection()
        elif self._state == CONNECTING:
            self._refuse(500 if code == frame_parser.INTERNAL_ERROR else 403)
        elif self._state == OPEN:
            self._say_goodbye(code, sentence(code))

    def _refuse(self, status: int) -> None:
        """In place of the answer to the handshake that the client would like."""
        self._state = CLOSED
        self.transport.write(handshake.refused(status))
        self._hang_up()

    def _say_goodbye(self, code: int, reason: str) -> None:
        counters.closed[str(code)] += 1
        self._write_close(code, reason)
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.transport.abortConnection)

    def _write_close(self, code: int, reason: str) -> None:
        self._state = CLOSING
        self.transport.write(framed(code.to_bytes(2, "big") + reason.encode()[:123], 0x80 | frame_parser.CLOSE))

    def _answer_close(self) -> None:
        """The client says goodbye, or answers ours."""
        self._deaf = True
        if self._state == OPEN:
            self._write_close(frame_parser.NORMAL, "")
        self._hang_up()

    def _hang_up(self) -> None:
        """A client who does not read our last words is not waited for."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.transport.abortConnection)

    def _fail(self, code: int, reason: str) -> None:
        """RFC 6455, 7.1.7. Ends our half of the connection behind the close frame; the other half ends soon."""
        self._deaf = True
        if self._state == CONNECTING:
            self._refuse(400)
            return
        if self._state == OPEN:
            self._say_goodbye(code, reason)
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()

    def connectionLost(self, reason: Any) -> None:
        self._state, self._deaf = CLOSED, True
        self._sockets.discard(self)
        self.writer.stopProducing()  # nobody waits for this client any more
        if self._inbox is not None:
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
            if self._task is not None:
                asyncio.get_running_loop().call_later(DISCONNECT_TIMEOUT, self._task.cancel)
        elif self._task is not None:
            self._task.cancel()
        else:
            self._forget()
