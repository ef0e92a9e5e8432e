"""Outlets: how bytes leave for one reader, in order, without anybody waiting for that reader."""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

from consumers.blocks import block
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

    @cached_property
    def blocks(self) -> bytes:
        return b"".join(map(block, self.texts))

    @cached_property
    def chunk(self) -> bytes:
        """The blocks as one chunk of HTTP/1.1 (RFC 9112, 7.1). None of no bytes: it would be the last."""
        return b"%x\r\n%b\r\n" % (len(self.blocks), self.blocks) if self.blocks else b""


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


class StreamOutlet(Outlet, Protocol):
    """An outlet for an answer that goes on and on, until it says that this is over."""

    @property
    def was_cut(self) -> bool: ...

    def release(self) -> None:
        """The answer ends here; the server says so to the reader."""


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
            await self._send(self._message(text))
            self._unsent -= len(text)
        if self._closed:
            await self._farewell()

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "websocket.send", "text": text.decode()}

    async def _farewell(self) -> None:
        await self._send({"type": "websocket.close", "code": int(self._closed or Close.SLOW)})


class StreamSendOutlet(SendOutlet):
    """The same for a stream of Server-Sent Events, which ends when its application does: see `over`."""

    def __init__(self, send: Callable[[Any], Awaitable[None]], over: Callable[[], None]) -> None:
        super().__init__(send)
        self._over = over

    @property
    def was_cut(self) -> bool:
        return self._closed is Close.SLOW

    def cut(self) -> None:
        super().cut()
        self._over()

    def end(self) -> None:
        self._over()

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "http.response.body", "body": block(text), "more_body": True}

    async def _farewell(self) -> None:
        """None: a stream that was let go just ends."""

    def release(self) -> None:
        pass
