"""Outlets: how bytes leave for one reader, in order, without anybody waiting for that reader."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from django.conf import settings

from consumers.metrics import counters
from consumers.wire.batch import Encoding, FrameBatch
from consumers.wire.close_codes import CloseCode
from consumers.wire.event_stream import block

AHEAD = 128 * 1024  # bytes of these that a server keeps before its `send` waits
WRITE_TIMEOUT = 30.0  # seconds for a reader to take a piece of what it missed


# What servers raise from ASGI's `send` where the connection is over: uvicorn an OSError, and once it is being closed
# a RuntimeError; so does Daphne, for autobahn's Disconnected is one.
CONNECTION_LOST = (OSError, RuntimeError)


class SendPathChanges:
    """How often any reader's way straight to the connection opened or closed: who knows the ways asks by that."""

    count = 0


send_path_changes = SendPathChanges()


class Writer(Protocol):
    """What a subscription writes to. None of it raises when the reader is gone."""

    encoding: Encoding | None
    """Where there is a way straight to the connection: how it carries frames. Else only `write` is used."""

    send: Callable[[bytes], int] | None
    """That way, while nothing is held back for this reader and everything is open: `socket.send`.
    Whatever changes it counts that in `changes`."""

    def buffer(self, data: bytes) -> None:
        """Takes bytes that could not be sent that way, or not all; cuts a reader who takes nothing."""

    def write(self, frame_batch: FrameBatch) -> None:
        """Sends the burst, or keeps it until the reader takes it; cuts a reader who takes nothing."""

    @property
    def is_lagging(self) -> bool:
        """Whether more than a little of what was written is still here."""

    async def drain(self) -> None:
        """Waits until little of what was written is still here. For the one who asked for much."""

    def abort(self) -> None:
        """Lets a slow reader go."""

    def close(self) -> None:
        """Lets a reader go because this process ends: the reader comes back to another, or later."""


class StreamWriter(Writer, Protocol):
    """An outlet for an answer that goes on and on, until it says that this is over."""

    @property
    def was_aborted(self) -> bool: ...

    def release(self) -> None:
        """The answer ends here; the server says so to the reader."""


class IndirectWriter:
    """An outlet without a way straight to the connection."""

    encoding: Encoding | None = None
    send: Callable[[bytes], int] | None = None

    @property
    def is_lagging(self) -> bool:
        return False

    def buffer(self, data: bytes) -> None:
        raise TypeError("Without a wire there are no bytes, only bursts.")


class SendWriter(IndirectWriter):
    """An outlet over ASGI's `send`, for servers that give no direct way to the socket."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self._send = send
        self._texts: deque[bytes] = deque()
        self._unsent = 0
        self._task: asyncio.Task[None] | None = None
        self._closed: CloseCode | None = None

    def write(self, frame_batch: FrameBatch) -> None:
        if self._closed:
            return
        if self._unsent > settings.LIVE_MAX_UNSENT_BYTES:
            self.abort()
            return
        self._texts.extend(frame_batch.texts)
        self._unsent += sum(map(len, frame_batch.texts))
        self._run()

    @property
    def is_lagging(self) -> bool:
        return self._task is not None and not self._task.done()

    async def drain(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def abort(self) -> None:
        counters.cut += 1
        self._closed = CloseCode.SLOW
        self._texts.clear()
        if self._task is not None:
            self._task.cancel()  # it waits for this reader
        self._task = asyncio.ensure_future(self._empty())

    def close(self) -> None:
        self._closed = CloseCode.RESTARTING
        self._run()

    def _run(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._empty())

    async def _empty(self) -> None:
        with suppress(*CONNECTION_LOST):  # `receive` says so, too
            while self._texts:
                text = self._texts.popleft()
                await self._send(self._message(text))
                self._unsent -= len(text)
            if self._closed:
                await self._farewell()

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "websocket.send", "text": text.decode()}

    async def _farewell(self) -> None:
        await self._send({"type": "websocket.close", "code": int(self._closed or CloseCode.SLOW)})


class StreamSendWriter(SendWriter):
    """The same for a stream of Server-Sent Events, which ends when its application does: see `over`."""

    def __init__(self, send: Callable[[Any], Awaitable[None]], over: Callable[[], None]) -> None:
        super().__init__(send)
        self._over = over

    @property
    def was_aborted(self) -> bool:
        return self._closed is CloseCode.SLOW

    def abort(self) -> None:
        super().abort()
        self._over()

    def close(self) -> None:
        self._over()

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "http.response.body", "body": block(text), "more_body": True}

    async def _farewell(self) -> None:
        """None: a stream that was let go just ends."""

    def release(self) -> None:
        pass
