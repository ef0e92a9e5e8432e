"""Outlets: how bytes leave for one reader, in order, without anybody waiting for that reader."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from django.conf import settings

from consumers.metrics import counters
from consumers.wire.batch import Burst, Wire
from consumers.wire.close_codes import Close
from consumers.wire.event_stream import block

AHEAD = 128 * 1024  # bytes of these that a server keeps before its `send` waits
PATIENCE = 30.0  # seconds for a reader to take a piece of what it missed


class Changes:
    """How often any reader's way straight to the connection opened or closed: who knows the ways asks by that."""

    count = 0


changes = Changes()


class Outlet(Protocol):
    """What a subscription writes to. None of it raises when the reader is gone."""

    wire: Wire | None
    """Where there is a way straight to the connection: how it carries frames. Else only `write` is used."""

    send: Callable[[bytes], int] | None
    """That way, while nothing is held back for this reader and everything is open: `socket.send`.
    Whatever changes it counts that in `changes`."""

    def keep(self, data: bytes) -> None:
        """Takes bytes that could not be sent that way, or not all; cuts a reader who takes nothing."""

    def write(self, burst: Burst) -> None:
        """Sends the burst, or keeps it until the reader takes it; cuts a reader who takes nothing."""

    @property
    def behind(self) -> bool:
        """Whether more than a little of what was written is still here."""

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


class Indirect:
    """An outlet without a way straight to the connection."""

    wire: Wire | None = None
    send: Callable[[bytes], int] | None = None

    @property
    def behind(self) -> bool:
        return False

    def keep(self, data: bytes) -> None:
        raise TypeError("Without a wire there are no bytes, only bursts.")


class SendOutlet(Indirect):
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
        if self._unsent > settings.LIVE_MAX_UNSENT_BYTES:
            self.cut()
            return
        self._texts.extend(burst.texts)
        self._unsent += sum(map(len, burst.texts))
        self._run()

    @property
    def behind(self) -> bool:
        return self._task is not None and not self._task.done()

    async def drained(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def cut(self) -> None:
        counters.cut += 1
        self._closed = Close.SLOW
        self._texts.clear()
        if self._task is not None:
            self._task.cancel()  # it waits for this reader
        self._task = asyncio.ensure_future(self._empty())

    def end(self) -> None:
        self._closed = Close.RESTARTING
        self._run()

    def _run(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._empty())

    async def _empty(self) -> None:
        with suppress(OSError):  # by which a server may say that the reader is gone; `receive` says so, too
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
