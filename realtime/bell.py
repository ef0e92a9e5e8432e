"""The bell: a signal through Redis by which writers tell hubs to poll the log. It carries nothing, and may be lost.

A writer rings after each commit, and every hub listens. A ring is the very message that a group_send on the channel
layer publishes, so the layer's own listeners receive it too. Since each commit rings, it has to be cheap on both
sides: it is written straight to a socket of ours, in 2 us where group_send takes 80 and a thread to run in, and
received by a thread that takes many rings for one.
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
REDIS_TIMEOUT = 2.0  # seconds for Redis to answer while a connection is opened
RETRY_SECONDS = 0.2  # seconds before a connection is tried again
FLUSH_TIMEOUT = 0.5  # seconds that a process which ends waits for a ring whose connection is being opened
# seconds between two calls of `heard`: rings meanwhile count as one. A poll of the log costs two cores some 0.4 ms
MIN_HEARING_INTERVAL = 0.004
SILENCE_TIMEOUT = 5.0  # seconds without a message after which the listener pings Redis

logger = logging.getLogger(__name__)


class Bell:
    """The sending side of a process: one connection, made anew after a fork."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Resets everything. Called in a child after a fork: the socket is the parent's, and threads are not copied."""
        self._lock = threading.Lock()
        self._connection: Any = None  # Redis's connection, with CLIENT REPLY OFF
        self._ring_command = b""
        self._opening: threading.Thread | None = None
        self._asked = False  # a ring came while the connection was being opened
        self.sent = 0
        self.failed = 0
        self.mute = False  # the last ring was not sent
        self.deaf = False  # this process does not receive rings

    @property
    def doubt(self) -> bool:
        """Whether this process knows that rings may be lost; its hub then polls more often."""
        return self.mute or self.deaf

    def ring(self) -> None:
        """Tells every hub to poll the log. From any thread; takes microseconds, never waits, never raises."""
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
        """Waits for a ring whose connection is being opened, FLUSH_TIMEOUT seconds at most. Called at exit."""
        opening = self._opening
        if opening is not None:
            opening.join(FLUSH_TIMEOUT)

    def _send(self) -> None:
        if _is_cut(self._connection._sock):
            raise ConnectionResetError("Redis hung up")
        with contextlib.suppress(
            BlockingIOError
        ):  # a full buffer holds rings that Redis has not read: one more says nothing new
            self._connection._sock.send(self._ring_command)
        self.sent += 1
        self.mute = False

    def _open(self) -> None:
        """Opens the connection and rings; tries again while rings come. Runs in a thread of its own."""
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
    """Calls `heard` after rings, in a thread of its own, until cancelled. Subscribes again by itself."""
    listener = BellListener(heard)
    listener.start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        listener.stop()


class BellListener(threading.Thread):
    """The thread that receives a process's rings until it is stopped."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__(name="bell listener", daemon=True)
        self._heard = heard
        self._stopped = threading.Event()
        self._connection: Any = None

    def run(self) -> None:
        """Listens, and connects again after each failure."""
        while not self._stopped.is_set():
            try:
                self._listen()
            except (OSError, RedisError, ValueError) as error:  # ValueError: stopped while it was connecting
                self._lost(error)
            finally:
                if self._connection is not None:
                    self._connection.disconnect()

    def stop(self) -> None:
        """Ends the thread soon, wherever it waits. May be called by any thread."""
        self._stopped.set()
        if (connection := self._connection) is not None and (stream := connection._sock) is not None:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)  # recv() in the thread returns

    def _listen(self) -> None:
        self._connection = _connect()
        self._connection.send_command("SUBSCRIBE", _address())
        stream = self._connection._sock
        stream.settimeout(SILENCE_TIMEOUT)
        while not self._stopped.is_set():
            try:
                received = stream.recv(65536)
            except TimeoutError:
                self._connection.send_command("PING", check_health=False)
                received = stream.recv(65536)
            if not received:
                raise ConnectionResetError("Redis hung up")
            bell.deaf = False
            self._heard()  # first at the answer to SUBSCRIBE: a ring may have come before it
            time.sleep(MIN_HEARING_INTERVAL)

    def _lost(self, error: Exception) -> None:
        if self._stopped.is_set():
            return
        if not bell.deaf:
            logger.warning("The bell cannot be heard (%s); looking every tenth of a second.", error)
        bell.deaf = True
        self._stopped.wait(RETRY_SECONDS)


def _address() -> str:
    """Returns the Redis channel on which the channel layer publishes for the group."""
    layer: Any = settings.CHANNEL_LAYERS["default"]
    return f"{layer['CONFIG'].get('prefix', 'asgi')}__group__{GROUP}"


def _connect() -> Any:
    """Returns an open and authenticated connection to Redis, for plain bytes."""
    timeouts: dict[str, Any] = {"socket_timeout": REDIS_TIMEOUT, "retry": Retry(NoBackoff(), 0)}
    if not settings.REDIS_URL.startswith("unix:"):
        timeouts |= {"socket_connect_timeout": REDIS_TIMEOUT, "socket_keepalive": True}
    pool = ConnectionPool.from_url(settings.REDIS_URL, **timeouts)
    connection: Any = pool.make_connection()
    connection.connect()
    return connection


def _is_cut(connection: socket.socket) -> bool:
    """Returns whether the peer has closed. Redis sends nothing here, so whatever can be read is the end."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ValueError:  # TLS does not let one peek
        return False
