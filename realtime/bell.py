"""The bell: it says *look*, nothing else, and may be lost.

Whoever commits rings; every hub listens. A ring is what a group_send on the channel layer publishes,
and the layer's own listeners hear it; but each commit rings, and hubs must not spend on hearing what
they need for reading. So it is written straight to a socket of ours, in 2 us where group_send takes
80 and a thread to run in, and heard by a thread that takes many rings for one.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

GROUP = "bell"
REDIS_TIMEOUT = 2.0  # seconds for Redis to answer while we connect
RETRY_SECONDS = 0.2  # seconds after a failure
FLUSH_TIMEOUT = 0.5  # seconds that the exit of a process waits for its first ring, if that is on its way
MIN_HEARING_INTERVAL = (
    0.004  # seconds between two hearings: what rings meanwhile is heard as one. A look costs two cores some 0.4 ms
)
SILENCE_TIMEOUT = 5.0  # seconds after which Redis is asked whether it is still there

logger = logging.getLogger(__name__)


class Bell:
    """One connection to ring by; nothing of it survives a fork."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a child after a fork: the socket is the parent's, and a thread did not come along."""
        self._lock = threading.Lock()
        self._connection: Any = None  # Redis's connection; its answers are switched off
        self._ring_command = b""
        self._opening: threading.Thread | None = None
        self._asked = False  # somebody rang while it was being opened
        self.sent = 0
        self.failed = 0
        self.mute = False  # the last ring did not go out
        self.deaf = False  # this process does not hear

    @property
    def doubt(self) -> bool:
        """Whether rings may be lost, as far as this process knows: hubs then look more often."""
        return self.mute or self.deaf

    def ring(self) -> None:
        """Tells every hub to look. From any thread, in some microseconds; never waits, never fails."""
        with self._lock:
            if self._connection is not None:
                try:
                    self._send()
                    return
                except OSError as error:
                    self._close(error)
            self._asked = True
            if self._opening is None:
                self._opening = threading.Thread(target=self._open, name="bell", daemon=True)
                self._opening.start()

    def flush(self) -> None:
        """Waits for a ring whose connection is being opened, FAREWELL seconds at most: the process may end."""
        opening = self._opening
        if opening is not None:
            opening.join(FLUSH_TIMEOUT)

    def _send(self) -> None:
        if _is_cut(self._connection._sock):
            raise ConnectionResetError("Redis hung up")
        with contextlib.suppress(BlockingIOError):  # rings that Redis has not read yet say the same
            self._connection._sock.send(self._ring_command)
        self.sent += 1
        self.mute = False

    def _open(self) -> None:
        """On a thread of its own, which ends with a ring, or when nobody has rung since it failed."""
        while True:
            self._asked = False
            try:
                connection = _connect()
                connection.send_command("CLIENT", "REPLY", "OFF")
                connection._sock.setblocking(False)
                ring_command = connection.pack_command(
                    "PUBLISH", _address(), get_channel_layer().serialize({"type": GROUP})
                )
                with self._lock:
                    self._connection, self._ring_command, self._opening = connection, b"".join(ring_command), None
                    self._send()
                return
            except (OSError, RedisError, ValueError) as error:
                with self._lock:
                    self._close(error)
            time.sleep(RETRY_SECONDS)
            with self._lock:
                if not self._asked:
                    self._opening = None
                    return

    def _close(self, error: Exception) -> None:
        self.failed += 1
        if not self.mute:
            logger.warning("The bell cannot ring (%s); pages are told by polling until it can.", error)
        self.mute = True
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


bell = Bell()
os.register_at_fork(after_in_child=bell.forget)
atexit.register(bell.flush)


async def listen(heard: Callable[[], None]) -> None:
    """Calls `heard` at each ring, on a thread of its own, until cancelled. Resubscribes by itself."""
    ears = BellListener(heard)
    ears.start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        ears.stop()


class BellListener(threading.Thread):
    """Hears until it is stopped. A process has one."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__(name="ears", daemon=True)
        self._heard = heard
        self._stopped = threading.Event()
        self._connection: Any = None

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except (OSError, RedisError, ValueError) as error:  # ValueError: stopped while it was connecting
                self._lost(error)
            finally:
                if self._connection is not None:
                    self._connection.disconnect()

    def stop(self) -> None:
        self._stopped.set()
        if (connection := self._connection) is not None and (ear := connection._sock) is not None:
            with contextlib.suppress(OSError):
                ear.shutdown(socket.SHUT_RDWR)  # whoever waits for its words hears the end

    def _listen(self) -> None:
        self._connection = _connect()
        self._connection.send_command("SUBSCRIBE", _address())
        ear = self._connection._sock
        ear.settimeout(SILENCE_TIMEOUT)
        while not self._stopped.is_set():
            try:
                ring_command = ear.recv(65536)
            except TimeoutError:
                self._connection.send_command("PING", check_health=False)
                ring_command = ear.recv(65536)
            if not ring_command:
                raise ConnectionResetError("Redis hung up")
            bell.deaf = False
            self._heard()  # the first time at the answer to SUBSCRIBE: something may have rung before we listened
            time.sleep(MIN_HEARING_INTERVAL)

    def _lost(self, error: Exception) -> None:
        if self._stopped.is_set():
            return
        if not bell.deaf:
            logger.warning("The bell cannot be heard (%s); looking every tenth of a second.", error)
        bell.deaf = True
        self._stopped.wait(RETRY_SECONDS)


def _address() -> str:
    """Where the channel layer publishes for the group."""
    layer: Any = settings.CHANNEL_LAYERS["default"]
    return f"{layer['CONFIG'].get('prefix', 'asgi')}__group__{GROUP}"


def _connect() -> Any:
    """A connection to Redis that has said who it is, by a URL of any kind: the rest is plain bytes."""
    patience: dict[str, Any] = {"socket_timeout": REDIS_TIMEOUT, "retry": Retry(NoBackoff(), 0)}
    if not settings.REDIS_URL.startswith("unix:"):
        patience |= {"socket_connect_timeout": REDIS_TIMEOUT, "socket_keepalive": True}
    pool = ConnectionPool.from_url(settings.REDIS_URL, **patience)
    connection: Any = pool.make_connection()
    connection.connect()
    return connection


def _is_cut(connection: socket.socket) -> bool:
    """Whether the other end is gone. Nothing is ever said to us here, so what can be read is the end."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ValueError:  # TLS does not let one peek
        return False
