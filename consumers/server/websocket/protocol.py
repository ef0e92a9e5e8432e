"""The server's end of RFC 6455 without I/O: bytes in; messages, an end and bytes out.

`WebSocketProtocol` knows no transport, no event loop and no settings. `connection.py` runs it on a connection.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from consumers.access.rate_limits import TokenBucket
from consumers.server.websocket import frame_parser, handshake
from consumers.server.websocket.frame_parser import FrameParser, Message, ProtocolError
from consumers.server.websocket.handshake import HandshakeRequest
from consumers.wire.batch import framed
from consumers.wire.close_codes import CloseCode

MAX_REASON_BYTES = 123  # of a close frame: a control frame has 125 bytes at most, and the code takes two


class State(Enum):
    """The states of RFC 6455, section 4.1 and 7.1."""

    CONNECTING = "the handshake is not answered"
    OPEN = "messages go both ways"
    CLOSING = "our close frame is sent, and the client's is awaited"
    CLOSED = "nothing more is read or sent"


CONNECTING, OPEN, CLOSING, CLOSED = State  # a look-up less where it is asked for each frame


class End(NamedTuple):
    """The last thing that `receive` yields: how the connection is to be ended."""

    data: bytes  # sent before the end: a close frame, a refusal of the handshake, or nothing
    failure: int | None = None  # the code with which the connection fails (7.1.7); None after a closing handshake


class WebSocketProtocol:
    """One WebSocket, from its handshake to its end."""

    __slots__ = ("_bucket", "_parser", "_request", "state")

    def __init__(self, request: HandshakeRequest, max_message_bytes: int, bucket: TokenBucket) -> None:
        """`bucket` allows frames: each takes a token, but for the large fragments of a message."""
        self.state = CONNECTING
        self._request: HandshakeRequest | None = request
        self._parser = FrameParser(max_message_bytes, inflates=bool(request.extension))
        self._bucket = bucket

    # --- what the server says; each returns the bytes to send

    def accept(self, subprotocol: str | None = None) -> bytes:
        """Opens the WebSocket. Returns the answer to the handshake, or nothing where there was one already."""
        if self.state is not CONNECTING:
            return b""
        assert self._request is not None
        request, self._request, self.state = self._request, None, OPEN
        return handshake.accepted(request.key, request.extension, subprotocol)

    def reject(self, status: int) -> bytes:
        """Refuses the handshake. Returns an HTTP answer, or nothing where there was one already."""
        if self.state is not CONNECTING:
            return b""
        self._request, self.state = None, CLOSED
        return handshake.refused(status)

    def close(self, code: int, reason: str = "") -> bytes:
        """Starts the closing handshake. Returns a close frame, or nothing where the WebSocket is not open."""
        if self.state is not OPEN:
            return b""
        self.state = CLOSING
        payload = code.to_bytes(2, "big") + reason.encode()[:MAX_REASON_BYTES]
        return framed(payload, frame_parser.FINAL | frame_parser.CLOSE)

    def ping(self) -> bytes:
        """Returns a ping, or nothing where the WebSocket is not open."""
        return framed(b"", frame_parser.FINAL | frame_parser.PING) if self.state is OPEN else b""

    def fail(self, code: int, reason: str) -> End:
        """Fails the connection (7.1.7): nothing more of this client is read. 400 before the handshake is answered."""
        if self.state is CONNECTING:
            return End(self.reject(400))
        data, self.state = self.close(code, reason), CLOSED
        return End(data, code)

    def connection_lost(self) -> None:
        """The connection is over."""
        self.state = CLOSED

    # --- what the client says

    def receive(self, data: bytes) -> Iterator[Message | bytes | End]:
        """Yields, in order, messages for the application, bytes for the client, and at last the end.

        After each the state may be another; once it is CLOSED nothing more is read.
        """
        if self.state is CLOSED:
            return
        try:
            for message in self._parser.feed(data):
                event = self._take(message)
                if event is not None:
                    yield event
                if self.state is CLOSED:
                    return
        except ProtocolError as error:
            yield self.fail(error.code, error.reason)

    def _take(self, message: Message) -> Message | bytes | End | None:
        opcode = message.opcode
        if opcode == frame_parser.CLOSE:
            frame_parser.check_close(message.payload)
            return self._answer_close()
        if message.counts and not self._bucket.allows():  # also while the connection closes
            return self.fail(CloseCode.TOO_FAST, CloseCode.TOO_FAST.sentence)
        if self.state is CLOSING:
            return None
        if opcode in (frame_parser.TEXT, frame_parser.BINARY):
            return message
        if opcode == frame_parser.PING and self.state is OPEN:  # a client ought to wait for the handshake's answer
            return framed(message.payload, frame_parser.FINAL | frame_parser.PONG)
        return None

    def _answer_close(self) -> End:
        """The client starts the closing handshake, or ends ours."""
        data = self.reject(400) or self.close(frame_parser.NORMAL)
        self.state = CLOSED
        return End(data)
