"""Daphne, started our way: it knows the insides of Daphne, Twisted and autobahn.

What it adds: limits, a way straight to the socket for the hub's bytes, and an end on SIGTERM that
readers come back from. Daphne's Server is subclassed; nothing of it is copied.
"""

import asyncio
import logging
import os
import signal
import time
from functools import partial
from typing import Any

# First: it installs Twisted's asyncio reactor.
from daphne.server import twisted_loop  # isort: skip
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from django.conf import settings
from twisted.internet import defer, reactor, tcp

from consumers.access.connection_quota import quota
from consumers.delivery.hub import hub
from consumers.presence.tracker import tracker
from consumers.server import drain
from consumers.server.direct_writer import Backpressure, DirectConnection, DirectStreamWriter, DirectWriter, tune
from consumers.server.reaper import Reaper, outlive_nobody
from consumers.server.receive_queue import Inbox
from consumers.server.sd_notify import notify
from consumers.server.sniffing import SniffingFactory
from consumers.server.timeouts import Channel, StallDetector
from consumers.server.websocket.autobahn_protocol import Socket
from consumers.server.websocket.protocol import WebSockets
from consumers.wire.close_codes import CLOSE_TIMEOUT, CloseCode
from realtime import memory

_reactor: Any = reactor  # its module pretends to be its class
logger = logging.getLogger(__name__)

BACKLOG = 4096  # connections that the kernel keeps for us; 50, Daphne's, loses readers in a storm
FINISH_TIMEOUT = 2.5  # seconds for requests to finish once the readers are gone; in haste `live` kills after 3.5
FLUSH_TIMEOUT = 0.5  # seconds for the last bytes of an answer to leave


class EdgeServer(Reaper):
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
        self._stalled = StallDetector(_reactor.getWriters)
        self._sockets = WebSockets(application)

    def run(self) -> None:
        twisted_loop.call_soon(self._started)
        super().run()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if self._ending and not isinstance(protocol, Socket):
            protocol.channel.persistent = False  # the next request on this connection belongs to another process
        direct = _direct(protocol)
        if settings.LIVE_DIRECT:
            scope["extensions"] = direct
        scope["root_path"] = self.root_path  # Daphne takes it from a header, which anybody can send
        scope["asgi"] = {"version": "3.0"}
        inbox = Inbox()
        running = asyncio.ensure_future(self.application(scope, inbox.get, partial(self.handle_reply, protocol)))
        running.add_done_callback(partial(_end_what_is_unfinished, protocol))
        self.watch(protocol, running)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Waits for a client who is behind; with Daphne's, all that it does not read piles up here."""
        if isinstance(protocol, Socket):
            if message["type"] == "websocket.send" and protocol.state != protocol.STATE_OPEN:
                return  # it is closing: nothing may follow a close frame
            await super().handle_reply(protocol, message)
            if protocol.writer is not None:
                await protocol.writer.drain()
            return
        more = message["type"] == "http.response.start" or message.get("more_body", False)
        if not more and isinstance(protocol.producer, Backpressure) and protocol.channel is not None:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if more and message.get("body") and not protocol.finished and protocol.channel is not None:
            if protocol.producer is None:
                protocol.registerProducer(Backpressure(), True)
            await protocol.producer.drain()

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        if isinstance(protocol, WebRequest) and protocol.transport is None:  # it has become a Socket
            twisted_loop.call_soon(_take_apart, protocol)

    def listen_success(self, port: Any) -> None:
        if port.transport is tcp.Server:
            port.transport = DirectConnection
            outlive_nobody(port.socket)
            tune(port.socket)
            if settings.LIVE_DIRECT and settings.LIVE_PROTOCOL == "lean":
                port.factory = SniffingFactory(self.http_factory, self._sockets)
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
        self.ws_factory.setProtocolOptions(versions=[13], closeHandshakeTimeout=CLOSE_TIMEOUT, allowNullOrigin=True)
        Socket.configure(self.ws_factory)
        self._stalled.check()
        self._sockets.check()
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self._asked_to_end, number)
        self._beginning = asyncio.ensure_future(self._begin())
        memory.freeze()

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
        await asyncio.sleep(0)  # what was said to them by ASGI's send leaves now
        for protocol in list(self.connections):
            if isinstance(protocol, Socket):  # who came in the last moment
                protocol.serverClose(int(CloseCode.RESTARTING))
        for reader in hub.readers:
            reader.writer.close()
        began = time.monotonic()
        await self._sockets.end(FINISH_TIMEOUT)
        details = list(self.connections.values())
        running = [each["application_instance"] for each in details if "application_instance" in each]
        if running:
            _, late = await asyncio.wait(running, timeout=max(0.0, began + FINISH_TIMEOUT - time.monotonic()))
            self.unfinished = len(late)
            for application in late:
                application.cancel()
        await self._flush()
        await tracker.stop()
        await quota.stop()
        hub.stop()

    async def _flush(self) -> None:
        """An answer is finished when Twisted has it; this gives it time to leave."""
        until = time.monotonic() + FLUSH_TIMEOUT
        while _reactor.getWriters() and time.monotonic() < until:
            await asyncio.sleep(0.01)


def _take_apart(request: Any) -> None:
    """A request and its channel hold each other, and the collector looks at such things once a day."""
    channel, request.channel = request.channel, None
    if channel is not None:
        channel.requests.clear()


def _end_what_is_unfinished(protocol: Any, running: "asyncio.Future[Any]") -> None:
    """An application that ends in the middle of its answer lets the client go; Daphne would keep it for ever."""
    if isinstance(protocol, Socket) or protocol.finished or protocol.channel is None:
        return
    if protocol._response_started:
        protocol.channel.transport.abortConnection()


def _direct(protocol: Any) -> dict[str, Any]:
    """The way straight to the socket, for the consumer that wants it."""
    if isinstance(protocol, Socket):
        protocol.writer = DirectWriter(protocol, protocol.transport)
        return {"stop_press.writer": protocol.writer}
    return {"stop_press.stream": partial(DirectStreamWriter.of, protocol)}


def serve(
    application: Any, host: str | None = None, port: int | None = None, fd: int | None = None, live: bool = True
) -> str:
    """Serves until SIGTERM or SIGINT. Returns why it could not, or nothing. `live`: it follows the log."""
    endpoints = build_endpoint_description_strings(host=host, port=port, file_descriptor=fd)
    endpoints = [e if e.startswith("fd:") else f"{e}:backlog={BACKLOG}" for e in endpoints]
    server = EdgeServer(application, endpoints, live)
    server.run()
    if server.unfinished:
        logger.warning("Ended with %s requests unanswered after %s s.", server.unfinished, FINISH_TIMEOUT)
        logging.shutdown()
        os._exit(0)  # Python would wait for their threads, whatever those wait for
    return server.failure
