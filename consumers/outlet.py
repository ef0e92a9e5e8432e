"""Outlets: how bytes leave for one reader, in order, without anybody waiting for that reader."""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

from consumers.closes import Close
from consumers.metrics import counters

UNSENT = 512 * 1024  # bytes that a reader may leave unread before it is let go
PATIENCE = 30.0  # seconds for a reader to take a piece of what it missed


def framed(text: bytes) -> bytes:
    """The text as one unmasked WebSocket frame (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return b"\x81" + bytes((size,)) + text
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text


class Burst:
    """Frames that go out together; the same object, and so the same bytes, to every reader."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts

    @cached_property
    def framed(self) -> bytes:
        return b"".join(map(framed, self.texts))


class Outlet(Protocol):
    """What a subscription writes to. None of it raises when the reader is gone."""

    def write(self, burst: Burst) -> None:
        """Sends the burst, or keeps it until the reader takes it; cuts a reader who takes nothing."""

    async def drained(self) -> None:
        """Waits until little of what was written is still here. For the one who asked for much."""

    def cut(self) -> None:
        """Lets a slow reader go."""

    def end(self) -> None:
        """Lets a reader go because this process ends: the reader comes back to another, or later."""


class SendOutlet:
    """An outlet over ASGI's `send`, for servers that give no direct way to the socket."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self._send = send
        self._texts: deque[bytes] = deque()
        self._unsent = 0
        self._task: asyncio.Task[None] | None = None
        self._closed: Close | None = None

    def write(self, burst: Burst) -> None:
        if self._closed:
            return
        if self._unsent > UNSENT:
            self.cut()
            return
        self._texts.extend(burst.texts)
        self._unsent += sum(map(len, burst.texts))
        self._run()

    async def drained(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def cut(self) -> None:
        counters.cut += 1
        self._closed = Close.SLOW
        self._texts.clear()
        self._run()

    def end(self) -> None:
        self._closed = Close.RESTARTING
        self._run()

    def _run(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._empty())

    async def _empty(self) -> None:
        while self._texts:
            text = self._texts.popleft()
            await self._send({"type": "websocket.send", "text": text.decode()})
            self._unsent -= len(text)
        if self._closed:
            await self._send({"type": "websocket.close", "code": int(self._closed)})
