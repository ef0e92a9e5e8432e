"""HTTP/1 as Twisted speaks it, with a time for each request, and a way out for requests for a WebSocket."""

from typing import Any

from django.conf import settings
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from consumers.metrics import counters
from consumers.server.websocket import handshake
from consumers.server.websocket.handshake import HandshakeError

IDLE_TIMEOUT = 60  # seconds between two requests on one connection, which proxies keep open
MIN_PROGRESS_BYTES = 16 * 1024  # of a request that buy its client the same time again; a head has no more

_HTTPChannel: Any = HTTPChannel  # these say nothing about their types
_LineReceiver: Any = LineReceiver


class Channel(_HTTPChannel):  # type: ignore[misc]
    """One connection that asks for pages, and perhaps for a WebSocket in the end.

    Twisted starts its clock anew with every byte: a head of 500 lines could take eight hours.
    """

    _begun = False  # some of a request is here, and the rest is not
    _came = 0  # bytes of it since the clock was started
    _is_left = False  # the connection is a WebSocket's now, or ends

    def dataReceived(self, data: bytes) -> None:
        self._came += len(data)
        if self.timeOut is not None and (not self._begun or self._came >= MIN_PROGRESS_BYTES):  # None: being answered
            self._begun, self._came = True, 0
            self.setTimeout(settings.LIVE_HANDSHAKE_SECONDS)
        _LineReceiver.dataReceived(self, data)

    def allHeadersReceived(self) -> None:
        """A WebSocket is granted or refused before a body comes, which no request for one has."""
        request = self.requests[-1]
        headers = [(n.lower(), v) for n, values in request.requestHeaders.getAllRawHeaders() for v in values]
        if handshake.is_requested(headers):
            self._leave(request, headers)
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self._is_left:
            return
        self._begun = False
        self.setTimeout(IDLE_TIMEOUT)  # for after the answer
        super().allContentReceived()

    def _leave(self, request: Any, headers: handshake.Fields) -> None:
        """Gives the connection to a WebSocket, with what came behind the head; or refuses that, and ends it."""
        self._is_left = self.paused = True  # nothing more is parsed here
        self.setTimeout(None)
        server = self.factory.server
        server.protocol_disconnected(request)
        self.requests.clear()  # a request and its channel hold each other
        request.channel = None
        try:
            asked = handshake.judge(self._command, self._path, self._version, headers, self.length != 0)
        except HandshakeError as error:
            self.transport.write(error.answer)
            self.loseConnection()
        else:
            server.websockets.begin(self.transport, asked, self.clearLineBuffer())

    def timeoutConnection(self) -> None:
        if self._begun:
            counters.late += 1
        super().timeoutConnection()
