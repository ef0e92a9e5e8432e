"""Daphne, started our way: the only file, beside direct.py, that knows the insides of Daphne, Twisted and autobahn.

What it adds: limits, a way straight to the socket for the hub's bytes, and an end on SIGTERM that
readers come back from. Daphne's Server is subclassed; nothing of it is copied.
"""

import asyncio
import gc
import logging
import os
import signal
import time
from functools import partial
from typing import Any

# First: it installs Twisted's asyncio reactor.
from daphne.server import Server, twisted_loop  # isort: skip
from daphne.endpoints import build_endpoint_description_strings
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from twisted.internet import defer, reactor, tcp

from consumers import drain
from consumers.closes import Close, sentence
from consumers.direct import DirectOutlet, DirectStreamOutlet, Line
from consumers.hub import hub
from consumers.limits import Pace, leases
from consumers.metrics import counters
from consumers.notify import notify
from consumers.patience import Channel, Stalled
from consumers.presence import census

_reactor: Any = reactor  # its module pretends to be its class
logger = logging.getLogger(__name__)

BACKLOG = 4096  # connections that the kernel keeps for us; 50, Daphne's, loses readers in a storm
MORSEL = 256  # bytes; a message in smaller pieces costs what as many messages would
GOODBYE = 2  # seconds for the client's half of the closing handshake, and for the last bytes to get there
FINISH = 2.5  # seconds for requests to finish once the readers are gone; in haste `live` kills after 3.5
FAREWELL = 0.5  # seconds for the last bytes of an answer to leave


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """Daphne's WebSocket with our limit and our way of closing."""

    failedByMe: bool

    def onOpen(self) -> None:
        super().onOpen()
        self.pace = Pace(settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Whoever says more than the application takes in is let go before it piles up."""
        if self.state == self.STATE_OPEN and self._counts(0):
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
        if self.pace.allows(frames) and self.pace.holds(self.application_queue.qsize()):
            return True
        self._refuse(Close.TOO_FAST)
        return False

    def onMessageFrameBegin(self, length: int) -> None:
        """Autobahn can only cut the connection on a frame that is too large; a client should be told."""
        first = self.message_data_total_length == 0  # of a message, or only empty pieces came before
        super().onMessageFrameBegin(length)
        counted = self._counts(1 if first or length < MORSEL else 0)
        if counted and self.message_data_total_length > settings.LIVE_MAX_FRAME_BYTES:
            self._refuse(Close.TOO_LARGE)

    def serverClose(self, code: int | None = None) -> None:
        if self.state == self.STATE_OPEN:
            counters.closed[str(code or 1000)] += 1
            self.sendClose(code or 1000, sentence(code or 1000) or None)

    # --- clients that break the rules: RFC 6455, 7.1.7

    def _refuse(self, close: Close) -> None:
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
        if not self.failedByMe:
            super().dataReceived(data)

    def processData(self) -> bool:
        """Nothing behind a frame that failed is looked at, even if it came with it."""
        return not self.failedByMe and bool(super().processData())

    def dropConnection(self, abort: bool = False) -> None:
        """A client that says goodbye and does not read ours is not waited for."""
        super().dropConnection(abort)
        twisted_loop.call_later(GOODBYE, self.transport.abortConnection)


class EdgeServer(Server):  # type: ignore[misc]
    """Daphne for sockets and pages, with an orderly end."""

    def __init__(self, application: Any, endpoints: list[str], live: bool = True) -> None:
        super().__init__(
            application,
            endpoints=endpoints,
            signal_handlers=False,  # Twisted's know of one end only, and that one at once
            verbosity=0,
            websocket_timeout=-1,  # a page may stay open for a week
            websocket_connect_timeout=settings.LIVE_HANDSHAKE_SECONDS,
            websocket_handshake_timeout=settings.LIVE_HANDSHAKE_SECONDS,
            websocket_max_message_size=0,  # Socket has its own limit
            websocket_max_frame_size=0,
            server_name="",
        )
        self.failure = ""  # why it could not listen
        self.unfinished = 0  # requests that were not answered when it had to end
        self._live = live
        self._ports: list[Any] = []
        self._ending = False
        self._haste = asyncio.Event()
        self._stalled = Stalled(_reactor.getWriters)

    def run(self) -> None:
        twisted_loop.call_soon(self._started)
        super().run()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if self._ending and not isinstance(protocol, Socket):
            protocol.channel.persistent = False  # the next request on this connection belongs to another process
        if settings.LIVE_DIRECT:
            scope["extensions"] = _direct(protocol)
        scope["root_path"] = self.root_path  # Daphne takes it from a header, which anybody can send
        return super().create_application(protocol, scope)

    def listen_success(self, port: Any) -> None:
        if port.transport is tcp.Server:
            port.transport = Line
        self._ports.append(port)
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        self.stop()

    def kill_all_applications(self) -> Any:
        """Called by Twisted before it stops; Daphne would kill everything here."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    def _started(self) -> None:
        self.ws_factory.protocol = Socket
        self.http_factory.protocol = Channel
        self.http_factory.timeOut = settings.LIVE_HANDSHAKE_SECONDS
        # allowNullOrigin: the call would take Daphne's back; origins are ours to judge (origins.py).
        self.ws_factory.setProtocolOptions(closeHandshakeTimeout=GOODBYE, allowNullOrigin=True)
        self._stalled.look()
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self._asked_to_end, number)
        self._beginning = asyncio.ensure_future(self._begin())
        # What is loaded by now stays: half of what connecting costs would go into looking at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)

    async def _begin(self) -> None:
        if self._live:
            await hub.ready()
        notify("READY=1")

    def _asked_to_end(self, number: signal.Signals) -> None:
        """SIGTERM: in waves. SIGINT, or the second of either: now; requests are finished all the same."""
        if self._ending or number == signal.SIGINT:
            self._haste.set()
        if not self._ending:
            self._ending = True
            self.stop()

    async def _drain(self) -> None:
        """Accepts nobody, sends the readers to come back, lets requests finish."""
        notify("STOPPING=1")
        self._ending = True
        self._beginning.cancel()
        for port in self._ports:
            port.stopListening()
        await drain.let_go(hub.readers, self._haste)
        for protocol in list(self.connections):
            if isinstance(protocol, Socket):  # who came in the last moment
                protocol.serverClose(int(Close.RESTARTING))
        for reader in hub.readers:
            reader.outlet.end()
        details = list(self.connections.values())
        running = [each["application_instance"] for each in details if "application_instance" in each]
        if running:
            _, late = await asyncio.wait(running, timeout=FINISH)
            self.unfinished = len(late)
            for application in late:
                application.cancel()
        await self._flush()
        await census.stop()
        await leases.stop()
        hub.stop()

    async def _flush(self) -> None:
        """An answer is finished when Twisted has it; this gives it time to leave."""
        until = time.monotonic() + FAREWELL
        while _reactor.getWriters() and time.monotonic() < until:
            await asyncio.sleep(0.01)


def _direct(protocol: Any) -> dict[str, Any]:
    """The way straight to the socket, for the consumer that wants it."""
    if isinstance(protocol, Socket):
        return {"stop_press.outlet": DirectOutlet(protocol, protocol.transport)}
    return {"stop_press.stream": partial(DirectStreamOutlet.of, protocol)}


def serve(
    application: Any, host: str | None = None, port: int | None = None, fd: int | None = None, live: bool = True
) -> str:
    """Serves until SIGTERM or SIGINT. Returns why it could not, or nothing. `live`: it follows the log."""
    endpoints = build_endpoint_description_strings(host=host, port=port, file_descriptor=fd)
    endpoints = [e if e.startswith("fd:") else f"{e}:backlog={BACKLOG}" for e in endpoints]
    server = EdgeServer(application, endpoints, live)
    server.run()
    if server.unfinished:
        logger.warning("Ended with %s requests unanswered after %s s.", server.unfinished, FINISH)
        logging.shutdown()
        os._exit(0)  # Python would wait for their threads, whatever those wait for
    return server.failure
