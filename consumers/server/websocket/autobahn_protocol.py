"""Daphne's WebSocket, with our limits, our way of closing, and less to carry. It knows the insides of autobahn."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from autobahn.websocket.protocol import WebSocketProtocol as WebSocketProtocolBase
from daphne.server import twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings

from consumers.access.rate_limits import TokenBucket
from consumers.metrics import counters
from consumers.server.direct_writer import DirectWriter
from consumers.server.websocket.frame_parser import AFTERWORDS, SMALL_FRAGMENT
from consumers.wire.batch import WINDOW_BITS, Encoding
from consumers.wire.close_codes import CLOSE_TIMEOUT, CloseCode, sentence

MATCH = 258  # bytes: zlib, stopped at a limit, keeps up to as many to itself, and autobahn would lose them
# what autobahn and Daphne keep of the handshake
HANDSHAKES = (
    *("http_headers", "http_request_data", "http_request_host", "http_request_params", "http_request_path"),
    *("http_request_uri", "http_response_data", "http_status_line", "websocket_extensions", "_wskey"),
    "application_deferred",
)


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """Daphne's WebSocket with our limit and our way of closing."""

    failedByMe: bool
    _perMessageCompress: Any
    writer: DirectWriter | None = None

    CONFIG_ATTRS: tuple[str, ...] = ()  # see `configure`

    @classmethod
    def configure(cls, factory: Any) -> None:
        """Puts the factory's options on this class, once.

        Autobahn copies all 29 to each socket, and each time prints them for its log, whether there is one
        or not: 23 % of what connecting cost, and 1.5 KB a socket.
        """
        for name in WebSocketServerProtocol.CONFIG_ATTRS:
            if name not in vars(cls):
                setattr(cls, name, getattr(factory, name))

    @property
    def is_live(self) -> bool:
        return bool(self.state == self.STATE_OPEN)

    def connectionMade(self) -> None:
        """In place of autobahn's, which describes the connection, in colours, to that log too."""
        self.transport.setTcpNoDelay(True)
        WebSocketProtocolBase._connectionMade(self)
        self.factory.countConnections += 1

    def onConnect(self, request: Any) -> Any:
        """No subprotocol is spoken here. Daphne stumbles over names of them that are not ASCII."""
        request.headers.pop("sec-websocket-protocol", None)
        return super().onConnect(request)

    def _parseExtensionsHeader(self, header: str, removeQuotes: bool = True) -> list[tuple[str, Any]]:
        """Only the offers that may be accepted: autobahn would refuse a client for one that may not.

        RFC 7692, 5.1 and 7.1, has such an offer declined, as if it had not been there.
        """
        offers = super()._parseExtensionsHeader(header, removeQuotes)
        return [(name, parameters) for name, parameters in offers if _may_be_accepted(name, parameters)]

    def perMessageCompressionAccept(self, offers: list[Any]) -> Any:
        """Each message is compressed by itself, in both directions, whether the client asked for that or not.

        A server may demand it (RFC 7692, 7.1.1), and so an event is compressed once for all, and nothing
        of 40 KB is kept for a socket. On the plain path autobahn would compress for each: not offered there.
        """
        for offer in offers:
            window = offer.request_max_window_bits or WINDOW_BITS
            if settings.LIVE_DIRECT and self.writer is not None and window >= WINDOW_BITS:
                offer.request_no_context_takeover = offer.accept_no_context_takeover = True
                self.writer.encoding = Encoding.DEFLATED
                return PerMessageDeflateOfferAccept(  # type: ignore[no-untyped-call]
                    offer,
                    request_no_context_takeover=True,
                    no_context_takeover=True,
                    max_message_size=settings.LIVE_MAX_FRAME_BYTES + MATCH,
                )
        return None

    def onOpen(self) -> None:
        super().onOpen()
        self._forget_handshake()
        self.bucket = TokenBucket(settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if "server" in vars(self):  # else the handshake was refused, and Daphne has never heard of it
            super().onClose(wasClean, code, reason)

    def _forget_handshake(self) -> None:
        """A socket lives for days, and has no use for what opened it."""
        self.request.headers = self.request.params = None
        for name in HANDSHAKES:
            self.__dict__.pop(name, None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Whoever says more than the application takes in is let go before it piles up."""
        if self._perMessageCompress is not None:
            inflate, self._perMessageCompress._decompressor = self._perMessageCompress._decompressor, None  # 40 KB
            if inflate is not None and inflate.unused_data not in AFTERWORDS:
                self._fail_connection(self.CLOSE_STATUS_CODE_INVALID_PAYLOAD, "There is more behind the last block.")
                return
        if len(payload) > settings.LIVE_MAX_FRAME_BYTES:
            self._refuse(CloseCode.TOO_LARGE)
        elif self.state == self.STATE_OPEN and self._counts(0):
            super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        """A ping is answered too, and costs as much as any frame; a pong that nobody asked for does as well."""
        if self._counts():
            super().onPing(payload)

    def onPong(self, payload: bytes) -> None:
        self._counts()

    def _counts(self, frames: int = 1) -> bool:
        if self.state != self.STATE_OPEN:
            return False
        if self.bucket.allows(frames) and self.bucket.holds(self.application_queue.qsize()):
            return True
        self._refuse(CloseCode.TOO_FAST)
        return False

    def onMessageFrameBegin(self, length: int) -> None:
        """Autobahn can only cut the connection on a frame that is too large; a client should be told."""
        first = self.message_data_total_length == 0  # of a message, or only empty pieces came before
        super().onMessageFrameBegin(length)
        counted = self._counts(1 if first or length < SMALL_FRAGMENT else 0)
        if counted and self.message_data_total_length > settings.LIVE_MAX_FRAME_BYTES:
            self._refuse(CloseCode.TOO_LARGE)

    def connectionLost(self, reason: Any) -> None:
        if self.writer is not None:
            self.writer.stopProducing()  # nobody waits for this client any more
        super().connectionLost(reason)

    def _max_message_size_exceeded(self, *about: Any) -> None:
        """A small frame was about to become a large message."""
        self._refuse(CloseCode.TOO_LARGE)

    def serverClose(self, code: int | None = None) -> None:
        if code == CloseCode.SLOW:  # who reads nothing reads no close frame either
            self.transport.abortConnection()
        elif self.state == self.STATE_OPEN:
            counters.closed[str(code or 1000)] += 1
            self.sendClose(code or 1000, sentence(code or 1000) or None)

    # --- clients that break the rules: RFC 6455, 7.1.7

    def _refuse(self, close: CloseCode) -> None:
        self.serverClose(int(close))
        self._hear_no_more()

    def _fail_connection(self, code: int, reason: str) -> None:
        """Autobahn cuts the connection; the reset would overtake the close frame, if it sends one."""
        if self.state == self.STATE_OPEN:
            counters.closed[str(code)] += 1
            self.sendCloseFrame(code, reason.encode()[:100])
        self._hear_no_more()

    def _hear_no_more(self) -> None:
        """Ends our half of the connection behind the close frame; the other half ends within GOODBYE."""
        self.failedByMe = True
        if self.state != self.STATE_CLOSED:
            self.unregisterProducer()
            self.transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING and "_wskey" in vars(self):
            self.data += data  # frames that did not wait for the answer; autobahn would look for a head in them
        elif not self.failedByMe:
            super().dataReceived(data)

    def processData(self) -> bool:
        """Nothing behind a frame that failed is looked at, even if it came with it."""
        return not self.failedByMe and bool(super().processData())

    def dropConnection(self, abort: bool = False) -> None:
        """A client that says goodbye and does not read ours is not waited for."""
        super().dropConnection(abort)
        twisted_loop.call_later(CLOSE_TIMEOUT, self.transport.abortConnection)


def _may_be_accepted(name: str, parameters: Any) -> bool:
    """Whether it offers permessage-deflate with parameters that exist, once each, with values that they may have."""
    if name != PerMessageDeflateOffer.EXTENSION_NAME:
        return False
    try:
        PerMessageDeflateOffer.parse(parameters)  # type: ignore[no-untyped-call]
    except Exception:  # it raises no narrower one
        return False
    return True
