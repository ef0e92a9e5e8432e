"""Daphne's care for connections, without its walks over all of them, once a second and every two.

What is over is forgotten when it ends. Those who vanish are found by the kernel, which asks nobody who is heard
from anyway; and each socket is asked for a sign of life by itself, now and then, not all in one moment.
"""

import asyncio
import logging
import math
import socket
import time
from functools import partial
from typing import Any

# First: it installs Twisted's asyncio reactor.
from daphne.server import Server, twisted_loop  # isort: skip

logger = logging.getLogger(__name__)

REAP_INTERVAL = 1.0  # seconds between two looks for applications that do not end
CHECK_INTERVAL = 2.0  # seconds between two looks at some of the connections
KEEPALIVE_INTERVAL = (
    120  # seconds until each had one. A silent socket is pinged then: only that finds who vanished behind a proxy
)
TCP_USER_TIMEOUT_SECONDS = 50  # seconds after which nothing is heard from a machine that is gone
KEEPALIVE_IDLE_SECONDS, KEEPALIVE_PROBE_SECONDS = (
    20,
    10,
)  # seconds of silence until the kernel asks; until it asks again


class Reaper(Server):  # type: ignore[misc]
    """What of Daphne's server has to be done again and again."""

    def __init__(self, *about: Any, **options: Any) -> None:
        super().__init__(*about, **options)
        self.connections: dict[Any, dict[str, Any]] = {}
        self._gone: dict[Any, None] = {}  # connections that have ended, but not their applications
        self._round: list[Any] = []  # who has not been looked at yet
        self._portion = 0

    def watch(self, protocol: Any, application: "asyncio.Future[Any]") -> None:
        """From when an application runs."""
        self.connections[protocol]["application_instance"] = application
        application.add_done_callback(partial(self._has_ended, protocol))

    def protocol_disconnected(self, protocol: Any) -> None:
        """Daphne says so twice of some."""
        if protocol not in self.connections:
            return
        super().protocol_disconnected(protocol)
        if "application_instance" in self.connections[protocol]:
            self._gone[protocol] = None
        else:
            del self.connections[protocol]

    def _has_ended(self, protocol: Any, application: "asyncio.Future[Any]") -> None:
        del self.connections[protocol]["application_instance"]
        if protocol in self._gone:
            del self._gone[protocol], self.connections[protocol]
        error = None if application.cancelled() else application.exception()
        if error is not None:
            logger.error("Exception inside application: %s", error, exc_info=error)
            if protocol in self.connections and not getattr(protocol, "_response_started", False):
                protocol.handle_exception(error)

    def application_checker(self) -> None:
        """Ends applications that go on although nobody listens."""
        latest = time.time() - self.application_close_timeout
        for protocol in self._gone:
            details = self.connections[protocol]
            if details["disconnected"] < latest:
                logger.warning("An application went on for %r, who was gone, and was ended.", protocol)
                details["application_instance"].cancel()
        twisted_loop.call_later(REAP_INTERVAL, self.application_checker)

    def timeout_checker(self) -> None:
        """Looks at some, so that each has its turn in a round."""
        if not self._round:
            self._round = list(self.connections)
            self._portion = math.ceil(len(self._round) * CHECK_INTERVAL / KEEPALIVE_INTERVAL)
        some, self._round = self._round[: self._portion], self._round[self._portion :]
        for protocol in some:
            if protocol in self.connections:
                protocol.check_timeouts()
        twisted_loop.call_later(CHECK_INTERVAL, self.timeout_checker)


def outlive_nobody(listening: socket.socket) -> None:
    """Has the kernel end connections of machines that vanished; what is accepted has it from here."""
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
