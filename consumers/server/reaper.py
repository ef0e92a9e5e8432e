"""Reaping: what Daphne keeps of its requests is forgotten when they end, without walks over all of them.

Daphne walks over all connections once a second, and again every two. Here a request is forgotten as it ends, and
machines that vanished are found by the kernel.
"""

import asyncio
import logging
import socket
import time
from functools import partial
from typing import Any

# First: it installs Twisted's asyncio reactor.
from daphne.server import Server, twisted_loop  # isort: skip

logger = logging.getLogger(__name__)

REAP_INTERVAL = 1.0  # seconds between two checks for applications that do not end
TCP_USER_TIMEOUT_SECONDS = 50  # after which nothing is heard from a machine that is gone
KEEPALIVE_IDLE_SECONDS = 20  # of silence until the kernel probes the other machine
KEEPALIVE_PROBE_SECONDS = 10  # between two probes


class Reaper(Server):  # type: ignore[misc]
    """Daphne's server with its own bookkeeping of requests and their applications."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connections: dict[Any, dict[str, Any]] = {}
        self._gone: dict[Any, None] = {}  # requests that have ended, but not their applications

    def watch(self, request: Any, application: "asyncio.Future[Any]") -> None:
        """Notes that an application runs for the request, and reaps it when it ends."""
        self.connections[request]["application_instance"] = application
        application.add_done_callback(partial(self._reap, request))

    def protocol_disconnected(self, request: Any) -> None:
        """Notes that the request is over. Daphne calls this twice for some."""
        if request not in self.connections:
            return
        super().protocol_disconnected(request)
        if "application_instance" in self.connections[request]:
            self._gone[request] = None
        else:
            del self.connections[request]

    def _reap(self, request: Any, application: "asyncio.Future[Any]") -> None:
        del self.connections[request]["application_instance"]
        if request in self._gone:
            del self._gone[request], self.connections[request]
        error = None if application.cancelled() else application.exception()
        if error is not None:
            logger.error("Exception inside application: %s", error, exc_info=error)
            if request in self.connections and not getattr(request, "_response_started", False):
                request.handle_exception(error)

    def application_checker(self) -> None:
        """Ends applications whose client has been gone for `application_close_timeout`; reschedules itself."""
        latest = time.time() - self.application_close_timeout
        for request in self._gone:
            details = self.connections[request]
            if details["disconnected"] < latest:
                logger.warning("An application went on for %r, whose client was gone, and was ended.", request)
                details["application_instance"].cancel()
        twisted_loop.call_later(REAP_INTERVAL, self.application_checker)

    def timeout_checker(self) -> None:
        """Does nothing: Daphne would ask each request every two seconds for a time-out that none has here."""


def probe_silent_clients(listening: socket.socket) -> None:
    """Has the kernel end connections of machines that vanished; accepted sockets inherit it."""
    options = {
        "TCP_KEEPIDLE": KEEPALIVE_IDLE_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_PROBE_SECONDS,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 1000 * TCP_USER_TIMEOUT_SECONDS,
    }
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
