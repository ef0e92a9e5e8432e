"""The edge: Daphne's HTTP and our own WebSocket behind one port. It knows the insides of Daphne and Twisted.

What it adds to Daphne: limits, a way straight to the socket for the hub's bytes, and an end on SIGTERM that
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
from django.conf import settings
from twisted.internet import defer, reactor

from consumers.access.connection_quota import quota
from consumers.delivery.hub import hub
from consumers.presence.tracker import tracker
from consumers.server import drain
from consumers.server.direct_writer import Backpressure, DirectConnection, DirectStreamWriter, tune
from consumers.server.http_channel import Channel
from consumers.server.reaper import Reaper, probe_silent_clients
from consumers.server.receive_queue import ReceiveQueue
from consumers.server.sd_notify import notify
from consumers.server.sniffing import SniffingFactory
from consumers.server.timeouts import StallDetector
from consumers.server.websocket.connection import WebSockets
from realtime import memory

_reactor: Any = reactor  # its module pretends to be its class
logger = logging.getLogger(__name__)

BACKLOG = 4096  # connections that the kernel keeps for us; 50, Daphne's, loses readers in a storm
FINISH_TIMEOUT = 2.5  # seconds for requests to finish once the readers are gone; in haste `live` kills after 3.5
FLUSH_TIMEOUT = 0.5  # seconds for the last bytes of an answer to leave


class EdgeServer(Reaper):
    """Daphne for pages, our own WebSocket beside it, and an orderly end for both."""

    def __init__(self, application: Any, endpoints: list[str], live: bool = True) -> None:
        """`live`: it follows the log from its start."""
        super().__init__(
            application,
            endpoints=endpoints,
            signal_handlers=False,  # Twisted's know of one end only, and that one at once
            verbosity=0,
            server_name="",
        )
        self.failure = ""  # why it could not listen
        self.unfinished = 0  # requests that were not answered when it had to end
        self._live = live
        self._ports: list[Any] = []
        self._ending = False
        self._haste = asyncio.Event()
        self._stalled = StallDetector(_reactor.getWriters)
        self.websockets = WebSockets(application)

    def run(self) -> None:
        """Serves until it is asked to end."""
        twisted_loop.call_soon(self._started)
        super().run()

    def create_application(self, request: Any, scope: dict[str, Any]) -> Any:
        """Runs the application for a request. Returns what Daphne puts the request's body into."""
        if self._ending:
            request.channel.persistent = False  # the next request on this connection belongs to another process
        scope["extensions"] = {"stop_press.stream": partial(DirectStreamWriter.of, request)}
        scope["root_path"] = self.root_path  # Daphne takes it from a header, which anybody can send
        scope["asgi"] = {"version": "3.0"}
        queue = ReceiveQueue()
        running = asyncio.ensure_future(self.application(scope, queue.get, partial(self.handle_reply, request)))
        running.add_done_callback(partial(_abort_unfinished, request))
        self.watch(request, running)
        return queue

    async def handle_reply(self, request: Any, message: dict[str, Any]) -> None:
        """Sends a part of an answer, and waits for a client that lags; with Daphne's, its answer piles up here."""
        more = message["type"] == "http.response.start" or message.get("more_body", False)
        if not more and isinstance(request.producer, Backpressure) and request.channel is not None:
            request.unregisterProducer()
        await super().handle_reply(request, message)
        if more and message.get("body") and not request.finished and request.channel is not None:
            if request.producer is None:
                request.registerProducer(Backpressure(), True)
            await request.producer.drain()

    def listen_success(self, port: Any) -> None:
        """Has the port make connections of ours. Daphne calls it; `serve` makes no other ports than those of TCP."""
        port.transport = DirectConnection
        port.factory = SniffingFactory(self.http_factory, self.websockets)
        probe_silent_clients(port.socket)
        tune(port.socket)
        self._ports.append(port)
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        """Ends, and says why. Daphne calls it."""
        self.failure = failure.getErrorMessage()
        self.stop()

    def kill_all_applications(self) -> Any:
        """Drains. Twisted calls it before it stops; Daphne would kill everything here."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    def _started(self) -> None:
        self.http_factory.protocol = Channel
        self.http_factory.timeOut = settings.LIVE_HANDSHAKE_SECONDS
        self._stalled.check()
        self.websockets.check()
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self._asked_to_end, number)
        self._beginning = asyncio.ensure_future(self._begin())
        memory.freeze()

    async def _begin(self) -> None:
        if self._live:
            await hub.ready()
        notify("READY=1")

    def _asked_to_end(self, number: signal.Signals) -> None:
        """Drains in waves on SIGTERM, at once on SIGINT or the second of either; requests are finished all the same."""
        if self._ending or number == signal.SIGINT:
            self._haste.set()
        if not self._ending:
            self._ending = True
            self.stop()

    async def _drain(self) -> None:
        """Accepts nothing more, tells the readers to come back, closes their connections, lets requests finish."""
        notify("STOPPING=1")
        self._ending = True
        self._beginning.cancel()
        for port in self._ports:
            port.stopListening()
        await drain.let_go(hub.readers, self._haste)
        for reader in hub.readers:  # those who came in the last moment
            reader.writer.close()
        began = time.monotonic()
        await self.websockets.end(FINISH_TIMEOUT)
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
        """Waits until what Twisted still holds has left, FLUSH_TIMEOUT at most."""
        until = time.monotonic() + FLUSH_TIMEOUT
        while _reactor.getWriters() and time.monotonic() < until:
            await asyncio.sleep(0.01)


def _abort_unfinished(request: Any, running: "asyncio.Future[Any]") -> None:
    """Cuts the connection where the application ended in the middle of its answer; Daphne would keep it for ever."""
    if not request.finished and request.channel is not None and request._response_started:
        request.channel.transport.abortConnection()


def serve(
    application: Any, host: str | None = None, port: int | None = None, fd: int | None = None, live: bool = True
) -> str:
    """Serves until SIGTERM or SIGINT; `live` as in EdgeServer. Returns why it could not listen, or nothing."""
    endpoints = build_endpoint_description_strings(host=host, port=port, file_descriptor=fd)
    endpoints = [e if e.startswith("fd:") else f"{e}:backlog={BACKLOG}" for e in endpoints]
    server = EdgeServer(application, endpoints, live)
    server.run()
    if server.unfinished:
        logger.warning("Ended with %s requests unanswered after %s s.", server.unfinished, FINISH_TIMEOUT)
        logging.shutdown()
        os._exit(0)  # Python would wait for their threads, whatever those wait for
    return server.failure
